"""Figures of two measurements of one kind, side by side: each with its difference, and whether that is chance."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeAlias

from mlxkit.core.comparing import (
    ANSWERS,
    LOSS,
    MEMORY,
    SCORES,
    SPEED,
    TIME,
    Ratio,
    Sense,
    Verdict,
    are_same_rows,
    paired_difference,
    ratio,
    unpaired_difference,
)
from mlxkit.core.errors import IntegrityError
from mlxkit.core.estimates import Estimate
from mlxkit.core.measurement import Kind, Measurement
from mlxkit.core.tasks import Flips, flips
from mlxkit.core.trials import Trial, Workload
from mlxkit.usecases.compare.pairs import Pair

Raw: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One figure of both.

    Attributes:
        name: as a summary calls it, such as ``generation_tps``; of lm-evaluation-harness its task and metric.
        one: the first one's, a median where there are trials.
        other: the second one's.
        verdict: how the second stands to the first.
        ratio: the second by the first, for trials.
        difference: the second less the first, for text, and for scores that are no share of questions.
        is_paired: the difference is that of the same rows of text.
        flips: what only the first answers, and what only the second does, for questions.
        asked: how many questions there were.
    """

    name: str
    one: float | Estimate
    other: float | Estimate
    verdict: Verdict
    ratio: Ratio | None = None
    difference: Estimate | None = None
    is_paired: bool = False
    flips: Flips | None = None
    asked: int | None = None

    @property
    def is_tested(self) -> bool:
        """Whether there were enough values to tell a difference from chance."""
        if self.flips is not None:
            return True
        found = self.difference or self.ratio
        return found is not None and found.interval is not None

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        found: dict[str, Any] = {
            "figure": self.name,
            "one": _json(self.one),
            "other": _json(self.other),
            "verdict": self.verdict,
            "is_tested": self.is_tested,
        }
        if self.ratio is not None:
            found["ratio"] = self.ratio.data()
        if self.difference is not None:
            found |= {"difference": _json(self.difference), "is_paired": self.is_paired}
        if self.flips is not None:
            found |= {"asked": self.asked, "flips": self.flips.data()}
        return found


def figures(pair: Pair) -> tuple[Figure, ...]:
    """Return all figures that both measurements have.

    Raises:
        IntegrityError: one of them does not hold what its kind has.
    """
    try:
        found = tuple(_OF_KIND[pair.one.kind](pair.one, pair.other))
        _demand(found)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise IntegrityError(
            f"One of {pair.one.short_id} and {pair.other.short_id} does not hold "
            f"what a {pair.one.kind} measurement has.",
            hint=f"mlxkit ledger show {pair.one.short_id}",
        ) from error
    return found


def _demand(found: Sequence[Any]) -> None:
    if not found:
        raise ValueError("nothing")


_SENSES: Mapping[str, Sense] = {
    "prompt_tps": SPEED,
    "generation_tps": SPEED,
    "import_seconds": TIME,
    "load_seconds": TIME,
    "first_seconds": TIME,
    "ttft_seconds": TIME,
    "total_seconds": TIME,
}


def _throughput(one: Measurement, other: Measurement) -> Iterator[Figure]:
    left, right = _speeds(one), _speeds(other)
    for name, sense in _SENSES.items():
        if left.get(name) and right.get(name):
            yield _timed(name, left[name], right[name], sense)


def _speeds(measurement: Measurement) -> dict[str, list[float]]:
    """Return the values of every trial, or of every start of a fresh process."""
    if "starts" in measurement.raw:
        return {name: [start[name] for start in measurement.raw["starts"]] for name in _STARTS}
    given = Workload(**{name: measurement.workload[name] for name in _GIVEN})
    trials = [Trial(**trial) for trial in measurement.raw["trials"]]
    generation = [trial.generation_tps(given) for trial in trials]
    return {
        "prompt_tps": [trial.prompt_tps(given) for trial in trials],
        "generation_tps": [value for value in generation if value is not None],
        "ttft_seconds": [trial.first_seconds for trial in trials],
        "total_seconds": [trial.last_seconds for trial in trials],
    }


_GIVEN = ("prompt_tokens", "generated_tokens", "depth", "batch")
_STARTS = ("import_seconds", "load_seconds", "first_seconds", "total_seconds")


