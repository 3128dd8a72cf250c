"""What of a measurement fits into one row: what the model was given, and the figure that matters most."""

from collections.abc import Mapping

from mlxkit.core.measurement import SHOWN, Measurement
from mlxkit.core.report import Column, Table, Value
from mlxkit.core.sizes import size_text
from mlxkit.core.wording import with_error

_GIVEN = ("task", "text", "repo")
"""Items of a workload that name it."""

_HEADLINES: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "quality": (("kl_nats", "KL {}", 1), ("perplexity", "perplexity {}", 1)),
    "task": (("share", "{} % right", 100),),
    "throughput": (("generation_tps", "{} tok/s", 1),),
    "memory": (("peak_memory_bytes", "peak {}", 1),),
    "publication": (),
}
"""Figures of a summary that stand for all of it, the best first: key, wording, and the factor to its unit."""


def table(measurements: tuple[Measurement, ...]) -> Table:
    """Return a row for each measurement."""
    columns = (
        Column("Id"),
        Column("Taken", "moment"),
        Column("Kind"),
        Column("Model"),
        Column("Given"),
        Column("Found"),
        Column("Size", "bytes"),
    )
    return Table("Measurements", columns, tuple(_row(one) for one in measurements))


def _row(one: Measurement) -> tuple[Value, ...]:
    found = headline(one) if one.is_complete else f"{headline(one)} (interrupted)"
    return (
        one.short_id,
        one.taken_at,
        one.kind,
        one.subject.name,
        given(one),
        found,
        one.summary.get("size_bytes"),
    )


def given(measurement: Measurement) -> str:
    """Return a short text for what the model was given."""
    for key in _GIVEN:
        value = measurement.workload.get(key)
        if isinstance(value, str) and value:
            return value
    tokens = [measurement.workload.get(name) for name in ("prompt_tokens", "generated_tokens")]
    if all(isinstance(number, int) for number in tokens):
        return " + ".join(f"{number:,}" for number in tokens) + " tokens"
    return "not named"


def headline(measurement: Measurement) -> str:
    """Return the figure that matters most, with its standard error where there is one."""
    figures = measurement.summary.get("figures")  # lm-evaluation-harness's: of the first of them
    if isinstance(figures, list) and figures:
        return f"{figures[0]['metric']} {with_error(figures[0]['value'], figures[0]['stderr'])}"
    if measurement.kind == "publication":
        return f"commit {str(measurement.summary.get('commit'))[:SHOWN]}"
    for key, wording, factor in _HEADLINES[measurement.kind]:
        found = measurement.estimate(key)
        if found is not None:
            if key.endswith("_bytes"):
                return wording.format(size_text(found.value))
            found = found.times(factor)
            return wording.format(with_error(found.value, found.se))
    return "see show"
