"""A build of five uniform variants of one synthetic checkpoint, against five runs of `mlx_lm.convert`.

    python benchmarks/build.py [--gigabytes 1] [--runs 3] [--folder build/benchmark]

Targets: at most 0.7 of the peer's time, and the source read at most twice. Both encode by MLX's own rule, nothing is
judged, checked or timed. What a process reads of the source's weights is counted by strace, where there is one, in a
run of its own; the safetensors library maps the file besides, of which it reads the header.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from convert import synthetic
from side_by_side import Run, keep, ratio, summary, timed

TIME_TARGET, READINGS_TARGET = 0.7, 2.0
BITS = (3, 4, 5, 6, 8)
VARIANT = """
[[variant]]
scheme = "{bits}bit"
encoder = "minmax"
"""
RECIPE = """
name = "synthetic"

[source]
repo = "{source}"

[evaluation]
texts = []

[gates]
no_check_errors = false
""" + "".join(VARIANT.format(bits=bits) for bits in BITS)


def ours() -> list[str]:
    """Return the command that builds all variants below the working folder."""
    return [sys.executable, "-m", "mlxkit", "build", "recipe.toml"]


def theirs(source: Path, out: Path, bits: int) -> list[str]:
    """Return the command that makes one of them."""
    words = ["--hf-path", str(source), "--mlx-path", str(out), "-q", "--q-bits", str(bits), "--q-group-size", "64"]
    return [sys.executable, "-m", "mlx_lm", "convert", *words]


def readings(command: list[str], weights: Path) -> float | None:
    """Return how often a command reads a file, from what its system calls give back; None without strace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    with TemporaryDirectory() as folder:
        told = Path(folder) / "calls"
        calls = "trace=read,pread64,readv,preadv,preadv2,sendfile,copy_file_range"
        subprocess.run(
            [strace, "-ff", "-y", "-e", calls, "-o", str(told), *command], check=True, stdout=subprocess.DEVNULL
        )
        # A file for each thread: in a common one, a call that is interrupted by another thread's is torn in two.
        texts = [path.read_text(errors="replace") for path in Path(folder).iterdir()]
        lines = [line for text in texts for line in text.splitlines() if f"<{weights.resolve()}>" in line]
    counts = [re.search(r"= (\d+)$", line) for line in lines]
    return sum(int(found.group(1)) for found in counts if found) / weights.stat().st_size


def taken(runs: int, source: Path, root: Path, out: Path) -> dict[str, list[Run]]:
    """Return the runs of both in turn, the first of each not counted; five runs of the peer are one."""
    found: dict[str, list[Run]] = {"mlxkit": [], "mlx_lm": []}
    for number in range(runs + 1):
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree("cache", ignore_errors=True)
        built = timed(ours())
        converted = []
        for bits in BITS:
            shutil.rmtree(out, ignore_errors=True)
            converted.append(timed(theirs(source, out, bits)))
        if number:
            found["mlxkit"].append(built)
            whole = Run(
                sum(one.wall_seconds for one in converted),
                sum(one.cpu_seconds for one in converted),
                max(one.peak_rss_bytes for one in converted),
            )
            found["mlx_lm"].append(whole)
    return found


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmark"))
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    asked.folder.mkdir(parents=True)
    os.chdir(asked.folder)
    source, root, out = Path("source").resolve(), Path("build"), Path("out")
    synthetic(source, asked.gigabytes)
    Path("recipe.toml").write_text(RECIPE.format(source=source))
    os.environ["MLXKIT_CACHE"] = str(Path("cache").resolve())
    read = readings(ours(), source / "model.safetensors")
    found = taken(asked.runs, source, root, out)
    figures: dict[str, Any] = {
        field: ratio(found["mlxkit"], found["mlx_lm"], field)
        for field in ("wall_seconds", "cpu_seconds", "peak_rss_bytes")
    }
    shutil.rmtree(source)
    shutil.rmtree(root)
    keep(
        "build",
        {
            "targets": {"wall_seconds": TIME_TARGET, "readings": READINGS_TARGET},
            "gigabytes": asked.gigabytes,
            "variants": [f"{bits}bit" for bits in BITS],
            "readings": read,
            "ratios": figures,
            **{name: summary(runs) for name, runs in found.items()},
        },
    )
    print(f"wall {figures['wall_seconds']:.2f} of five mlx_lm.convert (target {TIME_TARGET})")
    print(f"processor time {figures['cpu_seconds']:.2f}, peak memory {figures['peak_rss_bytes']:.2f}")
    print("source read " + ("unknown: no strace" if read is None else f"{read:.2f} times (target {READINGS_TARGET:g})"))


if __name__ == "__main__":
    main()
