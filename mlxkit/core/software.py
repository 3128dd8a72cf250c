"""Versions of the software that decides about the bytes of weights, told without importing any of it."""

from importlib.metadata import version

from mlxkit import __version__


def versions() -> dict[str, str]:
    """Return the versions that decide about the bytes: mlxkit, mlx, mlx-lm."""
    return {"mlxkit": __version__, "mlx": version("mlx"), "mlx-lm": version("mlx-lm")}
