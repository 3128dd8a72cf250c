"""mlxkit's throughput against mlx-lm's, on the same weights in one run, in turn; and both programs as whole processes.

    python benchmarks/peers.py [--rounds 9] [--size 0.1] [--table]

In one process: prefill to the first token, and decoding, by `mlxkit bench`'s own stopwatch and by mlx-lm's
`stream_generate`, whose rate divides n tokens by the time of n - 1: it is corrected. Target: within 2 %. README's table
is made of the results (`--table` does only that).
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from convert import synthetic
from mlx_lm import load, stream_generate
from mlx_lm.generate import generate_step
from readme import renew
from side_by_side import RESULTS, in_turn, keep, ratio, summary

from mlxkit.core.progress import Silent
from mlxkit.core.trials import Workload
from mlxkit.engines import models, store
from mlxkit.engines.models.bandwidth import SIZE_BYTES, read_bandwidth

TARGET = 0.02
TINY = Path(__file__).parents[1] / "mlxkit" / "data" / "tiny"
WORK = {"tiny": Workload(256, 128), "random": Workload(64, 32)}
PROMPT = "12 + 7 ="


class Peer:
    """mlx-lm with one checkpoint, past every end."""

    def __init__(self, folder: Path) -> None:
        self._model, self._tokenizer = load(str(folder))[:2]
        self._tokenizer._eos_token_ids = set()  # noqa: SLF001  as mlx_lm.benchmark does

    def run(self, given: Workload, seed: int) -> dict[str, float]:
        """Return prefill and true decode rate, in tokens per second."""
        vocabulary = self._model(mx.array([[0]])).shape[-1]
        prompt = mx.random.randint(0, vocabulary, (given.prompt_tokens,), key=mx.random.key(seed)).tolist()
        count = given.generated_tokens
        *_, last = stream_generate(self._model, self._tokenizer, prompt, max_tokens=count)
        return {"prompt_tps": last.prompt_tps, "generation_tps": last.generation_tps * (count - 1) / count}

    def loop(self, given: Workload, seed: int) -> dict[str, float]:
        """Return the same of mlx-lm's loop alone, which gives tokens and no text, as `mlxkit bench` does."""
        vocabulary = self._model(mx.array([[0]])).shape[-1]
        prompt = mx.random.randint(0, vocabulary, (given.prompt_tokens,), key=mx.random.key(seed))
        mx.eval(prompt)
        moments = [time.perf_counter()]
        steps = generate_step(prompt, self._model, max_tokens=given.generated_tokens)
        moments += [time.perf_counter() for _ in steps]
        return {
            "prompt_tps": given.prompt_tokens / (moments[1] - moments[0]),
            "generation_tps": (given.generated_tokens - 1) / (moments[-1] - moments[1]),
        }


def in_process(folder: Path, given: Workload, rounds: int) -> dict[str, Any]:
    """Time both on one checkpoint, in turn, the first three rounds to warm up."""
    checkpoint = store.read(str(folder), folder).sound()
    ours = models.load_for_timing(checkpoint, trust_remote_code=False, progress=Silent())
    theirs = Peer(folder)
    runs: list[dict[str, Any]] = []
    for number in range(rounds + 3):
        both: dict[str, dict[str, float]] = {}
        # Who goes first changes from round to round: the second finds the caches as the first has left them.
        turn = ("mlxkit", "mlx_lm", "mlx_lm_loop")
        for name in turn if number % 2 else reversed(turn):
            if name != "mlxkit":
                both[name] = (theirs.run if name == "mlx_lm" else theirs.loop)(given, number)
                continue
            trial = ours.run(given, time.perf_counter, number).trial
            speed = trial.generation_tps(given)
            both[name] = {"prompt_tps": given.prompt_tokens / trial.first_seconds, "generation_tps": speed or 0.0}
        if number >= 3:
            runs.append(both)
    found: dict[str, Any] = {"workload": given.data(), "size_bytes": checkpoint.size_bytes, "runs": runs}
    for figure in ("prompt_tps", "generation_tps"):
        found[figure] = {name: statistics.median(run[name][figure] for run in runs) for name in runs[0]}
        for peer, end in (("mlx_lm", ""), ("mlx_lm_loop", "_to_loop")):
            ratios = sorted(run["mlxkit"][figure] / run[peer][figure] for run in runs)
            found[figure][f"ratio{end}"] = statistics.median(ratios)
            found[figure][f"ratio{end}_quarters"] = [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]]
    return found


def bandwidth(rounds: int) -> dict[str, Any]:
    """Read as much memory with MLX, as `mlxkit bench` does, and with numpy's sum, in turn: bytes per second."""
    array = np.ones(SIZE_BYTES // 4, np.float32)
    runs = []
    for _ in range(rounds):
        (ours,) = read_bandwidth(reads=1)
        begun = time.perf_counter()
        array.sum()
        runs.append({"mlx": ours, "numpy": SIZE_BYTES / (time.perf_counter() - begun)})
    return {"ratio": statistics.median(run["mlx"] / run["numpy"] for run in runs), "runs": runs}


def whole(folder: Path, rounds: int) -> dict[str, Any]:
    """Time `mlxkit run` and `mlx_lm generate` from start to end, on one prompt."""
    module = [sys.executable, "-m"]
    commands = {
        "mlxkit": [*module, "mlxkit", "run", str(folder), PROMPT, "--max-tokens", "16"],
        "mlx_lm": [*module, "mlx_lm", "generate", "--model", str(folder), "--prompt", PROMPT, "--max-tokens", "16"],
    }
    found = in_turn(commands, rounds)
    return {
        **{
            f"{field}_ratio": ratio(found["mlxkit"], found["mlx_lm"], field)
            for field in ("wall_seconds", "peak_rss_bytes")
        },
        "commands": {name: summary(runs) for name, runs in found.items()},
    }


def main() -> None:
    """Measure, print, keep, renew README's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=float, default=0.1, help="of the random checkpoint, in GB")
    parser.add_argument("--table", action="store_true", help="only renew README's table from the results")
    asked = parser.parse_args()
    if not asked.table:
        with tempfile.TemporaryDirectory() as scratch:
            folders = {"tiny": TINY, "random": Path(scratch) / "random"}
            synthetic(folders["random"], asked.size)
            found = {name: in_process(folder, WORK[name], asked.rounds) for name, folder in folders.items()}
            figures = {"target": TARGET, "in_process": found, "whole_process": whole(TINY, asked.rounds)}
            figures["bandwidth"] = bandwidth(asked.rounds)
        print(f"{keep('peers', figures).name} written")
    print(renew(Path(__file__).parents[1] / "README.md", RESULTS / "peers.json"))


if __name__ == "__main__":
    main()
