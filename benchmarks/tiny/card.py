"""Fill tiny's card from what was measured; refuses figures that belong to other weights than those that ship."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "mlxkit" / "data" / "tiny"


def read(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, numbers to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def summary_table(results: list[dict[str, Any]]) -> str:
    """Return the table of schemes: size and exact match with its interval."""
    rows = [
        [
            row["scheme"],
            f"{row['weights_bytes']:,}",
            f"{row['bits_per_weight']:.2f}",
            f"{row['right']} / {row['asked']}",
            f"{row['accuracy']:.1%}",
            f"{row['wilson_low']:.1%} to {row['wilson_high']:.1%}",
        ]
        for row in results
    ]
    return table(["weights", "bytes", "bits per weight", "right", "exact match", "95 % interval"], rows)


def task_table(results: list[dict[str, Any]]) -> str:
    """Return the table of right answers per task and scheme."""
    first = results[0]["tasks"]
    head = ["task", "asked", *(row["scheme"] for row in results)]
    rows = [[task, str(first[task]["asked"]), *(str(row["tasks"][task]["right"]) for row in results)] for task in first]
    return table(head, rows)


def broader_table(broader: dict[str, Any]) -> str:
    """Return the table of what the shipped questions leave out."""
    rows = [
        [
            kind,
            f"{row['right']} / {row['asked']}",
            f"{row['accuracy']:.1%}",
            f"{row['wilson_low']:.1%} to {row['wilson_high']:.1%}",
        ]
        for kind, row in broader.items()
    ]
    return table(["held out, from earlier stages", "right", "exact match", "95 % interval"], rows)


def main() -> None:
    """Write the card beside the weights."""
    measured, trained, config = read(HERE / "results.json"), read(HERE / "training.json"), read(DATA / "config.json")
    for name, key in (("model.safetensors", "weights_sha256"), ("questions.jsonl", "questions_sha256")):
        found = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
        if found != measured[key]:
            sys.exit(f"results.json was measured with another {name}: expected {measured[key][:12]}, got {found[:12]}.")
    results, plan = measured["results"], trained["plan"]
    card = (HERE / "card.md").read_text(encoding="utf-8")
    values = {
        **config,
        **plan,
        "parameters": f"{trained['parameters']:,}",
        "weights_bytes": f"{results[0]['weights_bytes']:,}",
        "asked": results[0]["asked"],
        "mlx": measured["versions"]["mlx"],
        "mlx_lm": measured["versions"]["mlx-lm"],
        "device": measured["device"].upper(),
        "platform": measured["platform"],
        "summary_table": summary_table(results),
        "task_table": task_table(results),
        "broader_table": broader_table(measured["broader"]),
        "cpu_minutes": f"{trained['cpu_seconds_per_process'] / 60:.1f}",
        "first_stage": plan["stages"][0],
        "second_stage": plan["stages"][1],
        "conversations": f"{trained['conversations']:,}",
        "minutes": f"{trained['wall_seconds'] / 60:.1f}",
        "machine": trained["machine"],
        "torch": trained["torch"],
    }
    (DATA / "README.md").write_text(card.format(**values), encoding="utf-8")


if __name__ == "__main__":
    main()
