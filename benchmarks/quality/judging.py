"""How far a folder of weights is from the original: stock mlx-lm loads it, and everything is computed in float32."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm import load
from mlx_lm.utils import dequantize_model

from quality.subjects import Subject, Text, questions, weights_sha256

BATCH = 4
"""Rows of one forward pass."""

TAIL = 61
"""Tokens put behind each row for the noise floor, to give every product another shape."""

ASKED_AT_ONCE = 50


class Judge:
    """The original's answers, and what other weights say instead.

    Args:
        subject: the original.
        texts: name to text.
    """

    def __init__(self, subject: Subject, texts: dict[str, Text]) -> None:
        self._texts, self._questions = texts, questions()
        model, tokenizer = load(str(subject.folder))[:2]
        model.set_dtype(mx.float32)
        self._tokenizer = tokenizer
        self._prompts: list[list[int]] = [
            tokenizer.apply_chat_template([{"role": "user", "content": question["prompt"]}], add_generation_prompt=True)
            for question in self._questions
        ]
        self._logits = {name: _logits(model, text.rows, BATCH) for name, text in texts.items()}
        self.parameters = sum(array.size for _, array in tree_flatten(model.parameters()))
        self.right = self._answers(model)
        self.noise_floor = {
            name: _divergence(self._logits[name], _otherwise(model, text.rows), text.rows)
            for name, text in texts.items()
        }

    @property
    def key(self) -> dict[str, Any]:
        """What figures depend on besides the weights."""
        return {name: text.digest for name, text in self._texts.items()}

    def figures(self, folder: Path) -> dict[str, Any]:
        """Return all that is measured of one checkpoint.

        Raises:
            ValueError: stock mlx-lm does not load it, or its config says something else than its layers.
        """
        model, _, config = load(str(folder), return_config=True)
        is_complete = _demand_listed(model, folder)
        size_bytes = sum(array.nbytes for file in folder.glob("model*.safetensors") for array in _arrays(file))
        model.set_dtype(mx.float32)  # scales and biases too, so that weights are decoded in float32
        model = dequantize_model(model)
        texts = {
            name: _divergence(self._logits[name], _logits(model, text.rows, BATCH), text.rows)
            for name, text in self._texts.items()
        }
        right = self._answers(model)
        return {
            "size_bytes": size_bytes,
            "bits_per_weight": 8 * size_bytes / self.parameters,
            "weights_sha256": weights_sha256(folder),
            "default": {key: config["quantization"][key] for key in ("bits", "group_size")},
            "is_config_complete": is_complete,
            "texts": texts,
            "questions": {
                "right": sum(right),
                "asked": len(right),
                "lost": sum(was and not now for was, now in zip(self.right, right, strict=True)),
                "gained": sum(now and not was for was, now in zip(self.right, right, strict=True)),
                "answers": bits(right),
            },
        }

    def _answers(self, model: nn.Module) -> list[bool]:
        """Return whether each question is answered exactly by the likeliest tokens.

        A greedy answer is the expected one if and only if each of its tokens, and the end after them, is the likeliest
        after those before: a forward pass tells. Where the likeliest token is another that spells the same, the answer
        is spelled so from there on, and asked about again.
        """
        right = [False] * len(self._questions)
        expected = [question["answer"] for question in self._questions]
        open_ones = {number: self._encoded(answer) for number, answer in enumerate(expected)}
        while open_ones:
            left: dict[int, list[int]] = {}
            said = self._likeliest(model, open_ones)
            for number, answer in open_ones.items():
                told = said[number]
                same = next((i for i, token in enumerate(answer) if told[i] != token), len(answer))
                begun = [*answer[:same], told[same]]
                if told[same] in self._tokenizer.eos_token_ids:
                    right[number] = same == len(answer)
                elif expected[number].startswith(spelled := self._tokenizer.decode(begun)):
                    left[number] = begun + self._encoded(expected[number][len(spelled) :])
            open_ones = left
        return right

    def _encoded(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return tokens

    def _likeliest(self, model: nn.Module, answers: dict[int, list[int]]) -> dict[int, list[int]]:
        """Return, for questions by their number, the likeliest token before each of an answer's and after the last."""
        found: dict[int, list[int]] = {}
        numbers = sorted(answers)
        for begin in range(0, len(numbers), ASKED_AT_ONCE):
            batch = numbers[begin : begin + ASKED_AT_ONCE]
            rows = [self._prompts[number] + answers[number] for number in batch]
            longest = max(map(len, rows))
            # What stands behind a row's end has no effect on it.
            said = mx.argmax(model(mx.array([row + [0] * (longest - len(row)) for row in rows])), axis=-1).tolist()
            for number, row, told in zip(batch, rows, said, strict=True):
                found[number] = told[len(self._prompts[number]) - 1 : len(row)]
        return found


