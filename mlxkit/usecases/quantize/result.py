"""What was quantized, and what it cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.divergence import Divergence, rank_correlation
from mlxkit.core.errors import MlxkitError
from mlxkit.core.quantization import Layout, Unit
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.usecases.quantize.plan import QuantizePlan

_SIZES = 3
"""Columns of a frontier that tell of sizes: what there is where nothing was measured."""

MANY = 12
"""Rows above which a table of layers says less of more of them; JSON names each."""


@dataclass(frozen=True)
class Quality:
    """What is known of the loss, on held-out text.

    Attributes:
        predicted_nats: KL per token as the choice of schemes expected it; None where schemes were given.
        measured: KL(original || written).
        rival: the uniform scheme of that size, encoded alike; None where there is none.
        rival_measured: its KL.
        is_rival: it was better than the chosen layout, and is what was written.
        polished_from: KL before polishing; None when it was not polished, or nothing was gained.
    """

    predicted_nats: float | None
    measured: Divergence
    rival: str | None = None
    rival_measured: Divergence | None = None
    is_rival: bool = False
    polished_from: Divergence | None = None

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "predicted_kl_nats": self.predicted_nats,
            "measured": self.measured.data(),
            "uniform": self.rival,
            "uniform_measured": self.rival_measured.data() if self.rival_measured else None,
            "is_uniform": self.is_rival,
            "polished_from": self.polished_from.data() if self.polished_from else None,
        }


@dataclass(frozen=True)
class Point:
    """One checkpoint that was written.

    Attributes:
        folder: where.
        layout: which unit got which scheme, and what was skipped.
        size_bytes: of all tensors.
        parameters: how many numbers they stand for.
        shards: the weight files.
        digest: of the checkpoint, independent of its shards.
        histogram: kind of unit to scheme to how many.
        quality: what is known of the loss; None where no text was used.
    """

    folder: Path
    layout: Layout
    size_bytes: int
    parameters: int
    shards: tuple[str, ...]
    digest: str
    histogram: Mapping[str, Mapping[str, int]]
    quality: Quality | None = None

    @property
    def bits_per_weight(self) -> float:
        """Stored bits per parameter, scales, biases and unquantized weights included."""
        return 8 * self.size_bytes / self.parameters

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "destination": str(self.folder),
            "size_bytes": self.size_bytes,
            "parameters": self.parameters,
            "bits_per_weight": self.bits_per_weight,
            "quantized_layers": len(self.layout.schemes),
            "default": self.layout.default.name,
            "exceptions": {path: scheme.keys() for path, scheme in self.layout.exceptions.items()},
            "skipped": [{"layer": skip.path, "reason": skip.reason} for skip in self.layout.skipped],
            "histogram": {kind: dict(counts) for kind, counts in self.histogram.items()},
            "shards": list(self.shards),
            "digest": self.digest,
            "quality": self.quality.data() if self.quality else None,
        }


@dataclass(frozen=True)
class QuantizeResult:
    """What was written.

    Attributes:
        plan: what was asked.
        points: the checkpoints, one for each scheme or budget.
        dtype: of scales, biases and unquantized weights.
        encoder: what found codes and scales: an encoder, or mlx-lm's method.
        source_bytes: of all tensors of the source.
        config_changes: what was written differently into config.json, a sentence each.
        notes: what the user should know.
        calibration: the text that statistics were taken on: origin, digest, tokens; None where there was none.
        held_out: the text that the loss was measured on.
        sensitive: the most sensitive units, with what the narrowest scheme would lose there, in nats per token.
    """

    command: ClassVar[str] = "quantize"
    plan: QuantizePlan
    points: tuple[Point, ...]
    dtype: str
    encoder: str
    source_bytes: int
    config_changes: tuple[str, ...]
    notes: tuple[str, ...]
    calibration: Mapping[str, Any] | None = None
    held_out: Mapping[str, Any] | None = None
    sensitive: tuple[tuple[str, float], ...] = ()

    @property
    def failure(self) -> MlxkitError | None:
        """None: what fails is not written."""
        return None

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's correlation of predicted and measured KL over the points; None for fewer than two."""
        pairs = [
            (point.quality.predicted_nats, point.quality.measured.kl_nats)
            for point in self.points
            if point.quality and point.quality.predicted_nats is not None
        ]
        return rank_correlation([one for one, _ in pairs], [other for _, other in pairs]) if len(pairs) > 1 else None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "source": self.plan.source,
            "destination": str(self.plan.destination),
            "goal": self.plan.goal,
            "dtype": self.dtype,
            "encoder": self.encoder,
            "source_bytes": self.source_bytes,
            "points": [point.data() for point in self.points],
            "rank_correlation": self.rank_correlation,
            "calibration": dict(self.calibration) if self.calibration else None,
            "held_out": dict(self.held_out) if self.held_out else None,
            "sensitive": [{"layer": path, "loss_nats": loss} for path, loss in self.sensitive],
            "config_changes": list(self.config_changes),
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        single = len(self.points) == 1
        facts = (
            Fact("Written to", str(self.plan.destination)),
            Fact("Asked for", self.plan.goal),
            Fact("Encoder", self.encoder),
            *self._text,
            *(_facts(self.points[0], self.source_bytes) if single else self._correlation),
        )
        tables = [*(_tables(self.points[0], explain=self.plan.explain) if single else [self._frontier()])]
        if self.plan.explain and not single:
            tables += [_histogram(point, f"Schemes in {point.folder.name}") for point in self.points]
        if self.plan.explain and self.sensitive:
            columns = (Column("Layer"), Column("KL at the narrowest scheme, nats", "nats"))
            tables.append(Table("Most sensitive layers for their size", columns, self.sensitive))
        shown = tuple(table for table in tables if table.rows)
        return Report(f"{self.plan.source} quantized", facts, shown, tuple(Note(text) for text in self.notes))

    @property
    def _text(self) -> tuple[Fact, ...]:
        if self.held_out is None:
            return ()
        return (Fact("Measured on", f"{self.held_out['tokens']:,} tokens held out, {self.held_out['origin']}"),)

    @property
    def _correlation(self) -> tuple[Fact, ...]:
        found = self.rank_correlation
        return () if found is None else (Fact("Rank correlation", f"{found:.3f} (predicted and measured loss)"),)

    def _frontier(self) -> Table:
        columns = (
            Column("Folder"),
            Column("Bits per weight", "bits"),
            Column("Size", "bytes"),
            Column("KL, nats", "nats"),
            Column("± se", "nats"),
            Column("Predicted", "nats"),
            Column("Uniform", "nats"),
        )
        rows = tuple(_frontier_row(point) for point in self.points)
        if all(point.quality is None for point in self.points):
            return Table("Checkpoints", columns[:_SIZES], tuple(row[:_SIZES] for row in rows))
        return Table("Frontier", columns, rows)


