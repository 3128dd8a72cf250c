"""What the original says to each row of text: asked once, and kept for every model that is judged by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxkit.core.progress import Progress
from mlxkit.core.text import digest
from mlxkit.engines import models, store
from mlxkit.usecases.eval.plan import EvalPlan
from mlxkit.usecases.eval.sides import Side

METHOD = 1
"""Of what is kept: another number where the same inputs give something else."""


@dataclass(frozen=True)
class Answers:
    """The original's answers, on disk.

    Attributes:
        paths: of each row.
        noise_floor: mean and largest KL, in nats per token, of the original against itself in rows side by side.
    """

    paths: tuple[Path, ...]
    noise_floor: Mapping[str, float]

    def of(self, row: int) -> dict[str, Any]:
        """Return what was kept of one row.

        Raises:
            MlxkitError: it was removed or damaged since.
        """
        return models.load_arrays(self.paths[row])


def answers(
    original: Side, rows: Sequence[Sequence[int]], plan: EvalPlan, reader: models.Open, progress: Progress
) -> Answers:
    """Return the original's answers; only those that no earlier run has asked for are asked for.

    Args:
        original: who is asked.
        rows: token ids, all of one length.
        plan: whether its code may be run.
        reader: opens a model.
        progress: told the tokens asked.

    Raises:
        MlxkitError: it cannot be read, or the answers cannot be kept.
    """
    base = {
        "method": METHOD,
        "weights": original.subject.digest,
        "config": dict(original.checkpoint.config),
        "versions": models.versions(),
        "platform": models.platform(),
    }
    paths = tuple(store.kept("answers", {**base, "row": digest([row])}, ".safetensors") for row in rows)
    floor = store.kept("floors", {**base, "rows": digest(rows[:2])}, ".json")
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    known = store.recalled(floor)
    if missing or known is None:
        store.tidy()
        asked = original.opened(reader, plan, progress)
        done, total = sum(map(len, rows)) - len(rows[0]) * len(missing), sum(map(len, rows))
        with progress.phase(f"Asking {original.subject.name}", total, "count", done) as advance:
            for number in missing:
                models.save_arrays(paths[number], asked.answers(models.inputs(rows[number])))
                advance(len(rows[number]))
        if known is None:
            found = models.noise(asked, rows[:2], [models.load_arrays(path) for path in paths[:2]])
            known = {"kl_nats": sum(found) / len(found), "kl_nats_max": max(found)}
            store.keep_json(floor, known)
        del asked
        models.release()
    return Answers(paths, known)
