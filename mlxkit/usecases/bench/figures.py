"""From what the stopwatch said to measurements: figures, the ceiling above them, marks on what is not to be trusted."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlxkit.core.anatomy import active_parameters, bytes_per_step, layers, parts
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.conditions import Course
from mlxkit.core.errors import CheckpointError
from mlxkit.core.fitting import PREFILL_STEP
from mlxkit.core.measurement import Measurement, Subject
from mlxkit.core.trials import Spread, Trial, Workload, is_warm
from mlxkit.engines import ledger, models
from mlxkit.engines.machine import Machine
from mlxkit.usecases.bench.cold import ColdStart
from mlxkit.usecases.bench.plan import BenchPlan
from mlxkit.usecases.bench.timing import Cell, Timed

ABOVE = 1.05
"""A share of the ceiling that rounding and noise cannot explain."""

_COLD = ("import_seconds", "load_seconds", "first_seconds", "total_seconds")


@dataclass(frozen=True)
class Model:
    """A checkpoint that is timed.

    Attributes:
        checkpoint: sound.
        subject: what it is to the ledger.
    """

    checkpoint: Checkpoint
    subject: Subject


@dataclass(frozen=True)
class Setting:
    """What all measurements of a run have in common.

    Attributes:
        plan: what was asked for.
        here: the machine.
        taken_at: seconds since 1970.
        loaded_bytes: of the weights of all models, which are in memory together.
    """

    plan: BenchPlan
    here: Machine
    taken_at: float
    loaded_bytes: int = 0


def warm(setting: Setting, model: Model, cell: Cell, timed: Timed, bandwidth: Sequence[float]) -> Measurement:
    """Return the measurement of one model on one workload, with at least one trial."""
    course = cell.course
    summary = {
        **_summary(model, cell.given, timed, statistics.median(bandwidth)),
        **_predicted(setting, model, cell.given),
    }
    marks = (*_marks(timed, summary), *course.marks(setting.here.cores))
    raw = {
        "trials": [trial.data() for trial in timed.trials],
        "warm_ups": [trial.data() for trial in timed.warm_ups],
        "bandwidth_bytes_per_second": list(bandwidth),
        "conditions": course.data(),
    }
    found = _taken(setting, model, cell.given, course, {**summary, "marks": list(marks)}, raw)
    return replace(found, is_complete=len(timed.trials) == setting.plan.repeats)


def _predicted(setting: Setting, model: Model, given: Workload) -> dict[str, Any]:
    """Return what `fit` says of memory, to be held against what was measured: nulls where it cannot say anything."""
    try:
        need = models.needed(
            model.checkpoint,
            context=given.context,
            batch=given.batch,
            on_cpu=setting.here.device == "cpu",
            trust_remote_code=setting.plan.trust_remote_code,
        )
    except CheckpointError:
        return {"predicted_memory_bytes": None, "predicted_workspace_bytes": None}
    others_bytes = max(0, setting.loaded_bytes - model.checkpoint.size_bytes)
    return {
        "predicted_memory_bytes": need.total_bytes + others_bytes,
        "predicted_workspace_bytes": need.workspace_bytes,
    }


def cold(setting: Setting, model: Model, given: Workload, started: Sequence[ColdStart], course: Course) -> Measurement:
    """Return the measurement of fresh processes, at least one."""
    summary: dict[str, Any] = {"size_bytes": model.checkpoint.size_bytes}
    for name in _COLD:
        summary |= _spread(name, [getattr(one, name) for one in started])
    raw = {"starts": [one.data() for one in started], "conditions": course.data()}
    found = _taken(setting, model, given, course, {**summary, "marks": list(course.marks(setting.here.cores))}, raw)
    return replace(found, is_complete=len(started) == setting.plan.repeats)


def _taken(
    setting: Setting,
    model: Model,
    given: Workload,
    course: Course,
    summary: Mapping[str, Any],
    raw: Mapping[str, Any],
) -> Measurement:
    plan = setting.plan
    workload = {
        **given.data(),
        "repeats": plan.repeats,
        "delay_seconds": plan.delay_seconds,
        "seed": plan.seed,
        "prefill_step": PREFILL_STEP,
        "is_cold": plan.is_cold,
        "models_in_turn": len(plan.models),
    }
    state = {"power_source": course.start.power_source, "is_low_power": course.start.is_low_power}
    return ledger.as_kept(
        Measurement(
            kind="throughput",
            subject=model.subject,
            workload=workload,
            machine={**setting.here.facts(), **state},
            versions=models.versions(),
            summary=summary,
            raw=raw,
            taken_at=setting.taken_at,
        )
    )


def _summary(model: Model, given: Workload, timed: Timed, bandwidth: float) -> dict[str, Any]:
    """Return the figures of one model on one workload.

    A decoding step reads the weights that it touches once, and the cache of every row:

        ceiling = batch bandwidth / (weights + cache)
    """
    trials = timed.trials
    found = list(parts(model.checkpoint))
    read = bytes_per_step(model.checkpoint.config, found, given.batch) + timed.cache_bytes
    ceiling = given.batch * bandwidth / read
    decoded = [speed for trial in trials if (speed := trial.generation_tps(given)) is not None]
    return {
        **_spread("prompt_tps", [trial.prompt_tps(given) for trial in trials]),
        **_spread("generation_tps", decoded),
        **_spread("ttft_seconds", [trial.first_seconds for trial in trials]),
        **_spread("total_seconds", [trial.last_seconds for trial in trials]),
        "peak_memory_bytes": _most(trials, "peak_memory_bytes"),
        "rss_bytes": _most(trials, "rss_bytes"),
        "size_bytes": model.checkpoint.size_bytes,
        "read_bytes_per_step": round(read),
        "layers": layers(model.checkpoint),
        "is_mixture": active_parameters(model.checkpoint.config, found) is not None,
        "bandwidth_bytes_per_second": bandwidth,
        "ceiling_tps": ceiling,
        "share_of_ceiling": statistics.median(decoded) / ceiling if decoded else None,
        "warm_ups": len(timed.warm_ups),
    }


def _spread(name: str, values: Sequence[float]) -> dict[str, float | None]:
    if values:
        return Spread(tuple(values)).data(name)
    return {f"{name}{end}": None for end in ("", "_mean", "_sd", "_min", "_max")}


def _most(trials: Sequence[Trial], name: str) -> int | None:
    return max((value for trial in trials if (value := getattr(trial, name)) is not None), default=None)


def _marks(timed: Timed, summary: Mapping[str, Any]) -> tuple[str, ...]:
    marks = []
    if not is_warm(timed.warm_ups):
        marks.append(f"Not warm after {len(timed.warm_ups)} trials: two in a row never agreed.")
    share = summary["share_of_ceiling"]
    if share is not None and share > ABOVE:
        marks.append(
            f"A measurement error: decoding was {share:.2f} times as fast as memory was read; close what else runs."
        )
    return tuple(marks)
