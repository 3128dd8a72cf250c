"""What an answer took in memory, beside what `fit` says of it: kept, so that the next prediction is better."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import MlxkitError
from mlxkit.core.generation import Answer
from mlxkit.core.located import Located
from mlxkit.core.measurement import Measurement, Subject
from mlxkit.engines import ledger, machine, models, store
from mlxkit.engines.machine import Room
from mlxkit.usecases.run.plan import RunPlan

Keep = Callable[[Measurement], None]


def keep(found: Measurement) -> None:
    """Record a measurement.

    Raises:
        MlxkitError: the ledger cannot be written.
    """
    ledger.record([ledger.as_kept(found)])


@dataclass(frozen=True)
class Memory:
    """Of whom it is told, and where.

    Attributes:
        plan: what was asked for.
        checkpoint: the model's.
        located: where it was found.
        room: what there is for it here.
        keep: records what was measured.
    """

    plan: RunPlan
    checkpoint: Checkpoint
    located: Located
    room: Room
    keep: Keep

    def record(self, answer: Answer) -> None:
        """Record an answer that was computed from nothing.

        An answer was given: that its memory cannot be told or kept is no reason to fail now.
        """
        with suppress(MlxkitError):
            self.keep(self._measured(answer))

    def _measured(self, answer: Answer) -> Measurement:
        trust = self.plan.trust_remote_code
        tokens = answer.prompt_tokens + answer.timing.tokens
        on_cpu = self.room.device == "cpu"
        need = models.needed(self.checkpoint, context=tokens, batch=1, on_cpu=on_cpu, trust_remote_code=trust)
        digest, name = store.form_digest(self.checkpoint), store.shown(self.checkpoint.name)
        peak_bytes = answer.peak_memory_bytes
        return Measurement(
            kind="memory",
            subject=Subject(digest, name, self.located.repo, self.located.commit),
            workload={"prompt_tokens": answer.prompt_tokens, "generated_tokens": answer.timing.tokens, "batch": 1},
            machine=machine.read().facts(),
            versions=models.versions(),
            summary={**need.predicted(), "peak_memory_bytes": peak_bytes, "size_bytes": self.checkpoint.size_bytes},
            raw={"peak_memory_bytes": [peak_bytes]},
            taken_at=time.time(),
        )
