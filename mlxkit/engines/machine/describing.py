"""The machine: operating system, chip, memory, disk, and what MLX computes on. The one module that asks about Metal.

What cannot be read is None: whoever asks decides what that means.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxkit.engines.machine.system import System, ThisSystem

try:
    import mlx.core as mx
except ImportError as error:  # without MLX, the machine can still be described, and the reason told
    _MLX: Any = None
    _FAULT: ImportError | None = error
else:
    _MLX, _FAULT = mx, None


@dataclass(frozen=True)
class Room:
    """What there is for a model.

    Attributes:
        limit_bytes: the working set that Metal recommends, else the memory that is free now; None when not known.
        device: where MLX computes by default, ``gpu`` or ``cpu``.
    """

    limit_bytes: int | None
    device: str | None


@dataclass(frozen=True)
class Machine:
    """What this machine is.

    Attributes:
        system: ``macOS``, or the name of another system.
        system_version: such as ``15.5``.
        system_build: such as ``24F74``; on Linux the kernel's release.
        architecture: what this Python was built for: ``arm64``, ``x86_64``.
        is_translated: this Python is built for Intel and runs on Apple silicon, under Rosetta.
        chip: such as ``Apple M4 Max``.
        memory_bytes: all of it.
        available_memory_bytes: what can be had without swapping.
        cores: of the processor, each thread that it runs at once counted as one.
        gpu_cores: of Apple's GPU.
        has_metal: MLX computes on the GPU.
        device: where MLX computes by default, ``gpu`` or ``cpu``.
        device_architecture: such as ``applegpu_g16s``.
        working_set_bytes: how much memory Metal recommends to use at most.
        fault: why MLX cannot be imported or asked.
    """

    system: str
    system_version: str | None
    system_build: str | None
    architecture: str
    is_translated: bool
    chip: str | None
    memory_bytes: int | None
    available_memory_bytes: int | None
    cores: int | None = None
    gpu_cores: int | None = None
    has_metal: bool = False
    device: str | None = None
    device_architecture: str | None = None
    working_set_bytes: int | None = None
    fault: Exception | None = None

    @property
    def is_mac(self) -> bool:
        """Whether it runs macOS."""
        return self.system == "macOS"

    @property
    def limit_bytes(self) -> int | None:
        """What there is for a model, as `Room` has it."""
        return self.working_set_bytes or self.available_memory_bytes

    def facts(self) -> dict[str, Any]:
        """Return what a measurement says of where it was taken, as JSON: what is free just now is no such thing."""
        return {
            "system": self.system,
            "system_version": self.system_version,
            "system_build": self.system_build,
            "architecture": self.architecture,
            "chip": self.chip,
            "memory_bytes": self.memory_bytes,
            "cores": self.cores,
            "gpu_cores": self.gpu_cores,
            "device": self.device,
            "device_architecture": self.device_architecture,
        }


def read(system: System | None = None, mlx: Any = _MLX) -> Machine:
    """Return what this machine is.

    Args:
        system: the operating system; None for the one that runs this process.
        mlx: `mlx.core`, or None where it cannot be imported.
    """
    system = system or ThisSystem()
    kernel, release, architecture = system.names()
    total, available = system.memory() or (None, None)
    name, version, build, chip = _mac(system) if kernel == "Darwin" else _other(system, kernel, release)
    return Machine(
        system=name,
        system_version=version,
        system_build=build,
        architecture=architecture,
        is_translated=system.sysctl("sysctl.proc_translated") == "1" if kernel == "Darwin" else False,
        chip=chip,
        memory_bytes=total,
        available_memory_bytes=available,
        cores=system.cores(),
        gpu_cores=_gpu_cores(system) if kernel == "Darwin" else None,
        **_device(mlx),
    )


def read_room(system: System | None = None, mlx: Any = _MLX) -> Room:
    """Return what there is for a model: `read` asks the system's tools for much more, each a process of its own.

    Args:
        system: the operating system; None for the one that runs this process.
        mlx: `mlx.core`, or None where it cannot be imported.
    """
    _, available = (system or ThisSystem()).memory() or (None, None)
    told = _device(mlx)
    return Room(told.get("working_set_bytes") or available, told.get("device"))


def free_bytes(folder: Path) -> int | None:
    """Return the free space of the disk that holds a folder, or will hold it once it is made."""
    for existing in (folder, *folder.parents):
        try:
            return shutil.disk_usage(existing).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _mac(system: System) -> tuple[str, str | None, str | None, str | None]:
    # The kernel tells the true version: `platform.mac_ver` says 10.16 to a Python built for an old macOS.
    version, build = system.sysctl("kern.osproductversion"), system.sysctl("kern.osversion")
    return "macOS", version, build, system.sysctl("machdep.cpu.brand_string")


def _gpu_cores(system: System) -> int | None:
    told = system.command(("/usr/sbin/ioreg", "-rc", "IOAccelerator", "-d", "1")) or ""
    match = re.search(r'"gpu-core-count"\s*=\s*([1-9]\d{0,3})\s*$', told, re.MULTILINE)
    return int(match[1]) if match else None


def _other(system: System, kernel: str, release: str) -> tuple[str, str | None, str | None, str | None]:
    described = _values(system.text("/etc/os-release"), "=")
    chip = _values(system.text("/proc/cpuinfo"), ":").get("model name")
    return described.get("NAME") or kernel, described.get("VERSION_ID"), release or None, chip


def _values(text: str | None, separator: str) -> dict[str, str]:
    """Return the first value of each key in lines of ``key separator value``, quotes removed."""
    found: dict[str, str] = {}
    for line in (text or "").splitlines():
        key, _, value = line.partition(separator)
        found.setdefault(key.strip(), value.strip().strip('"'))
    return found


def _device(mlx: Any) -> dict[str, Any]:
    """Return the fields of a machine that MLX knows."""
    if mlx is None:
        return {"fault": _FAULT}
    try:
        has_metal = bool(mlx.metal.is_available())
        info: Mapping[str, Any] = mlx.device_info()
        device = mlx.default_device().type.name
    except RuntimeError as error:
        return {"fault": error}
    return {
        "has_metal": has_metal,
        "device": device,
        "device_architecture": info.get("architecture"),
        "working_set_bytes": info.get("max_recommended_working_set_size") if has_metal else None,
    }
