"""From a plan to measurements: the original is asked, the model is judged, and what was found goes into the ledger."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

from mlxkit.core.errors import CheckpointError
from mlxkit.core.located import Locate
from mlxkit.core.measurement import Measurement
from mlxkit.core.progress import Progress, Silent
from mlxkit.engines import ledger, machine, models, store
from mlxkit.engines.machine import Machine
from mlxkit.usecases.eval.answers import answers
from mlxkit.usecases.eval.asking import Asking, Find
from mlxkit.usecases.eval.found import Found
from mlxkit.usecases.eval.judging import Bench, Verdict
from mlxkit.usecases.eval.plan import EvalPlan
from mlxkit.usecases.eval.result import EvalResult
from mlxkit.usecases.eval.sides import Side, original, side
from mlxkit.usecases.eval.texts import chosen

Record = Callable[[Iterable[Measurement]], int]


def evaluate(
    plan: EvalPlan,
    *,
    progress: Progress | None = None,
    locate: Locate = store.local,
    locate_reference: Locate = store.local,
    present: Locate = store.local,
    open_reader: models.Open = models.Reader,
    read_machine: Callable[[], Machine] = machine.read,
    record: Record = ledger.record,
    find: Find = ledger.find,
    clock: Callable[[], float] = time.time,
) -> EvalResult:
    """Measure what a model lost against its original, and how well it expects text; all of it is recorded.

    Args:
        plan: what to do.
        progress: told how far it is, with the running estimate.
        locate: leads from the model's name to its folder.
        locate_reference: the same for an original that the user named.
        present: the same for an original that the user did not name: nothing is fetched for it.
        open_reader: opens a model to read with.
        read_machine: describes the machine.
        record: puts measurements into the ledger.
        find: finds measurements in the ledger.
        clock: seconds since 1970.

    Raises:
        PlanError: a text or a task cannot be used, or the model was made with some of it.
        DoesNotFitError: one of them takes more memory than there is.
        CheckpointError: model and original cannot be compared.
        StoppedError: the user stopped it; the same plan goes on from there.
        MlxkitError: something else stood in the way; what was recorded by then stays.
    """
    progress = progress or Silent()
    asking = Asking(plan, find, progress)  # what it cannot ask is told before anything long begins
    model = side(plan.model, locate, plan, progress)
    by, notes = original(model, plan, locate_reference, present, progress)
    if not model.is_as_recorded:
        notes = (*notes, "mlxkit.json tells of other weights than these: they were changed since.")
    here = read_machine()
    _demand_room(plan, model, by, here)
    sides = 1 if by is None else 2
    measured: list[Measurement] = []
    for found in chain(_judged(plan, model, by, open_reader, progress), asking.answered(model, by)):
        measurement = ledger.as_kept(_measurement(found, here.facts(), clock()))
        record([measurement, *_memory(found, measurement, plan, here, sides)])
        for journal in found.journals:
            journal.close()
        notes = (*notes, *found.notes)
        if found.side is model:
            measured.append(measurement)
    store.tidy()
    return EvalResult(plan, model.subject, by.subject if by else None, tuple(measured), notes)


def _demand_room(plan: EvalPlan, model: Side, by: Side | None, here: Machine) -> None:
    """Refuse what does not fit: one of them is in memory at a time."""
    for one in () if plan.force else (model, by):
        if one is not None:
            on_cpu = here.device == "cpu"
            models.demand_room(
                one.checkpoint,
                here.limit_bytes,
                context=plan.context,
                is_plain=on_cpu,
                logits=1 if by is None else 2,
                on_cpu=on_cpu,
                trust_remote_code=plan.trust_remote_code,
            )


def _judged(plan: EvalPlan, model: Side, by: Side | None, reader: models.Open, progress: Progress) -> Iterator[Found]:
    """Yield what each text says: first all texts are cut or written, then the original is asked, then the model."""
    texts = [chosen(name, plan, model, by or model, reader, progress) for name in plan.chosen_texts]
    asked = [answers(by, text.text.rows, plan, reader, progress) if by else None for text in texts]
    if not texts:
        return
    bench = Bench(model, by, plan, reader, progress)
    for text, said in zip(texts, asked, strict=True):
        yield _quality(plan, model, by, bench.judge(text, said))


def _quality(plan: EvalPlan, model: Side, by: Side | None, verdict: Verdict) -> Found:
    judged, quality = verdict.chosen, verdict.quality
    text = judged.text.part(slice(len(quality.rows)))
    workload = {
        "text": judged.name,
        "origin": text.origin,
        "digest": text.digest,
        "documents": sorted(text.held),
        "is_calibration_text": judged.is_calibration_text,
        "context": plan.context,
        "seed": plan.seed,
        "until_se": plan.until_se,
        "is_early": verdict.is_early,
        "dtype": models.computing_dtype(model.checkpoint),
        "reference": asdict(by.subject) if by else None,
    }
    summary = {**quality.summary(), "size_bytes": model.checkpoint.size_bytes}
    if verdict.noise_floor is not None:
        summary |= {f"noise_floor_{name}": value for name, value in verdict.noise_floor.items()}
    notes = tuple(_remarks(verdict))
    return Found(
        "quality",
        model,
        workload,
        summary,
        quality.raw(),
        (verdict.journal,),
        notes=notes,
        peak_memory_bytes=verdict.peak_memory_bytes,
    )


def _remarks(verdict: Verdict) -> Iterator[str]:
    name, quality = verdict.chosen.name, verdict.quality
    if verdict.is_early:
        yield f"{name}: the error was small enough after {len(quality.rows)} of {len(verdict.chosen.text.rows)} rows."
    if quality.clustered_by == "row":
        yield f"{name} is a single document: its rows are taken for independent, and the errors may be too small."


def _memory(found: Found, beside: Measurement, plan: EvalPlan, here: Machine, sides: int) -> Iterator[Measurement]:
    """Yield what judging took in memory beside what `fit` says of it, if it was measured.

    It stands by itself: the same text judged again has the same figures, and not the same memory.
    """
    peak_bytes, on_cpu = found.peak_memory_bytes, here.device == "cpu"
    if peak_bytes is None:
        return
    try:
        need = models.needed(
            found.side.checkpoint,
            context=plan.context,
            batch=1,
            on_cpu=on_cpu,
            is_plain=on_cpu,
            logits=sides,
            trust_remote_code=plan.trust_remote_code,
        )
    except CheckpointError:
        return
    yield replace(
        beside,
        kind="memory",
        workload={"text": found.workload["text"], "context": plan.context, "logits": sides},
        summary={**need.predicted(), "peak_memory_bytes": peak_bytes, "size_bytes": beside.summary["size_bytes"]},
        raw={"peak_memory_bytes": [peak_bytes]},
    )


def _measurement(found: Found, here: Mapping[str, Any], taken_at: float) -> Measurement:
    return Measurement(
        kind=found.kind,
        subject=found.side.subject,
        workload=found.workload,
        machine=here,
        versions={**models.versions(), **(found.versions or {})},
        summary=found.summary,
        raw=found.raw,
        taken_at=taken_at,
    )
