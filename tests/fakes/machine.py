"""Machines that are not here: a Mac, an Intel Python on it, and a system that tells nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

GB = 10**9

ACCELERATOR = """\
+-o AGXAcceleratorG16X  <class AGXAcceleratorG16X, id 0x10000039c, registered, matched, active, busy 0, retain 59>
    {
      "PerformanceStatistics" = {"In use system memory"=356089856,"Device Utilization %"=30}
      "model" = "Apple M4 Max"
      "gpu-core-count" = 40
    }
"""


@dataclass
class FakeSystem:
    """An operating system that answers from what it was given.

    `commands` are what tools print, by the words they are called with, such as ``pmset -g batt``.
    """

    kernel: str = "Darwin"
    release: str = "24.5.0"
    architecture: str = "arm64"
    values: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[int, int] | None = None
    commands: Mapping[str, str] = field(default_factory=dict)
    processors: int | None = None

    def names(self) -> tuple[str, str, str]:
        return self.kernel, self.release, self.architecture

    def sysctl(self, name: str) -> str | None:
        return self.values.get(name)

    def command(self, words: Sequence[str]) -> str | None:
        return self.commands.get(" ".join((PurePosixPath(words[0]).name, *words[1:])))

    def text(self, path: str) -> str | None:
        return self.files.get(path)

    def folder(self, path: str) -> tuple[str, ...]:
        below = (
            PurePosixPath(file).relative_to(path) for file in self.files if PurePosixPath(file).is_relative_to(path)
        )
        return tuple(sorted({inner.parts[0] for inner in below}))

    def memory(self) -> tuple[int, int] | None:
        return self.sizes

    def cores(self) -> int | None:
        return self.processors


def mac(version: str = "15.5", memory: int = 64 * GB, **values: str) -> FakeSystem:
    """An M4 Max; `values` are more of its sysctl values, dots as underscores."""
    return FakeSystem(
        values={
            "kern.osproductversion": version,
            "kern.osversion": "24F74",
            "machdep.cpu.brand_string": "Apple M4 Max",
            "sysctl.proc_translated": "0",
            **{name.replace("_", ".", 1): value for name, value in values.items()},
        },
        sizes=(memory, memory // 2),
        commands={"ioreg -rc IOAccelerator -d 1": ACCELERATOR},
        processors=16,
    )


def metal(working_set: int = 48 * GB) -> Any:
    """What MLX says of a GPU."""
    info = {"architecture": "applegpu_g16s", "max_recommended_working_set_size": working_set, "memory_size": 64 * GB}
    return _mlx(info, "gpu", has_metal=True)


def cpu() -> Any:
    """What MLX says where there is no GPU."""
    return _mlx({"architecture": "arm64", "device_name": "Apple M4 Max"}, "cpu", has_metal=False)


def broken(message: str) -> Any:
    """An MLX whose Metal cannot be asked."""

    def fail() -> bool:
        raise RuntimeError(message)

    return SimpleNamespace(metal=SimpleNamespace(is_available=fail))


def _mlx(info: dict[str, Any], device: str, *, has_metal: bool) -> Any:
    return SimpleNamespace(
        metal=SimpleNamespace(is_available=lambda: has_metal),
        device_info=lambda: info,
        default_device=lambda: SimpleNamespace(type=SimpleNamespace(name=device)),
    )
