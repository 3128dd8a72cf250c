"""A build that is killed at any moment is completed by the same command, and its weights are the same bytes."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def start(release):
    command = [sys.executable, "-m", "tests.fakes.releases", str(release.folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill(process):
    """End a process at once; return whether it was still at work."""
    os.kill(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def anew(release):
    """Nothing is built, kept or measured; return the digests that are expected."""
    digests = release.digests
    shutil.rmtree(release.home.parent)
    shutil.rmtree(release.folder / "cache")
    (release.folder / "ledger.sqlite3").unlink()
    return digests


def is_complete(release):
    held = {path.name for path in release.home.iterdir()}
    return held == {*release.digests, "lock.json", ".lock"} and all(
        one["is_publishable"] for one in release.lock["variants"].values()
    )


def written(release, step):
    """Whether the lock tells of a step of all variants that it knows."""
    path = release.home / "lock.json"
    return path.exists() and f'"{step}"' in path.read_text()


MOMENTS = {
    "made and not written down": lambda release: any((release.home / ".making").glob("[0-9a-f]*")),
    "some are judged": lambda release: written(release, "judged"),
    "some are staged": lambda release: any((release.home / name).exists() for name in ("small-5bpw", "small-4bit")),
}


def test_killed_at_the_moments_that_matter(release):
    expected = anew(release)

    for is_there in MOMENTS.values():
        process = start(release)
        while process.poll() is None and not is_there(release):
            time.sleep(0.001)
        assert kill(process)
    result = release.run()

    assert result.failure is None
    assert release.digests == expected
    assert is_complete(release)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_at_ten_random_moments(release):
    expected = anew(release)
    begun = time.monotonic()
    assert start(release).wait() == 0
    span = time.monotonic() - begun
    assert release.digests == expected
    chance = random.Random(20)
    for _ in range(10):
        anew(release)
        process = start(release)
        time.sleep(chance.uniform(0, span))
        kill(process)
        assert release.run().failure is None
        assert release.digests == expected
        assert is_complete(release)
