"""A model judged on one text, row by row: what was judged is written down at once, so that it is never judged twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlxkit.core.errors import StoppedError
from mlxkit.core.progress import Progress
from mlxkit.core.quality import Judged, Quality
from mlxkit.core.wording import with_error
from mlxkit.engines import models, store
from mlxkit.usecases.eval.answers import METHOD, Answers
from mlxkit.usecases.eval.plan import EvalPlan
from mlxkit.usecases.eval.sides import Side
from mlxkit.usecases.eval.texts import Chosen

SETTLED = 8
"""From so many clusters on, a standard error is trusted to end a text early: of fewer it may be small by chance."""


@dataclass(frozen=True)
class Verdict:
    """What a text says of a model.

    Attributes:
        chosen: the text.
        quality: of the rows that were judged.
        noise_floor: of the original; None without one.
        journal: where the rows are written down until they are recorded.
        peak_memory_bytes: the most that MLX held; None when no row was judged in this run.
    """

    chosen: Chosen
    quality: Quality
    noise_floor: Mapping[str, float] | None
    journal: store.Journal
    peak_memory_bytes: int | None

    @property
    def is_early(self) -> bool:
        """Whether the error was small enough before the text was at its end."""
        return len(self.quality.rows) < len(self.chosen.text.rows)


class Bench:
    """A model that is judged, and who it is judged by: the one is in memory, of the other its last matrix only.

    Args:
        model: who is judged.
        original: by whom; None for nobody.
        plan: when to stop.
        reader: opens a model.
        progress: told the tokens judged.

    Raises:
        CheckpointError: the two have no common vocabulary.
    """

    def __init__(
        self, model: Side, original: Side | None, plan: EvalPlan, reader: models.Open, progress: Progress
    ) -> None:
        self._model, self._original, self._plan, self._progress = model, original, plan, progress
        self._reader = model.opened(reader, plan, progress)
        self._head: models.Reader | None = None
        if original is not None:
            self._head = reader(original.checkpoint, trust_remote_code=plan.trust_remote_code)
            models.demand_same_vocabulary(self._reader, self._head, (model.subject.name, original.subject.name))

    def judge(self, chosen: Chosen, answers: Answers | None) -> Verdict:
        """Judge the model on a text; what an earlier run judged is not judged again.

        Raises:
            StoppedError: the user stopped it; all but the row at hand is kept.
            MlxkitError: the model cannot be computed, or answers with NaN.
        """
        journal = store.Journal(store.kept("judged", self._identity(chosen), ".jsonl"))
        rows = [Judged.from_json(entry) for entry in journal.entries]
        length, number = self._plan.context, len(chosen.text.rows)
        name, known, peak = f"Judging on {chosen.name}", len(rows), models.watch_memory()
        try:
            with self._progress.phase(name, length * number, "count", length * len(rows)) as advance:
                while len(rows) < number and not self._is_enough(rows, chosen):
                    row = self._row(chosen.text.rows[len(rows)], len(rows), answers)
                    journal.append(row.as_json())
                    rows.append(row)
                    advance(length, _running(_quality(rows, chosen)))
        except KeyboardInterrupt as error:
            raise StoppedError(
                f"Interrupted after {len(rows)} of {number} rows of {chosen.name!r}: they are kept.",
                hint="the same command goes on from there",
            ) from error
        floor = answers.noise_floor if answers else None
        return Verdict(chosen, _quality(rows, chosen), floor, journal, peak() if len(rows) > known else None)

    def _row(self, tokens: Sequence[int], number: int, answers: Answers | None) -> Judged:
        if answers is None or self._head is None:
            return models.judge(tokens, self._reader)
        return models.judge(tokens, self._reader, (self._head, answers.of(number)))

    def _is_enough(self, rows: Sequence[Judged], chosen: Chosen) -> bool:
        if self._plan.until_se is None or not rows:
            return False
        chief = _quality(rows, chosen).chief
        return chief.clusters >= SETTLED and chief.se is not None and chief.se <= self._plan.until_se

    def _identity(self, chosen: Chosen) -> dict[str, object]:
        """Return what a row's figures depend on, as JSON."""
        sides = (self._model, *((self._original,) if self._original else ()))
        return {
            "method": METHOD,
            "weights": [side.subject.digest for side in sides],
            "configs": [dict(side.checkpoint.config) for side in sides],
            "text": chosen.text.digest,
            "versions": models.versions(),
            "platform": models.platform(),
        }


def _quality(rows: Sequence[Judged], chosen: Chosen) -> Quality:
    return Quality.of(rows, chosen.text, chosen.sizes_bytes)


def _running(quality: Quality) -> str:
    name = "KL" if quality.has_reference else "nll"
    return f"{name} {with_error(quality.chief.value, quality.chief.se)} nats"
