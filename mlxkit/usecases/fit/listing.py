"""The devices that a model can be fitted for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.devices import Device
from mlxkit.core.errors import MlxkitError
from mlxkit.core.report import Column, Note, Report, Table
from mlxkit.engines import store


@dataclass(frozen=True)
class DevicesResult:
    """Which devices are known, and how well."""

    command: ClassVar[str] = "fit"
    devices: tuple[Device, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """None: there are always some."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON: every figure with its source and how sure it is."""
        return {"devices": [device.data() for device in self.devices]}

    def report(self) -> Report:
        """Return what a reader sees."""
        columns = (
            Column("Device"),
            Column("Memory", "bytes"),
            Column("For an app", "bytes"),
            Column("Known how"),
            Column("GB/s", "ratio"),
            Column("Known how"),
        )
        rows = tuple(
            (
                device.name,
                device.memory_bytes,
                device.limit_bytes,
                device.limit.confidence,
                device.bandwidth.value / 1e9 if device.bandwidth else None,
                device.bandwidth.confidence if device.bandwidth else "",
            )
            for device in self.devices
        )
        notes = (Note("--json has every figure's source; your own devices: MLXKIT_DEVICES names a TOML file."),)
        return Report("Devices", (), (Table("Memory and bandwidth", columns, rows),), notes)


def list_devices(known_devices: Callable[[], tuple[Device, ...]] = store.known_devices) -> DevicesResult:
    """Return every device that is described, the user's own among them.

    Raises:
        NotFoundError: the user's file cannot be read.
        PlanError: it does not say what is needed.
    """
    return DevicesResult(known_devices())
