"""What gates and tables are told of measurements: of several texts or tasks, the one that is worst."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlxkit.core.measurement import Measurement


def judged_figures(rows: Sequence[Measurement]) -> dict[str, Any]:
    """Return what was lost, as JSON: KL in nats per token and shares of 1, each with its standard error.

    Args:
        rows: of texts and of tasks.
    """
    texts = [row.summary for row in rows if row.kind == "quality"]
    found: dict[str, Any] = {}
    worst = max((one for one in texts if "kl_nats" in one), key=lambda one: one["kl_nats"], default=None)
    if worst is not None:
        found |= {"kl_nats": worst["kl_nats"], "kl_nats_se": worst.get("kl_nats_se")}
    least = min((one for one in texts if "top1_agreement" in one), key=lambda one: one["top1_agreement"], default=None)
    if least is not None:
        found |= {"top1_agreement": least["top1_agreement"], "top1_agreement_se": least.get("top1_agreement_se")}
    shares = list(_shares(row for row in rows if row.kind == "task"))
    return found | ({"task_accuracy": min(shares)} if shares else {})


def _shares(rows: Iterable[Measurement]) -> Iterator[float]:
    """Yield the share of right answers of each task: of lm-evaluation-harness, its first figure that is one."""
    for row in rows:
        if "share" in row.summary:
            yield row.summary["share"]
            continue
        figures: Sequence[Mapping[str, Any]] = row.summary.get("figures", ())
        values = [one["value"] for one in figures if one["is_higher_better"] and 0 <= one["value"] <= 1]
        yield from values[:1]


def timed_figures(rows: Sequence[Measurement]) -> dict[str, Any]:
    """Return how fast the first workload that decodes is decoded, in tokens per second, as JSON."""
    row = next((one for one in rows if one.summary.get("generation_tps") is not None), None)
    if row is None:
        return {}
    return {"decode_tps": row.summary["generation_tps"], "decode_tps_sd": row.summary.get("generation_tps_sd")}
