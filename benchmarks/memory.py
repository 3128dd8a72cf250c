"""Predicted against measured peak memory, on synthetic checkpoints in bfloat16, float32 and 4 bits.

    python benchmarks/memory.py [--gigabytes 0.1 0.5 1 2] [--contexts 512 2048 8192] [--weights bfloat16 4bit]
                                [--minutes 60] [--folder build/memory]

Each row is one prefill of the context and a few tokens, with nothing else in the process, and is kept as soon as it is
measured: the same command goes on where it was stopped. Target: within 5 %. A size is that of the original in
bfloat16, which the 4 bits are quantized from.

MLX's CPU backend multiplies bfloat16 at 6 GFLOP/s and quantized weights at 0.3, or at 2.3 with scales in float32. So
the larger 4 bits have scales in float32 (weights named ``4bit-float32``), and of a context of several chunks above
`WHOLE_GIGABYTES` only the last chunk is computed, on a cache that holds the others as zeros: what is in a buffer does
not change how large it is. Up to there both ways are measured.
"""

import argparse
import json
import multiprocessing
import shutil
import time
from pathlib import Path
from typing import Any

import mlx.core as mx
from convert import synthetic
from side_by_side import RESULTS, keep

from mlxkit.core.fitting import PREFILL_STEP
from mlxkit.core.schemes import parse
from mlxkit.core.trials import Workload
from mlxkit.engines import models, store
from mlxkit.engines.models.timing import Timing
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.quantize import QuantizePlan, quantize

TARGET = 0.05
DECODED = 4
WHOLE_GIGABYTES = 0.1
WEIGHTS = ("bfloat16", "float32", "4bit", "4bit-float32")


class Zeros(Timing):
    """A stopwatch whose tokens in the cache, before the prefill, are zeros instead of computed."""

    def _fill(self, tokens: mx.array, cache: list[Any]) -> None:
        count = tokens.shape[1]
        if any(layer.offset for layer in cache) or count % PREFILL_STEP:
            super()._fill(tokens, cache)
            return
        args = self._model.args
        kept = self._model.layers[0].input_layernorm.weight.dtype
        shape = (1, args.num_key_value_heads, count, args.head_dim)
        for layer in cache:  # each gets arrays of its own, which the cache may keep as they are
            layer.update_and_fetch(mx.zeros(shape, kept), mx.zeros(shape, kept))
        mx.eval([layer.state for layer in cache])
        mx.clear_cache()


def measured(folder: Path, context: int, filled: int) -> dict[str, Any]:
    """Return one row; a process of its own measures nothing else."""
    mx.set_default_device(mx.cpu)
    checkpoint = store.read(str(folder), folder).sound()
    need = models.needed(checkpoint, context=context, batch=1, on_cpu=True, trust_remote_code=False)
    opened = models.open_model(checkpoint, trust_remote_code=False)
    opened.model.eval()
    mx.eval(opened.model.parameters())
    timing = (Zeros if filled else Timing)(checkpoint, opened.model)
    given = Workload(context - filled - DECODED, DECODED, depth=filled)
    begun = time.perf_counter()
    peak = timing.run(given, time.perf_counter, 0).trial.peak_memory_bytes or 0
    return {
        "size_bytes": checkpoint.size_bytes,
        "predicted_bytes": need.total_bytes,
        "workspace_bytes": need.workspace_bytes,
        "measured_bytes": peak,
        "error": need.total_bytes / peak - 1,
        "seconds": time.perf_counter() - begun,
    }


def row(folder: Path, context: int, filled: int, seconds: float) -> dict[str, Any]:
    """Return a row from a fresh process, or that it was given up."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        try:
            return pool.apply_async(measured, (folder, context, filled)).get(seconds)
        except multiprocessing.TimeoutError:
            return {"given_up_seconds": seconds}


def made(folder: Path, gigabytes: float, weights: str) -> Path:
    """Return the checkpoint of that size with such weights, made now if it is not there."""
    original, wanted = folder / f"{gigabytes:g}GB", folder / f"{gigabytes:g}GB-{weights}"
    if weights == "bfloat16":
        wanted = original
    if (wanted / "mlxkit.json").exists() or (wanted == original and (wanted / "README.md").exists()):
        return wanted
    shutil.rmtree(wanted, ignore_errors=True)
    if wanted == original:
        synthetic(original, gigabytes)
        return original
    source = str(made(folder, gigabytes, "bfloat16"))
    if weights == "float32":
        convert(ConvertPlan(source, wanted, dtype="float32"))
    else:
        dtype = "float32" if weights == "4bit-float32" else None
        quantize(QuantizePlan(source, wanted, schemes=(parse("4bit"),), encoder="minmax", dtype=dtype))
    return wanted


def known() -> dict[str, Any]:
    """Return the rows that are kept."""
    path = RESULTS / "memory.json"
    return dict(json.loads(path.read_text())["rows"]) if path.exists() else {}


def main() -> None:
    """Make, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.1, 0.5, 1, 2])
    parser.add_argument("--contexts", type=int, nargs="+", default=[512, 2048, 8192])
    parser.add_argument("--weights", nargs="+", choices=WEIGHTS, default=WEIGHTS)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--folder", type=Path, default=Path("build/memory"))
    asked = parser.parse_args()
    mx.set_default_device(mx.cpu)
    for gigabytes, weights, context in (
        (size, weights, context) for size in asked.gigabytes for weights in asked.weights for context in asked.contexts
    ):
        before = (context - 1) // PREFILL_STEP * PREFILL_STEP
        ways = (0, before) if gigabytes <= WHOLE_GIGABYTES else (before,)
        for filled in dict.fromkeys(ways):
            name = f"{gigabytes:g} GB, {weights}, {context} tokens" + (f", {filled} of them zeros" if filled else "")
            if name in known():
                continue
            found = row(made(asked.folder, gigabytes, weights), context, filled, 60 * asked.minutes)
            rows = {**known(), name: found}
            worst = max((abs(one["error"]) for one in rows.values() if "error" in one), default=0.0)
            keep("memory", {"target": TARGET, "worst": worst, "rows": dict(sorted(rows.items()))})
            print(f"{name}: {found.get('error', float('nan')):+.2%} of {found.get('measured_bytes')}", flush=True)


if __name__ == "__main__":
    main()
