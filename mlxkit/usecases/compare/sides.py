"""The measurements of one side: of a model, of an id, or in a file."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlxkit.core import exchange
from mlxkit.core.errors import IntegrityError, NotFoundError, PlanError
from mlxkit.core.measurement import Kind, Measurement, Subject, canonical
from mlxkit.engines import ledger, store

_ID = re.compile(r"[0-9a-fA-F]{4,64}")
"""What may be the beginning of an id; of shorter ones, too many are names."""

_STDIN = "-"

COMPARED: tuple[Kind, ...] = ("quality", "task", "throughput")
"""Kinds that tell of weights."""


@dataclass(frozen=True)
class Side:
    """What is known of one side.

    Attributes:
        asked: as the user called it.
        measurements: the newest of each kind and work, at least one, all of the same weights.
        notes: what the user should know.
    """

    asked: str
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()

    @property
    def subject(self) -> Subject:
        """Who was measured, as the newest measurement calls it."""
        return self.measurements[-1].subject

    @property
    def size_bytes(self) -> int | None:
        """Of its weights, where a measurement tells."""
        sizes = (one.summary.get("size_bytes") for one in reversed(self.measurements))
        return next((size for size in sizes if isinstance(size, int)), None)


def is_file(asked: str) -> bool:
    """Whether a name is that of a file, or of stdin."""
    return asked == _STDIN or asked.endswith(".jsonl")


def side(asked: str, kind: Kind | None, hint: str) -> Side:
    """Return the measurements that a name stands for.

    Args:
        asked: as in `ComparePlan`.
        kind: only of this kind; None for all.
        hint: how measurements are made.

    Raises:
        NotFoundError: there are none, or the file cannot be read.
        PlanError: it stands for several checkpoints, or is the beginning of several ids.
        IntegrityError: a measurement was changed, or the ledger is none.
        MlxkitError: the ledger cannot be opened.
    """
    held = _in_file(asked) if is_file(asked) else _in_ledger(asked)
    found = [one for one in held if one.kind in ((*COMPARED, "memory") if kind is None else (kind,))]
    # What `run` keeps of memory tells of shapes, not of weights: it stands for a model only where nothing else does.
    found = [one for one in found if one.kind in COMPARED] or found
    if not found:
        which = "measurement" if kind is None else f"{kind} measurement"
        said = f"There is no {which} in {_place(asked)}." if is_file(asked) else f"No {which} of {asked!r} is recorded."
        raise NotFoundError(said, hint=hint)
    digest = found[-1].subject.digest
    others = {one.subject.digest for one in found} - {digest}
    if others and is_file(asked):
        raise PlanError(
            f"There are measurements of {len(others) + 1} checkpoints in {_place(asked)}.",
            hint="mlxkit ledger export --model NAME FILE writes those of one",
        )
    said = f"{asked!r} was measured with other weights too: those of {digest[:12]}, the newest, are compared."
    newest = _newest(one for one in found if one.subject.digest == digest)
    return Side(asked, newest, (said,) if others else ())


def _in_ledger(asked: str) -> tuple[Measurement, ...]:
    name = store.shown(asked)
    found = ledger.find(subject=name)
    if found or name != asked or not _ID.fullmatch(asked):
        return found
    try:
        return (ledger.get(asked),)
    except NotFoundError:
        return ()


def _in_file(name: str) -> list[Measurement]:
    return sorted(_parsed(name), key=lambda one: (one.taken_at, one.id))


def _parsed(name: str) -> Iterator[Measurement]:
    try:
        lines = ledger.read_lines(name)
    except NotFoundError as error:
        raise NotFoundError(error.message, hint="mlxkit ledger export FILE writes such files") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield exchange.parse(line)
        except IntegrityError as error:
            raise IntegrityError(f"{_place(name)}, line {number}: {error.message}", hint=error.hint) from error


def _place(name: str) -> str:
    return "stdin" if name == _STDIN else repr(name)


def _newest(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Return the last one of each kind and work, in the order in which they come."""
    found: dict[tuple[Kind, str], Measurement] = {}
    for one in measurements:
        key = one.kind, canonical(one.workload)
        found.pop(key, None)
        found[key] = one
    return tuple(found.values())
