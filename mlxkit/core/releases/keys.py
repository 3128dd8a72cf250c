"""What a step depends on, as a digest; and which variants one run makes, because they share their statistics."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.measurement import canonical
from mlxkit.core.recipes import Variant


@dataclass(frozen=True, slots=True)
class Batch:
    """Variants that one run makes.

    Attributes:
        variants: at least one; several have a budget of bits per weight each, or a scheme each, and all other wishes
            in common.
        key: of all that they depend on.
    """

    variants: tuple[Variant, ...]
    key: str

    def inner(self, variant: Variant) -> str:
        """Return the folder of a variant below that of the run; empty where both are one."""
        return folder_name(variant) if len(self.variants) > 1 else ""


def key(**inputs: Any) -> str:
    """Return a digest of a step's inputs, which are JSON.

    >>> key(a=1, b=2) == key(b=2, a=1), len(key(a=1))
    (True, 64)
    """
    return hashlib.sha256(canonical(inputs).encode()).hexdigest()


def wishes(variant: Variant) -> dict[str, Any]:
    """Return what a variant's weights depend on in its recipe, as JSON: neither its name nor its gates."""
    return {name: said for name, said in variant.data().items() if name not in ("name", "gates")}


def needs_text(variant: Variant) -> bool:
    """Whether statistics on text decide about its weights."""
    is_budgeted = variant.scheme is None and variant.dtype is None
    return is_budgeted or variant.encoder == "feedback" or variant.polish


def folder_name(variant: Variant) -> str:
    """Return how a run that makes several checkpoints calls a variant's folder.

    A budget is called as `core.budget.Target.of_bits` does, a scheme by its name.
    """
    return variant.scheme.name if variant.scheme is not None else f"{variant.bits_per_weight:.15g}bpw"


def batches(variants: Iterable[Variant], keys: Mapping[str, str]) -> tuple[Batch, ...]:
    """Return the runs that make variants: those that differ in bits per weight, or in their scheme, share one.

    They share its statistics, and its reading of the source.

    Args:
        variants: those that are to be made.
        keys: of each variant's inputs, by its name.
    """
    groups: dict[tuple[str, int], list[Variant]] = {}
    for variant in variants:
        shared = _shared(variant)
        # Twice the same folder would be twice the same weights.
        number = 0
        while any(folder_name(one) == folder_name(variant) for one in groups.get((shared, number), ())):
            number += 1
        groups.setdefault((shared, number), []).append(variant)
    return tuple(
        Batch(tuple(group), key(variants=sorted(keys[one.name] for one in group))) for group in groups.values()
    )


def _shared(variant: Variant) -> str:
    """Return what variants have in common that one run makes."""
    for goal in ("bits_per_weight", "scheme"):
        if getattr(variant, goal) is not None:
            return canonical({**wishes(variant), goal: None})
    return variant.name
