"""The text that statistics are taken on, and the other text that choices are judged by."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import PlanError
from mlxkit.core.progress import Progress
from mlxkit.core.text import digest, documents, share
from mlxkit.engines import models, store
from mlxkit.usecases.quantize.plan import ROW_TOKENS, QuantizePlan

METHOD = 2
"""Of what is kept between runs: another number where the same inputs give something else."""

HELD_OUT = 4
"""One in so many rows is held out of calibration, to judge by; of a user's file one in so many documents."""


@dataclass(frozen=True)
class Text:
    """Rows of tokens, and what the record says of them.

    Attributes:
        rows: token ids, all of one length.
        origin: where they are from.
    """

    rows: tuple[tuple[int, ...], ...]
    origin: str

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return sum(map(len, self.rows))

    def data(self) -> dict[str, Any]:
        """Return what identifies it, as JSON."""
        return {"origin": self.origin, "digest": digest(self.rows), "tokens": self.tokens}


def identity(source: Checkpoint, dtype: str, *, is_reduced: bool) -> dict[str, Any]:
    """Return what all that is found on a bench depends on, as JSON."""
    return {
        "method": METHOD,
        "source": store.fingerprint(source),
        "dtype": dtype,
        "reduced": is_reduced,
        "versions": models.versions(),
    }


def texts(
    plan: QuantizePlan, source: Checkpoint, bench: models.Workbench, base: dict[str, Any], progress: Progress
) -> tuple[Text, Text]:
    """Return the text for calibration and the held-out text; no document is in both.

    Raises:
        PlanError: the user's file cannot be used.
        CheckpointError: the tokenizer cannot be used.
    """
    tokenizer = models.load_tokenizer(source, trust_remote_code=plan.trust_remote_code)
    length = min(ROW_TOKENS, max(16, plan.calibration_tokens // HELD_OUT))
    count = max(1, plan.calibration_tokens // length)
    held_out = max(2, count // HELD_OUT)
    if plan.calibration is not None:
        return _from_file(plan, tokenizer, count, length, held_out)
    seeds = (2 * plan.seed, 2 * plan.seed + 1)
    written = [
        _written(bench, tokenizer, rows, length, seed, base, progress)
        for rows, seed in zip((count, held_out), seeds, strict=True)
    ]
    return written[0], written[1]


def _written(
    bench: models.Workbench,
    tokenizer: models.Tokenizer,
    count: int,
    length: int,
    seed: int,
    base: dict[str, Any],
    progress: Progress,
) -> Text:
    """Return text that the model writes, or has written in an earlier run."""
    path = store.kept("texts", {**base, "count": count, "length": length, "seed": seed}, ".json")
    kept = store.recalled(path)
    if kept is not None:
        return Text(tuple(map(tuple, kept["rows"])), kept["origin"])
    bench.demand_finite(progress)
    prompts = store.prompts()
    found = models.sampled(bench.model, tokenizer, prompts, count=count, length=length, seed=seed, progress=progress)
    store.keep(path, json.dumps({"rows": found.tokens, "origin": found.origin}).encode())
    return Text(found.tokens, found.origin)


def _from_file(
    plan: QuantizePlan, tokenizer: models.Tokenizer, count: int, length: int, held_out: int
) -> tuple[Text, Text]:
    path = plan.calibration
    if path is None:
        raise AssertionError("asked for by the caller")
    try:
        found = documents(path.expanduser().read_bytes(), path.name)
    except OSError as error:
        raise PlanError(
            f"{str(path)!r} cannot be read: {error.strerror or error}.", hint="name a file: .txt or .jsonl"
        ) from error
    # Held-out documents come last, so that no more than one of them begins in a row of the others.
    ordered = sorted(found, key=lambda document: share(document, HELD_OUT) == 0)
    rows = models.tokenized(tokenizer, ordered, count=sys.maxsize, length=length, name=path.name)
    if len(rows.tokens) < 2:
        raise PlanError(
            f"{path.name!r} has only {len(rows.tokens) * length} tokens of use: some must be held out to judge by.",
            hint=f"name a file with at least {2 * length} tokens, or leave --calibration out",
        )
    held_out = min(held_out, len(rows.tokens) // 2)
    most = min(count, len(rows.tokens) - held_out)
    return Text(rows.tokens[:most], rows.origin), Text(rows.tokens[-held_out:], rows.origin)
