"""What an evaluation found: measurements, as the ledger has them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError
from mlxkit.core.estimates import Estimate
from mlxkit.core.measurement import SHOWN, Measurement, Subject
from mlxkit.core.report import Column, Fact, Note, Report, Table, Value
from mlxkit.usecases.eval.plan import EvalPlan

_KL = tuple(Column(name, "nats") for name in ("KL (nats)", "median", "p99", "p99.9", "max"))
_QUANTILES = ("median", "p99", "p999", "max")


@dataclass(frozen=True)
class EvalResult:
    """What was measured.

    Attributes:
        plan: what was asked for.
        subject: who was judged.
        reference: by whom; None for nobody.
        measurements: as they were recorded: of each text, then of each task.
        notes: what the user should know.
    """

    command: ClassVar[str] = "eval"
    plan: EvalPlan
    subject: Subject
    reference: Subject | None
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """None: what cannot be measured raises."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "model": self.plan.model,
            "measurements": [{"id": found.id, **found.as_json()} for found in self.measurements],
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (
            Fact("Weights", self.subject.digest[:SHOWN]),
            *((Fact("Original", self.reference.name),) if self.reference else ()),
        )
        texts = [found for found in self.measurements if found.kind == "quality"]
        tables = (
            *self._lost(texts),
            *_spoken(texts),
            *_answered([found for found in self.measurements if found.kind == "task"]),
        )
        said = (*self.notes, f"Recorded as {', '.join(found.short_id for found in self.measurements)}.")
        return Report(f"{self.plan.model}, judged", facts, tables, tuple(Note(text) for text in said))

    def _lost(self, texts: list[Measurement]) -> tuple[Table, ...]:
        if self.reference is None or not texts:
            return ()
        columns = (Column("Text"), *_KL, Column("same first", "share"), Column("noise", "nats"))
        rows = tuple(
            (
                _name(found),
                found.estimate("kl_nats"),
                *(found.summary[f"kl_nats_{share}"] for share in _QUANTILES),
                found.estimate("top1_agreement"),
                found.summary["noise_floor_kl_nats"],
            )
            for found in texts
        )
        return (Table("Against the original", columns, rows),)


def _spoken(texts: list[Measurement]) -> tuple[Table, ...]:
    if not texts:
        return ()
    compared = any("perplexity_ratio" in found.summary for found in texts)
    others = (Column("original's", "ratio"), Column("ratio", "ratio")) if compared else ()
    columns = (
        Column("Text"),
        Column("Tokens", "count"),
        Column("Perplexity", "ratio"),
        *others,
        Column("Bits per byte", "ratio"),
    )
    figures = ("perplexity", *(("reference_perplexity", "perplexity_ratio") if compared else ()), "bits_per_byte")
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (_name(found), found.summary["tokens"], *(found.estimate(name) for name in figures)) for found in texts
    )
    return (Table("What it expects", columns, rows),)


def _answered(tasks: list[Measurement]) -> tuple[Table, ...]:
    if not tasks:
        return ()
    columns = (
        Column("Task"),
        Column("Asked", "count"),
        Column("Right", "share"),
        Column("95 % interval"),
        Column("Lost", "count"),
        Column("Gained", "count"),
        Column("p", "ratio"),
    )
    return (Table("Questions", columns, tuple(row for found in tasks for row in _task_rows(found))),)


def _task_rows(found: Measurement) -> Iterator[tuple[Value, ...]]:
    name, summary = found.workload["task"], found.summary
    if "figures" not in summary:
        yield (name, *_shares(summary, summary["share"], summary["asked"]))
    for figure in summary.get("figures", ()):
        label = f"{figure['task']}: {figure['metric']}"
        label += "" if figure["filter"] == "none" else f", {figure['filter']}"
        yield (label, *_shares(figure, Estimate(figure["value"], figure["stderr"], 0), figure["samples"]))


def _shares(figures: Mapping[str, Any], share: Value, asked: int) -> tuple[Value, ...]:
    interval = figures.get("interval_95")
    between = f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %" if interval else ""
    return (asked, share, between, figures.get("lost"), figures.get("gained"), figures.get("p_value"))


def _name(found: Measurement) -> str:
    mark = " (calibration text)" if found.workload["is_calibration_text"] else ""
    return f"{found.workload['text']}{mark}"
