"""All models on one workload: warmed up, then in turn, with the machine's state read between."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mlxkit.core.conditions import Conditions, Course
from mlxkit.core.progress import Progress
from mlxkit.core.trials import MOST_WARM_UPS, Trial, Workload, in_turn, is_warm
from mlxkit.engines import models
from mlxkit.usecases.bench.plan import BenchPlan

Sleep = Callable[[float], None]


@dataclass
class Timed:
    """What came of one model on one workload.

    Attributes:
        warm_ups: trials before those that count.
        trials: those that count.
        cache_bytes: what the cache held while it was decoding, on average.
    """

    warm_ups: list[Trial] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    cache_bytes: float = 0.0


@dataclass
class Cell:
    """One workload.

    Attributes:
        given: the workload.
        timed: of each model, in their order.
        readings: of the machine's state, in theirs.
        is_interrupted: the user stopped it.
    """

    given: Workload
    timed: tuple[Timed, ...]
    readings: list[Conditions] = field(default_factory=list)
    is_interrupted: bool = False

    @property
    def course(self) -> Course:
        """How the machine fared."""
        return Course(tuple(self.readings))


class Stopwatch:
    """Times models side by side.

    Args:
        plan: how often.
        loaded: the models.
        clock: seconds.
        sleep: waits so many seconds.
        sense: reads the state of the machine.
        rss_bytes: of this process.
        progress: told the trials.
    """

    def __init__(
        self,
        plan: BenchPlan,
        loaded: tuple[models.Timing, ...],
        *,
        clock: Callable[[], float],
        sleep: Sleep,
        sense: Callable[[], Conditions],
        rss_bytes: Callable[[], int | None],
        progress: Progress,
    ) -> None:
        self._plan, self._loaded = plan, loaded
        self._clock, self._sleep, self._sense, self._rss = clock, sleep, sense, rss_bytes
        self._progress = progress
        self._first = sense()

    def cell(self, given: Workload) -> Cell:
        """Time all models on one workload; an interruption leaves what was finished."""
        cell = Cell(given, tuple(Timed() for _ in self._loaded), [self._now()])
        try:
            self._fill(cell)
        except KeyboardInterrupt:
            cell.is_interrupted = True
        cell.readings.append(self._sense())
        return cell

    def _now(self) -> Conditions:
        """Return the machine's state, with the load of before anything was timed: what is timed is a load itself."""
        return replace(self._sense(), load_average=self._first.load_average)

    def _fill(self, cell: Cell) -> None:
        count, given = len(self._loaded), cell.given
        name = f"Timing p{given.prompt_tokens} n{given.generated_tokens} d{given.depth} b{given.batch}"
        with self._progress.phase(f"{name}, warming up", None, "count") as advance:
            for number, timed in enumerate(cell.timed):
                while not is_warm(timed.warm_ups) and len(timed.warm_ups) < MOST_WARM_UPS:
                    timed.warm_ups.append(self._trial(number, cell))
                    advance(1)
        with self._progress.phase(name, self._plan.repeats * count, "count") as advance:
            for number in in_turn(count, self._plan.repeats):
                trial = self._trial(number, cell)
                cell.timed[number].trials.append(trial)
                cell.readings.append(self._sense())
                advance(1, _running(trial, given))

    def _trial(self, number: int, cell: Cell) -> Trial:
        if self._plan.delay_seconds:
            self._sleep(self._plan.delay_seconds)
        found = self._loaded[number].run(cell.given, self._clock, self._plan.seed)
        cell.timed[number].cache_bytes = sum(found.cache_bytes) / 2
        return replace(found.trial, rss_bytes=self._rss())


def _running(trial: Trial, given: Workload) -> str:
    speed = trial.generation_tps(given)
    return f"prefill {trial.prompt_tps(given):.4g}" + (f", decode {speed:.4g} tok/s" if speed else " tok/s")
