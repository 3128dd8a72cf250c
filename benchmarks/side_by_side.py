"""Whole commands, run in turn: wall time, processor time and peak memory, from the operating system's accounts."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Run:
    """One run of one command.

    Attributes:
        wall_seconds: from start to end.
        cpu_seconds: user and system.
        peak_rss_bytes: of the process.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int


def timed(command: Sequence[str]) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RSS_UNIT)


def in_turn(
    commands: dict[str, Sequence[str]], runs: int, before: Callable[[], None] = lambda: None
) -> dict[str, list[Run]]:
    """Run each command once to warm up, then all of them in turn, A B A B, `runs` times.

    Args:
        commands: name to command line.
        runs: counted runs of each.
        before: called before every run, to clear away what the last one wrote.
    """
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            before()
            run = timed(command)
            if number:
                found[name].append(run)
    return found


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Return median, minimum and maximum of each figure, and the raw runs."""
    figures: dict[str, Any] = {}
    for field in ("wall_seconds", "cpu_seconds", "peak_rss_bytes"):
        values = [getattr(run, field) for run in runs]
        figures[field] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {**figures, "runs": [asdict(run) for run in runs]}


def ratio(ours: Sequence[Run], theirs: Sequence[Run], field: str) -> float:
    """Return the median of the ratios of runs that stood side by side."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(getattr(one, field) / getattr(other, field) for one, other in pairs)


def keep(name: str, figures: dict[str, Any]) -> Path:
    """Write figures with the machine and the versions they were taken on, and return where."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    machine = {"system": platform.system(), "machine": platform.machine(), "processors": os.cpu_count()}
    versions = {package: version(package) for package in ("mlxkit", "mlx", "mlx-lm")}
    head = {"date": datetime.now(UTC).date().isoformat(), "machine": machine, "versions": versions}
    path.write_text(json.dumps({**head, **figures}, indent=1) + "\n")
    return path
