"""What this machine is, and whether all parts of mlxkit work on it. Nothing here touches the network."""

import getpass
import math
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from mlxkit import __version__
from mlxkit.core import redaction
from mlxkit.core.errors import IntegrityError, MlxkitError
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.engines import hub, machine, store
from mlxkit.engines.hub import Hub
from mlxkit.engines.machine import Machine

try:
    from mlxkit.engines import models
except ImportError as error:  # a doctor that dies of what it should find helps nobody
    _MODELS_FAULT: ImportError | None = error
else:
    _MODELS_FAULT = None

Found = TypeVar("Found")

PACKAGES = ("mlx", "mlx-lm", "transformers", "huggingface_hub", "safetensors", "click")
OLDEST_MACOS = 14
LEAST_MEMORY_BYTES = 8 * 10**9
LEAST_FREE_BYTES = 10 * 10**9


@dataclass(frozen=True)
class DoctorPlan:
    """What to look at: everything, and the checkpoint that has to answer."""

    model: str = store.TINY


@dataclass(frozen=True)
class Part:
    """One part of mlxkit that was tried.

    Attributes:
        name: what was tried.
        seconds: how long it took.
        error: why it does not work, or None.
    """

    name: str
    seconds: float
    error: Exception | None = None

    @property
    def reason(self) -> str | None:
        """Why it does not work, without the home folder's path."""
        if self.error is None:
            return None
        if isinstance(self.error, MlxkitError):
            return redacted(self.error.message)
        return redacted(f"{type(self.error).__name__}: {self.error}")


