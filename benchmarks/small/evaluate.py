"""Measure small at full precision: held-out perplexity, tiny's questions, and whether MLX computes what PyTorch does.

Stock mlx-lm on the CPU, bfloat16 weights, float32 arithmetic. The figures are added to `training.json`.
"""

import hashlib
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import torch
from mlx import nn
from mlx_lm import load
from safetensors.torch import load_file

# Before this script's own folder, whose modules would otherwise be found for tiny's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tiny"))

from evaluate import DATA, answer, figures, read_questions
from llama import SHAPE, WINDOW, Llama
from train import write_json

HERE = Path(__file__).resolve().parent
CHECKPOINT = HERE / "checkpoint"


def windows(ids: list[int]) -> Iterator[tuple[mx.array, mx.array]]:
    """Yield (inputs, targets), each (1, time), of windows that follow each other; the last one is shorter."""
    for begin in range(0, len(ids) - 1, WINDOW):
        piece = mx.array([ids[begin : begin + WINDOW + 1]])
        yield piece[:, :-1], piece[:, 1:]


def measure_text(model: nn.Module, tokenizer: Any) -> dict[str, float]:
    """Return what the held-out text costs; each window is read without what stands before it."""
    text = (CHECKPOINT / "held_out.txt").read_text(encoding="utf-8")
    ids = tokenizer.encode(text, add_special_tokens=False)
    pairs = list(windows(ids))
    nats = sum(nn.losses.cross_entropy(model(inputs), targets, reduction="sum").item() for inputs, targets in pairs)
    predicted = sum(targets.size for _, targets in pairs)
    return {
        "tokens": predicted,
        "loss_nats": nats / predicted,
        "perplexity": math.exp(nats / predicted),
        "bits_per_byte": nats / math.log(2) / len(text.encode()),
    }


def measure_questions(model: nn.Module, tokenizer: Any) -> dict[str, Any]:
    """Return how many of tiny's held-out questions are answered exactly, overall and per task."""
    asked, right = Counter[str](), Counter[str]()
    for question in read_questions(DATA):
        asked[question["task"]] += 1
        right[question["task"]] += answer(model, tokenizer, question["prompt"]) == question["answer"]
    return {
        **figures(right.total(), asked.total()),
        "tasks": {task: {"right": right[task], "asked": count} for task, count in asked.items()},
    }


@torch.no_grad()
def logits_difference(model: nn.Module, tokenizer: Any) -> float:
    """Return the largest difference between MLX's logits and PyTorch's, over one window of the held-out text."""
    text = (CHECKPOINT / "held_out.txt").read_text(encoding="utf-8")
    ids = [tokenizer.encode(text, add_special_tokens=False)[:WINDOW]]
    peer = Llama(SHAPE)
    peer.load_state_dict(load_file(CHECKPOINT / "model.safetensors"))
    return float(np.abs(np.array(model(mx.array(ids))) - peer(torch.tensor(ids)).numpy()).max())


def main() -> None:
    """Measure and add the figures to those of the training."""
    mx.set_default_device(mx.cpu)
    model, tokenizer = load(str(CHECKPOINT))[:2]
    model.set_dtype(mx.float32)
    measured = {
        "weights_sha256": hashlib.sha256((CHECKPOINT / "model.safetensors").read_bytes()).hexdigest(),
        "versions": {name: version(name) for name in ("mlx", "mlx-lm", "transformers", "tokenizers")},
        "logits_max_difference": logits_difference(model, tokenizer),
        "held_out_text": measure_text(model, tokenizer),
        "questions": measure_questions(model, tokenizer),
    }
    record = json.loads((HERE / "training.json").read_text(encoding="utf-8"))
    write_json(HERE / "training.json", {**record, "measured": measured})
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
