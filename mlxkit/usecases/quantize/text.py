"""The text that statistics are taken on, and the other text that choices are judged by."""

import sys
from typing import Any

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import PlanError
from mlxkit.core.progress import Progress
from mlxkit.core.text import Text, share
from mlxkit.engines import models, store
from mlxkit.usecases.quantize.plan import ROW_TOKENS, QuantizePlan

METHOD = 2
"""Of what is kept between runs: another number where the same inputs give something else."""

HELD_OUT = 4
"""One in so many rows is held out of calibration, to judge by; of a user's file one in so many documents."""


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
    kept = store.recalled_text(path)
    if kept is not None:
        return kept
    bench.demand_finite(progress)
    prompts = store.prompts()
    found = models.sampled(bench.model, tokenizer, prompts, count=count, length=length, seed=seed, progress=progress)
    store.keep_text(path, found)
    return found


def _from_file(
    plan: QuantizePlan, tokenizer: models.Tokenizer, count: int, length: int, held_out: int
) -> tuple[Text, Text]:
    path = plan.calibration
    if path is None:
        raise AssertionError("asked for by the caller")
    found = store.read_documents(path)
    # Held-out documents come last, so that no more than one of them begins in a row of the others.
    ordered = sorted(found, key=lambda document: share(document, HELD_OUT) == 0)
    hint = "add more text, or ask for fewer tokens with --calibration-tokens"
    text = models.tokenized(tokenizer, ordered, count=sys.maxsize, length=length, name=path.name, hint=hint)
    if len(text.rows) < 2:
        raise PlanError(
            f"{path.name!r} has only {len(text.rows) * length} tokens of use: some must be held out to judge by.",
            hint=f"name a file with at least {2 * length} tokens, or leave --calibration out",
        )
    held_out = min(held_out, len(text.rows) // 2)
    most = min(count, len(text.rows) - held_out)
    return text.part(slice(most)), text.part(slice(-held_out, None))
