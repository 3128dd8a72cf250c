"""Results for the front matter: what the Hub shows beside a model, and search finds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlxkit.core.cards.figures import line
from mlxkit.core.cards.rows import Chosen
from mlxkit.core.cards.tables import harness_figures, text_name
from mlxkit.core.measurement import Measurement
from mlxkit.core.numbers import number
from mlxkit.core.peers import reference_digest

_TEXT = "text"
_TASK = "questions"

_JUDGED = (
    ("kl_nats", "kl-divergence", "KL to the original, nats per token"),
    ("top1_agreement", "top-1-agreement", "share of tokens whose most likely one is the original's"),
    ("perplexity", "perplexity", "perplexity"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of one measurement.

    Attributes:
        dataset: what the text or the task is called.
        dataset_type: ``text`` or ``questions``: they are no data sets of the Hub.
        metric_type: an identifier.
        metric: what it is called.
        value: full precision.
        se: its standard error; None when it is not known.
        measurement_id: of the measurement that holds it.
        key: as in `Figure`.
    """

    dataset: str
    dataset_type: str
    metric_type: str
    metric: str
    value: float
    se: float | None
    measurement_id: str
    key: str


def results(chosen: Chosen) -> tuple[Result, ...]:
    """Return all results, those of texts first."""
    texts = (result for found in chosen.of("quality") for result in _judged(found))
    asked = (result for found in chosen.of("task") for result in _asked(found))
    return (*texts, *asked)


def _judged(found: Measurement) -> Iterator[Result]:
    for key, metric_type, metric in _JUDGED:
        if key != "perplexity" and not reference_digest(found):
            continue
        value = number(found.summary.get(key))
        if value is not None:
            error = number(found.summary.get(f"{key}_se"))
            yield _result(found, _TEXT, text_name(found), metric_type, metric, value, error, key)


def _asked(found: Measurement) -> Iterator[Result]:
    name = line(found.workload.get("task")) or "not named"
    share = number(found.summary.get("share"))
    if share is not None and "figures" not in found.summary:
        yield _result(found, _TASK, name, "accuracy", "share answered", share, None, "share")
    for position, figure in harness_figures(found):
        value, metric = number(figure.get("value")), line(figure.get("metric"))
        if value is None or not metric:
            continue
        told, task = line(figure.get("filter")), line(figure.get("task"))
        label = metric if told in ("", "none") else f"{metric}, {told}"
        label = label if task in ("", name) else f"{task}: {label}"
        kind = re.sub(r"[^a-z0-9]+", "-", metric.lower()).strip("-") or "score"
        error, key = number(figure.get("stderr")), f"figures.{position}.value"
        yield _result(found, _TASK, name, kind, label, value, error, key)


def _result(
    found: Measurement,
    dataset_type: str,
    dataset: str,
    metric_type: str,
    metric: str,
    value: float,
    se: float | None,
    key: str,
) -> Result:
    return Result(dataset, dataset_type, metric_type, metric, value, se, found.id, key)
