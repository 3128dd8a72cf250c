"""One quantized checkpoint, from a layout and whatever gives its weights, written and read again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxkit.core.budget import Target, histogram
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.located import Located
from mlxkit.core.output import output_config, source_license
from mlxkit.core.progress import Progress
from mlxkit.core.quantization import Layout, Unit
from mlxkit.core.record import Record, Source
from mlxkit.engines import models, store
from mlxkit.usecases.quantize.plan import QuantizePlan
from mlxkit.usecases.quantize.result import Point, Quality


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
        target: how large this checkpoint may be; None where its schemes were given.
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
    target: Target | None = None

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

    def write(
        self,
        partial: Path,
        folder: Path,
        quantize: Callable[[Any], Layout],
        quality: Quality | None,
        progress: Progress,
    ) -> Point:
        """Write one checkpoint, and read it again as strictly as a source.

        Args:
            partial: where it is written.
            folder: where it will stand.
            quantize: quantizes the opened model in place, and tells its layout.
            quality: what is known of its loss.
            progress: told the bytes written.
        """
        opened = self.opened()
        sums = {}
        if self.plan.method is None:
            sums = models.finite_sums(opened.model)
        else:  # it holds all weights in memory, and lazy sums would hold the originals as well
            models.demand_finite(opened.model, progress)
        layout = quantize(opened.model)
        written = store.write_checkpoint(
            partial,
            self.source,
            models.drain(opened.model, sums),
            config=output_config(self.source.config, self.dtype, layout.config_entry()),
            record=self._record(layout, quality),
            parameters=self.parameters,
            shard_bytes=self.plan.shard_bytes,
            with_code=self.plan.trust_remote_code,
            progress=progress,
        )
        models.open_model(store.read(self.plan.source, partial).sound(), trust_remote_code=self.plan.trust_remote_code)
        return Point(
            folder=folder,
            layout=layout,
            size_bytes=written.size_bytes,
            parameters=self.parameters,
            shards=tuple(shard[0].file for shard in written.shards),
            digest=written.record.digest,
            histogram=histogram(self.units, layout),
            quality=quality,
        )

    def _record(self, layout: Layout, quality: Quality | None) -> Record:
        plan = self.plan
        options: dict[str, Any] = {
            "scheme": plan.scheme.name if plan.scheme else None,
            "mix": plan.mix,
            "budget": {"wish": self.target.wish, "size_bytes": self.target.size_bytes} if self.target else None,
            "rules": [str(rule) for rule in plan.rules],
            "dtype": plan.dtype,
            "encoder": plan.method or plan.chosen_encoder,
            "polish": plan.polish,
            "shard_bytes": plan.shard_bytes,
            "requantize": plan.requantize,
            **self.options,
        }
        if quality is not None:
            options["quality"] = quality.data()
        return Record(
            command="quantize",
            options=options,
            source=Source(
                store.shown(plan.source), self.located.repo, self.located.commit, source_license(self.source)
            ),
            dtype=self.dtype,
            digests={},
            schemes={path: scheme.name for path, scheme in layout.schemes.items()},
            skipped={skip.path: skip.reason for skip in layout.skipped},
            versions=models.versions(),
            platform=models.platform(),
            notes=self.notes,
        )
