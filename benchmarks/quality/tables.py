"""The figures as Markdown tables."""

from collections.abc import Iterable, Sequence
from typing import Any

from quality.comparing import answered, ratios


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; floats are given four significant digits."""
    lines = [f"\n**{title}**\n", f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_shown, row))} |" for row in rows)])


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def overview(name: str, found: dict[str, Any]) -> str:
    """Return everything that is shown of one subject."""
    parts = [_rows(name, text, found) for text in found["texts"]]
    parts += [_ratios(name, found), _answers(name, found)]
    if found.get("frontier"):
        parts.append(_frontier(name, found["frontier"]))
    if found.get("reproduced"):
        made = found["reproduced"]
        parts.append(table(f"{name}: the same plan, two processes, no cache", ("run", "digest"), made.items()))
    head = ("what", "kind", "target", "measured", "± se", "met")
    rows = [(*list(target.values())[:-1], "yes" if target["is_met"] else "**no**") for target in found["targets"]]
    return "\n".join([*parts, table(f"{name}: targets", head, rows)])


def _rows(name: str, text: str, found: dict[str, Any]) -> str:
    head = "row,bytes,bits per weight,KL nats,± se,median,p99,top-1,perplexity ratio,± se,right,lost,gained".split(",")
    rows = []
    for row, figures in found["rows"].items():
        measured, asked = figures["texts"][text], figures["questions"]
        keys = "kl_nats,se_nats,median_nats,p99_nats,top1_agreement,perplexity_ratio,perplexity_ratio_se".split(",")
        size = (figures["size_bytes"], figures["bits_per_weight"])
        answers = (asked["right"], asked["lost"], asked["gained"])
        rows.append((row, *size, *(measured[key] for key in keys), *answers))
    about = found["texts"][text]
    floor = about["noise_floor"]["kl_nats"]
    return table(f"{name}, {text}, {about['tokens']} tokens, noise floor {floor:.1e} nats", head, rows)


def _ratios(name: str, found: dict[str, Any]) -> str:
    head = ("row", "text", "KL nats", "rival's", "ratio", "± se", "bytes, ratio")
    keys = ("row", "text", "kl_nats", "rival_kl_nats", "ratio", "ratio_se", "size_ratio")
    return table(f"{name}: over the rival", head, [tuple(pair[key] for key in keys) for pair in ratios(found["rows"])])


def _answers(name: str, found: dict[str, Any]) -> str:
    head = ("row", "rival", "right", "rival's", "alone", "rival alone", "p")
    asked, original = found["questions"]["asked"], found["questions"]["right"]
    title = f"{name}: answers to {asked} questions (the original: {original})"
    return table(title, head, [tuple(pair.values()) for pair in answered(found["rows"])])


def _frontier(name: str, frontier: dict[str, Any]) -> str:
    correlations = ", ".join(f"{column} {value:.3f}" for column, value in frontier["rank_correlation"].items() if value)
    title = f"{name}: predicted and measured; Spearman's correlation: {correlations}"
    return table(title, tuple(frontier["points"][0]), [tuple(point.values()) for point in frontier["points"]])
