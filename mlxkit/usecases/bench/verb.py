"""From a plan to throughput that can be trusted: loaded, timed in turn, held against the ceiling, recorded."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence

from mlxkit.core.conditions import Conditions, Course
from mlxkit.core.errors import DoesNotFitError, PlanError, StoppedError
from mlxkit.core.located import Locate
from mlxkit.core.measurement import Measurement
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.sizes import size_text
from mlxkit.core.trials import in_turn
from mlxkit.engines import ledger, machine, models, store
from mlxkit.engines.machine import Machine
from mlxkit.usecases.bench.cold import ColdStart, cold_start
from mlxkit.usecases.bench.figures import Model, Setting, cold, warm
from mlxkit.usecases.bench.plan import BenchPlan
from mlxkit.usecases.bench.result import BenchResult
from mlxkit.usecases.bench.timing import Sleep, Stopwatch

Record = Callable[[Iterable[Measurement]], int]
Load = Callable[..., models.Timing]
Start = Callable[..., ColdStart]


def bench(
    plan: BenchPlan,
    *,
    progress: Progress | None = None,
    locate: Locate = store.local,
    load: Load = models.load_for_timing,
    read_machine: Callable[[], Machine] = machine.read,
    sense: Callable[[], Conditions] = machine.conditions,
    rss_bytes: Callable[[], int | None] = machine.rss_bytes,
    read_bandwidth: Callable[[], Sequence[float]] = models.read_bandwidth,
    record: Record = ledger.record,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Sleep = time.sleep,
    start: Start = cold_start,
    now: Callable[[], float] = time.time,
) -> BenchResult:
    """Time models, next to what the machine's memory allows; all of it is recorded.

    Args:
        plan: what to do.
        progress: told the trials.
        locate: leads from a model's name to its folder.
        load: loads a checkpoint to be timed.
        read_machine: describes the machine.
        sense: reads its state.
        rss_bytes: of this process.
        read_bandwidth: measures how fast memory is read, in bytes per second.
        record: puts measurements into the ledger.
        clock: seconds; only differences count.
        sleep: waits.
        start: times a fresh process.
        now: seconds since 1970.

    Raises:
        PlanError: a row would be longer than a model's context.
        DoesNotFitError: the models do not fit the memory side by side.
        MlxkitError: a model cannot be loaded or run.
    """
    progress = progress or Silent()
    here = read_machine()
    chosen = tuple(_model(name, locate, plan, progress) for name in plan.models)
    _demand_room(plan, chosen, here)
    if plan.is_cold:
        rows, stopped = _cold(plan, chosen, here, progress=progress, sense=sense, start=start, now=now)
        record(rows)
        return BenchResult(plan, tuple(rows), None, stopped, ())
    with progress.phase("Measuring memory bandwidth", None, "count"):
        bandwidth = tuple(read_bandwidth())
    loaded = tuple(load(one.checkpoint, trust_remote_code=plan.trust_remote_code, progress=progress) for one in chosen)
    watch = Stopwatch(plan, loaded, clock=clock, sleep=sleep, sense=sense, rss_bytes=rss_bytes, progress=progress)
    notes = tuple(dict.fromkeys(note for model in loaded for note in model.notes))
    found: list[Measurement] = []
    stopped = None
    for given in plan.workloads:
        cell = watch.cell(given)
        setting = Setting(plan, here, now(), sum(model.checkpoint.size_bytes for model in chosen))
        rows = [
            warm(setting, model, cell, timed, bandwidth)
            for model, timed in zip(chosen, cell.timed, strict=True)
            if timed.trials
        ]
        record(rows)
        found += rows
        if cell.is_interrupted:
            stopped = _stopped()
            break
    return BenchResult(plan, tuple(found), statistics.median(bandwidth), stopped, notes)


def _cold(
    plan: BenchPlan,
    chosen: Sequence[Model],
    here: Machine,
    *,
    progress: Progress,
    sense: Callable[[], Conditions],
    start: Start,
    now: Callable[[], float],
) -> tuple[list[Measurement], StoppedError | None]:
    """Time fresh processes, the models in turn; an interruption leaves what was finished."""
    found: list[Measurement] = []
    for given in plan.workloads:
        started: list[list[ColdStart]] = [[] for _ in chosen]
        readings, stopped = [sense()], None
        try:
            with progress.phase("Starting fresh processes", plan.repeats * len(chosen), "count") as advance:
                for number in in_turn(len(chosen), plan.repeats):
                    checkpoint, trust = chosen[number].checkpoint, plan.trust_remote_code
                    started[number].append(start(checkpoint, given, plan.seed, trust_remote_code=trust))
                    readings.append(sense())
                    advance(1)
        except KeyboardInterrupt:
            stopped = _stopped()
        setting, course = Setting(plan, here, now()), Course(tuple(readings))
        pairs = zip(chosen, started, strict=True)
        found += [cold(setting, model, given, starts, course) for model, starts in pairs if starts]
        if stopped is not None:
            return found, stopped
    return found, None


def _stopped() -> StoppedError:
    return StoppedError("Interrupted: what was finished is recorded, marked as incomplete.")


def _model(name: str, locate: Locate, plan: BenchPlan, progress: Progress) -> Model:
    located = locate(name)
    checkpoint = store.read(name, located.folder).sound()
    for given in plan.workloads:
        if checkpoint.context is not None and given.context > checkpoint.context:
            raise PlanError(
                f"{name!r} has a context of {checkpoint.context:,} tokens; prompt, tokens and depth are "
                f"{given.context:,} together.",
                hint=f"mlxkit bench {name} -p {max(1, checkpoint.context // 2)} -n 32",
            )
    return Model(checkpoint, store.subject(checkpoint, located, progress))


def _demand_room(plan: BenchPlan, chosen: Sequence[Model], here: Machine) -> None:
    """Refuse models that do not fit side by side, each with its longest rows."""
    if plan.force or here.limit_bytes is None:
        return
    needed = sum(model.checkpoint.size_bytes for model in chosen)
    if needed > here.limit_bytes:
        raise DoesNotFitError(
            f"The weights take {size_text(needed)}, and this machine has {size_text(here.limit_bytes)} for them.",
            hint="bench one model at a time" if len(chosen) > 1 else "use a copy with fewer bits per weight",
        )
    for model in chosen:
        others = needed - model.checkpoint.size_bytes
        for given in plan.workloads:
            models.demand_room(
                model.checkpoint,
                here.limit_bytes - others,
                context=given.context,
                batch=given.batch,
                on_cpu=here.device == "cpu",
                trust_remote_code=plan.trust_remote_code,
            )
