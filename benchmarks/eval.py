"""What judging variants costs, against plain forward passes over the same text, and against mlx-lm's own perplexity.

    python benchmarks/eval.py [--rounds 5] [--rows 32]

The original is asked once and each of N variants judged: N + 1 passes, and what comparing costs. Target: at most 1.1 of
the time of N + 1 plain passes. Text, checkpoints and weights in memory are the same on both sides.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.perplexity import eval_ppl
from side_by_side import keep

from mlxkit.core.schemes import parse
from mlxkit.engines import models, store
from mlxkit.usecases.eval import EvalPlan, evaluate
from mlxkit.usecases.quantize import QuantizePlan, quantize

TARGET = 1.1
BITS = (2, 3, 4, 6)
CONTEXT = 512
HERE = Path(__file__).parent
SUBJECTS = {"tiny": "tiny", "small": str(HERE / "small" / "checkpoint")}
TEXT = HERE.parent / "mlxkit" / "data" / "tiny" / "questions.jsonl"


class Clock:
    """Progress that adds up how long phases were open."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str, *_: Any, **__: Any) -> Iterator[Callable[..., None]]:
        """Time one phase, by the first word of its name."""
        begun = time.perf_counter()
        yield lambda *_: None
        kind = name.split(maxsplit=1)[0]
        self.seconds[kind] = self.seconds.get(kind, 0) + time.perf_counter() - begun


def judged(variants: list[Path], source: str, rows: int) -> dict[str, float]:
    """Judge all variants with nothing kept from before; return the seconds that reading took, and of everything."""
    clock, begun = Clock(), time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MLXKIT_CACHE"] = cache
        for variant in variants:
            plan = EvalPlan(str(variant), source, (str(TEXT),), tokens=rows * CONTEXT, context=CONTEXT)
            evaluate(plan, progress=clock, record=len)
    return {"read": clock.seconds["Asking"] + clock.seconds["Judging"], "all": time.perf_counter() - begun}


def measured(source: str, rounds: int, count: int, folder: Path) -> dict[str, Any]:
    """Return what judging a checkpoint's variants costs, plain passes and mlx-lm's perplexity in turn with it."""
    variants = [folder / f"{bits}bit" for bits in BITS]
    for bits, variant in zip(BITS, variants, strict=True):
        quantize(QuantizePlan(source, variant, schemes=(parse(f"{bits}bit-g64"),)))
    checkpoint = store.read(source, store.local(source).folder).sound()
    reader = models.Reader(checkpoint, trust_remote_code=False)
    tokenizer = models.load_tokenizer(checkpoint)
    text = models.tokenized(tokenizer, store.read_documents(TEXT), count=count, length=CONTEXT, name="text", hint="")
    runs: list[dict[str, float]] = []
    for number in range(rounds + 1):
        begun = time.perf_counter()
        for row in text.rows:
            reader.logits(models.inputs(row))
        plain = time.perf_counter() - begun
        begun = time.perf_counter()
        with redirect_stdout(sys.stderr):
            eval_ppl(reader.model, mx.array(text.rows))
        peer = time.perf_counter() - begun
        if number:  # the first round warms up
            runs.append({"plain": plain, "mlx_lm": peer, **judged(variants, source, len(text.rows))})
    passes = len(BITS) + 1
    ratios = [run["read"] / (passes * run["plain"]) for run in runs]
    return {
        "rows": len(text.rows),
        "vocabulary": reader.vocabulary,
        "variants": len(BITS),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "ratio_with_loading": statistics.median(run["all"] / (passes * run["plain"]) for run in runs),
        "ratio_to_mlx_lm_perplexity": statistics.median(run["read"] / (passes * run["mlx_lm"]) for run in runs),
        "seconds": runs,
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=32)
    asked = parser.parse_args()
    mx.set_default_device(mx.cpu)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, source in SUBJECTS.items():
            found[name] = measured(source, asked.rounds, asked.rows, Path(folder) / name)
            one = found[name]
            print(
                f"{name}: {one['ratio']:.3f} ({one['ratio_min']:.3f} to {one['ratio_max']:.3f}) of {len(BITS) + 1} "
                f"plain passes (target {TARGET}); with loading {one['ratio_with_loading']:.3f}; "
                f"{one['ratio_to_mlx_lm_perplexity']:.3f} of mlx_lm's perplexity"
            )
    print(f"{keep('eval', {'target_ratio': TARGET, 'subjects': found}).name} written")


if __name__ == "__main__":
    main()
