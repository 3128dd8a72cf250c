"""Predicted against measured peak memory, on synthetic checkpoints in bfloat16, float32 and 4 bits.

    python benchmarks/memory.py [--gigabytes 0.1 0.5 1 2] [--contexts 512 2048 8192] [--minutes 10]
                                [--folder build/memory]

Each row is one prefill of the context and a few tokens, with nothing else in the process. Target: within 5 %. MLX's
CPU backend multiplies bfloat16 itself and float32 with BLAS, ten times as fast: a row that takes more than its minutes
is given up, and the same graph in float32 stands for it.
"""

import argparse
import multiprocessing
import shutil
import time
from pathlib import Path
from typing import Any

import mlx.core as mx
from convert import synthetic
from side_by_side import keep

from mlxkit.core.progress import Silent
from mlxkit.core.schemes import parse
from mlxkit.core.trials import Workload
from mlxkit.engines import models, store
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.quantize import QuantizePlan, quantize

TARGET = 0.05
DECODED = 4
SMALL_GIGABYTES, SMALL_CONTEXT = 0.1, 2048
"""Up to which 4 bits are measured: MLX's quantized products take minutes on the CPU beyond."""


def measured(folder: Path, context: int) -> dict[str, Any]:
    """Return one row; a process of its own measures nothing else."""
    mx.set_default_device(mx.cpu)
    checkpoint = store.read(str(folder), folder).sound()
    need = models.needed(checkpoint, context=context, batch=1, on_cpu=True, trust_remote_code=False)
    timing = models.load_for_timing(checkpoint, trust_remote_code=False, progress=Silent())
    peak = timing.run(Workload(context - DECODED, DECODED), time.perf_counter, 0).trial.peak_memory_bytes or 0
    return {
        "size_bytes": checkpoint.size_bytes,
        "context": context,
        "predicted_bytes": need.total_bytes,
        "workspace_bytes": need.workspace_bytes,
        "measured_bytes": peak,
        "error": need.total_bytes / peak - 1,
    }


def rows(folder: Path, contexts: list[int], seconds: float) -> list[dict[str, Any]]:
    """Return a row for each context, each from a fresh process, or only the context where that takes too long."""
    found: list[dict[str, Any]] = []
    for context in contexts:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            try:
                row = pool.apply_async(measured, (folder, context)).get(seconds)
            except multiprocessing.TimeoutError:
                print(f"{folder.name} {context}: given up after {seconds:,.0f} s", flush=True)
                found.append({"context": context, "given_up_seconds": seconds})
                continue
        print(f"{folder.name} {context}: {row['error']:+.2%} of {row['measured_bytes']:,} measured", flush=True)
        found.append(row)
    return found


def main() -> None:
    """Make, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.1, 0.5, 1, 2])
    parser.add_argument("--contexts", type=int, nargs="+", default=[512, 2048, 8192])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--folder", type=Path, default=Path("build/memory"))
    asked = parser.parse_args()
    seconds = 60 * asked.minutes
    mx.set_default_device(mx.cpu)
    found: dict[str, Any] = {}
    for gigabytes in asked.gigabytes:
        folder = asked.folder / f"{gigabytes:g}GB"
        shutil.rmtree(folder, ignore_errors=True)
        synthetic(folder, gigabytes)
        found[f"{gigabytes:g} GB, bfloat16"] = rows(folder, asked.contexts, seconds)
        wide = asked.folder / f"{gigabytes:g}GB-float32"
        convert(ConvertPlan(str(folder), wide, dtype="float32", force=True))
        found[f"{gigabytes:g} GB, float32"] = rows(wide, asked.contexts, seconds)
        shutil.rmtree(wide)
        if gigabytes <= SMALL_GIGABYTES:
            made = asked.folder / f"{gigabytes:g}GB-4bit"
            quantize(QuantizePlan(str(folder), made, scheme=parse("4bit"), encoder="minmax", force=True))
            small = [context for context in asked.contexts if context <= SMALL_CONTEXT]
            found[f"{gigabytes:g} GB, 4 bits"] = rows(made, small, seconds)
            shutil.rmtree(made)
        shutil.rmtree(folder)
    worst = max(abs(row["error"]) for taken in found.values() for row in taken if "error" in row)
    path = keep("memory", {"target": TARGET, "worst": worst, "rows": found})
    print(f"worst {worst:.2%} (target {TARGET:.0%}); {path.name} written")


if __name__ == "__main__":
    main()
