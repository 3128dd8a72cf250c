"""Schemes: how one tensor is stored, as MLX defines it (`mode`, `bits`, `group_size`)."""

import re
from dataclasses import dataclass
from typing import Any

from mlxkit.core.errors import PlanError

MODES = {"affine": (2, 3, 4, 5, 6, 8), "mxfp4": (4,), "nvfp4": (4,), "mxfp8": (8,)}
"""Code widths each mode has, in bits. MLX also takes 1 bit for affine; older loaders do not, so it is not offered."""

GROUP_SIZES = {"affine": (32, 64, 128), "mxfp4": (32,), "nvfp4": (16,), "mxfp8": (32,)}
"""Weights that share a scale, per mode."""

DEFAULT_GROUP_SIZE = 64


@dataclass(frozen=True, slots=True, order=True)
class Scheme:
    """How a tensor is quantized.

    Attributes:
        mode: ``affine``, ``mxfp4``, ``nvfp4`` or ``mxfp8``.
        bits: code width, 2 to 8.
        group_size: weights along the last axis that share one scale.
    """

    mode: str
    bits: int
    group_size: int

    def __post_init__(self) -> None:
        known = self.mode in MODES and self.bits in MODES[self.mode] and self.group_size in GROUP_SIZES[self.mode]
        if not known:
            raise PlanError(
                f"There is no scheme of mode {self.mode!r} with {self.bits} bits and group size {self.group_size}.",
                hint=f"choose one of: {', '.join(names())}",
            )

    @property
    def name(self) -> str:
        """Short name, such as ``4bit-g64`` or ``mxfp4``."""
        return f"{self.bits}bit-g{self.group_size}" if self.mode == "affine" else self.mode

    @property
    def bits_per_weight(self) -> float:
        """Stored bits per weight, scales and biases included, with 16-bit scales.

            affine: bits + 32 / group_size     (a 16-bit scale and a 16-bit bias a group)
            others: bits + 8 / group_size      (an 8-bit scale a group)

        >>> Scheme("affine", 4, 64).bits_per_weight
        4.5
        >>> Scheme("nvfp4", 4, 16).bits_per_weight
        4.5
        """
        return self.bits + (32 if self.mode == "affine" else 8) / self.group_size

    def keys(self) -> dict[str, Any]:
        """Return the three keys that config.json carries for it."""
        return {"group_size": self.group_size, "bits": self.bits, "mode": self.mode}

    def fitted(self, width: int) -> "Scheme | None":
        """Return the scheme with the largest group size, not above its own, that divides `width`; None if none does.

        Args:
            width: length of the tensor's last axis.

        >>> Scheme("affine", 4, 128).fitted(704).group_size
        64
        """
        for group_size in sorted(GROUP_SIZES[self.mode], reverse=True):
            if group_size <= self.group_size and width % group_size == 0:
                return Scheme(self.mode, self.bits, group_size)
        return None


def parse(text: str) -> Scheme:
    """Return the scheme that a name stands for.

    Args:
        text: ``4bit``, ``4bit-g32``, ``mxfp4``, ...; affine without a group size means 64.

    Raises:
        PlanError: there is no such scheme.

    >>> parse("3bit")
    Scheme(mode='affine', bits=3, group_size=64)
    """
    if text in MODES and text != "affine":
        return Scheme(text, MODES[text][0], GROUP_SIZES[text][0])
    match = re.fullmatch(r"(\d)bit(?:-g(\d+))?", text)
    if match is None or int(match[1]) not in MODES["affine"] or int(match[2] or 64) not in GROUP_SIZES["affine"]:
        raise PlanError(f"There is no scheme {text!r}.", hint=f"choose one of: {', '.join(names())}")
    return Scheme("affine", int(match[1]), int(match[2] or DEFAULT_GROUP_SIZE))


def names() -> tuple[str, ...]:
    """Return every scheme's short name, affine first."""
    affine = (f"{bits}bit-g{size}" for bits in MODES["affine"] for size in GROUP_SIZES["affine"])
    return (*affine, *(mode for mode in MODES if mode != "affine"))


def from_keys(keys: dict[str, Any]) -> Scheme:
    """Return the scheme of a config's three keys; `mode` defaults to affine, as in files written before it existed.

    Raises:
        PlanError: MLX has no such scheme.
    """
    return Scheme(str(keys.get("mode", "affine")), int(keys["bits"]), int(keys["group_size"]))
