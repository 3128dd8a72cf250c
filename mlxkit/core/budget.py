"""From a budget to a layout: what each unit may be stored as, and the layout that a choice amounts to."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlxkit.core.allocation import Allocation, Option
from mlxkit.core.anatomy import kind_of
from mlxkit.core.errors import DoesNotFitError, PlanError
from mlxkit.core.quantization import Layout, Skipped, Unit
from mlxkit.core.schemes import GROUP_SIZES, MODES, Scheme
from mlxkit.core.sizes import enough, size_text

CAREFUL_BITS = 8
"""Least width for what decides rather than computes: a router's small error sends a token elsewhere."""


@dataclass(frozen=True, slots=True)
class Target:
    """How large the result may be.

    Attributes:
        wish: as the user put it: ``4.5 bits per weight`` or ``2.50 GB``.
        size_bytes: of all tensors together.
        parameters: how many numbers they stand for.
        name: of its folder, where there are several.
    """

    wish: str
    size_bytes: int
    parameters: int
    name: str = ""

    @classmethod
    def of_bits(cls, bits_per_weight: float, parameters: int) -> "Target":
        """Return the target of so many bits per weight.

        >>> Target.of_bits(3.5, 1000)
        Target(wish='3.5 bits per weight', size_bytes=437, parameters=1000, name='3.5bpw')
        """
        bits = f"{bits_per_weight:.15g}"
        wish = f"{bits} bits per weight"
        return cls(wish, int(bits_per_weight * parameters / 8), parameters, f"{bits}bpw")

    @classmethod
    def of_bytes(cls, size_bytes: int, parameters: int) -> "Target":
        """Return the target of so many bytes."""
        return cls(size_text(size_bytes), size_bytes, parameters)

    def demand(self, smallest_bytes: int) -> None:
        """Refuse a target that cannot be met.

        Args:
            smallest_bytes: of all tensors together, each unit at the narrowest scheme that it may have.

        Raises:
            DoesNotFitError: it is below the smallest.
        """
        if self.size_bytes < smallest_bytes:
            bits = math.ceil(800 * smallest_bytes / self.parameters) / 100
            raise DoesNotFitError(
                f"{self.wish} cannot be met: with every layer as narrow as it may be, the weights take "
                f"{bits:.2f} bits per weight, {size_text(smallest_bytes)}.",
                hint=f"allow --bits-per-weight {bits:.2f}, or --max-size {enough(smallest_bytes)}",
            )

    def demand_less_than(self, unquantized_bytes: int, dtype: str) -> None:
        """Refuse a target that asks for no quantization.

        Args:
            unquantized_bytes: of all tensors together.
            dtype: of them.

        Raises:
            PlanError: everything stays unquantized.
        """
        if self.size_bytes >= unquantized_bytes:
            bits = 8 * unquantized_bytes / self.parameters
            raise PlanError(
                f"{self.wish} leaves nothing to quantize: unquantized, in {dtype}, the weights take "
                f"{bits:.4g} bits per weight, {size_text(unquantized_bytes)}.",
                hint=f"mlxkit convert SRC DEST --dtype {dtype}",
            )


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


def bounds(units: Iterable[Unit], pinned: Mapping[str, Scheme | None], number_bytes: int) -> tuple[int, int]:
    """Return the bytes of all units together: each at the smallest of its candidates, and each at the largest."""
    sizes = [[unit.size_bytes(scheme, number_bytes) for scheme in candidates(unit, pinned)] for unit in units]
    return sum(map(min, sizes)), sum(map(max, sizes))


def _careful(unit: Unit) -> int:
    return CAREFUL_BITS if kind_of(f"{unit.path}.weight") == "router" else 0


def layout(units: Sequence[Unit], allocation: Allocation, pinned: Mapping[str, Scheme | None]) -> Layout:
    """Return the layout of an allocation; its default is the scheme that most weights have.

    Args:
        units: of the model.
        allocation: of the same units.
        pinned: unit path to what a rule says of it.
    """
    sizes: Counter[Scheme] = Counter()
    schemes, skipped = {}, []
    for unit in units:
        scheme = allocation.choices[unit.path].scheme
        if scheme is None:
            skipped.append(Skipped(unit.path, _why_unquantized(unit, pinned)))
        else:
            schemes[unit.path] = scheme
            sizes[scheme] += unit.rows * unit.width
    default = max(sizes, key=lambda scheme: (sizes[scheme], scheme), default=Scheme("affine", 8, 64))
    return Layout(default, schemes, tuple(skipped))


def _why_unquantized(unit: Unit, pinned: Mapping[str, Scheme | None]) -> str:
    if unit.path in pinned:
        return "a rule keeps it unquantized"
    if unit.floor is False:
        return "the model's class keeps it unquantized"
    if candidates(unit, {}) == (None,):
        return f"its width {unit.width} divides by no group size of affine"
    return "unquantized is what serves the budget best"


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
