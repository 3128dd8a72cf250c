"""Frontiers as one page of HTML that needs nothing else: no network, no other file, no font."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from mlxkit import __version__
from mlxkit.core.frontier import Frontier, Limit, MetricName, Point, Reading
from mlxkit.core.measurement import SHOWN
from mlxkit.core.sizes import size_text
from mlxkit.core.wording import printable

_KINDS = {"original": "the original", "uniform": "uniform", "mixed": "mixed", "plain": "", "unknown": ""}
_HEADINGS: dict[MetricName, str] = {
    "kl": "KL, nats per token",
    "top1": "Same most likely token",
    "task": "Questions answered",
    "speed": "Decode, tok/s",
}

# What ends a script or begins a comment in HTML, and what ends a line of JavaScript but not of JSON.
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def render_page(frontier: Frontier, metric: MetricName) -> str:
    """Return a page: a figure that its script draws, and tables that say the same without it.

    Args:
        frontier: what is on it.
        metric: what the figure begins with.
    """
    style, script = _asset("report.css"), _asset("report.js")
    return Template(_asset("report.html")).substitute(
        policy=_policy(style, script),
        title=_text(frontier.title),
        lede=_text(_lede(frontier)),
        style=style,
        script=script,
        data=embedded({"metric": metric, **_data(frontier)}),
        choices=_choices(frontier),
        table=_table(frontier),
        errors=_text(" ".join(f"{one.label}: {one.conditions}; errors: {one.errors}." for one in frontier.metrics)),
        notes="".join(f'<p class="note">{_text(note)}</p>' for note in frontier.notes),
        version=_text(__version__),
    )


def embedded(value: Any) -> str:
    r"""Return JSON that may stand in a script element.

    >>> embedded("</script><!-- &")
    '"\\u003c/script\\u003e\\u003c!-- \\u0026"'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False).translate(_UNSAFE).encode("utf-8", "replace").decode()


def _asset(name: str) -> str:
    return (files("mlxkit") / "data" / name).read_text(encoding="utf-8").strip()


def _policy(style: str, script: str) -> str:
    """Return what a browser may do with the page: its own style and script, by their digests, and nothing else."""
    sources = f"style-src {_digest(style)}; script-src {_digest(script)}; img-src data:"
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _data(frontier: Frontier) -> dict[str, Any]:
    data = frontier.data()
    for point, said in zip(frontier.points, data["points"], strict=True):
        said |= {"size_text": size_text(point.size_bytes), "bits_text": _bits(point)}
    return data


def _lede(frontier: Frontier) -> str:
    number = sum("kl" in point.readings for point in frontier.points)
    weights = "weights" if number == 1 else f"{number} sets of weights"
    return f"What {weights} made from {frontier.original} lost, at which size. Judged on {frontier.text}."


def _choices(frontier: Frontier) -> str:
    if not frontier.limits:
        return ""
    rows = "".join(_choice(number, limit, frontier.choice(limit)) for number, limit in enumerate(frontier.limits))
    headings = ("Device", "Room for weights", "Choose", "Size", "KL, nats per token", "The limit is")
    numbers = (1, 3, 4)
    return (
        '<section><h2 id="choices">What to choose</h2>'
        '<p class="note">The weights with the least KL that fit. A device that is ticked is in the figure.</p>'
        '<div class="wide" tabindex="0" role="region" aria-labelledby="choices"><table id="devices">'
        f"{_head(headings, numbers)}<tbody>{rows}</tbody></table></div></section>"
    )


def _choice(number: int, limit: Limit, point: Point | None) -> str:
    box = f'<input class="needs-script" type="checkbox" checked data-device="{number}">'
    name = f'<th scope="row"><label>{box}<span>{_text(limit.device)}</span></label></th>'
    room = _number(max(0, limit.size_bytes), size_text(max(0, limit.size_bytes)))
    if point is None:
        return f"<tr>{name}{room}<td>none of these fits</td><td></td><td></td><td>{_text(limit.confidence)}</td></tr>"
    found = (_number(point.size_bytes, size_text(point.size_bytes)), _reading(point.readings["kl"]))
    return f"<tr>{name}{room}<td><b>{_text(point.name)}</b></td>{''.join(found)}<td>{_text(limit.confidence)}</td></tr>"


def _table(frontier: Frontier) -> str:
    names = [one.name for one in frontier.metrics]
    headings = ("Weights", "Made", "Size", "Bits per weight", *(_HEADINGS[name] for name in names), "Speed measured on")
    numbers = range(2, 4 + len(names))
    rows = "".join(_row(number, point, names) for number, point in enumerate(frontier.points))
    return f'<table id="measured">{_head(headings, numbers)}<tbody>{rows}</tbody></table>'


def _head(headings: Iterable[str], numbers: Iterable[int]) -> str:
    right = set(numbers)
    cells = (
        f'<th scope="col"{" class=number" if place in right else ""}>{_text(heading)}</th>'
        for place, heading in enumerate(headings)
    )
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _row(number: int, point: Point, names: Iterable[MetricName]) -> str:
    return f'<tr data-point="{number}">{"".join(_cells(point, names))}</tr>'


def _cells(point: Point, names: Iterable[MetricName]) -> Iterator[str]:
    kind = point.weights.kind
    made = ", ".join(filter(None, (_KINDS[kind], point.weights.scheme))) or "not known"
    yield f'<th scope="row" data-value="{_text(point.name)}">{_text(point.name)}</th>'
    yield f'<td class="text {kind}-mark" data-value="{_text(made)}">{_text(made)}</td>'
    yield _number(point.size_bytes, size_text(point.size_bytes))
    yield _number(point.bits_per_weight, _bits(point) or "not known")
    for name in names:
        yield _reading(point.readings.get(name), is_original=kind == "original" and name in ("kl", "top1"))
    yield f'<td class="machine" data-value="{_text(point.machine)}">{_text(point.machine)}</td>'


def _reading(reading: Reading | None, *, is_original: bool = False) -> str:
    if reading is None:
        return _number(None, "is the original" if is_original else "not measured")
    identifier = _text(reading.measurement_id)
    mark = f'<code title="{identifier}">{identifier[:SHOWN]}</code>'
    return f'<td class="number" data-value="{reading.value!r}">{_text(reading.text)}{mark}</td>'


def _number(value: float | None, text: str) -> str:
    return f'<td class="number" data-value="{"" if value is None else repr(value)}">{_text(text)}</td>'


def _bits(point: Point) -> str:
    return "" if point.bits_per_weight is None else f"{point.bits_per_weight:.2f}"


def _text(text: str) -> str:
    """Return text from anywhere as HTML, which it stays text in."""
    return escape(printable(text).encode("utf-8", "replace").decode(), quote=True)
