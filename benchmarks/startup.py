"""How long `mlxkit --help` takes, against `mlx_lm --help`: target at most 0.15 of it."""

import sys

from side_by_side import in_turn, keep, ratio, summary

TARGET = 0.15
RUNS = 15


def main() -> None:
    """Measure, print, keep."""
    commands = {
        "mlxkit": [sys.executable, "-m", "mlxkit", "--help"],
        "mlx_lm": [sys.executable, "-m", "mlx_lm", "--help"],
    }
    found = in_turn(commands, RUNS)
    wall = ratio(found["mlxkit"], found["mlx_lm"], "wall_seconds")
    figures = {name: summary(runs) for name, runs in found.items()}
    path = keep("startup", {"target_wall_ratio": TARGET, "wall_ratio": wall, "commands": figures})
    print(f"wall mlxkit / mlx_lm: {wall:.3f} (target {TARGET}); {path}")


if __name__ == "__main__":
    main()
