"""Questions with one right answer, asked of the model and of its original: who is not asked twice is the original."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mlxkit.core.errors import StoppedError
from mlxkit.core.measurement import Measurement
from mlxkit.core.progress import Progress
from mlxkit.core.tasks import Question
from mlxkit.engines import harness, models, store
from mlxkit.usecases.eval.found import Found
from mlxkit.usecases.eval.plan import EvalPlan
from mlxkit.usecases.eval.sides import Side
from mlxkit.usecases.eval.tasks import Figure, ask, examine, workload_of

Find = Callable[..., tuple[Measurement, ...]]


class Asking:
    """The tasks of a plan.

    Args:
        plan: which tasks.
        find: finds what the original was asked before in the ledger.
        progress: told the questions.

    Raises:
        NotFoundError: there is no such task.
        PlanError: a file holds something else than questions.
        MlxkitError: lm-evaluation-harness is wanted and not installed.
    """

    def __init__(self, plan: EvalPlan, find: Find, progress: Progress) -> None:
        self._plan, self._find, self._progress = plan, find, progress
        self._questions: dict[str, tuple[Question, ...]] = {}
        self._library: harness.Library | None = None
        for task in plan.tasks:
            if not store.is_of_harness(task):
                self._questions[task] = store.task_questions(task)[: plan.limit]
                continue
            self._library = self._library or harness.library()
            harness.demand_task(task, self._library)

    def answered(self, model: Side, by: Side | None) -> Iterator[Found]:
        """Yield what each task says: of the original, where the ledger has not that yet, and then of the model.

        Args:
            model: who is asked.
            by: the original; None for nobody.

        Raises:
            StoppedError: the user stopped it; the answers are kept.
            MlxkitError: the model cannot be asked.
        """
        if not self._plan.tasks:
            return
        references: dict[str, Mapping[str, Any]] = {}
        if by is not None and by.subject.digest != model.subject.digest:
            respondent: models.Respondent | None = None
            for task in self._plan.tasks:
                known = self._known(task, by)
                if known is None:
                    respondent = respondent or self._respondent(by)
                    found = self._asked(task, by, respondent, None)
                    yield found
                    known = found.raw
                references[task] = known
            del respondent
            models.release()
        respondent = self._respondent(model)
        for task in self._plan.tasks:
            yield self._asked(task, model, respondent, references.get(task))

    def _respondent(self, side: Side) -> models.Respondent:
        trust = self._plan.trust_remote_code
        return models.respondent(side.checkpoint, trust_remote_code=trust, progress=self._progress)

    def _known(self, task: str, by: Side) -> Mapping[str, Any] | None:
        """Return the raw values of the same task, asked of the same weights with the same software before."""
        questions = self._questions.get(task)
        if questions is None:
            return None  # what its data is now, lm-evaluation-harness alone knows
        workload = _workload(task, questions, by)
        found = self._find(kind="task", subject=by.subject.digest, workload=workload)
        same = [one for one in found if dict(one.versions) == models.versions()]
        return same[-1].raw if same else None

    def _asked(
        self, task: str, side: Side, respondent: models.Respondent, reference: Mapping[str, Any] | None
    ) -> Found:
        questions = self._questions.get(task)
        if questions is None:
            return self._examined(task, side, respondent, reference)
        workload = _workload(task, questions, side)
        journal = store.Journal(store.kept("answered", self._identity(side, workload), ".jsonl"))
        flags = reference["right"] if reference else None
        try:
            asked = ask(
                questions,
                respondent,
                self._progress,
                said=journal.entries,
                reference=flags,
                on_answer=lambda _number, text: journal.append(text),
            )
        except KeyboardInterrupt as error:
            raise StoppedError(
                f"Interrupted after {len(journal.entries)} of {len(questions)} answers: they are kept.",
                hint="the same command goes on from there",
            ) from error
        summary = {**asked.score.data(), **(asked.flips.data() if asked.flips else {})}
        raw = {"right": list(asked.score.flags), "answers": list(asked.answers)}
        return self._found(side, workload, summary, raw, (journal,))

    def _examined(
        self, task: str, side: Side, respondent: models.Respondent, reference: Mapping[str, Any] | None
    ) -> Found:
        if self._library is None:
            raise AssertionError("its tasks were looked up first")
        flags = {_key(known): known["flags"] for known in reference["figures"]} if reference else {}
        found = examine(
            task,
            side.checkpoint,
            respondent,
            self._library,
            self._progress,
            limit=self._plan.limit,
            reference=flags,
        )
        summary = {"figures": [_figure(figure) for figure in found.figures]}
        raw = {"figures": [{**_named(figure), "flags": list(figure.metric.flags)} for figure in found.figures]}
        return self._found(side, found.workload, summary, raw, (), {"lm-eval": found.library})

    def _found(
        self,
        side: Side,
        workload: Mapping[str, Any],
        summary: Mapping[str, Any],
        raw: Mapping[str, Any],
        journals: tuple[store.Journal, ...],
        versions: Mapping[str, str] | None = None,
    ) -> Found:
        figures = {**summary, "size_bytes": side.checkpoint.size_bytes}
        return Found("task", side, workload, figures, raw, journals, versions)

    def _identity(self, side: Side, workload: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "fingerprint": store.fingerprint(side.checkpoint),
            "workload": dict(workload),
            "versions": models.versions(),
            "platform": models.platform(),
        }


def _workload(task: str, questions: Sequence[Question], side: Side) -> dict[str, Any]:
    dtype = models.computing_dtype(side.checkpoint)
    return workload_of(task, questions, has_template=side.tokenizer.has_template, dtype=dtype)


def _named(figure: Figure) -> dict[str, Any]:
    return {"task": figure.metric.task, "metric": figure.metric.name, "filter": figure.metric.filter}


def _key(known: Mapping[str, Any]) -> tuple[str, str, str]:
    return known["task"], known["metric"], known["filter"]


def _figure(figure: Figure) -> dict[str, Any]:
    metric = figure.metric
    found = {
        **_named(figure),
        "value": metric.value,
        "stderr": metric.stderr,
        "samples": metric.samples,
        "is_higher_better": metric.is_higher_better,
    }
    return found | (figure.flips.data() if figure.flips else {})
