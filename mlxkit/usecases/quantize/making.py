"""Quantized checkpoints, from layouts and whatever gives their weights, written side by side and read again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxkit.core.budget import Target, histogram
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.located import Located
from mlxkit.core.output import output_config, source_of
from mlxkit.core.progress import Progress
from mlxkit.core.quantization import Layout, Unit
from mlxkit.core.record import Record
from mlxkit.core.schemes import Scheme
from mlxkit.engines import models, store
from mlxkit.usecases.quantize.plan import QuantizePlan
from mlxkit.usecases.quantize.result import Point, Quality


@dataclass(frozen=True)
class Wanted:
    """One checkpoint of a run.

    Attributes:
        partial: where it is written: an empty folder.
        folder: where it will stand.
        quantize: quantizes the opened model in place, and tells its layout.
        scheme: that was asked for; None where there is none for all layers.
        target: how large it may be; None where its schemes were given.
        quality: what is known of its loss.
    """

    partial: Path
    folder: Path
    quantize: Callable[[Any], Layout]
    scheme: Scheme | None = None
    target: Target | None = None
    quality: Quality | None = None


@dataclass(frozen=True)
class Making:
    """What all checkpoints of one run share.

    Attributes:
        plan: what was asked for.
        source: the checkpoint.
        located: where it came from.
        dtype: of scales, biases and unquantized weights.
        units: what can be quantized.
        layers: how many layers the model says it has.
        parameters: how many numbers the source has.
        fixed_bytes: of what no unit holds, in the output: norms, biases, convolutions.
        notes: what the record says of the source.
        options: what the record says of this run, beyond the plan.
    """

    plan: QuantizePlan
    source: Checkpoint
    located: Located
    dtype: str
    units: tuple[Unit, ...]
    layers: int
    parameters: int
    fixed_bytes: int
    notes: tuple[str, ...]
    options: Mapping[str, Any]

    def unit_bytes(self, unit: Unit) -> int:
        """Return the bytes of a unit that stays unquantized."""
        return unit.size_bytes(None, self.number_bytes)

    @property
    def number_bytes(self) -> int:
        """Bytes of a scale, a bias or an unquantized number."""
        return 4 if self.dtype == "float32" else 2

    def opened(self) -> models.Opened:
        """Open the source with lazy weights in the output's dtype."""
        opened = models.open_model(self.source, trust_remote_code=self.plan.trust_remote_code)
        if opened.quantization is not None:
            models.dequantize(opened.model, self.dtype)
        models.cast(opened.model, self.dtype)
        return opened

    def write(self, wanted: Sequence[Wanted], progress: Progress, *, is_proven: bool = False) -> tuple[Point, ...]:
        """Write checkpoints from one reading of the source, and read each again as strictly as a source.

        Args:
            wanted: what to write.
            progress: told the bytes written.
            is_proven: the weights are known to be finite.

        Raises:
            IntegrityError: the weights hold NaN or infinity.
        """
        models_ = self._opened(len(wanted))
        sums = {}
        if self.plan.method is not None:  # it holds all weights in memory, and lazy sums would hold the originals too
            models.demand_finite(models_[0], progress)
        elif not is_proven:
            sums = models.finite_sums(models_[0])
        layouts, streams = [], []
        for number, one in enumerate(wanted):
            layouts.append(one.quantize(models_[number]))
            streams.append(models.drain(models_[number], {} if number else sums))
        if len(wanted) > 1:
            models.side_by_side(streams)
        drafts = tuple(map(self._draft, wanted, layouts, streams))
        return tuple(map(self._point, wanted, layouts, store.write_checkpoints(drafts, progress)))

    def _opened(self, count: int) -> list[Any]:
        """Return the source that often, with the same lazy weights in all of them."""
        found = [self.opened().model for _ in range(count)]
        for other in found[1:]:
            other.update(found[0].parameters())
        return found

    def _draft(self, one: Wanted, layout: Layout, stream: models.Stream) -> store.Draft:
        return store.Draft(
            folder=one.partial,
            source=self.source,
            stream=stream,
            config=output_config(self.source.config, self.dtype, layout.config_entry()),
            record=self._record(one, layout),
            parameters=self.parameters,
            shard_bytes=self.plan.shard_bytes,
            with_code=self.plan.trust_remote_code,
        )

    def _point(self, one: Wanted, layout: Layout, written: store.Written) -> Point:
        made = store.read(self.plan.source, one.partial).sound()
        models.open_model(made, trust_remote_code=self.plan.trust_remote_code)
        store.keep_digest(made, written.record.digest)
        return Point(
            folder=one.folder,
            layout=layout,
            size_bytes=written.size_bytes,
            parameters=self.parameters,
            shards=tuple(shard[0].file for shard in written.shards),
            digest=written.record.digest,
            histogram=histogram(self.units, layout),
            quality=one.quality,
        )

    def _record(self, one: Wanted, layout: Layout) -> Record:
        plan = self.plan
        options: dict[str, Any] = {
            "scheme": one.scheme.name if one.scheme else None,
            "mix": plan.mix,
            "budget": {"wish": one.target.wish, "size_bytes": one.target.size_bytes} if one.target else None,
            "rules": [str(rule) for rule in plan.rules],
            "dtype": plan.dtype,
            "encoder": plan.method or plan.chosen_encoder,
            "polish": plan.polish,
            "shard_bytes": plan.shard_bytes,
            "requantize": plan.requantize,
            **self.options,
        }
        if one.quality is not None:
            options["quality"] = one.quality.data()
        return Record(
            command="quantize",
            options=options,
            source=source_of(store.shown(plan.source), self.located, self.source),
            dtype=self.dtype,
            digests={},
            schemes={path: scheme.name for path, scheme in layout.schemes.items()},
            skipped={skip.path: skip.reason for skip in layout.skipped},
            versions=models.versions(),
            platform=models.platform(),
            notes=self.notes,
        )