def _memory(one: Measurement, other: Measurement) -> Iterator[Figure]:
    name = "peak_memory_bytes"
    yield _timed(name, [one.summary[name]], [other.summary[name]], MEMORY)


def _timed(name: str, one: list[float], other: list[float], sense: Sense) -> Figure:
    found = ratio(one, other)
    return Figure(name, median(one), median(other), sense.of_ratio(found), ratio=found)


def _quality(one: Measurement, other: Measurement) -> Iterator[Figure]:
    rows = one.raw["rows"], other.raw["rows"]
    for side in rows:
        _demand(side)
    name = "kl_nats" if all("kl_nats" in row for side in rows for row in side) else "nll_nats"
    left, right = _estimate(one, name), _estimate(other, name)
    is_paired = _is_same_text(one.workload, other.workload) and are_same_rows(*rows)
    found = paired_difference(*rows, name) if is_paired else unpaired_difference(left, right)
    yield Figure(name, left, right, LOSS.of_difference(found), difference=found, is_paired=is_paired)


def _is_same_text(one: Raw, other: Raw) -> bool:
    by = [(each["reference"] or {}).get("digest") for each in (one, other)]
    return bool(one["digest"] == other["digest"] and by[0] == by[1])


def _estimate(measurement: Measurement, name: str) -> Estimate:
    found = measurement.estimate(name)
    if found is None:
        raise ValueError(f"no {name}")
    return found


def _task(one: Measurement, other: Measurement) -> Iterator[Figure]:
    if "right" in one.raw:
        yield _asked("share", one.raw["right"], other.raw["right"], is_same=_is_same_task(one, other))
        return
    here, there = _by_name(one), _by_name(other)
    for name in [name for name in here if name in there]:
        yield _examined(name, here[name], there[name], is_same=_is_same_task(one, other))


def _is_same_task(one: Measurement, other: Measurement) -> bool:
    return all(one.workload.get(name) == other.workload.get(name) for name in ("digest", "digests", "limit"))


def _by_name(measurement: Measurement) -> dict[str, Raw]:
    """Return the figures of lm-evaluation-harness, each with the flags that it is made of."""
    flags = {_name(figure): figure["flags"] for figure in measurement.raw["figures"]}
    return {_name(figure): {**figure, "flags": flags[_name(figure)]} for figure in measurement.summary["figures"]}


def _name(figure: Raw) -> str:
    return f"{figure['task']}: {figure['metric']}" + ("" if figure["filter"] == "none" else f", {figure['filter']}")


def _examined(name: str, one: Raw, other: Raw, *, is_same: bool) -> Figure:
    if one["flags"] and other["flags"]:
        return _asked(name, one["flags"], other["flags"], is_same=is_same)
    left, right = (Estimate(figure["value"], figure["stderr"], figure["samples"]) for figure in (one, other))
    found = unpaired_difference(left, right)
    verdict = SCORES[one["is_higher_better"]].of_difference(found)
    return Figure(name, left, right, verdict, difference=found, asked=one["samples"])


def _asked(name: str, one: Sequence[bool], other: Sequence[bool], *, is_same: bool) -> Figure:
    left, right = _share(one), _share(other)
    if not is_same:
        found = unpaired_difference(left, right)
        return Figure(name, left, right, ANSWERS.of_difference(found), difference=found, asked=len(one))
    turned = flips(one, other)
    return Figure(name, left.value, right.value, ANSWERS.of_flips(turned), flips=turned, asked=len(one))


def _share(flags: Sequence[bool]) -> Estimate:
    """Return the share that is right, with the standard error of a binomial proportion."""
    share = sum(flags) / len(flags)
    return Estimate(share, math.sqrt(share * (1 - share) / len(flags)), len(flags))


_OF_KIND: Mapping[Kind, Callable[[Measurement, Measurement], Iterator[Figure]]] = {
    "quality": _quality,
    "task": _task,
    "throughput": _throughput,
    "memory": _memory,
}


def _json(value: float | Estimate) -> Any:
    if not isinstance(value, Estimate):
        return value
    return {"value": value.value, "se": value.se, "ci95": list(value.interval) if value.interval else None}
