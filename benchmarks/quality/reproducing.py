"""Whether the same plan gives the same digest, in processes that share nothing."""

import os
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from mlxkit.usecases.quantize import QuantizePlan, quantize


def digests(plan: QuantizePlan, runs: int = 2) -> dict[str, str]:
    """Return the digest of each run of a plan, in a process of its own and with an empty cache.

    Raises:
        RuntimeError: a run failed.
    """
    found = {}
    for number in range(1, runs + 1):
        with TemporaryDirectory() as name:
            folder = Path(name)
            process = get_context("spawn").Process(target=_run, args=(plan, folder))
            process.start()
            process.join()
            if process.exitcode != 0:
                raise RuntimeError(f"run {number} ended with {process.exitcode}")
            found[str(number)] = (folder / "digest").read_text(encoding="utf-8")
    return found


def _run(plan: QuantizePlan, folder: Path) -> None:
    os.environ["MLXKIT_CACHE"] = str(folder / "cache")
    result = quantize(replace(plan, destination=folder / "out"))
    (folder / "digest").write_text(" ".join(point.digest for point in result.points), encoding="utf-8")
