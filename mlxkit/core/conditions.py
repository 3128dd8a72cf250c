"""The state of the machine while something is measured, and what is to be said of a row taken in a bad one.

What could not be read is None: it is neither good nor bad, and no mark is made of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from mlxkit.core.sizes import size_text

Power: TypeAlias = Literal["ac", "battery"]
Thermal: TypeAlias = Literal["nominal", "fair", "serious", "critical"]
Value = TypeVar("Value")

POWERS: tuple[Power, ...] = ("ac", "battery")
"""From the best to the worst."""

THERMALS: tuple[Thermal, ...] = ("nominal", "fair", "serious", "critical")
"""From the best to the worst."""

IDLE_LOAD = 0.5
"""The share of the cores up to which the load at the start is taken for an idle machine's."""


@dataclass(frozen=True)
class Conditions:
    """One reading; None for what cannot be read.

    Attributes:
        power_source: what the machine is fed by.
        battery_share: how full its battery is, 0 to 1; None too where there is none.
        is_low_power: macOS saves energy at the cost of speed.
        thermal: how far the system slows the machine down against heat; ``nominal`` is not at all.
        cpu_speed_limit: the share of its speed that the processor may use, 0 to 1; Intel Macs tell it.
        swap_used_bytes: by all processes.
        load_average: processes that run or wait to, over the last minute, 0 or more.
    """

    power_source: Power | None = None
    battery_share: float | None = None
    is_low_power: bool | None = None
    thermal: Thermal | None = None
    cpu_speed_limit: float | None = None
    swap_used_bytes: int | None = None
    load_average: float | None = None

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Course:
    """How the machine fared while something was measured.

    Attributes:
        readings: in the order they were taken, at least one.
    """

    readings: tuple[Conditions, ...]

    @property
    def start(self) -> Conditions:
        """The first reading."""
        return self.readings[0]

    @property
    def end(self) -> Conditions:
        """The last reading."""
        return self.readings[-1]

    @property
    def worst(self) -> Conditions:
        """The worst of each value, which need not have come together."""
        return Conditions(
            power_source=max(_known(one.power_source for one in self.readings), key=POWERS.index, default=None),
            battery_share=min(_known(one.battery_share for one in self.readings), default=None),
            is_low_power=max(_known(one.is_low_power for one in self.readings), default=None),
            thermal=max(_known(one.thermal for one in self.readings), key=THERMALS.index, default=None),
            cpu_speed_limit=min(_known(one.cpu_speed_limit for one in self.readings), default=None),
            swap_used_bytes=max(_known(one.swap_used_bytes for one in self.readings), default=None),
            load_average=max(_known(one.load_average for one in self.readings), default=None),
        )

    @property
    def swap_growth_bytes(self) -> int | None:
        """How far swap rose above its first reading, 0 or more; None for fewer than two readings of it.

        growth = max(used) - used_first
        """
        used = _known(one.swap_used_bytes for one in self.readings)
        return max(used) - used[0] if len(used) > 1 else None

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "start": self.start.data(),
            "worst": self.worst.data(),
            "end": self.end.data(),
            "swap_growth_bytes": self.swap_growth_bytes,
        }

    def marks(self, cores: int | None) -> tuple[str, ...]:
        """Return a sentence for each bad state that the row was taken in; none for a good row.

        Args:
            cores: that the processor has; None leaves the load out.
        """
        return (*self._power_marks(), *self._heat_marks(), *self._contention_marks(cores))

    def _power_marks(self) -> Iterator[str]:
        sources = set(_known(one.power_source for one in self.readings))
        if len(sources) > 1:
            yield "The power source changed: a part was taken on battery."
        elif sources == {"battery"}:
            yield "It was taken on battery."
        if self.worst.is_low_power:
            yield "Low Power Mode was on."

    def _heat_marks(self) -> Iterator[str]:
        thermal, limit = self.worst.thermal, self.worst.cpu_speed_limit
        if thermal not in (None, "nominal"):
            yield f"The thermal state was {thermal}."
        if limit is not None and limit < 1:
            yield f"The processor was held down to {100 * limit:.0f} % of its speed."

    def _contention_marks(self, cores: int | None) -> Iterator[str]:
        if self.swap_growth_bytes:
            yield f"Swap grew by {size_text(self.swap_growth_bytes)}."
        # Only at the start: what is measured raises the load itself.
        load = self.start.load_average
        if load is not None and cores is not None and load > IDLE_LOAD * cores:
            yield f"The load at the start was {load:.1f} on {cores} cores: the machine was not idle."


def _known(values: Iterable[Value | None]) -> list[Value]:
    return [value for value in values if value is not None]
