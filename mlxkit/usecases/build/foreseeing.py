"""How large the variants of a recipe will be, and what devices leave for them: told from a source's headers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlxkit.core.budget import Target
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.devices import Device
from mlxkit.core.recipes import Fit, Variant, device_of
from mlxkit.core.schemes import parse
from mlxkit.engines import models
from mlxkit.usecases.fit import FitPlan, reverse
from mlxkit.usecases.fit.places import Surroundings


@dataclass(frozen=True)
class Outlook:
    """What is foreseen of variants.

    Attributes:
        parameters: of the source.
        left: bytes that devices leave for weights beside so many tokens; less than nothing for none. Those are missing
            of which it is not known.
        sizes: bytes of all tensors together, by the variants' names; of a budget, the budget.
    """

    parameters: int
    left: Mapping[Fit, int]
    sizes: Mapping[str, int]


def foresee(
    checkpoint: Checkpoint, variants: Sequence[Variant], known: tuple[Device, ...], besides: Iterable[Fit] = ()
) -> Outlook:
    """Tell what variants of a source will be. No weight is read.

    Args:
        checkpoint: the source, whose weights may be holes.
        variants: of the recipe.
        known: the devices that names mean.
        besides: what is asked of devices, beyond what the variants ask.

    Raises:
        NotFoundError: there is no such device.
        PlanError: several devices are called so.
        MlxkitError: the model cannot be traced.
    """
    asked = {*besides, *(fit for variant in variants for fit in variant.gates.must_fit)}
    asked |= {Fit(one.device, one.context) for one in variants if one.device is not None and one.context is not None}
    left = _left(checkpoint, sorted(asked, key=str), known)
    parameters = models.trace(checkpoint).parameters

    def size(variant: Variant) -> int:
        if variant.scheme is not None:
            return models.weights(checkpoint, [variant.scheme])[0]
        if variant.bits_per_weight is not None:
            return Target.of_bits(variant.bits_per_weight, parameters).size_bytes
        if variant.device is not None and variant.context is not None:
            return max(0, left.get(Fit(variant.device, variant.context), 0))
        return variant.max_bytes or models.trace(checkpoint, variant.dtype).weight_bytes

    return Outlook(parameters, left, {variant.name: size(variant) for variant in variants})


def _left(checkpoint: Checkpoint, asked: Sequence[Fit], known: tuple[Device, ...]) -> dict[Fit, int]:
    if not asked:
        return {}
    names = {fit: device_of(fit.device, known).name for fit in asked}
    plan = FitPlan(
        str(checkpoint.folder),
        tuple(dict.fromkeys(names.values())),
        (parse("4bit"),),
        tuple(sorted({fit.context for fit in asked})),
        needs_tokenizer=False,
    )
    found = reverse(plan, around=Surroundings(known_devices=lambda: known)).rooms
    rooms = {(room.device, room.context): room.budget_bytes for room in found}
    told = {fit: rooms[name, fit.context] for fit, name in names.items()}
    return {fit: room for fit, room in told.items() if room is not None}
