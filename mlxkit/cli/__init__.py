"""Words: the only floor that knows Click. A command is validated, planned, done by one use-case, and shown."""

from mlxkit.cli.app import cli


def main() -> None:
    """Run the program: the entry point of the `mlxkit` script."""
    cli()


__all__ = ["cli", "main"]
