"""The text that a model is judged on, none of which it was made with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlxkit.core.errors import PlanError
from mlxkit.core.progress import Progress
from mlxkit.core.text import Text
from mlxkit.engines import models, store
from mlxkit.usecases.eval.plan import SELF, EvalPlan
from mlxkit.usecases.eval.sides import Side


@dataclass(frozen=True)
class Chosen:
    """A text to judge on.

    Attributes:
        name: what it is called: the file's name, or ``self``.
        text: its rows.
        sizes_bytes: of each row, the text of all tokens but the first, in UTF-8.
        is_calibration_text: the model was made with some of it.
    """

    name: str
    text: Text
    sizes_bytes: tuple[int, ...]
    is_calibration_text: bool = False


def chosen(name: str, plan: EvalPlan, model: Side, writer: Side, reader: models.Open, progress: Progress) -> Chosen:
    """Return one of the plan's texts.

    Args:
        name: of a file, or ``self``.
        plan: how much of it.
        model: who is judged on it.
        writer: who writes it where nobody else did, and whose tokenizer cuts it.
        reader: opens a model.
        progress: told the tokens that are written.

    Raises:
        PlanError: the file cannot be used, or the model was made with some of it.
        MlxkitError: the tokenizer or the model cannot be used.
    """
    if name == SELF:
        text = _written(plan, writer, reader, progress)
    else:
        hint = f"add more text, or ask for shorter rows with --context (now {plan.context})"
        documents = store.read_documents(Path(name))
        text = models.tokenized(
            writer.tokenizer, documents, count=plan.rows, length=plan.context, name=Path(name).name, hint=hint
        )
    uses = [use for use, digests in model.record_text.items() if digests & {*text.held, text.digest}]
    if uses and not plan.allow_calibration_text:
        raise PlanError(
            f"{Path(name).name!r} holds text that {model.subject.name!r} was made with ({_USES[uses[0]]}): "
            "on it, less seems lost than is.",
            hint="name other text, or add --allow-calibration-text, which marks the result",
        )
    sizes = tuple(_size_bytes(writer.tokenizer, row) for row in text.rows)
    return Chosen(Path(name).name, text, sizes, bool(uses))


_USES: Mapping[str, str] = {"calibration": "calibration", "held_out": "choosing its schemes"}


def _written(plan: EvalPlan, writer: Side, reader: models.Open, progress: Progress) -> Text:
    """Return text that a model writes, or has written in an earlier run.

    What draws it is a stream of random numbers of its own, and its prompts are others than those of calibration: the
    two kinds of text share nothing.
    """
    key = {
        "weights": writer.subject.digest,
        "fingerprint": store.fingerprint(writer.checkpoint),  # the tokenizer and its template are not among the weights
        "versions": models.versions(),
        "platform": models.platform(),
        "evaluation": plan.seed,
        "rows": plan.rows,
        "length": plan.context,
    }
    path = store.kept("texts", key, ".json")
    kept = store.recalled_text(path)
    if kept is not None:
        return kept
    text = models.sampled(
        writer.opened(reader, plan, progress).model,
        writer.tokenizer,
        store.evaluation_prompts(),
        count=plan.rows,
        length=plan.context,
        seed=f"evaluation {plan.seed}",
        progress=progress,
    )
    models.release()
    store.keep_text(path, text)
    return text


def _size_bytes(tokenizer: models.Tokenizer, row: tuple[int, ...]) -> int:
    """Return the bytes of what follows a row's first token; a character that a row's end cuts counts as three."""
    whole, first = (len(tokenizer.decode(tokens).encode()) for tokens in (row, row[:1]))
    return max(0, whole - first)
