"""Whether it fits: a row for each scheme, device and context."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import DoesNotFitError, MlxkitError
from mlxkit.core.fitting import Need, Verdict
from mlxkit.core.report import Column, Fact, Note, Report, Table, Value
from mlxkit.core.sizes import size_text
from mlxkit.usecases.fit.plan import FitPlan


@dataclass(frozen=True)
class Row:
    """One scheme on one device at one context.

    Attributes:
        scheme: its short name, or "as stored".
        device: its name, or "this machine".
        limit_bytes: what the device has for it; None when that is not known.
        context: tokens of each row.
        need: what it takes.
        longest: the longest context that fits; None when there is no limit to hold it against.
        decode_tps: about how fast it decodes; None when that cannot be told.
        decode_band: how far that may be off, as a share of it.
    """

    scheme: str
    device: str
    limit_bytes: int | None
    context: int
    need: Need
    longest: int | None
    decode_tps: float | None = None
    decode_band: float | None = None

    @property
    def verdict(self) -> Verdict | None:
        """Whether it fits; None when the limit is not known."""
        return None if self.limit_bytes is None else self.need.verdict(self.limit_bytes)

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "scheme": self.scheme,
            "device": self.device,
            "limit_bytes": self.limit_bytes,
            "context": self.context,
            **asdict(self.need),
            "total_bytes": self.need.total_bytes,
            "verdict": self.verdict,
            "decode_tps": self.decode_tps,
            "decode_band": self.decode_band,
            "longest_context": self.longest,
        }


@dataclass(frozen=True)
class FitResult:
    """The answer.

    Attributes:
        plan: what was asked.
        rows: by scheme, then device, then context.
        parameters: of the model.
        context: the model's own; None when its config does not tell.
        notes: what the user should know.
    """

    command: ClassVar[str] = "fit"
    plan: FitPlan
    rows: tuple[Row, ...]
    parameters: int
    context: int | None
    notes: tuple[str, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """That nothing that was asked for fits."""
        if not all(row.verdict == "does not fit" for row in self.rows):
            return None
        least = min(self.rows, key=lambda row: row.need.total_bytes)
        return DoesNotFitError(
            f"{self.plan.model!r} does not fit: it takes {size_text(least.need.total_bytes)}, "
            f"and there is {size_text(least.limit_bytes or 0)}.",
            hint="a smaller scheme (--scheme 4bit) or a shorter context (--context 2048) takes less",
        )

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "model": self.plan.model,
            "parameters": self.parameters,
            "context": self.context,
            "batch": self.plan.batch,
            "rows": [row.data() for row in self.rows],
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (
            Fact("Parameters", self.parameters, "count"),
            Fact("Context", self.context, "tokens"),
            *((Fact("Batch", self.plan.batch, "count"),) if self.plan.batch > 1 else ()),
        )
        columns = (
            Column("Scheme"),
            Column("Device"),
            Column("Context", "count"),
            Column("Weights", "bytes"),
            Column("Cache", "bytes"),
            Column("Workspace", "bytes"),
            Column("Total", "bytes"),
            Column("Limit", "bytes"),
            Column("Verdict"),
            Column("Decode", "tps"),
            Column("Longest", "count"),
        )
        table = Table("Memory and speed", columns, tuple(_cells(row) for row in self.rows))
        is_known = all(row.need.cache_bytes is not None for row in self.rows)
        exact = "Weights and cache are exact" if is_known else "Weights are counted"
        notes = [*self.notes, f"{exact}; the workspace is an estimate."]
        bands = [row.decode_band for row in self.rows if row.decode_band is not None]
        if bands:
            notes.append(f"Decode is an estimate, ± {max(bands):.0%}, of the next token at that context.")
        return Report(f"{self.plan.model}: will it fit?", facts, (table,), tuple(Note(text) for text in notes))


def _cells(row: Row) -> tuple[Value, ...]:
    need = row.need
    sizes = (need.weight_bytes, need.cache_bytes, need.workspace_bytes, need.total_bytes, row.limit_bytes)
    verdict = row.verdict or "not known"
    return (row.scheme, row.device, row.context, *sizes, verdict, row.decode_tps, row.longest)
