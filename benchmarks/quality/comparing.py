"""Ratios of what was measured side by side, and what was aimed at."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlxkit.core.divergence import rank_correlation
from quality.judging import standard_error

ALLOCATED = {2: 0.5, 3: 0.42, 4: 0.45, 5: 0.50, 6: 0.60}
"""KL over that of mlx-lm's uniform scheme of so many bits, at its size, at most; without polish."""

POLISHED = {2: 0.35, 3: 0.28, 4: 0.35}
ENCODED = {2: 0.70, 3: 0.80, 4: 0.85}
"""The same of an encoder alone: one scheme for all layers, as the rival has it."""

LLAMA_CPP = {3: 0.44, 4: 0.49, 5: 0.54, 6: 0.62}
"""What the best types of llama.cpp reach at these sizes, with an importance matrix, on another model of this size."""

SIZE_TOLERANCE = 0.005

Rows = Mapping[str, Mapping[str, Any]]
"""Row name to figures."""


def ratios(rows: Rows) -> list[dict[str, Any]]:
    """Return, for every row that has a rival and every text, its KL over the rival's, with the error of the pair.

    r = sum a / sum b ;  se = sqrt(sum (a_i - r b_i)^2 / (n (n - 1))) / mean b      i over rows of text
    """
    return [
        {"row": name, "rival": row["rival"], "text": text, **_pair(row, rows[row["rival"]], text)}
        for name, row in rows.items()
        if row.get("rival")
        for text in row["texts"]
    ]


def _pair(ours: Mapping[str, Any], rival: Mapping[str, Any], text: str) -> dict[str, Any]:
    one, other = (row["texts"][text]["rows_kl_nats"] for row in (ours, rival))
    ratio, mean = math.fsum(one) / math.fsum(other), math.fsum(other) / len(other)
    error = standard_error([a - ratio * b for a, b in zip(one, other, strict=True)]) / mean
    size_ratio = ours["size_bytes"] / rival["size_bytes"]
    return {
        "kl_nats": ours["texts"][text]["kl_nats"],
        "rival_kl_nats": rival["texts"][text]["kl_nats"],
        "ratio": ratio,
        "ratio_se": error,
        "size_ratio": size_ratio,
        "is_equal_size": abs(size_ratio - 1) <= SIZE_TOLERANCE,
    }


def answered(rows: Rows) -> list[dict[str, Any]]:
    """Return, for every row that has a rival, how many questions each answers, and alone, and how likely chance is."""
    found = []
    for name, row in rows.items():
        if not row.get("rival"):
            continue
        one, other = (named["questions"]["answers"] for named in (row, rows[row["rival"]]))
        alone = sum(a > b for a, b in zip(one, other, strict=True))
        rival_alone = sum(a < b for a, b in zip(one, other, strict=True))
        found.append(
            {
                "row": name,
                "rival": row["rival"],
                "right": row["questions"]["right"],
                "rival_right": rows[row["rival"]]["questions"]["right"],
                "alone": alone,
                "rival_alone": rival_alone,
                "p": sign_test(alone, rival_alone),
            }
        )
    return found


def sign_test(one: int, other: int) -> float:
    """Return how likely a split at least as uneven is by chance, both ways (McNemar's exact test).

    >>> sign_test(0, 5)
    0.0625
    """
    count = one + other
    tail = sum(math.comb(count, few) for few in range(min(one, other) + 1)) / 2**count
    return min(1.0, 2 * tail)


def targets(rows: Rows) -> list[dict[str, Any]]:
    """Return every threshold of KL and of answers, with what was measured and whether it is met.

    A mix or `dynamic_quant` must be beaten by two standard errors; a figure that is given must only be reached.
    """
    found = []
    for pair in ratios(rows):
        for target, kind in _wanted(pair["row"], pair["rival"]):
            reached = pair["ratio"] + 2 * pair["ratio_se"] < 1 if kind == "below" else pair["ratio"] <= target
            found.append(
                {
                    "what": f"{pair['row']} ({pair['text']})",
                    "kind": kind,
                    "target": target,
                    "measured": pair["ratio"],
                    "se": pair["ratio_se"],
                    "is_met": reached and pair["is_equal_size"],
                }
            )
    for pair in answered(rows):
        if pair["row"].startswith(("polished@", "allocated@")):
            right, least = pair["right"], pair["rival_right"]
            found.append(
                {
                    "what": f"{pair['row']} (answers, p {pair['p']:.2f})",
                    "kind": "answers",
                    "target": least,
                    "measured": right,
                    "se": None,
                    "is_met": right >= least,
                }
            )
    return found


def _wanted(name: str, rival: str) -> Iterator[tuple[float, str]]:
    """Yield each threshold of a row against its rival, and its kind."""
    method, _, _ = name.partition("@")
    if not rival.startswith("uniform_"):
        if method in ("allocated", "polished"):
            yield 1.0, "below"
        return
    bits = int(rival.removeprefix("uniform_"))
    if method in ("minmax", "lsq", "lsq_text", "feedback"):
        table, kind = ENCODED, "encoder"
    elif method == "allocated":
        table, kind = ALLOCATED, "allocated"
    else:
        table, kind = (POLISHED, "polished") if method == "polished" else ({}, "")
    if bits in table:
        yield table[bits], kind
    if bits in LLAMA_CPP and method in ("allocated", "polished"):
        yield LLAMA_CPP[bits], "llama.cpp"


def predictions(points: Sequence[Mapping[str, Any]], rows: Rows) -> dict[str, Any]:
    """Return predicted and measured KL of each point of a frontier, and their rank correlations."""
    found = []
    for point in points:
        measured = {name: text["kl_nats"] for name, text in rows[f"frontier/{point['name']}"]["texts"].items()}
        quality = point["quality"]
        found.append(
            {
                "point": point["name"],
                "bits_per_weight": point["bits_per_weight"],
                "predicted_nats": quality["predicted_kl_nats"],
                "mlxkit_measured_nats": quality["measured"]["kl_nats"],
                "is_uniform": quality["is_uniform"],
                **{f"{name}_nats": kl for name, kl in measured.items()},
            }
        )
    predicted = [point["predicted_nats"] for point in found]
    columns = [column for column in found[0] if column.endswith("_nats") and column != "predicted_nats"]
    correlations = {
        column: rank_correlation(predicted, [point[column] for point in found]) if len(found) > 1 else None
        for column in columns
    }
    return {"points": found, "rank_correlation": correlations}
