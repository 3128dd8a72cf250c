"""What is quantized how: read from a config, and planned for a new one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.errors import PlanError
from mlxkit.core.schemes import Scheme, from_keys


@dataclass(frozen=True, slots=True)
class Unit:
    """A module that can be quantized.

    Attributes:
        path: its module path, such as ``model.layers.0.mlp.down_proj``.
        width: length of its weight's last axis.
        floor: what the model's own class demands: a scheme at least this wide, False to leave it as it is, or None.
        rows: how many times `width` numbers it has, experts and heads counted.
    """

    path: str
    width: int
    floor: Scheme | bool | None = None
    rows: int = 1

    @property
    def kind(self) -> str:
        """Its place within a layer, the same for all layers.

        >>> Unit("model.layers.12.mlp.down_proj", 64).kind, Unit("model.embed_tokens", 64).kind
        ('mlp.down_proj', 'model.embed_tokens')
        """
        return re.sub(r"^.*\.\d+\.", "", self.path)

    def size_bytes(self, scheme: Scheme | None, number_bytes: int = 2) -> int:
        """Return the bytes it takes, scales and biases included.

        Args:
            scheme: how it is stored; None for unquantized.
            number_bytes: of one scale, bias or unquantized weight.

        >>> Unit("a", 64, rows=2).size_bytes(Scheme("affine", 4, 64))
        72
        """
        if scheme is None:
            return self.rows * self.width * number_bytes
        group_bytes = 2 * number_bytes if scheme.mode == "affine" else 1
        return self.rows * (self.width * scheme.bits // 8 + self.width // scheme.group_size * group_bytes)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A module that stays unquantized, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Layout:
    """Which scheme each unit gets.

    Attributes:
        default: the scheme of every unit that is not named otherwise.
        schemes: unit path to scheme, every quantized unit.
        skipped: units left as they are.
    """

    default: Scheme
    schemes: Mapping[str, Scheme]
    skipped: tuple[Skipped, ...] = ()

    @property
    def exceptions(self) -> dict[str, Scheme]:
        """The units whose scheme is not the default one."""
        return {path: scheme for path, scheme in self.schemes.items() if scheme != self.default}

    def config_entry(self) -> dict[str, Any]:
        """Return the object that stands under `quantization` in config.json.

        Every exception carries all three keys and every skipped unit is named: readers infer neither.
        """
        entry: dict[str, Any] = self.default.keys()
        entry.update({path: scheme.keys() for path, scheme in self.exceptions.items()})
        entry.update({skip.path: False for skip in self.skipped})
        return entry


def uniform(units: Iterable[Unit], scheme: Scheme) -> Layout:
    """Lay one scheme over all units, keeping the floors of the model's own class.

    A unit whose width the group size does not divide takes the largest smaller group size that does.
    """
    schemes: dict[str, Scheme] = {}
    skipped: list[Skipped] = []
    for unit in units:
        if unit.floor is False:
            skipped.append(Skipped(unit.path, "the model's class keeps it unquantized"))
            continue
        wanted = unit.floor if isinstance(unit.floor, Scheme) and unit.floor.bits > scheme.bits else scheme
        fitted = wanted.fitted(unit.width)
        if fitted is None:
            skipped.append(Skipped(unit.path, f"its width {unit.width} divides by no group size of {wanted.mode}"))
        else:
            schemes[unit.path] = fitted
    return Layout(scheme, schemes, tuple(skipped))


def describe(config: Mapping[str, Any]) -> str | None:
    """Say how a checkpoint is quantized already, such as ``4bit-g64 (MLX)`` or ``GPTQ, 4 bits``; None if not."""
    entry = config.get("quantization")
    if isinstance(entry, Mapping) and "bits" in entry:
        default, exceptions = of_config(config) or (None, {})
        name = default.name if default else f"{entry.get('bits')} bits, group size {entry.get('group_size')}"
        return f"{name} (MLX{', mixed' if exceptions else ''})"
    foreign = config.get("quantization_config")
    if isinstance(foreign, Mapping):
        method = str(foreign.get("quant_method", "unknown method"))
        bits = foreign.get("bits")
        return f"{method.upper()}{f', {bits} bits' if isinstance(bits, int) else ''}"
    return None


def of_config(config: Mapping[str, Any]) -> tuple[Scheme, dict[str, Scheme]] | None:
    """Return the default scheme and the exceptions that a config names, or None when MLX did not quantize it.

    Exceptions that MLX has no scheme for are left out: the caller compares with the arrays.
    """
    entry = config.get("quantization")
    if not isinstance(entry, Mapping):
        return None
    try:
        default = from_keys(dict(entry))
    except (PlanError, KeyError, TypeError, ValueError):
        return None
    exceptions = {}
    for path, keys in entry.items():
        if isinstance(keys, Mapping):
            try:
                exceptions[path] = from_keys({**default.keys(), **keys})
            except (PlanError, TypeError, ValueError):
                continue
    return default, exceptions


def infer(packed_width: int, groups: int, mode: str, group_size: int) -> Scheme:
    """Return the scheme that a packed weight's shape shows.

        width = groups x group_size ;  bits = 32 x packed_width / width

    Args:
        packed_width: last axis of the uint32 weight.
        groups: last axis of its scales.
        mode: what config says of it.
        group_size: what config says of it.

    Raises:
        PlanError: the shapes show something MLX has no scheme for.
    """
    width = groups * group_size
    return Scheme(mode, 32 * packed_width // width if width else 0, group_size)
