"""Tables of figures side by side: one for each kind of measurement."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from mlxkit.core.comparing import NO_DIFFERENCE
from mlxkit.core.estimates import Estimate
from mlxkit.core.measurement import Kind
from mlxkit.core.report import Column, Table, Unit, Value
from mlxkit.core.wording import with_error
from mlxkit.usecases.compare.figures import Figure

Row: TypeAlias = tuple[Value, ...]

_LABELS: Mapping[str, str] = {
    "prompt_tps": "prefill tok/s",
    "generation_tps": "decode tok/s",
    "ttft_seconds": "first token s",
    "total_seconds": "total s",
    "import_seconds": "import s",
    "load_seconds": "load s",
    "first_seconds": "first token s",
    "kl_nats": "KL",
    "nll_nats": "nll",
}

_INTERVAL = Column("95 % interval")
_VERDICT = Column("Verdict")


def table(kind: Kind, found: Sequence[tuple[str, Figure]]) -> Table:
    """Return the table of a kind.

    Args:
        kind: of all the measurements.
        found: what was done, and a figure of it.
    """
    title, columns, row = _LAYOUTS[kind]
    return Table(title, columns, tuple(row(work, figure) for work, figure in found))


def _trials(work: str, figure: Figure) -> Row:
    found = figure.ratio
    if found is None:
        raise AssertionError("trials are compared by their ratio")
    return (*_begin(work, figure), _factor(found.value), _between(found.interval, _factor), _verdict(figure))


def _text(work: str, figure: Figure) -> Row:
    found = figure.difference
    if found is None:
        raise AssertionError("texts are compared by their difference")
    return (*_begin(work, figure), found.value, _between(found.interval, "{:.3g}".format), _verdict(figure))


def _task(work: str, figure: Figure) -> Row:
    name = work if figure.name == "share" else figure.name
    turned: Row = (figure.flips.lost, figure.flips.gained, figure.flips.p_value) if figure.flips else ("", "", "")
    return (name, figure.asked, *map(_score, (figure.one, figure.other)), *turned, _verdict(figure))


def _begin(work: str, figure: Figure) -> Row:
    return (work, _LABELS.get(figure.name, figure.name), figure.one, figure.other)


def _score(value: float | Estimate) -> Value:
    # What is no share, as some scores of lm-evaluation-harness, stands in a column of shares.
    return with_error(value.value, value.se) if isinstance(value, Estimate) else value


def _between(interval: tuple[float, float] | None, spelled: Callable[[float], str]) -> str:
    return f"{spelled(interval[0])} to {spelled(interval[1])}" if interval else "none"


def _factor(value: float) -> str:
    """Return a ratio, most of which are near 1, with as many decimals as its neighbours."""
    return f"{value:.3f}" if 0.1 <= value < 100 else f"{value:.3g}"


def _verdict(figure: Figure) -> str:
    return figure.verdict if figure.verdict == NO_DIFFERENCE else f"B {_VERBS.get(figure.verdict, figure.verdict)}"


_VERBS: Mapping[str, str] = {"faster": "is faster", "slower": "is slower"}


def _sides(unit: Unit) -> tuple[Column, Column]:
    return Column("A", unit), Column("B", unit)


_LAYOUTS: Mapping[Kind, tuple[str, tuple[Column, ...], Callable[[str, Figure], Row]]] = {
    "quality": (
        "What was lost",
        (Column("Text"), Column("Nats"), *_sides("nats"), Column("B - A", "nats"), _INTERVAL, _VERDICT),
        _text,
    ),
    "task": (
        "Questions",
        (
            Column("Task"),
            Column("Asked", "count"),
            *_sides("share"),
            Column("only A", "count"),
            Column("only B", "count"),
            Column("p", "ratio"),
            _VERDICT,
        ),
        _task,
    ),
    "throughput": (
        "Speed",
        (Column("Work"), Column("Median"), *_sides("ratio"), Column("B / A", "ratio"), _INTERVAL, _VERDICT),
        _trials,
    ),
    "memory": (
        "Memory",
        (Column("Work"), Column("Figure"), *_sides("bytes"), Column("B / A", "ratio"), _INTERVAL, _VERDICT),
        _trials,
    ),
}
