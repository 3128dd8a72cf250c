"""What is known to be weak, or not known at all: sentences that facts alone decide about."""

from collections.abc import Iterator

from mlxkit.core.cards.facts import Facts
from mlxkit.core.cards.figures import line, written
from mlxkit.core.cards.making import narrowest, notes
from mlxkit.core.cards.rows import Chosen
from mlxkit.core.cards.tables import is_mac_gpu, text_name
from mlxkit.core.measurement import Measurement
from mlxkit.core.numbers import number
from mlxkit.core.peers import reference_digest

_CERTAIN = 2
"""Standard errors that a loss has to lie above the noise floor, to be called a loss."""


def weaknesses(facts: Facts, chosen: Chosen) -> tuple[str, ...]:
    """Return a sentence on each."""
    sentences = (*_unmeasured(chosen), *_lost(chosen), *_texts(chosen), *_made(facts), *_marks(chosen))
    return tuple(dict.fromkeys(sentences))


def _unmeasured(chosen: Chosen) -> Iterator[str]:
    texts = chosen.of("quality")
    if not texts:
        yield "What was lost against the original was not measured."
    elif not any(map(reference_digest, texts)):
        yield "Text was judged without the original: what was lost against it was not measured."
    if texts and not any(map(is_mac_gpu, texts)):
        yield "Text was not judged on a Mac's GPU, which rounds in its own way."
    if not chosen.of("task"):
        yield "No task was asked: whether it answers fewer questions than the original was not measured."
    speeds = chosen.of("throughput")
    if not speeds:
        yield "Speed was not measured."
    elif not any(map(is_mac_gpu, speeds)):
        yield "Speed was not measured on a Mac's GPU: the figures above are those of the machines they name."
    if speeds and not chosen.originals:
        yield "The original's speed was not measured beside it."


def _lost(chosen: Chosen) -> Iterator[str]:
    for found in chosen.of("quality"):
        kl, floor = number(found.summary.get("kl_nats")), number(found.summary.get("noise_floor_kl_nats"))
        if kl is None or not reference_digest(found):
            continue
        name, error = text_name(found), number(found.summary.get("kl_nats_se"))
        if floor is None:
            yield f"On {name}, the noise floor was not measured: how much of the KL is rounding is not known."
        elif error is None:
            yield f"On {name}, the KL has no standard error: a single cluster of text tells nothing of it."
        elif kl - _CERTAIN * error > floor:
            yield f"On {name}, the KL lies above the noise floor: its answers differ from the original's."
        else:
            yield f"On {name}, the KL does not lie clearly above the noise floor: no loss was shown, nor ruled out."


def _texts(chosen: Chosen) -> Iterator[str]:
    texts = chosen.of("quality")
    if texts and all(found.workload.get("text") == "self" for found in texts):
        yield "It was judged on self-written text only: what it lost on other text was not measured."
    for found in texts:
        name = text_name(found)
        if found.workload.get("is_calibration_text") is True:
            yield f"{name} was used to make the weights: on it, less seems lost than is."
        if found.summary.get("clustered_by") == "row":
            yield f"{name} is a single document: its rows are taken for independent, and the errors may be too small."
        if found.workload.get("is_early") is True:
            yield f"{name} was judged until the error was small enough, not to its end."


def _made(facts: Facts) -> Iterator[str]:
    said = narrowest(facts)
    if said:
        yield said
    if facts.options.get("reduced") is True:
        yield "While its schemes were chosen, an 8-bit copy stood in for the original."
    skipped = facts.section("skipped")
    if skipped:
        yield f"Layers left unquantized: {written(len(skipped), 'count')}."
    if not facts.source_repo:
        yield "The record names no repo on the Hub that it was made from."
    elif not facts.source_commit:
        yield "The record does not tell the commit of its source."
    yield from notes(facts)


def _marks(chosen: Chosen) -> Iterator[str]:
    for found in chosen.of("throughput"):
        yield from (f"{found.short_id}: {said}" for said in _said(found))
    for found in chosen.originals:
        if any(_said(found)):
            yield f"{found.short_id}, of the original, was taken under bad conditions that it names."


def _said(found: Measurement) -> Iterator[str]:
    marks = found.summary.get("marks")
    yield from (said for mark in (marks if isinstance(marks, list) else ()) if (said := line(mark)))
