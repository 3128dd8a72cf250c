"""Which model is to fit where, and with how much text."""

from dataclasses import dataclass

from mlxkit.core.errors import PlanError
from mlxkit.core.schemes import Scheme


@dataclass(frozen=True)
class FitPlan:
    """What to ask.

    Attributes:
        model: what `locate` knows; headers are enough.
        devices: names of devices; none for this machine.
        schemes: to quantize to, besides what is stored.
        contexts: tokens of a row, at least one.
        batch: rows side by side.
        trust_remote_code: run code that comes with the checkpoint.

    Raises:
        PlanError: it contradicts itself.
    """

    model: str
    devices: tuple[str, ...] = ()
    schemes: tuple[Scheme, ...] = ()
    contexts: tuple[int, ...] = (4096,)
    batch: int = 1
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        if not self.contexts or min(self.contexts) < 1 or self.batch < 1:
            raise PlanError("Context and batch begin at 1.", hint="mlxkit fit --help")
