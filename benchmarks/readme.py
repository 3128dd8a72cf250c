"""README's table of throughput, made from what `peers.py` kept."""

import json
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- peers:begin -->", "<!-- peers:end -->"


def table(figures: dict[str, Any]) -> str:
    """Return the table: each row a figure, mlxkit's, mlx-lm's, and the median of the ratios of runs in turn."""
    rows = ["| bfloat16, CPU backend | mlxkit | mlx-lm | ratio |", "| --- | ---: | ---: | ---: |"]
    for name, found in figures["in_process"].items():
        label = f"`{name}`" if name == "tiny" else f"random weights, {found['size_bytes'] / 1e6:.0f} MB"
        for figure, words in (("prompt_tps", "prefill"), ("generation_tps", "decode")):
            one = found[figure]
            cells = (f"{words}, {label}", *(f"{one[who]:,.0f} tok/s" for who in ("mlxkit", "mlx_lm")))
            rows.append(f"| {' | '.join(cells)} | {one['ratio']:.3f} |")
    whole = figures["whole_process"]
    for field, words, unit, factor in (
        ("wall_seconds", "one answer, whole process", "s", 1),
        ("peak_rss_bytes", "its peak memory", "MB", 1e-6),
    ):
        cells = [f"{whole['commands'][who][field]['median'] * factor:,.3g} {unit}" for who in ("mlxkit", "mlx_lm")]
        rows.append(f"| {words} | {' | '.join(cells)} | {whole[f'{field}_ratio']:.3f} |")
    return "\n".join(rows)


def renewed(page: str, results: Path) -> str:
    """Return a page with the table between its markers renewed."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    figures = json.loads(results.read_text(encoding="utf-8"))
    return f"{before}{BEGIN}\n{table(figures)}\n{END}{after}"


def renew(page: Path, results: Path) -> str:
    """Renew the table of a page, and return it."""
    text = renewed(page.read_text(encoding="utf-8"), results)
    page.write_text(text, encoding="utf-8")
    return text.split(BEGIN)[1].split(END)[0].strip()
