"""What makes weights: versions and platform, as the build record names them."""

import platform as system
from importlib.metadata import version

import mlx.core as mx

from mlxkit import __version__


def versions() -> dict[str, str]:
    """Return the versions that decide about the bytes: mlxkit, mlx, mlx-lm."""
    return {"mlxkit": __version__, "mlx": version("mlx"), "mlx-lm": version("mlx-lm")}


def platform() -> dict[str, str]:
    """Return operating system, machine and MLX device."""
    return {"system": system.system(), "machine": system.machine(), "device": mx.default_device().type.name}
