"""convert, killed at random moments: nothing that looks complete stays, and the same command succeeds afterwards."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from mlxkit.engines.store import read
from mlxkit.usecases.convert import ConvertPlan, convert
from tests.fakes.checkpoints import QWEN3, qwen3_shapes, random_weights, write_checkpoint

MOMENTS = 20


def start(source: Path, destination: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mlxkit", "convert", str(source), str(destination), "--shard-size", "2MB"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def first_write(folder: Path, process: subprocess.Popen[bytes]) -> float:
    """Wait until something is written, and return when that was."""
    while not list(folder.glob(".copy*")) and process.poll() is None:
        time.sleep(0.001)
    return time.monotonic()


def test_killed_at_any_moment(tmp_path):
    config = {**QWEN3, "num_hidden_layers": 24}
    source = write_checkpoint(tmp_path / "in" / "source", config, random_weights(qwen3_shapes(config)))
    reference = convert(ConvertPlan(str(source), tmp_path / "reference", shard_bytes=2_000_000))
    work = tmp_path / "work"
    work.mkdir()
    process = start(source, work / "copy")
    begun = first_write(work, process)
    assert process.wait() == 0
    span = time.monotonic() - begun
    chance = random.Random(20)
    interrupted = 0
    for _ in range(MOMENTS):
        subprocess.run(["rm", "-rf", work / "copy"], check=True)
        process = start(source, work / "copy")
        first_write(work, process)
        time.sleep(chance.uniform(0, span))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        interrupted += not (work / "copy").exists()
        for folder in (path for path in work.iterdir() if path.is_dir() and not path.name.startswith(".")):
            # The kill came after the rename: then it is the whole of it.
            assert read("it", folder).sound().record["digest"] == reference.digest
        result = convert(ConvertPlan(str(source), work / "copy", shard_bytes=2_000_000, force=True))
        assert result.digest == reference.digest
        assert [path.name for path in work.iterdir()] == ["copy"]
    assert interrupted > 0  # how many depends on how busy the machine was when the span was taken
