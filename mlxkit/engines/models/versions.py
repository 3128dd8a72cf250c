"""What makes weights: versions and platform, as the build record names them."""

import platform as system

import mlx.core as mx

from mlxkit.core.software import versions

__all__ = ["platform", "versions"]


def platform() -> dict[str, str]:
    """Return operating system, machine and MLX device."""
    return {"system": system.system(), "machine": system.machine(), "device": mx.default_device().type.name}
