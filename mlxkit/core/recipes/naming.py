"""Names of variants: a pattern, and what stands in it for what the variant is."""

import re
from collections.abc import Callable, Sequence

from mlxkit.core.errors import PlanError
from mlxkit.core.names import is_repo_id
from mlxkit.core.recipes.recipe import Variant
from mlxkit.core.sizes import size_text

DEFAULT = "{name}-{goal}"
"""The pattern of a variant that has none of its own."""


def facts(recipe: str, variant: Variant) -> dict[str, str]:
    """Return what a pattern may hold in braces, for one variant.

    ``name`` is the recipe's, ``goal`` what is asked of the variant; ``scheme``, ``bits``, ``size``, ``device``,
    ``context``, ``dtype`` and ``encoder`` are there where the variant has one.

    Args:
        recipe: the recipe's name.
        variant: with its goal; its name does not count.
    """
    found = {"name": recipe}
    if variant.scheme is not None:
        found |= {"goal": variant.scheme.name.removesuffix("-g64"), "scheme": variant.scheme.name}
        found["bits"] = str(variant.scheme.bits)
    elif variant.bits_per_weight is not None:
        found["bits"] = f"{variant.bits_per_weight:.15g}"
        found["goal"] = f"{found['bits']}bpw"
    elif variant.max_bytes is not None:
        found["goal"] = found["size"] = size_text(variant.max_bytes).replace(" ", "")
    elif variant.device is not None:
        found["goal"] = found["device"] = _plain(variant.device)
    else:
        found["goal"] = found["dtype"] = variant.dtype or ""
    if variant.context is not None:
        found["context"] = str(variant.context)
    if variant.encoder is not None:
        found["encoder"] = variant.encoder
    return found


def filled(pattern: str, known: dict[str, str]) -> str:
    """Return the name that a pattern makes.

    >>> filled("{name}-{bits}bit", {"name": "Qwen3-4B", "bits": "4"})
    'Qwen3-4B-4bit'

    Raises:
        PlanError: it asks for what is not known, or makes no name of a repo.
    """
    asked = re.findall(r"\{([^{}]*)\}", pattern)
    unknown = next((one for one in asked if one not in known), None)
    if unknown is not None:
        raise PlanError(
            f"{{{unknown[:40]}}} stands for nothing here.",
            hint=f"known here: {', '.join(f'{{{key}}}' for key in known)}",
        )
    name = re.sub(r"\{([^{}]*)\}", lambda found: known[found[1]], pattern)
    demand_name(name)
    return name


def demand_name(name: str) -> None:
    """Refuse what cannot be the name of a folder and of a repo.

    Raises:
        PlanError: it cannot.
    """
    if not is_repo_id(f"x/{name}"):
        raise PlanError(
            f"{name[:120]!r} can be no repo's name.",
            hint="at most 96 letters, digits and - _ . that does not end in - or .",
        )


def refuse_twins(names: Sequence[str], wrong: Callable[[int, str], PlanError]) -> None:
    """Refuse two names that differ in the case of letters at most: macOS has one folder for both.

    Args:
        names: of all variants.
        wrong: makes the error of the variant of a number, from 0.

    Raises:
        PlanError: there are two.
    """
    folded = [name.casefold() for name in names]
    for number, name in enumerate(folded):
        if name in folded[:number]:
            raise wrong(number, f"{names[number]!r} is what variant[{folded.index(name) + 1}] is called, too.")


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.").lower()
