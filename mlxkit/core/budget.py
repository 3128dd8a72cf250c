"""From a budget to a layout: what each unit may be stored as, and the layout that a choice amounts to."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlxkit.core.allocation import Allocation, Option
from mlxkit.core.anatomy import kind_of
from mlxkit.core.quantization import Layout, Skipped, Unit
from mlxkit.core.schemes import GROUP_SIZES, MODES, Scheme

CAREFUL_BITS = 8
"""Least width for what decides rather than computes: a router's small error sends a token elsewhere."""


@dataclass(frozen=True, slots=True)
class Target:
    """How large the result may be.

    Attributes:
        name: as the user put it, such as ``4.5`` bits per weight or ``2.5GB``.
        size_bytes: of all tensors together.
    """

    name: str
    size_bytes: int


def candidates(unit: Unit, pinned: Mapping[str, Scheme | None]) -> tuple[Scheme | None, ...]:
    """Return what a unit may be stored as: what a rule says, or every affine scheme that fits width and floor.

    Modes without a bias are not among them: they have no encoder that answers for its errors.

    Args:
        unit: whose.
        pinned: unit path to what a rule says of it.

    Returns:
        Schemes, narrow first, and None, which is unquantized, last. None alone if nothing else is allowed.
    """
    if unit.path in pinned:
        return (pinned[unit.path],)
    if unit.floor is False:
        return (None,)
    least = max(unit.floor.bits if isinstance(unit.floor, Scheme) else 0, _careful(unit))
    sizes = [size for size in GROUP_SIZES["affine"] if unit.width % size == 0]
    schemes = [Scheme("affine", bits, size) for bits in MODES["affine"] if bits >= least for size in reversed(sizes)]
    return (*schemes, None)


def _careful(unit: Unit) -> int:
    return CAREFUL_BITS if kind_of(f"{unit.path}.weight") == "router" else 0


def layout(units: Sequence[Unit], allocation: Allocation) -> Layout:
    """Return the layout of an allocation; its default is the scheme that most weights have."""
    sizes: Counter[Scheme] = Counter()
    schemes, skipped = {}, []
    for unit in units:
        scheme = allocation.choices[unit.path].scheme
        if scheme is None:
            skipped.append(Skipped(unit.path, "unquantized is what serves the budget best"))
        else:
            schemes[unit.path] = scheme
            sizes[scheme] += unit.rows * unit.width
    default = max(sizes, key=lambda scheme: (sizes[scheme], scheme), default=Scheme("affine", 8, 64))
    return Layout(default, schemes, tuple(skipped))


def uniform_rivals(units: Iterable[Unit], options: Mapping[str, Sequence[Option]]) -> Mapping[str, Allocation]:
    """Return, for each affine scheme, the allocation that gives it to every unit that may have it.

    A unit that may not takes its narrowest option at least as wide, or its widest.
    """
    units = tuple(units)
    rivals = {}
    for bits in MODES["affine"]:
        for size in GROUP_SIZES["affine"]:
            scheme = Scheme("affine", bits, size)
            choices = {unit.path: _nearest(options[unit.path], scheme.fitted(unit.width), bits) for unit in units}
            size_bytes = sum(option.size_bytes for option in choices.values())
            rivals[scheme.name] = Allocation(choices, size_bytes, sum(option.loss_nats for option in choices.values()))
    return rivals


def _nearest(options: Sequence[Option], scheme: Scheme | None, bits: int) -> Option:
    exact = [option for option in options if option.scheme == scheme]
    wider = [option for option in options if option.scheme is not None and option.scheme.bits >= bits]
    return (exact or sorted(wider, key=lambda option: option.size_bytes) or [options[-1]])[0]


def histogram(units: Iterable[Unit], layout: Layout) -> dict[str, dict[str, int]]:
    """Return, per kind of unit, how many have which scheme."""
    found: dict[str, Counter[str]] = {}
    for unit in units:
        scheme = layout.schemes.get(unit.path)
        found.setdefault(unit.kind, Counter())[scheme.name if scheme else "unquantized"] += 1
    return {kind: dict(counts) for kind, counts in found.items()}