@dataclass(frozen=True)
class DoctorResult:
    """What was found.

    Attributes:
        machine: what this machine is.
        hub: how the Hub is set up; None when that cannot be told.
        free_bytes: of the disk that holds the Hub's cache.
        versions: of each package that has a say; None for what is not installed.
        model: the checkpoint that had to answer.
        token: the id that it answered; None when it did not.
        parts: everything that was tried.
    """

    command: ClassVar[str] = "doctor"
    machine: Machine
    hub: Hub | None
    free_bytes: int | None
    versions: Mapping[str, str | None]
    model: str
    token: int | None
    parts: tuple[Part, ...] = field(default=())

    @property
    def failure(self) -> MlxkitError | None:
        """Which parts do not work, or None."""
        broken = [part for part in self.parts if part.error is not None]
        if not broken:
            return None
        reasons = "; ".join(f"{part.name} ({(part.reason or '').rstrip('.')})" for part in broken)
        hint = broken[0].error.hint if isinstance(broken[0].error, MlxkitError) else None
        failure = MlxkitError(f"Not all parts work: {reasons}.", hint=redacted(hint) if hint else "see `mlxkit doctor`")
        failure.__cause__ = broken[0].error
        return failure

    @property
    def warnings(self) -> tuple[str, ...]:
        """What does not keep mlxkit from working, and what to do about it."""
        return tuple(_warnings(self.machine, self.free_bytes))

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        here = self.machine
        return {
            "system": here.system,
            "system_version": here.system_version,
            "system_build": here.system_build,
            "architecture": here.architecture,
            "is_translated": here.is_translated,
            "chip": here.chip,
            "cores": here.cores,
            "memory_bytes": here.memory_bytes,
            "available_memory_bytes": here.available_memory_bytes,
            "device": here.device,
            "device_architecture": here.device_architecture,
            "gpu_cores": here.gpu_cores,
            "has_metal": here.has_metal,
            "working_set_bytes": here.working_set_bytes,
            "versions": dict(self.versions),
            "hub": _hub_data(self.hub, self.free_bytes),
            "generation": {"model": self.model, "token": self.token},
            "parts": [
                {"name": part.name, "is_working": part.error is None, "seconds": part.seconds, "reason": part.reason}
                for part in self.parts
            ],
            "warnings": list(self.warnings),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (*_machine_facts(self.machine), *_hub_facts(self.hub, self.free_bytes))
        versions = tuple((name, found or "not installed") for name, found in self.versions.items())
        parts = tuple((part.name, part.error is None, part.seconds, part.reason or "") for part in self.parts)
        columns = (Column("Part"), Column("Works", "flag"), Column("Took", "seconds"), Column("Why not"))
        tables = (Table("Versions", (Column("Package"), Column("Version")), versions), Table("Parts", columns, parts))
        notes = tuple(Note(text, "warning") for text in self.warnings)
        return Report("This machine", facts, tables, (*notes, *_notes(self.machine)))


def doctor(
    plan: DoctorPlan,
    *,
    read_machine: Callable[[], Machine] = machine.read,
    read_hub: Callable[[], Hub] = hub.read,
    read_version: Callable[[str], str] = version,
    generate: Callable[[str], int] | None = None,
) -> DoctorResult:
    """Describe this machine and try all parts, each even when another does not work.

    Args:
        plan: what to look at.
        read_machine: describes the machine.
        read_hub: describes how the Hub is set up.
        read_version: gives an installed package's version.
        generate: gives the token that a model answers; None for mlx-lm.
    """
    parts: list[Part] = []
    versions = _versions(read_version)
    missing = [name for name, found in versions.items() if found is None]
    _tried(parts, "packages", lambda: _complete(missing))
    here = read_machine()
    _tried(parts, "MLX", lambda: _computing(here))
    setup = _tried(parts, "Hub settings", read_hub)
    token = _tried(parts, f"one token with {plan.model!r}", lambda: (generate or _generate)(plan.model))
    return DoctorResult(
        machine=here,
        hub=setup,
        free_bytes=machine.free_bytes(setup.cache) if setup else None,
        versions=versions,
        model=plan.model,
        token=token,
        parts=tuple(parts),
    )


def redacted(text: str) -> str:
    """Return a text without home folders and the login name, so that it can be shown to others."""
    homes = {str(Path.home()), str(Path.home().resolve())}
    try:
        logins = {getpass.getuser()}
    except (KeyError, OSError):
        logins = set()
    return str(redaction.redacted(text, homes, logins))


def _tried(parts: list[Part], name: str, work: Callable[[], Found]) -> Found | None:
    start = time.perf_counter()
    try:
        found = work()
    except Exception as error:  # noqa: BLE001  whatever it is, the other parts are tried too
        parts.append(Part(name, time.perf_counter() - start, error))
        return None
    parts.append(Part(name, time.perf_counter() - start))
    return found


def _versions(read_version: Callable[[str], str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {"mlxkit": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = read_version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _complete(missing: list[str]) -> None:
    if missing:
        raise MlxkitError(f"Not installed: {', '.join(missing)}.", hint=f"python3 -m pip install {' '.join(missing)}")


def _computing(here: Machine) -> None:
    if here.fault is not None:
        raise MlxkitError(
            f"MLX cannot be used: {here.fault}.", hint="python3 -m pip install --force-reinstall mlx"
        ) from here.fault


def _generate(model: str) -> int:
    """Return the token that the model finds likeliest after a fixed prompt.

    Raises:
        MlxkitError: it cannot be loaded, or what it computes is not finite.
    """
    if _MODELS_FAULT is not None:
        raise MlxkitError(
            f"mlx-lm cannot be imported: {_MODELS_FAULT}.", hint="python3 -m pip install --upgrade mlx-lm"
        ) from _MODELS_FAULT
    logits = models.probe(models.open_model(store.read(model, store.locate(model)).sound()))[-1]
    # NaN and infinity survive every addition, so one value tells of all.
    if not math.isfinite(float(logits.sum())):
        raise IntegrityError(f"The logits of {model!r} are not finite.", hint="install mlxkit again")
    return int(logits.argmax())


def _warnings(here: Machine, free: int | None) -> list[str]:
    found = []
    if here.is_translated:
        found.append(
            "This Python is built for Intel and runs under Rosetta, where MLX has no Metal: use a Python for arm64."
        )
    elif here.is_mac and here.fault is None and not here.has_metal:
        found.append("Metal is not there: MLX computes on the CPU. Virtual machines and old Macs have none.")
    major = (here.system_version or "").partition(".")[0]
    if here.is_mac and major.isdecimal() and int(major) < OLDEST_MACOS:
        found.append(f"macOS {here.system_version} is too old for MLX: update to macOS {OLDEST_MACOS} or later.")
    if here.memory_bytes is not None and here.memory_bytes < LEAST_MEMORY_BYTES:
        found.append("There is less than 8 GB of memory: take models of at most 3 billion parameters, at 4 bits.")
    if free is not None and free < LEAST_FREE_BYTES:
        found.append(
            "There is less than 10 GB free for the Hub's cache: `hf cache prune` frees some, and HF_HOME moves it."
        )
    return found


def _notes(here: Machine) -> tuple[Note, ...]:
    if here.is_mac:
        return ()
    return (Note("MLX computes on the CPU here: its speed says nothing about a Mac's."),)


def _machine_facts(here: Machine) -> tuple[Fact, ...]:
    build = f"({here.system_build})" if here.system_build else None
    system = " ".join(word for word in (here.system, here.system_version, build, here.architecture) if word)
    device = f"{here.device} ({here.device_architecture})" if here.device_architecture else here.device
    working_set = (Fact("  recommended at most", here.working_set_bytes, "bytes"),) if here.working_set_bytes else ()
    gpu_cores = (Fact("  GPU cores", here.gpu_cores, "count"),) if here.gpu_cores else ()
    return (
        Fact("System", system),
        Fact("Chip", here.chip),
        Fact("Memory", here.memory_bytes, "bytes"),
        Fact("  available", here.available_memory_bytes, "bytes"),
        Fact("MLX device", device),
        *gpu_cores,
        Fact("  Metal", here.has_metal, "flag"),
        *working_set,
    )


def _hub_facts(setup: Hub | None, free: int | None) -> tuple[Fact, ...]:
    if setup is None:
        return ()
    return (
        Fact("Hub", setup.endpoint),
        Fact("  signed in", setup.has_token, "flag"),
        Fact("  offline", setup.is_offline, "flag"),
        Fact("  cache", redacted(str(setup.cache))),
        Fact("  free on its disk", free, "bytes"),
    )


def _hub_data(setup: Hub | None, free: int | None) -> dict[str, Any] | None:
    if setup is None:
        return None
    return {
        "endpoint": setup.endpoint,
        "has_token": setup.has_token,
        "is_offline": setup.is_offline,
        "cache": redacted(str(setup.cache)),
        "free_bytes": free,
    }
