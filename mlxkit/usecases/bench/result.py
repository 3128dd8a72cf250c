"""What the stopwatch said: measurements, as the ledger has them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError
from mlxkit.core.estimates import Estimate
from mlxkit.core.measurement import Measurement
from mlxkit.core.report import Axis, Column, Fact, Note, Picture, Report, Series, Table, Value
from mlxkit.usecases.bench.plan import BenchPlan

_FAR = 0.2

_SHORT = {"prompt_tokens": "p", "generated_tokens": "n", "depth": "d", "batch": "b"}
"""What a workload is made of, by the flags that ask for it."""


@dataclass(frozen=True)
class BenchResult:
    """What was measured.

    Attributes:
        plan: what was asked for.
        measurements: as they were recorded: of each workload, each model in turn.
        bandwidth: of reading memory in this run, bytes per second; None for a cold run, which has no ceiling.
        stopped: why it ended early; None for a whole run.
        notes: what the user should know.
    """

    command: ClassVar[str] = "bench"
    plan: BenchPlan
    measurements: tuple[Measurement, ...]
    bandwidth: float | None
    stopped: MlxkitError | None
    notes: tuple[str, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """The interruption, when there was one."""
        return self.stopped

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "models": list(self.plan.models),
            "bandwidth_bytes_per_second": self.bandwidth,
            "measurements": [{"id": found.id, **found.as_json()} for found in self.measurements],
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = () if self.bandwidth is None else (Fact("Memory is read at", f"{self.bandwidth / 1e9:.1f} GB/s"),)
        table = self._cold() if self.plan.is_cold else self._warm()
        said = [*self.notes]
        if self.measurements:
            said.append(f"Recorded as {', '.join(found.short_id for found in self.measurements)}.")
        return Report("Throughput", facts, (table,), (*self._marks(), *(Note(text) for text in said)))

    def _marks(self) -> Iterator[Note]:
        """Yield each mark once, with the rows that bear it where not all do."""
        marked: dict[str, list[str]] = {}
        for found in self.measurements:
            for mark in found.summary["marks"]:
                marked.setdefault(mark, []).append(found.short_id)
        for mark, ids in marked.items():
            where = f"{', '.join(ids)}: " if len(ids) < len(self.measurements) else ""
            yield Note(f"{where}{mark}", "warning")

    def _warm(self) -> Table:
        columns = (
            Column("Model"),
            *(Column(name, "count") for name in _SHORT.values()),
            Column("Prefill tok/s", "ratio"),
            Column("Decode tok/s", "ratio"),
            Column("TTFT", "seconds"),
            Column("Of ceiling", "share"),
            Column("Peak", "bytes"),
        )
        return Table("Median ± standard deviation", columns, tuple(self._row(found) for found in self.measurements))

    def _row(self, found: Measurement) -> tuple[Value, ...]:
        summary = found.summary
        return (
            _name(found),
            *(found.workload[name] for name in _SHORT),
            _spread(summary, "prompt_tps"),
            _spread(summary, "generation_tps"),
            summary["ttft_seconds"],
            summary["share_of_ceiling"],
            summary["peak_memory_bytes"],
        )

    def _cold(self) -> Table:
        names = ("import_seconds", "load_seconds", "first_seconds", "total_seconds")
        columns = (Column("Model"), *(Column(name, "seconds") for name in ("Import", "Load", "First token", "Total")))
        rows = tuple((_name(found), *(found.summary[name] for name in names)) for found in self.measurements)
        return Table("A fresh process, median", columns, rows)

    def picture(self) -> Picture:
        """Return decoding against depth, or against prompt length where depth is always the same, with the ceiling."""
        decoded = self._decoded()
        varied = [name for name in _SHORT if len({found.workload[name] for found in decoded}) > 1]
        along = "depth" if "depth" in varied else "prompt_tokens"
        series: dict[str, list[Measurement]] = {}
        for found in decoded:
            told = [f"{_SHORT[name]}{found.workload[name]}" for name in varied if name != along]
            series.setdefault(" ".join([_name(found), *told]), []).append(found)
        # Where a model is far below its ceiling, both can be read only on a logarithmic axis.
        is_far = any(found.summary["share_of_ceiling"] < _FAR for found in decoded)
        return Picture(
            title="Decoding, and how fast memory would allow it",
            x=Axis({"depth": "Tokens in the cache before", "prompt_tokens": "Prompt"}[along], "tokens"),
            y=Axis("Decode", "tps", is_logarithmic=is_far),
            series=tuple(line for name, found in series.items() for line in _lines(name, along, found)),
            note=self._conditions(),
        )

    def _decoded(self) -> list[Measurement]:
        return [found for found in self.measurements if found.summary.get("generation_tps") is not None]

    def _conditions(self) -> str:
        if not self.measurements:
            return ""
        here, versions = self.measurements[0].machine, self.measurements[0].versions
        where = f"{here['chip'] or here['architecture']}, {here['device']}, mlx {versions['mlx']}"
        return f"{where}; bars are standard deviations"


def _lines(name: str, along: str, measured: list[Measurement]) -> Iterator[Series]:
    """Yield what was decoded, and the ceiling above it, which sinks as the cache grows."""
    ordered = sorted(measured, key=lambda found: found.workload[along])
    at = [float(found.workload[along]) for found in ordered]
    speeds = [found.summary["generation_tps"] for found in ordered]
    yield Series(
        name, tuple(zip(at, speeds, strict=True)), tuple(found.summary["generation_tps_sd"] for found in ordered)
    )
    ceilings = [found.summary["ceiling_tps"] for found in ordered]
    yield Series(f"{name}, ceiling", tuple(zip(at, ceilings, strict=True)), is_limit=True)


def _spread(summary: Mapping[str, Any], name: str) -> Estimate | None:
    value = summary[name]
    return None if value is None else Estimate(value, summary[f"{name}_sd"], 0)


def _name(found: Measurement) -> str:
    return found.subject.name.rpartition("/")[2] or found.subject.name
