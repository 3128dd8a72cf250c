"""Polish: scales and biases trained on the original's answers, codes fixed.

The search finds the codes of each weight by itself, as if all other weights were exact. What they lose together,
scales and biases can partly make good: they are trained on the KL divergence from the original over text, as mlx-lm's
DWQ does. What differs: a group's scale turns its weights about the middle of the grid and not about zero, so that scale
and bias do not pull at the same thing; both are counted in steps of the grid, so that one learning rate fits codes of
all widths; the student computes with the numbers as they will be stored. What held-out text does not confirm is not
kept.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.optimizers import Adam
from mlx.utils import tree_map

from mlxkit.core.progress import Advance, Progress
from mlxkit.engines.models import saving
from mlxkit.engines.models.encoding import Encoded
from mlxkit.engines.models.measuring.reference import Reference
from mlxkit.engines.models.measuring.student import Coordinates, Grid, Student
from mlxkit.engines.models.measuring.workbench import Workbench

_BETAS = [0.9, 0.99]
_JOINT = ":"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        epochs: times that all text is gone over.
        batch: rows of text to one step.
        rate: largest learning rate, in steps of the grid.
        warm_steps: steps over which the rate grows to the largest; then it falls to zero as half a cosine does.
        patience: epochs without improvement on held-out text after which training ends.
    """

    epochs: int = 8
    batch: int = 4
    rate: float = 1e-2
    warm_steps: int = 8
    patience: int = 3

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of one of all steps.

        >>> [round(Schedule(rate=1.0, warm_steps=2).rate_at(step, 4), 3) for step in range(4)]
        [0.5, 0.854, 0.5, 0.146]
        """
        return self.rate * min(1.0, (step + 1) / self.warm_steps) * (1 + math.cos(math.pi * step / steps)) / 2


@dataclass(frozen=True)
class Polished:
    """What training brought.

    Attributes:
        encoded: the weights that are best by held-out text; those that were given if none were better.
        before_nats: KL(original || quantized) per token of held-out text, as given.
        after_nats: of `encoded`.
        epoch_nats: of each epoch's weights, in order.
        steps: how many were taken.
    """

    encoded: dict[str, Encoded]
    before_nats: float
    after_nats: float
    epoch_nats: tuple[float, ...]
    steps: int


def polish(
    bench: Workbench,
    encoded: Mapping[str, Encoded],
    rows: mx.array,
    held_out: mx.array,
    *,
    state: Path,
    seed: int = 0,
    progress: Progress,
    schedule: Schedule = Schedule(),
) -> Polished:
    """Train scales and biases of all units that have both; modes without biases stay as they are.

    The same arguments give the same result, also when a run is ended and begun again.

    Args:
        bench: with the originals on it, which are there again afterwards.
        encoded: unit path to what stands in its place.
        rows: text to train on, (count, length), token ids.
        held_out: text to choose by, (count, length).
        state: ``*.safetensors`` that an earlier run with the same arguments left, or that this one is to leave.
        seed: of the order in which rows are taken.
        progress: told the tokens.
        schedule: how long and how fast.
    """
    trained = {path: weights for path, weights in encoded.items() if weights.biases is not None}
    others = [(path, weights) for path, weights in encoded.items() if path not in trained]
    asked, judge = bench.asked(rows, progress), bench.asked(held_out, progress)
    with bench.trying(others), bench.hollowed(trained) as modules:
        student = Student(bench.model, {path: Grid(weights) for path, weights in trained.items()}, modules)
        with student.computing():
            course = _Course(student, asked, judge, schedule if trained else replace(schedule, epochs=0), seed)
            course.run(state, progress)
    before, *epochs = course.nats
    found = student.moved(course.best) if course.best_nats < before else {}
    return Polished({**encoded, **found}, before, course.best_nats, tuple(epochs), course.step)


class _Course:
    """A student's training, which can be left at the end of any epoch and taken up again.

    Attributes:
        best: the coordinates that were best on held-out text.
        nats: held-out KL before training and after each epoch.
        step: steps taken.
    """

    def __init__(self, student: Student, asked: Reference, judge: Reference, schedule: Schedule, seed: int) -> None:
        self._student, self._asked, self._judge = student, asked, judge
        self._schedule, self._seed = schedule, seed
        self._now = self.best = student.start()
        self._optimizer = Adam(schedule.rate, _BETAS, bias_correction=True)
        self.nats: list[float] = []
        self.step = 0

    @property
    def best_nats(self) -> float:
        """The least held-out KL."""
        return self.nats[self._best_epoch]

    @property
    def _best_epoch(self) -> int:
        """Which epoch was best; 0 is before training. What is not a number is not the least."""
        return min(range(len(self.nats)), key=lambda epoch: (math.isnan(self.nats[epoch]), self.nats[epoch]))

    def run(self, state: Path, progress: Progress) -> None:
        """Train to the end, from where an earlier run left off if `state` exists."""
        if state.exists():
            self._load(state)
        epochs, judged, trained = self._schedule.epochs, self._judge.rows.size, self._asked.rows.size
        total, done = judged + epochs * (trained + judged), len(self.nats) * (trained + judged) - trained
        with progress.phase("Polishing scales and biases", total, "count", max(0, done)) as advance:
            if not self.nats:
                self._compare(state, advance)
            while not self._is_over():
                self._epoch(advance)
                self._compare(state, advance)

    def _compare(self, state: Path, advance: Advance) -> None:
        """Judge by held-out text, and write down where training stands."""
        self.nats.append(self._student.judged(self._now, self._judge))
        advance(self._judge.rows.size)
        if self._best_epoch == len(self.nats) - 1:
            self.best = self._now
        self._save(state)

    def _is_over(self) -> bool:
        epochs = len(self.nats) - 1
        return epochs >= self._schedule.epochs or epochs - self._best_epoch >= self._schedule.patience

    def _epoch(self, advance: Advance) -> None:
        """Go over all text once."""
        schedule, count = self._schedule, self._asked.rows.shape[0]
        steps = schedule.epochs * math.ceil(count / schedule.batch)
        order = mx.random.permutation(count, key=mx.random.key(self._seed * 2**20 + len(self.nats)))
        for begin in range(0, count, schedule.batch):
            self._optimizer.learning_rate = schedule.rate_at(self.step, steps)
            gradient = self._gradient(order[begin : begin + schedule.batch], advance)
            self._now = self._optimizer.apply_gradients(gradient, self._now)
            mx.eval(self._now, self._optimizer.state)
            self.step += 1

    def _gradient(self, indices: mx.array, advance: Advance) -> dict[str, Coordinates]:
        """Return the mean gradient over some rows, taken one by one: a row's logits are large."""
        total = self._student.start()
        for index in indices:
            found = self._student.gradient(self._now, self._asked, int(index))
            total = tree_map(lambda sum_, part: sum_ + part / indices.size, total, found)
            mx.eval(total)
            advance(self._asked.rows.shape[1])
        return total

    def _save(self, path: Path) -> None:
        """Write where training stands, whole or not at all."""
        parts = {"now": self._now, "best": self.best, "optimizer": self._optimizer.state}
        facts = {"nats": json.dumps(self.nats), "step": str(self.step)}
        saving.save(path, dict(_flat(parts)), facts)

    def _load(self, path: Path) -> None:
        arrays, facts = saving.load_with_facts(path)
        parts = _nested(arrays)
        self._now, self.best, self._optimizer.state = parts["now"], parts["best"], parts["optimizer"]
        self.nats, self.step = json.loads(facts["nats"]), int(facts["step"])


def _flat(tree: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, mx.array]]:
    """Yield the arrays of a tree of mappings by their joined keys; MLX's own would split unit paths at their dots."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*prefix, key))
        else:
            yield _JOINT.join((*prefix, key)), value


def _nested(arrays: Mapping[str, mx.array]) -> dict[str, Any]:
    """Return the tree that `_flat` took apart."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *path, last = name.split(_JOINT)
        place = tree
        for key in path:
            place = place.setdefault(key, {})
        place[last] = array
    return tree
