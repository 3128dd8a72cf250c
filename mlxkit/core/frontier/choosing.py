"""Which measurements are held against each other: losses on two texts, or to two originals, cannot be."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mlxkit.core.cards.figures import last_part, line
from mlxkit.core.cards.tables import text_name
from mlxkit.core.measurement import SHOWN, Measurement, Subject
from mlxkit.core.peers import is_judged, one_each, reference_digest, text_key
from mlxkit.core.wording import few

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Comparison:
    """Weights that were judged on one text by one original.

    Attributes:
        original: by whom.
        judged: the newest measurement of each weights, by size.
        notes: what was left out.
    """

    original: Subject
    judged: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()


def originals(measurements: Iterable[Measurement]) -> tuple[Subject, ...]:
    """Return all that weights were judged by, each once, as the newest measurement calls it."""
    found = {original.digest: original for one in _in_time(measurements) if (original := _original(one))}
    return tuple(found.values())


def compared(measurements: Iterable[Measurement], wanted: Collection[str] | None = None) -> Comparison | None:
    """Return the comparison that most weights are in; of several, the newest. None when nothing was judged.

    Args:
        measurements: in any order; what ran to no end does not count: half of a text is another text.
        wanted: digests of the weights that may be in it; None for all.
    """
    found = [
        one
        for one in _in_time(measurements)
        if one.is_complete and is_judged(one) and (wanted is None or one.subject.digest in wanted)
    ]
    chosen = most(found, lambda one: (reference_digest(one), text_key(one)))
    original = _original(chosen[-1]) if chosen else None
    if original is None:
        return None
    return Comparison(original, one_each(chosen), tuple(_left_out(found, chosen, original)))


def most(found: Iterable[Measurement], key: Callable[[Measurement], Key]) -> tuple[Measurement, ...]:
    """Return those with the key that most weights have; of several such keys, the one that was measured last.

    Args:
        found: in the order of time.
        key: what has to be the same.
    """
    groups: dict[Key, list[Measurement]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    ranked = max(groups.values(), key=lambda of: (len({one.subject.digest for one in of}), of[-1].taken_at), default=[])
    return tuple(ranked)


def called(subject: Subject) -> str:
    """Return what weights are called where others read it: a repo, or a folder without where it lies."""
    return line(subject.repo) or last_part(subject.name) or f"weights {line(subject.digest)[:SHOWN]}"


def _in_time(measurements: Iterable[Measurement]) -> list[Measurement]:
    return sorted(measurements, key=lambda one: (one.taken_at, one.id))


def _original(found: Measurement) -> Subject | None:
    said = found.workload.get("reference")
    digest = reference_digest(found)
    if digest is None or not isinstance(said, Mapping):
        return None
    name, repo, commit = (
        said.get(key) if isinstance(said.get(key), str) else None for key in ("name", "repo", "commit")
    )
    return Subject(digest, name or "", repo, commit)


def _left_out(found: Iterable[Measurement], chosen: Iterable[Measurement], original: Subject) -> Iterable[str]:
    shown = {one.subject.digest for one in chosen}
    text = next((text_key(one) for one in chosen), None)
    others = [one for one in found if (reference_digest(one), text_key(one)) != (original.digest, text)]
    same = {one.subject.digest: called(one.subject) for one in others if reference_digest(one) == original.digest}
    missing = [name for digest, name in same.items() if digest not in shown]
    if missing:
        yield f"Judged on other text only, and not shown: {few(missing)}."
    elif same:
        texts = {text_name(one) for one in others if reference_digest(one) == original.digest}
        yield f"Judged on other text too, which is not shown: {few(sorted(texts))}."
    by = {one.digest: called(one) for one in originals(others) if one.digest != original.digest}
    if by:
        yield f"Made from other originals, and not shown: weights of {few(list(by.values()))}. Name one to see them."