def _frontier_row(point: Point) -> tuple[Any, ...]:
    quality = point.quality
    row = (point.folder.name, point.bits_per_weight, point.size_bytes)
    if quality is None:
        return (*row, None, None, None, None)
    uniform = quality.rival_measured.kl_nats if quality.rival_measured else None
    return (*row, quality.measured.kl_nats, quality.measured.se_nats, quality.predicted_nats, uniform)


def _facts(point: Point, source_bytes: int) -> tuple[Fact, ...]:
    return (
        Fact("Layers quantized", len(point.layout.schemes), "count"),
        Fact("Bits per weight", point.bits_per_weight, "bits"),
        Fact("Size", point.size_bytes, "bytes"),
        Fact("  of the source's", point.size_bytes / source_bytes, "share"),
        *(_quality_facts(point.quality) if point.quality else ()),
        Fact("Digest", point.digest),
    )


def _quality_facts(quality: Quality) -> tuple[Fact, ...]:
    facts = [Fact("KL to the original", quality.measured.kl_nats, "nats")]
    if quality.measured.se_nats is not None:
        facts.append(Fact("  standard error", quality.measured.se_nats, "nats"))
    if quality.polished_from is not None:
        facts.append(Fact("  before polishing", quality.polished_from.kl_nats, "nats"))
    if quality.predicted_nats is not None:
        facts.append(Fact("  predicted", quality.predicted_nats, "nats"))
    if quality.rival and quality.rival_measured:
        facts.append(Fact(f"  uniform {quality.rival}", quality.rival_measured.kl_nats, "nats"))
    return tuple(facts)


def _tables(point: Point, *, explain: bool) -> list[Table]:
    skipped = _gathered([(skip.path, skip.reason) for skip in point.layout.skipped])
    unquantized = Table("Layers left unquantized", (Column("Layer"), Column("Why")), skipped)
    if explain:
        return [_histogram(point, "Schemes by kind of layer"), unquantized]
    exceptions = _gathered([(path, scheme.name) for path, scheme in point.layout.exceptions.items()])
    if point.quality is not None and point.quality.predicted_nats is not None:
        exceptions = ()  # nearly every layer is one: `--explain` counts them
    return [Table("Layers with a scheme of their own", (Column("Layer"), Column("Scheme")), exceptions), unquantized]


def _gathered(rows: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return rows of a layer and what is said of it; when they are many, layers of a kind are one row."""
    if len(rows) <= MANY:
        return tuple(rows)
    alike: dict[tuple[str, str], list[str]] = {}
    for path, said in rows:
        alike.setdefault((Unit(path, 0).kind, said), []).append(path)
    return tuple(
        (paths[0] if len(paths) == 1 else f"{kind}, {len(paths)} layers", said) for (kind, said), paths in alike.items()
    )


def _histogram(point: Point, title: str) -> Table:
    rows = tuple(
        (kind, ", ".join(f"{count}×{scheme}" for scheme, count in sorted(counts.items())))
        for kind, counts in point.histogram.items()
    )
    return Table(title, (Column("Kind"), Column("Schemes")), rows)
