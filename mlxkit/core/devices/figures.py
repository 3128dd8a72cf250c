"""A device: its figures, and how sure each is."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

GB = 10**9
"""What limits and bandwidths are counted in."""

GIB = 2**30
"""What memory is counted in: vendors call it a GB."""

Kind: TypeAlias = Literal["iphone", "ipad", "mac"]
"""What a device is."""

Confidence: TypeAlias = Literal["documented", "observed", "assumed"]
"""How sure a figure is: the vendor says so, somebody measured or read it, or we take it to be so."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and why to believe it.

    Attributes:
        value: in the unit that the figure's name, or whoever holds it, tells.
        confidence: how sure it is.
        source: where it is from, or how it was assumed.
    """

    value: float
    confidence: Confidence
    source: str


@dataclass(frozen=True, slots=True)
class Speed:
    """The constants of a model of decoding: a token takes `bytes / (eta bandwidth)` and a time for every layer.

    Attributes:
        eta: share of the nominal bandwidth that weights are read with, above 0 and at most 1.
        dense_layer_seconds: what a dense layer takes besides reading.
        moe_layer_seconds: the same of a layer with experts.
    """

    eta: Figure
    dense_layer_seconds: Figure
    moe_layer_seconds: Figure


@dataclass(frozen=True, slots=True)
class Device:
    """A device with one memory size.

    Attributes:
        name: its own among all devices; with the memory where there are several sizes of the same model.
        model: the name without memory.
        aliases: other names of the model, which other models may have too.
        kind: what it is.
        chip: such as ``A18 Pro`` or ``M4 Max``.
        memory: all of it, in bytes.
        limit: what one app may use, in bytes; at most the memory.
        bandwidth: of the memory, nominal, in bytes per second; None when it is not known.
        speed: what decoding makes of the bandwidth; None when it is not known for the chip.
    """

    name: str
    model: str
    aliases: tuple[str, ...]
    kind: Kind
    chip: str
    memory: Figure
    limit: Figure
    bandwidth: Figure | None = None
    speed: Speed | None = None

    @property
    def memory_bytes(self) -> int:
        """All of its memory."""
        return int(self.memory.value)

    @property
    def limit_bytes(self) -> int:
        """How much of its memory one app may use."""
        return int(self.limit.value)

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "chip": self.chip,
            "memory_bytes": asdict(self.memory),
            "limit_bytes": asdict(self.limit),
            "bandwidth_bytes_per_second": asdict(self.bandwidth) if self.bandwidth else None,
            "speed": asdict(self.speed) if self.speed else None,
        }
