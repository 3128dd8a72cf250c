"""Ask tiny its held-out questions through stock mlx-lm, at full precision and at each uniform width.

Every answer is generated greedily with the checkpoint's own chat template and compared exactly. The quantized models
compute in float32, so that what is measured is the stored weights and not the rounding of activations.
"""

import argparse
import hashlib
import json
import platform
import sys
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm import load, stream_generate
from mlx_lm.sample_utils import make_sampler

from generate import BROADER, held_out_questions

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "mlxkit" / "data" / "tiny"
MAX_TOKENS = 40
GROUP_SIZE = 64
WIDTHS = (8, 6, 5, 4, 3, 2)
BROADER_QUESTIONS = 200


@dataclass(frozen=True)
class Scheme:
    """How the weights are stored (`bits` is None for bfloat16) and in which type the model computes."""

    name: str
    bits: int | None
    activations: mx.Dtype


SCHEMES = (
    Scheme("bf16", None, mx.bfloat16),
    Scheme("bf16, float32 activations", None, mx.float32),
    *(Scheme(f"{bits}-bit g{GROUP_SIZE}", bits, mx.float32) for bits in WIDTHS),
)


def wilson(right: int, asked: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a share, 95 % by default.

    (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), Wilson 1927

    >>> [round(bound, 3) for bound in wilson(490, 500)]
    [0.964, 0.989]
    """
    share, square = right / asked, z * z / asked
    middle = share + square / 2
    half = z * (share * (1 - share) / asked + square / (4 * asked)) ** 0.5
    return (middle - half) / (1 + square), (middle + half) / (1 + square)


def read_questions(folder: Path) -> list[dict[str, str]]:
    """Return the held-out questions that ship with the checkpoint."""
    return [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def answer(model: nn.Module, tokenizer: Any, prompt: str) -> str:
    """Return the greedy answer to one prompt in a fresh chat."""
    tokens = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True)
    sampler = make_sampler(temp=0.0)
    parts = stream_generate(model, tokenizer, tokens, max_tokens=MAX_TOKENS, sampler=sampler)
    return "".join(part.text for part in parts)


def figures(right: int, asked: int) -> dict[str, float | int]:
    """Return a count of right answers with its share and interval."""
    low, high = wilson(right, asked)
    return {"right": right, "asked": asked, "accuracy": right / asked, "wilson_low": low, "wilson_high": high}


def measure(folder: Path, scheme: Scheme, questions: list[dict[str, str]]) -> dict[str, Any]:
    """Return what the checkpoint answers under one scheme, overall and per task, and what it weighs."""
    model, tokenizer = load(str(folder))[:2]
    parameters = sum(weight.size for _, weight in tree_flatten(model.parameters()))
    if scheme.bits is not None:
        nn.quantize(model, group_size=GROUP_SIZE, bits=scheme.bits)
    stored_bytes = sum(weight.nbytes for _, weight in tree_flatten(model.parameters()))
    model.set_dtype(scheme.activations)
    asked, right = Counter[str](), Counter[str]()
    for question in questions:
        asked[question["task"]] += 1
        right[question["task"]] += answer(model, tokenizer, question["prompt"]) == question["answer"]
    return {
        "scheme": scheme.name,
        "bits": scheme.bits,
        "activations": str(scheme.activations).removeprefix("mlx.core."),
        "weights_bytes": stored_bytes,
        "bits_per_weight": stored_bytes * 8 / parameters,
        **figures(right.total(), asked.total()),
        "tasks": {task: figures(right[task], count) for task, count in asked.items()},
    }


def measure_broader(folder: Path) -> dict[str, Any]:
    """Return what the checkpoint, as it loads, answers to kinds of question that the shipped ones leave out."""
    model, tokenizer = load(str(folder))[:2]
    found = {}
    for kind, maker in BROADER.items():
        questions = list(held_out_questions(BROADER_QUESTIONS, makers=[maker]))
        right = sum(answer(model, tokenizer, question.prompt) == question.answer for question in questions)
        found[kind] = figures(right, len(questions))
    return found


def main() -> None:
    """Measure every scheme and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=DATA, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, default=HERE / "results.json", help="where the figures go")
    arguments = parser.parse_args()
    # Figures are compared between machines, so all are taken on the device that every machine has.
    mx.set_default_device(mx.cpu)

    questions, results = read_questions(arguments.model), []
    for scheme in SCHEMES:
        results.append(measure(arguments.model, scheme, questions))
        row = results[-1]
        sys.stdout.write(f"{row['scheme']:28} {row['right']}/{row['asked']}  {row['weights_bytes']} bytes\n")
        sys.stdout.flush()
    record = {
        "weights_sha256": hashlib.sha256((arguments.model / "model.safetensors").read_bytes()).hexdigest(),
        "questions_sha256": hashlib.sha256((arguments.model / "questions.jsonl").read_bytes()).hexdigest(),
        "max_tokens": MAX_TOKENS,
        "group_size": GROUP_SIZE,
        "device": "cpu",
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in ("mlx", "mlx-lm", "transformers", "tokenizers")},
        "results": results,
        "broader": measure_broader(arguments.model),
    }
    arguments.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