def bits(flags: Sequence[bool]) -> str:
    """Return flags as a string of 0 and 1."""
    return "".join("01"[flag] for flag in flags)


def _arrays(file: Path) -> list[mx.array]:
    arrays: dict[str, mx.array] = mx.load(str(file))  # type: ignore[assignment]
    return list(arrays.values())


def _logits(model: nn.Module, rows: mx.array, batch: int) -> list[np.ndarray]:
    """Return the logits of each row, (time, vocabulary), float32."""
    found: list[np.ndarray] = []
    for begin in range(0, rows.shape[0], batch):
        found += list(np.array(model(rows[begin : begin + batch])))
    return found


def _otherwise(model: nn.Module, rows: mx.array) -> list[np.ndarray]:
    """Return the same logits, computed row by row and with more tokens behind each."""
    longer = mx.concatenate([rows, rows[:, :TAIL]], axis=1)
    return [row[: rows.shape[1]] for row in _logits(model, longer, 1)]


def _divergence(reference: Sequence[np.ndarray], other: Sequence[np.ndarray], rows: mx.array) -> dict[str, Any]:
    """Return KL(reference || other) and what goes with it.

    The sums are numpy's: MLX's exponential of a float64 is no better than that of a float32.

    Args:
        reference: per row (time, vocabulary).
        other: the same of other weights.
        rows: (rows, time), the tokens.
    """
    kl, agrees, excess, surprise = [], [], [], []
    for row, one, two in zip(np.array(rows), reference, other, strict=True):
        p, q = _log_softmax(one), _log_softmax(two)
        kl.append((np.exp(p) * (p - q)).sum(-1))
        agrees.append(p.argmax(-1) == q.argmax(-1))
        nll = [-np.take_along_axis(x[:-1], row[1:, None], -1)[:, 0] for x in (p, q)]
        surprise.append(nll[0].mean())
        excess.append((nll[1] - nll[0]).mean())
    tokens = np.concatenate(kl)
    ratio = math.exp(np.mean(excess))
    return {
        "kl_nats": float(tokens.mean()),
        "se_nats": standard_error([row.mean() for row in kl]),
        "median_nats": float(np.median(tokens)),
        "p99_nats": float(np.quantile(tokens, 0.99)),
        "p999_nats": float(np.quantile(tokens, 0.999)),
        "top1_agreement": float(np.mean(agrees)),
        "top1_se": standard_error([row.mean() for row in agrees]),
        "perplexity": ratio * math.exp(np.mean(surprise)),
        "perplexity_ratio": ratio,
        "perplexity_ratio_se": ratio * standard_error(excess),
        "rows_kl_nats": [float(f"{row.mean():.6g}") for row in kl],
    }


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    wide = logits.astype(np.float64)
    wide = wide - wide.max(-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(-1, keepdims=True))


def standard_error(means: Sequence[float]) -> float:
    """Return the standard error of a mean over rows: tokens within one are not independent."""
    return float(np.std(means, ddof=1) / math.sqrt(len(means)))


def _demand_listed(model: nn.Module, folder: Path) -> bool:
    """Check that `quantization` in config.json names every layer that differs, and holds no key that it must not.

    Returns:
        Whether it also gives all three keys everywhere, and stands under `quantization_config` too.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    entry = dict(config["quantization"])
    default = {key: entry.pop(key) for key in ("group_size", "bits", "mode") if key in entry}
    modules = dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))
    for path, said in entry.items():
        if path not in modules:
            raise ValueError(f"{folder.name}: {path!r} stands under quantization, and is no layer")
        if said is not False and not set(said) <= {"group_size", "bits", "mode"}:
            raise ValueError(f"{folder.name}: {path} has other keys than group_size, bits and mode: {sorted(said)}")
    for path, module in modules.items():
        said = entry.get(path, default)
        if "scales" in module:
            stored = {"group_size": module.group_size, "bits": module.bits, "mode": module.mode}
            if said is False or {"mode": "affine", **said} != stored:
                raise ValueError(f"{folder.name}: {path} is {stored}, and config.json says {said}")
        elif hasattr(module, "to_quantized") and said is not False:
            raise ValueError(f"{folder.name}: {path} is unquantized, and config.json says {said}")
    given = [default, *(said for said in entry.values() if said is not False)]
    return all(len(said) == 3 for said in given) and config.get("quantization_config") == config["quantization"]
