"""From measurements to points: each figure with its error and the measurement that it is from."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlxkit.core.cards.figures import figured, line
from mlxkit.core.cards.tables import given, harness_figures, machine_name, text_name
from mlxkit.core.frontier.choosing import Comparison, called, most
from mlxkit.core.frontier.points import Frontier, Limit, Metric, MetricName, Point, Reading, Weights
from mlxkit.core.measurement import Measurement, canonical
from mlxkit.core.numbers import number
from mlxkit.core.peers import work
from mlxkit.core.report import Unit
from mlxkit.core.wording import few

_OWN = ("dtype", "reference")
"""What of a task's workload is the weights' own, and no other question."""

_APART = 8
"""Characters of a digest that tell weights of one name apart."""

_Found = Mapping[str, Measurement]
"""Digest of weights to a measurement of them."""


def drawn_up(
    comparison: Comparison,
    measurements: Iterable[Measurement],
    weights: Mapping[str, Weights] | None = None,
    limits: Sequence[Limit] = (),
    notes: Sequence[str] = (),
) -> Frontier:
    """Return the frontier of weights that can be compared.

    Args:
        comparison: which those are.
        measurements: of any weights, in any order: tasks and speed are looked for among them.
        weights: digest to what the weights at hand tell of themselves.
        limits: what devices leave for weights.
        notes: what the reader should know besides.
    """
    known = weights or {}
    original = comparison.original
    shown = {original.digest, *(one.subject.digest for one in comparison.judged)}
    rest = sorted(
        (one for one in measurements if one.is_complete and one.subject.digest in shown),
        key=lambda one: (one.taken_at, one.id),
    )
    tasks = _newest(most([one for one in rest if _answered(one)], _task_key))
    speeds = _newest(most([one for one in rest if _decoded(one)], work))
    judged = {one.subject.digest: one for one in comparison.judged}
    points = [_point(called(one.subject), digest, judged, tasks, speeds, known) for digest, one in judged.items()]
    if original.digest in {*tasks, *speeds}:
        points.append(_point(called(original), original.digest, {}, tasks, speeds, known))
    told = _told_apart([point for point in points if point is not None])
    sized = sorted(told, key=lambda point: (point.size_bytes, point.name))
    metrics = tuple(_metrics(comparison.judged, tasks, speeds))
    by_room = sorted(limits, key=lambda limit: (limit.size_bytes, limit.device))
    said = (*comparison.notes, *notes, *_marks(speeds))
    return Frontier(called(original), _text(comparison.judged), tuple(sized), metrics, tuple(by_room), said)


def _told_apart(points: Sequence[Point]) -> list[Point]:
    """Return points whose names are their own: what was made again has its digest beside the name."""
    times = Counter(point.name for point in points)
    return [
        replace(point, name=f"{point.name} ({line(point.digest)[:_APART]})") if times[point.name] > 1 else point
        for point in points
    ]


def _newest(found: Iterable[Measurement]) -> dict[str, Measurement]:
    return {one.subject.digest: one for one in found}


def _point(
    name: str, digest: str, judged: _Found, tasks: _Found, speeds: _Found, known: Mapping[str, Weights]
) -> Point | None:
    own = [found[digest] for found in (judged, tasks, speeds) if digest in found]
    sizes = (number(one.summary.get("size_bytes")) for one in own)
    size_bytes = next((size for size in sizes if size and 0 < size < 1e15), None)
    if size_bytes is None:
        return None
    readings: dict[MetricName, Reading | None] = {
        "kl": _plain(judged.get(digest), "kl_nats", "nats"),
        "top1": _plain(judged.get(digest), "top1_agreement", "share"),
        "task": _answered(tasks[digest]) if digest in tasks else None,
        "speed": _decoded(speeds[digest]) if digest in speeds else None,
    }
    return Point(
        name=name,
        digest=digest,
        weights=known.get(digest, Weights()),
        size_bytes=int(size_bytes),
        readings={key: reading for key, reading in readings.items() if reading is not None},
        machine=machine_name(speeds[digest]) if digest in speeds else "",
    )


def _plain(found: Measurement | None, key: str, unit: Unit, error: str = "") -> Reading | None:
    return None if found is None else _read(found, found.summary, key, unit, error=error or f"{key}_se")


def _read(
    found: Measurement, part: Mapping[str, Any], key: str, unit: Unit, *, error: str, under: str = ""
) -> Reading | None:
    figure, se = figured(found, part, key, unit, error=error, under=under), number(part.get(error))
    if figure.value is None:
        return None
    reach = se if se and se > 0 else None
    low, high = (None, None) if reach is None else (figure.value - reach, figure.value + reach)
    return Reading(figure.value, low, high, figure.text, found.id, figure.key)


def _answered(found: Measurement) -> Reading | None:
    """Return the share of questions that were answered; of lm-evaluation-harness the first figure that is a share."""
    if found.kind != "task":
        return None
    for position, part in harness_figures(found):
        reading = _read(found, part, "value", "share", error="stderr", under=f"figures.{position}.")
        if reading and 0 <= reading.value <= 1:
            return reading
    reading = _plain(found, "share", "share")
    ends = found.summary.get("interval_95")
    low, high = map(number, ends) if isinstance(ends, list) and len(ends) == 2 else (None, None)
    if reading is None or low is None or high is None:
        return reading
    words = f"{100 * reading.value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    return Reading(reading.value, low, high, words, found.id, reading.key)


def _decoded(found: Measurement) -> Reading | None:
    if found.kind != "throughput" or found.workload.get("is_cold") is True:
        return None
    reading = _plain(found, "generation_tps", "tps", error="generation_tps_sd")
    return reading if reading and reading.value > 0 else None


def _task_key(found: Measurement) -> str:
    asked = {key: value for key, value in found.workload.items() if key not in _OWN}
    reading = _answered(found)
    return canonical([asked, reading.key if reading else ""])


def _text(judged: Sequence[Measurement]) -> str:
    one = judged[0]
    tokens, context = (number(value) for value in (one.summary.get("tokens"), one.workload.get("context")))
    rows = "" if context is None else f", rows of {context:,.0f} tokens"
    return f"{text_name(one)}{'' if tokens is None else f', {tokens:,.0f} tokens'}{rows}"


def _metrics(judged: Sequence[Measurement], tasks: _Found, speeds: _Found) -> Iterator[Metric]:
    text = _text(judged)
    error = "one standard error"
    yield Metric("kl", "KL to the original", "nats", text, error, is_logarithmic=True, is_less_better=True)
    if any(_plain(one, "top1_agreement", "share") for one in judged):
        yield Metric("top1", "Same most likely token", "share", text, error)
    for one in list(tasks.values())[-1:]:
        reading = _answered(one)
        is_counted = reading is not None and reading.key == "share"
        errors = "95 % interval" if is_counted else error
        yield Metric("task", "Questions answered", "share", _asked(one), errors)
    for one in list(speeds.values())[-1:]:
        conditions = f"{given(one)}; {machine_name(one)}"
        yield Metric("speed", "Decode speed", "tps", conditions, "standard deviation of trials")


def _marks(speeds: _Found) -> Iterator[str]:
    """Yield what the machine was like when speed was measured, where that was not well, and of which weights."""
    marked: dict[str, list[str]] = {}
    for found in speeds.values():
        marks = found.summary.get("marks")
        for mark in marks if isinstance(marks, list) else ():
            if line(mark):
                marked.setdefault(line(mark), []).append(called(found.subject))
    for mark, names in marked.items():
        yield f"Speed of {few(names)}: {mark}"


def _asked(found: Measurement) -> str:
    name, asked = line(found.workload.get("task")) or "not named", number(found.summary.get("asked"))
    return name if asked is None else f"{name}, {asked:,.0f} questions"
