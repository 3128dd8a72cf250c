"""What is to be timed, and how often."""

from dataclasses import dataclass

from mlxkit.core.errors import PlanError
from mlxkit.core.trials import Workload


@dataclass(frozen=True)
class BenchPlan:
    """Which models, on which work.

    Attributes:
        models: what `locate` knows, at least one; several take turns.
        workloads: at least one.
        repeats: trials that count, of each model and workload; warm-ups come before.
        delay_seconds: of rest before every trial.
        seed: of the tokens.
        is_cold: time a fresh process instead: import, load, first token.
        trust_remote_code: run code that comes with the checkpoints.
        force: load what does not fit.

    Raises:
        PlanError: it contradicts itself.
    """

    models: tuple[str, ...]
    workloads: tuple[Workload, ...] = (Workload(),)
    repeats: int = 5
    delay_seconds: float = 0.0
    seed: int = 0
    is_cold: bool = False
    trust_remote_code: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        if len(set(self.models)) < len(self.models):
            raise PlanError("A model is named twice.", hint="name each once; `-r` repeats")
        if not self.workloads or self.repeats < 1:
            raise PlanError("There is nothing to time.", hint="mlxkit bench --help")
