"""Quantized weights from a checkpoint: every layer's scheme said, what was skipped said too."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError, MlxkitError
from mlxkit.core.located import Locate, Located
from mlxkit.core.output import floating_dtype, output_config, source_license
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.quantization import Layout, describe, uniform
from mlxkit.core.record import Record, Source
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.core.schemes import Scheme
from mlxkit.engines import models, store


@dataclass(frozen=True)
class QuantizePlan:
    """What to quantize into what.

    Attributes:
        source: what `locate` knows: a folder, a repo or ``tiny``.
        destination: the folder to be.
        scheme: of every layer that its width and the model's own class allow.
        dtype: of scales, biases and what stays unquantized; None keeps 16-bit floats and makes float32 bfloat16.
        shard_bytes: upper bound of one weight file.
        requantize: take a source that is quantized already, and dequantize it first.
        force: replace an existing destination.
        trust_remote_code: run code that comes with the checkpoint.
    """

    source: str
    destination: Path
    scheme: Scheme
    dtype: str | None = None
    shard_bytes: int = 10**9
    requantize: bool = False
    force: bool = False
    trust_remote_code: bool = False


@dataclass(frozen=True)
class QuantizeResult:
    """What was written.

    Attributes:
        plan: what was asked.
        layout: which unit got which scheme, and what was skipped.
        dtype: of scales, biases and unquantized weights.
        size_bytes: of all tensors.
        source_bytes: of all tensors of the source.
        parameters: how many numbers they stand for.
        shards: the weight files.
        digest: of the checkpoint, independent of its shards.
        config_changes: what was written differently into config.json, a sentence each.
        notes: what the user should know.
    """

    command: ClassVar[str] = "quantize"
    plan: QuantizePlan
    layout: Layout
    dtype: str
    size_bytes: int
    source_bytes: int
    parameters: int
    shards: tuple[str, ...]
    digest: str
    config_changes: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """None: what fails is not written."""
        return None

    @property
    def bits_per_weight(self) -> float:
        """Stored bits per parameter, scales, biases and unquantized weights included."""
        return 8 * self.size_bytes / self.parameters

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "source": self.plan.source,
            "destination": str(self.plan.destination),
            "scheme": self.plan.scheme.name,
            "dtype": self.dtype,
            "size_bytes": self.size_bytes,
            "source_bytes": self.source_bytes,
            "parameters": self.parameters,
            "bits_per_weight": self.bits_per_weight,
            "quantized_layers": len(self.layout.schemes),
            "exceptions": {path: scheme.keys() for path, scheme in self.layout.exceptions.items()},
            "skipped": [{"layer": skip.path, "reason": skip.reason} for skip in self.layout.skipped],
            "shards": list(self.shards),
            "digest": self.digest,
            "config_changes": list(self.config_changes),
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (
            Fact("Written to", str(self.plan.destination)),
            Fact("Scheme", self.plan.scheme.name),
            Fact("Layers quantized", len(self.layout.schemes), "count"),
            Fact("Bits per weight", self.bits_per_weight, "bits"),
            Fact("Size", self.size_bytes, "bytes"),
            Fact("  of the source's", self.size_bytes / self.source_bytes, "share"),
            Fact("Digest", self.digest),
        )
        exceptions = tuple((path, scheme.name) for path, scheme in self.layout.exceptions.items())
        skipped = tuple((skip.path, skip.reason) for skip in self.layout.skipped)
        tables = (
            Table("Layers with a scheme of their own", (Column("Layer"), Column("Scheme")), exceptions),
            Table("Layers left unquantized", (Column("Layer"), Column("Why")), skipped),
        )
        shown = tuple(table for table in tables if table.rows)
        return Report(f"{self.plan.source} quantized", facts, shown, tuple(Note(text) for text in self.notes))


def quantize(plan: QuantizePlan, *, progress: Progress | None = None, locate: Locate = store.local) -> QuantizeResult:
    """Write a quantized checkpoint that stock mlx-lm loads.

    Raises:
        CheckpointError: the source is quantized already (without `requantize`).
        MlxkitError: nothing was written, and why.
    """
    progress = progress or Silent()
    store.refuse_existing(plan.destination, force=plan.force)
    located = locate(plan.source)
    with models.small_cache(), store.replacing(plan.destination, source=located.folder, force=plan.force) as partial:
        source = store.read(plan.source, located.folder).sound()
        _refuse_quantized(source, plan)
        dtype = plan.dtype or _dtype(source)
        opened = models.open_model(source, trust_remote_code=plan.trust_remote_code)
        if opened.quantization is not None:
            models.dequantize(opened.model, dtype)
        models.cast(opened.model, dtype)
        layout = uniform(models.units(opened.model), plan.scheme)
        if not layout.schemes:
            raise CheckpointError(f"Nothing in {plan.source!r} can be quantized to {plan.scheme.name}.")
        sums, parameters = models.finite_sums(opened.model), models.parameters(opened.model)
        models.apply(opened.model, layout)
        written = store.write_checkpoint(
            partial,
            source,
            models.drain(opened.model, sums),
            config=output_config(source.config, dtype, layout.config_entry()),
            record=_record(plan, source, located, layout, dtype),
            parameters=parameters,
            shard_bytes=plan.shard_bytes,
            with_code=plan.trust_remote_code,
            progress=progress,
        )
        models.open_model(store.read(plan.source, partial).sound(), trust_remote_code=plan.trust_remote_code)
    return QuantizeResult(
        plan=plan,
        layout=layout,
        dtype=dtype,
        size_bytes=written.size_bytes,
        source_bytes=source.size_bytes,
        parameters=parameters,
        shards=tuple(shard[0].file for shard in written.shards),
        digest=written.record.digest,
        config_changes=source.config_changes,
        notes=(*_requantized(source), *source.warnings, *source.config_notes, *opened.notes),
    )


def _refuse_quantized(source: Checkpoint, plan: QuantizePlan) -> None:
    described = describe(source.config)
    if described is not None and not plan.requantize:
        raise CheckpointError(
            f"{plan.source!r} is quantized already: {described}.",
            hint="quantize the full-precision original, or lose some more with --requantize",
        )


def _dtype(source: Checkpoint) -> str:
    """Two bytes a number: 32-bit scales would cost as much as another two bits per weight."""
    stored = floating_dtype(source.tensors.values())
    return stored if stored in ("bfloat16", "float16") else "bfloat16"


def _requantized(source: Checkpoint) -> tuple[str, ...]:
    described = describe(source.config)
    return (f"The source was quantized already ({described}): it was dequantized first.",) if described else ()


def _record(plan: QuantizePlan, source: Checkpoint, located: Located, layout: Layout, dtype: str) -> Record:
    options: Mapping[str, Any] = {
        "scheme": plan.scheme.name,
        "dtype": plan.dtype,
        "encoder": "minmax",
        "shard_bytes": plan.shard_bytes,
        "requantize": plan.requantize,
    }
    return Record(
        command="quantize",
        options=options,
        source=Source(store.shown(plan.source), located.repo, located.commit, source_license(source)),
        dtype=dtype,
        digests={},
        schemes={path: scheme.name for path, scheme in layout.schemes.items()},
        skipped={skip.path: skip.reason for skip in layout.skipped},
        versions=models.versions(),
        platform=models.platform(),
        notes=(*_requantized(source), *source.config_changes),
    )
