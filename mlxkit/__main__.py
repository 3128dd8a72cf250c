"""`python -m mlxkit`: the same program as the `mlxkit` script."""

from mlxkit.cli import main

if __name__ == "__main__":
    main()
