"""The hands of a build: the other use-cases. Importing this costs as much as all of them, and is left to the last."""

from pathlib import Path

from mlxkit.core.devices import Device
from mlxkit.core.errors import CheckpointError
from mlxkit.core.recipes import SELF, Room, device_of
from mlxkit.core.releases import Batch, needs_text
from mlxkit.core.trials import Workload
from mlxkit.usecases.bench import BenchPlan, bench
from mlxkit.usecases.build.work import Hands, Told, Work
from mlxkit.usecases.check import CheckPlan, check, from_hub
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.eval import EvalPlan, evaluate
from mlxkit.usecases.fit import FitPlan, fit
from mlxkit.usecases.fit.places import Surroundings
from mlxkit.usecases.quantize import QuantizePlan, quantize


def hands(work: Work) -> Hands:
    """Return what does the long work of a build."""

    def make(batch: Batch, folder: Path) -> Told:
        return _made(work, batch, folder)

    def judge(folder: Path, texts: tuple[str, ...], tasks: tuple[str, ...]) -> Told:
        return _judged(work, folder, texts, tasks)

    def time(folders: tuple[Path, ...], given: tuple[Workload, ...]) -> Told:
        repeats = work.recipe.bench.repeats if work.recipe.bench else 1
        plan = BenchPlan(tuple(map(str, folders)), given, repeats)
        found = bench(plan, progress=work.progress)
        if found.stopped is not None:
            raise found.stopped
        return Told(found.measurements, found.notes)

    def look(folder: Path, repo: str) -> tuple[str, ...]:
        found = check(CheckPlan(str(folder), published_as=repo), progress=work.progress, source=from_hub())
        return tuple(f"{one.code} in {one.where}" for one in found.of("error"))

    def room(folder: Path, device: Device, context: int) -> Room:
        return _room(work, folder, device, context)

    return Hands(make, judge, time, look, room)


def _made(work: Work, batch: Batch, folder: Path) -> Told:
    recipe, first = work.recipe, batch.variants[0]
    name, located = work.place_of_source, work.located
    if first.dtype is not None:
        done = convert(
            ConvertPlan(name, folder, dtype=first.dtype), progress=work.progress, locate=lambda _name: located
        )
        return Told(notes=done.notes)
    text = recipe.calibration
    is_own = text.text != SELF and needs_text(first)
    plan = QuantizePlan(
        source=name,
        destination=folder,
        schemes=tuple(one.scheme for one in batch.variants if one.scheme is not None),
        bits_per_weight=tuple(one.bits_per_weight for one in batch.variants if one.bits_per_weight is not None),
        max_bytes=first.max_bytes,
        device=device_of(first.device, work.devices).name if first.device else None,
        context=first.context,
        rules=first.rules,
        encoder=first.encoder,
        calibration=Path(work.place(text.text)) if is_own else None,
        calibration_tokens=text.tokens,
        seed=text.seed,
        polish=first.polish,
        requantize=recipe.source.requantize,
    )
    written = quantize(plan, progress=work.progress, locate=lambda _name: located, known_devices=lambda: work.devices)
    return Told(notes=written.notes)


def _judged(work: Work, folder: Path, texts: tuple[str, ...], tasks: tuple[str, ...]) -> Told:
    asked, name, located = work.recipe.evaluation, work.place_of_source, work.located
    plan = EvalPlan(
        str(folder),
        reference=name,
        texts=tuple(map(work.place, texts)),
        tokens=asked.tokens,
        context=asked.context,
        seed=asked.seed,
        tasks=tuple(map(work.place, tasks)),
        limit=asked.limit,
    )
    found = evaluate(plan, progress=work.progress, locate_reference=lambda _name: located)
    return Told(found.measurements, found.notes)


def _room(work: Work, folder: Path, device: Device, context: int) -> Room:
    """Return what a folder takes on a device.

    Raises:
        CheckpointError: the device's limit, or what the model's cache takes, is not known.
    """
    around = Surroundings(known_devices=lambda: work.devices)
    row = fit(FitPlan(str(folder), (device.name,), contexts=(context,)), around=around).rows[0]
    if row.limit_bytes is None:
        raise CheckpointError(f"It is not known what {device.name} has for an app.", hint="take it out of must_fit")
    return Room(row.need.total_bytes, row.limit_bytes)
