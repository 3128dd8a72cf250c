"""What stands beside measurements: the weights that are at hand, and what devices leave for them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from mlxkit.core.anatomy import parts
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.devices import Device
from mlxkit.core.errors import MlxkitError
from mlxkit.core.frontier import Comparison, Limit, Weights
from mlxkit.core.located import Locate, Located
from mlxkit.core.measurement import Subject
from mlxkit.core.quantization import describe
from mlxkit.core.recipes import device_of
from mlxkit.engines import store


class Room(Protocol):
    """What a device leaves for weights."""

    @property
    def context(self) -> int:
        """Tokens whose cache and workspace are taken off."""

    @property
    def budget_bytes(self) -> int | None:
        """What is left; None when the device's limit is not known."""


Rooms: TypeAlias = Callable[[str, tuple[str, ...]], Sequence[Room]]
"""Tells, for a model and names of devices, what each leaves for weights. It raises a MlxkitError when it cannot."""


def chosen_devices(names: Iterable[str], known: tuple[Device, ...]) -> tuple[Device, ...]:
    """Return the devices that names mean, each once.

    Raises:
        PlanError: several devices are called so.
        NotFoundError: none is.
    """
    return tuple({one.name: one for one in (device_of(name, known) for name in names)}.values())


def limits(devices: tuple[Device, ...], original: Subject, rooms: Rooms) -> tuple[tuple[Limit, ...], tuple[str, ...]]:
    """Return what devices leave for weights, and what the reader should know of it.

    Args:
        devices: which.
        original: whose cache and workspace are taken off, where its headers are at hand.
        rooms: tells what is left.
    """
    try:
        found = rooms(_name(original), tuple(one.name for one in devices)) if devices else ()
    except MlxkitError as error:
        whole = tuple(Limit(one.name, one.limit_bytes, None, one.limit.confidence) for one in devices)
        said = "What a device leaves is all that an app may use: nothing is taken off for cache and workspace"
        return whole, (f"{said}, because the original's headers are not at hand. {error.message}",)
    pairs = zip(devices, found, strict=True)
    left = tuple(
        Limit(one.name, room.budget_bytes, room.context, one.limit.confidence)
        for one, room in pairs
        if room.budget_bytes is not None
    )
    contexts = sorted({room.context for room in found})
    if not contexts:
        return left, ()
    tokens = " or ".join(f"{context:,}" for context in contexts)
    return left, (f"What a device leaves is its limit, less cache and workspace at {tokens} tokens.",)


def at_hand(comparison: Comparison, locate: Locate, told: Mapping[str, Weights]) -> dict[str, Weights]:
    """Return, by digest, what weights on this disk tell of themselves, or else a recipe of them.

    Args:
        comparison: which weights.
        locate: leads from a name to a folder, and fetches nothing.
        told: what recipes say of them.
    """
    by = comparison.original
    original = _read(by, locate)
    parameters = None if original is None else sum(part.parameters for part in parts(original))
    found = {by.digest: Weights("original", "", parameters)}
    for one in comparison.judged:
        subject = one.subject
        known = _weights(subject, locate) or told.get(subject.digest, Weights())
        found[subject.digest] = replace(known, parameters=parameters)
    return found


def _weights(subject: Subject, locate: Locate) -> Weights | None:
    checkpoint = _read(subject, locate)
    if checkpoint is None:
        return None
    said = describe(checkpoint.config)
    if said is None:
        return Weights("plain", "not quantized")
    name, _, how = said.partition(" (")
    return Weights("mixed") if "mixed" in how else Weights("uniform", name)


def _read(subject: Subject, locate: Locate) -> Checkpoint | None:
    """Return what lies under a name, by its headers; None for nothing, or for other weights than those."""
    try:
        located = locate(_name(subject))
        checkpoint = store.read(subject.name, located.folder).sound()
    except MlxkitError:
        return None
    return checkpoint if _is_same(subject, checkpoint, located) else None


def _is_same(subject: Subject, checkpoint: Checkpoint, located: Located) -> bool:
    recorded = checkpoint.record.get("digest")
    if recorded is not None:
        return bool(recorded == subject.digest)
    is_same_commit = located.commit is not None and located.commit == subject.commit
    return is_same_commit or subject.name == store.TINY


def _name(subject: Subject) -> str:
    if subject.repo is None:
        return subject.name
    return subject.repo if subject.commit is None else f"{subject.repo}@{subject.commit}"
