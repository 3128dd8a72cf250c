"""Predicted against measured peak memory, on synthetic checkpoints in bfloat16 and 4 bits.

    python benchmarks/memory.py [--gigabytes 0.1 0.5 1 2] [--contexts 512 2048 8192] [--folder build/memory]

Each row is one prefill of the context and a few tokens, in this process, with nothing else in memory. Target: within 5 %.
"""

import argparse
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
from mlxkit.usecases.quantize import QuantizePlan, quantize

TARGET = 0.05
DECODED = 4
SMALL_GIGABYTES, SMALL_CONTEXT = 0.1, 2048
"""Up to which 4 bits are measured: MLX's quantized products take minutes on the CPU beyond."""


def measured(folder: Path, contexts: list[int]) -> list[dict[str, Any]]:
    """Return a row for each context of one checkpoint."""
    checkpoint = store.read(str(folder), folder).sound()
    timing = models.load_for_timing(checkpoint, trust_remote_code=False, progress=Silent())
    rows = []
    for context in contexts:
        given = Workload(context - DECODED, DECODED)
        need = models.needed(checkpoint, context=context, batch=1, on_cpu=True, trust_remote_code=False)
        peak = timing.run(given, time.perf_counter, 0).trial.peak_memory_bytes or 0
        rows.append(
            {
                "size_bytes": checkpoint.size_bytes,
                "context": context,
                "predicted_bytes": need.total_bytes,
                "workspace_bytes": need.workspace_bytes,
                "measured_bytes": peak,
                "error": need.total_bytes / peak - 1,
            }
        )
        print(
            f"{folder.name} {context}: {need.total_bytes:,} predicted, {peak:,} measured, {rows[-1]['error']:+.2%}",
            flush=True,
        )
    return rows


def main() -> None:
    """Make, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.1, 0.5, 1, 2])
    parser.add_argument("--contexts", type=int, nargs="+", default=[512, 2048, 8192])
    parser.add_argument("--folder", type=Path, default=Path("build/memory"))
    asked = parser.parse_args()
    mx.set_default_device(mx.cpu)
    found: dict[str, Any] = {}
    for gigabytes in asked.gigabytes:
        folder = asked.folder / f"{gigabytes:g}GB"
        shutil.rmtree(folder, ignore_errors=True)
        synthetic(folder, gigabytes)
        found[f"{gigabytes:g} GB, bfloat16"] = measured(folder, asked.contexts)
        if gigabytes <= SMALL_GIGABYTES:
            made = asked.folder / f"{gigabytes:g}GB-4bit"
            quantize(QuantizePlan(str(folder), made, scheme=parse("4bit"), encoder="minmax", force=True))
            small = [context for context in asked.contexts if context <= SMALL_CONTEXT]
            found[f"{gigabytes:g} GB, 4 bits"] = measured(made, small)
            shutil.rmtree(made)
        shutil.rmtree(folder)
        models.release()
    worst = max(abs(row["error"]) for rows in found.values() for row in rows)
    print(
        f"worst {worst:.2%} (target {TARGET:.0%}); {keep('memory', {'target': TARGET, 'worst': worst, 'rows': found}).name} written"
    )


if __name__ == "__main__":
    main()
