"""MLX weights from a checkpoint, at full precision or in another dtype, proven to compute the same."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.anatomy import parts
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.disk import FREE_DESTINATION, check_disk
from mlxkit.core.errors import IntegrityError, MlxkitError
from mlxkit.core.located import Locate, Located
from mlxkit.core.output import floating_dtype, output_config, source_of
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.record import Record
from mlxkit.core.report import Fact, Note, Report
from mlxkit.engines import machine, models, store


@dataclass(frozen=True)
class ConvertPlan:
    """What to convert into what.

    Attributes:
        source: what `locate` knows: a folder, a repo or ``tiny``.
        destination: the folder to be.
        dtype: ``bfloat16``, ``float16`` or ``float32``; None keeps what is stored.
        shard_bytes: upper bound of one weight file.
        force: replace an existing destination.
        trust_remote_code: run code that comes with the checkpoint.
    """

    source: str
    destination: Path
    dtype: str | None = None
    shard_bytes: int = 10**9
    force: bool = False
    trust_remote_code: bool = False


@dataclass(frozen=True)
class ConvertResult:
    """What was written.

    Attributes:
        plan: what was asked.
        dtype: of the floating weights.
        size_bytes: of all tensors.
        parameters: how many numbers they stand for.
        shards: the weight files.
        digest: of the checkpoint, independent of its shards.
        logit_difference: largest difference between the logits of source and destination; 0.0 or it had failed.
        config_changes: what was written differently into config.json, a sentence each.
        notes: what the user should know.
    """

    command: ClassVar[str] = "convert"
    plan: ConvertPlan
    dtype: str | None
    size_bytes: int
    parameters: int
    shards: tuple[str, ...]
    digest: str
    logit_difference: float
    config_changes: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """None: what fails is not written."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "source": self.plan.source,
            "destination": str(self.plan.destination),
            "dtype": self.dtype,
            "size_bytes": self.size_bytes,
            "parameters": self.parameters,
            "shards": list(self.shards),
            "digest": self.digest,
            "logit_difference": self.logit_difference,
            "config_changes": list(self.config_changes),
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (
            Fact("Written to", str(self.plan.destination)),
            Fact("Dtype", self.dtype),
            Fact("Parameters", self.parameters, "count"),
            Fact("Size", self.size_bytes, "bytes"),
            Fact("Files", len(self.shards), "count"),
            Fact("Logits", "equal to the source's"),
            Fact("Digest", self.digest),
        )
        return Report(f"{self.plan.source} converted", facts, (), tuple(Note(text) for text in self.notes))


def convert(
    plan: ConvertPlan,
    *,
    progress: Progress | None = None,
    locate: Locate = store.local,
    free_bytes: Callable[[Path], int | None] = machine.free_bytes,
) -> ConvertResult:
    """Write a checkpoint that stock mlx-lm loads, and prove that it computes what its source computes.

    Memory is no matter: one tensor is held at a time.

    Args:
        plan: what to do.
        progress: told how far it is.
        locate: leads from the source's name to its folder.
        free_bytes: tells what a folder's disk has left; None when that is not known.

    Raises:
        DoesNotFitError: the disk has no room for it.
        MlxkitError: nothing was written, and why.
    """
    progress = progress or Silent()
    store.refuse_existing(plan.destination, force=plan.force)
    located = locate(plan.source)
    with models.small_cache(), store.replacing(plan.destination, source=located.folder, force=plan.force) as partial:
        source = store.read(plan.source, located.folder).sound()
        opened = _open(source, plan)
        stream = models.drain(opened.model, models.finite_sums(opened.model))
        size_bytes = sum(tensor.size_bytes for tensor in stream.tensors)
        check_disk(size_bytes, free_bytes(plan.destination), str(plan.destination), FREE_DESTINATION)
        dtype = floating_dtype(stream.tensors)
        config = output_config(source.config, dtype, opened.quantization)
        planned = Checkpoint(source.name, partial, config, {tensor.name: tensor for tensor in stream.tensors})
        parameters = sum(part.parameters for part in parts(planned))
        draft = store.Draft(
            folder=partial,
            source=source,
            stream=stream,
            config=config,
            record=_record(plan, source, located, dtype),
            parameters=parameters,
            shard_bytes=plan.shard_bytes,
            with_code=plan.trust_remote_code,
        )
        (written,) = store.write_checkpoints((draft,), progress)
        with progress.phase("Comparing logits with the source's", None, "count"):
            made = store.read(plan.source, partial).sound()
            difference = _difference(source, made, plan)
        store.keep_digest(made, written.record.digest)
    return ConvertResult(
        plan=plan,
        dtype=dtype,
        size_bytes=written.size_bytes,
        parameters=parameters,
        shards=tuple(shard[0].file for shard in written.shards),
        digest=written.record.digest,
        logit_difference=difference,
        config_changes=source.config_changes,
        notes=(*source.warnings, *source.config_notes, *opened.notes),
    )


def _open(source: Checkpoint, plan: ConvertPlan) -> models.Opened:
    opened = models.open_model(source, trust_remote_code=plan.trust_remote_code)
    if plan.dtype is not None:
        models.cast(opened.model, plan.dtype)
    return opened


def _difference(source: Checkpoint, written: Checkpoint, plan: ConvertPlan) -> float:
    expected = models.probe(_open(source, plan))
    found = models.probe(models.open_model(written, trust_remote_code=plan.trust_remote_code))
    difference = models.largest_difference(expected, found)
    if not isfinite(difference):
        raise IntegrityError(
            f"{plan.source!r} gives logits that are not finite in {plan.dtype or 'the dtype it is stored in'}.",
            hint="try --dtype bfloat16 or float32, which have a wider range than float16",
        )
    if difference != 0.0:
        raise IntegrityError(
            f"What was written does not compute what {plan.source!r} computes: its logits differ by {difference:g}.",
            hint="nothing was kept; this is a bug of mlxkit, or a disk that changes bytes: please report it",
        )
    return difference


def _record(plan: ConvertPlan, source: Checkpoint, located: Located, dtype: str | None) -> Record:
    return Record(
        command="convert",
        options={"dtype": plan.dtype, "shard_bytes": plan.shard_bytes},
        source=source_of(store.shown(plan.source), located, source),
        dtype=dtype,
        digests={},
        versions=models.versions(),
        platform=models.platform(),
        notes=source.config_changes,
    )
