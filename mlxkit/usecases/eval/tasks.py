"""One task asked of one checkpoint: which questions it answers, and where it differs from a reference.

Nothing is recorded and nothing told here, but to whoever passes `on_answer`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import PlanError
from mlxkit.core.progress import Progress
from mlxkit.core.tasks import Flips, Question, Score, digest, flips
from mlxkit.engines import harness, models

MAX_TOKENS = 64
"""Tokens of an answer at most: an answer of one right wording is short."""

OnAnswer = Callable[[int, str], None]
"""Told the number of a question, from 0, and what was said. What it raises ends the task."""


@dataclass(frozen=True)
class Asked:
    """What came of a task whose questions have one right answer each.

    Attributes:
        answers: what was said to each question, in order.
        score: which of them are right.
        flips: where that differs from the reference; None without one.
    """

    answers: tuple[str, ...]
    score: Score
    flips: Flips | None


@dataclass(frozen=True)
class Figure:
    """A figure of lm-evaluation-harness.

    Attributes:
        metric: what it gave.
        flips: where the answers differ from the reference's; None without one, or where the figure is no share.
    """

    metric: harness.Metric
    flips: Flips | None


@dataclass(frozen=True)
class Examined:
    """What came of a task of lm-evaluation-harness.

    Attributes:
        workload: what decides about the figures, besides the model: JSON.
        figures: at least one.
        library: version of lm-evaluation-harness.
    """

    workload: Mapping[str, Any]
    figures: tuple[Figure, ...]
    library: str


def ask(
    questions: Sequence[Question],
    respondent: models.Respondent,
    progress: Progress,
    *,
    said: Sequence[str] = (),
    reference: Sequence[bool] | None = None,
    on_answer: OnAnswer = lambda _number, _text: None,
) -> Asked:
    """Ask all questions of a task, greedily.

    Args:
        questions: as `store.task_questions` gives them.
        respondent: as `models.respondent` gives it.
        progress: told the questions, and how many are answered so far.
        said: the first answers, from a run that was interrupted; they are not asked for again.
        reference: of each question whether the reference answers it.
        on_answer: told each new answer, in order.

    Raises:
        PlanError: a question has no tokens, or the reference was asked something else.
        CheckpointError: the tokenizer, its chat template or mlx-lm's class fails.
    """
    _demand_same(len(questions), said, reference)
    answers = list(said)
    right = [question.is_right(text) for question, text in zip(questions, said, strict=False)]
    prompts = [question.prompt for question in questions]
    with progress.phase("Asking", len(questions), "count", done=len(said)) as advance:
        for text in respondent.answers(prompts, max_tokens=MAX_TOKENS, begin=len(said)):
            on_answer(len(answers), text)
            right.append(questions[len(answers)].is_right(text))
            answers.append(text)
            advance(1, f"{sum(right)} of {len(right)} right")
    return Asked(tuple(answers), Score(tuple(right)), None if reference is None else flips(reference, right))


def workload_of(task: str, questions: Sequence[Question], *, has_template: bool, dtype: str | None) -> dict[str, Any]:
    """Return what decides about the answers, besides the model, before anything is asked."""
    return {
        "task": PurePath(task).name,
        "digest": digest(questions),
        "questions": len(questions),
        "max_tokens": MAX_TOKENS,
        "chat_template": has_template,
        "dtype": dtype,
    }


def examine(
    task: str,
    checkpoint: Checkpoint,
    respondent: models.Respondent,
    library: harness.Library,
    progress: Progress,
    *,
    limit: int | None = None,
    reference: Mapping[tuple[str, str, str], Sequence[bool]] | None = None,
) -> Examined:
    """Run a task of lm-evaluation-harness.

    Args:
        task: its name, or a YAML file in its format.
        checkpoint: what the respondent was made of.
        respondent: as `models.respondent` gives it.
        library: as `harness.library` gives it; ask for it before the weights are loaded.
        progress: told the texts.
        limit: documents of each task at most; None for all.
        reference: task, metric and filter to the flags of the reference's `Metric`.

    Raises:
        NotFoundError: there is no such task.
        PlanError: the reference was asked something else.
        MlxkitError: lm-evaluation-harness cannot run it.
    """
    examinee = models.Examinee(checkpoint, respondent, progress)
    found = harness.examine(task, examinee, library, limit=limit)
    workload = {
        "task": PurePath(task).stem,
        "digests": dict(found.digests),
        "task_versions": dict(found.versions),
        "shots": dict(found.shots),
        "limit": limit,
        "chat_template": found.has_template,
        "dtype": models.computing_dtype(checkpoint),
    }
    return Examined(workload, tuple(_figure(metric, reference or {}) for metric in found.metrics), found.library)


def _figure(metric: harness.Metric, reference: Mapping[tuple[str, str, str], Sequence[bool]]) -> Figure:
    flags = reference.get((metric.task, metric.name, metric.filter))
    if not flags or not metric.flags:
        return Figure(metric, None)
    _demand_same(len(metric.flags), (), flags)
    return Figure(metric, flips(flags, metric.flags))


def _demand_same(asked: int, said: Sequence[str], reference: Sequence[bool] | None) -> None:
    if len(said) > asked or (reference is not None and len(reference) != asked):
        there = len(said) if len(said) > asked else len(reference or ())
        raise PlanError(
            f"There are {asked} questions, and {there} answers to compare with.",
            hint="ask both models the same task, with the same file and limit",
        )
