"""Measurements that may be held against each other: on the same text by the same original, or the same work."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlxkit.core.measurement import Measurement, Subject, canonical
from mlxkit.core.numbers import number

_PLACE = ("system", "chip", "memory_bytes", "device")
"""What makes a machine another one: what ran on it is measured again there."""

_LEAST_DIGEST = 4
"""How much of a digest has to be given, so that a short name is not taken for one."""

_WORK = ("prompt_tokens", "generated_tokens", "depth", "batch", "is_cold")


def reference_digest(found: Measurement) -> str | None:
    """Return the digest of the original that a text was judged by; None for nobody."""
    reference = found.workload.get("reference") if found.kind == "quality" else None
    digest = reference.get("digest") if isinstance(reference, Mapping) else None
    return digest if isinstance(digest, str) and digest else None


def loss(found: Measurement) -> tuple[float, float] | None:
    """Return the bytes of weights and their KL in nats, where a measurement has both."""
    size_bytes, kl = number(found.summary.get("size_bytes")), number(found.summary.get("kl_nats"))
    return None if size_bytes is None or kl is None else (size_bytes, kl)


def text_key(found: Measurement) -> tuple[str, Any] | None:
    """Return what makes a text the same: its digest and the tokens of a row. None for what has no digest."""
    digest = found.workload.get("digest")
    return (digest, found.workload.get("context")) if isinstance(digest, str) else None


def is_judged(found: Measurement) -> bool:
    """Whether it tells what weights have lost: against an original that they are not themselves."""
    reference = reference_digest(found)
    return (
        reference is not None
        and found.subject.digest != reference
        and text_key(found) is not None
        and loss(found) is not None
    )


def one_each(found: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Return the last one of each weights, by size and then by KL."""
    last = {one.subject.digest: one for one in found}
    return tuple(sorted(last.values(), key=lambda one: (loss(one) or (0, 0), one.id)))


def place(found: Measurement) -> str:
    """Return what makes a machine the same."""
    return canonical([found.machine.get(name) for name in _PLACE])


def work(found: Measurement) -> str:
    """Return what makes timed work the same, the machine among it."""
    return canonical([[found.workload.get(name) for name in _WORK], place(found)])


def is_called(subject: Subject, name: str) -> bool:
    """Whether a name means these weights: theirs, their repo's, the last part of one, or their digest's beginning."""
    names = {subject.name, subject.repo, *(one.rpartition("/")[2] for one in (subject.name, subject.repo or ""))}
    return name in names - {""} or (len(name) >= _LEAST_DIGEST and subject.digest.startswith(name.lower()))
