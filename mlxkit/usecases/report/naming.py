"""What the names of a plan stand for: digests of weights, and what recipes say of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlxkit.core.errors import NotFoundError
from mlxkit.core.frontier import Weights, originals
from mlxkit.core.measurement import Measurement
from mlxkit.core.peers import is_called, is_judged, reference_digest
from mlxkit.core.recipes import Gates, Recipe
from mlxkit.engines import ledger, store


@dataclass(frozen=True)
class Named:
    """What names stand for.

    Attributes:
        digests: of the weights; None for all.
        weights: digest to what a recipe says that they are.
        devices: names of devices that recipes hold their variants against.
    """

    digests: frozenset[str] | None = None
    weights: Mapping[str, Weights] = field(default_factory=dict)
    devices: tuple[str, ...] = ()


def named(names: Sequence[str], measurements: Sequence[Measurement]) -> Named:
    """Return what names stand for.

    Raises:
        NotFoundError: nothing was measured of one, or its file cannot be read.
        PlanError: a file is no recipe.
    """
    if not names:
        return Named()
    digests: set[str] = set()
    weights: dict[str, Weights] = {}
    devices: dict[str, None] = {}
    for name in names:
        found = {} if _is_file(name) else _known(name, measurements)
        recipe = None if found else _recipe(name)
        if recipe is not None:
            found = _variants(recipe, measurements)
            devices |= dict.fromkeys(fit.device for gates in _gates(recipe) for fit in gates.must_fit)
        if not found:
            raise NotFoundError(
                f"Nothing was measured of {name!r} against an original.", hint="mlxkit eval MODEL --reference ORIGINAL"
            )
        digests |= found.keys()
        weights |= found
    return Named(frozenset(digests), weights, tuple(devices))


def _gates(recipe: Recipe) -> tuple[Gates, ...]:
    return (recipe.gates, *(variant.gates for variant in recipe.variants))


def _is_file(name: str) -> bool:
    return name.endswith(".toml")


def _recipe(name: str) -> Recipe | None:
    if _is_file(name):
        return store.read_recipe(Path(name))
    shipped = store.shipped().get(name)
    return store.read_recipe(shipped) if shipped else None


def _known(name: str, measurements: Sequence[Measurement]) -> dict[str, Weights]:
    """Return the weights that were judged by an original of that name, or else those that are called so."""
    called = ledger.redacted(store.shown(name))
    asked = {one.digest for one in originals(measurements) if is_called(one, called)}
    return _those(measurements, lambda one: reference_digest(one) in asked) or _those(
        measurements, lambda one: is_called(one.subject, called)
    )


def _those(measurements: Sequence[Measurement], is_meant: Callable[[Measurement], bool]) -> dict[str, Weights]:
    return {one.subject.digest: Weights() for one in measurements if is_judged(one) and is_meant(one)}


def _variants(recipe: Recipe, measurements: Sequence[Measurement]) -> dict[str, Weights]:
    found: dict[str, Weights] = {}
    for variant in recipe.variants:
        if variant.scheme is not None and not variant.rules:
            told = Weights("uniform", variant.scheme.name)
        else:
            told = Weights("plain", variant.dtype) if variant.dtype else Weights("mixed")
        called = _those(measurements, lambda one, name=variant.name: is_called(one.subject, name))  # type: ignore[misc]
        found |= dict.fromkeys(called, told)
    return found
