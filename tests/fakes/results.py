"""A result with one value of every unit, as a command would return it."""

from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import GateError, MlxkitError
from mlxkit.core.report import Column, Fact, Note, Report, Table

REPORT = Report(
    title="A | model",
    facts=(
        Fact("Architecture", "qwen3"),
        Fact("Parameters", 4_022_468_096, "count"),
        Fact("  active", None, "count"),
        Fact("Size", 2_263_022_592, "bytes"),
        Fact("Bits per weight", 4.5018, "bits"),
        Fact("Context", 262_144, "tokens"),
        Fact("Took", 0.0312, "seconds"),
        Fact("Speed", 134.52, "tps"),
        Fact("Share", 0.28125, "share"),
        Fact("Template", True, "flag"),
        Fact("EOS ids", ("1", "2")),
    ),
    tables=(
        Table(
            "Layers",
            (Column("Kind"), Column("Tensors", "count"), Column("Quantized", "flag")),
            (("mlp", 108, True), ("norm | q", 145, False), ("other\nline", None, False)),
        ),
    ),
    notes=(Note("It is small."), Note("Its template [bold]is odd[/bold].", "warning")),
)


@dataclass(frozen=True)
class FakeResult:
    """What `gauge`, a command that there is not, returns."""

    command: ClassVar[str] = "gauge"
    values: Any = None
    failure: MlxkitError | None = None

    def data(self) -> dict[str, Any]:
        return {
            "model": "tiny",
            "size_bytes": 2263022592,
            "bits_per_weight": 4.501831054687500,
            "perplexity": float("nan"),
            "shards": ("a.safetensors", "b.safetensors"),
            "is_quantized": True,
            "license": "Lizenz für alle",
            "values": self.values,
        }

    def report(self) -> Report:
        return REPORT


MISSED = GateError("top1_agreement is 0.91, expected at least 0.95.", hint="mlxkit quantize --scheme 6bit")
