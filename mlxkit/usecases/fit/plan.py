"""Which model is to fit where, and with how much text."""

from dataclasses import dataclass

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import PlanError
from mlxkit.core.fitting import USUAL_CONTEXT
from mlxkit.core.schemes import Scheme


@dataclass(frozen=True)
class FitPlan:
    """What to ask.

    Attributes:
        model: what `locate` knows; headers are enough.
        devices: names of devices; none for this machine.
        schemes: to quantize to, besides what is stored.
        contexts: tokens of a row; none for 4,096, or the model's own context where that is shorter.
        batch: rows side by side.
        trust_remote_code: run code that comes with the checkpoint.
        needs_tokenizer: refuse a model that has no tokenizer: it could not be run.

    Raises:
        PlanError: it contradicts itself.
    """

    model: str
    devices: tuple[str, ...] = ()
    schemes: tuple[Scheme, ...] = ()
    contexts: tuple[int, ...] = ()
    batch: int = 1
    trust_remote_code: bool = False
    needs_tokenizer: bool = True

    def __post_init__(self) -> None:
        if min(self.contexts, default=1) < 1 or self.batch < 1:
            raise PlanError("Context and batch begin at 1.", hint="mlxkit fit --help")

    def contexts_of(self, checkpoint: Checkpoint) -> tuple[int, ...]:
        """Return the contexts that are asked for."""
        return self.contexts or (min(USUAL_CONTEXT, checkpoint.context or USUAL_CONTEXT),)
