"""Speed of a fetch over the loopback, hashing included, against `huggingface_hub.snapshot_download`, which does not.

    python benchmarks/fetch.py [--gigabytes 1] [--shards 4] [--runs 5] [--folder build/benchmark]

Target: at least 0.9 of the peer's speed. The server is the one of the tests, in a process of its own; it shares the
processors with the client, so the figures say how the two compare and not how fast a network may be.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from side_by_side import in_turn, keep, ratio, summary

ROOT = Path(__file__).parents[1]
TARGET = 0.9
NAME = "owner/name"
OURS = f"""
from mlxkit.core.fetching import choose
from mlxkit.engines.hub import api, cache, download, read
hub = read()
repository = api.resolve(hub, {NAME!r})
download.fetch(hub, cache.plan(hub, repository, choose(repository.files, api.weight_map(hub, repository))))
"""
THEIRS = f"from huggingface_hub import snapshot_download; snapshot_download({NAME!r})"
SERVER = """
import sys
from tests.hub import Generated, serve
size, shards = int(sys.argv[1]), int(sys.argv[2])
names = [f"model-{number:05d}-of-{shards:05d}.safetensors" for number in range(1, shards + 1)]
files = {name: Generated(size // shards, seed=number) for number, name in enumerate(names)}
with serve() as hub:
    repo = hub.add("owner/name", {"config.json": b"{}", "tokenizer.json": b"[]", **files})
    for blob in repo.commits[repo.head].files.values():
        blob.etag  # hashed once, before anything is measured
    print(hub.endpoint, flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmark"))
    asked = parser.parse_args()
    home = asked.folder.absolute() / "hub"
    size = int(asked.gigabytes * 1e9)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(size), str(asked.shards)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
            del os.environ[name]
        os.environ |= {
            "HF_ENDPOINT": server.stdout.readline().strip(),
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        commands = {"mlxkit": [sys.executable, "-c", OURS], "huggingface_hub": [sys.executable, "-c", THEIRS]}
        found = in_turn(commands, asked.runs, lambda: shutil.rmtree(home, ignore_errors=True))
    finally:
        server.stdin.close()
        server.wait()
        shutil.rmtree(home, ignore_errors=True)
    ours, theirs = found["mlxkit"], found["huggingface_hub"]
    speed = 1 / ratio(ours, theirs, "wall_seconds")
    megabytes = size / 1e6 / summary(ours)["wall_seconds"]["median"]
    told = ", ".join(f"{field} {ratio(ours, theirs, field):.2f}" for field in ("cpu_seconds", "peak_rss_bytes"))
    print(f"{asked.gigabytes:g} GB in {asked.shards}: speed {speed:.2f} of the peer's, {megabytes:.0f} MB/s; {told}")
    figures = {name: summary(runs) for name, runs in found.items()}
    print(keep("fetch", {"target_speed": TARGET, "speed": speed, "bytes": size, "shards": asked.shards, **figures}))


if __name__ == "__main__":
    main()
