"""A fetch that is killed, interrupted, or not alone: the next one goes on where it was, and the bytes are right."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlxkit.engines.hub import Hub, cache
from tests.fakes.fetching import NAME, repo, sha256
from tests.hub import TestHub

ROOT = Path(__file__).parents[2]
MODEL = "model.safetensors"
SIZE = 200_000_000
LOST = 16 * 2**20
KILLS = 10


def start(hub: Hub, **environment: str) -> "subprocess.Popen[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    own = {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_CACHE": str(hub.cache),
        "HF_HOME": str(hub.cache.parent),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.fetch_process"],
        cwd=ROOT,
        env=kept | own | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(server: TestHub, sent: int, process: "subprocess.Popen[str]") -> None:
    while server.bytes_sent(MODEL) < sent and process.poll() is None:
        time.sleep(0.002)


def finish(process: "subprocess.Popen[str]") -> tuple[int, int]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    fetched, reused = out.splitlines()[-1].split()
    return int(fetched), int(reused)


def check(server: TestHub, hub: Hub) -> None:
    held = server.repos[NAME]
    found = cache.find(hub, NAME)
    assert found is not None
    assert sha256(found.folder / MODEL) == held.commits[held.head].files[MODEL].sha256
    assert not list(hub.cache.rglob("*.incomplete"))


def test_killed_ten_times_it_fetches_little_twice(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(SIZE))
    chance = random.Random(20)
    kills = 0
    for moment in sorted(chance.randrange(SIZE) for _ in range(KILLS)):
        process = start(hub)
        wait_for(server, max(moment, server.bytes_sent(MODEL) + 1), process)
        kills += process.poll() is None
        process.kill()
        process.communicate()

    _, reused = finish(start(hub))

    check(server, hub)
    assert kills >= KILLS - 2  # the last moments may come after the end
    assert reused > 0
    assert server.bytes_sent(MODEL) < SIZE + KILLS * LOST


def test_an_interruption_is_quick_and_keeps_what_is_there(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(50_000_000))
    slow = server.faults.add(MODEL, "slow", rate=10_000_000, times=None)
    process = start(hub)
    wait_for(server, 8_000_000, process)
    begin = time.monotonic()

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    assert time.monotonic() - begin < 5
    assert process.returncode == -signal.SIGINT
    slow.times = 0
    _, reused = finish(start(hub))
    check(server, hub)
    assert reused > 4_000_000


def test_an_interruption_is_quick_when_nothing_arrives(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(5_000_000))
    stall = server.faults.add(MODEL, "stall", at=2_000_000, seconds=60, times=None)
    process = start(hub)
    wait_for(server, 1_900_000, process)
    begin = time.monotonic()

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    assert time.monotonic() - begin < 5
    assert process.returncode == -signal.SIGINT
    stall.times = 0


def test_two_processes_share_the_work(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(30_000_000))
    server.faults.add(MODEL, "slow", rate=10_000_000, times=None)

    results = [finish(process) for process in [start(hub), start(hub)]]

    check(server, hub)
    assert server.bytes_sent(MODEL) == 30_000_000
    assert sorted(fetched > 1_000_000 for fetched, _ in results) == [False, True]


def test_when_the_one_is_killed_the_other_goes_on_from_there(server: TestHub, hub: Hub) -> None:
    server.add(NAME, repo(30_000_000))
    server.faults.add(MODEL, "slow", rate=15_000_000, times=None)
    first = start(hub)
    wait_for(server, 5_000_000, first)
    second = start(hub)
    wait_for(server, 20_000_000, first)

    first.kill()
    first.communicate()
    _, reused = finish(second)

    check(server, hub)
    assert reused > 5_000_000
    assert server.bytes_sent(MODEL) < 30_000_000 + LOST


@pytest.mark.parametrize("own", [{"HF_HUB_OFFLINE": "1"}, {"TRANSFORMERS_OFFLINE": "1"}])
def test_offline_a_process_fetches_nothing(server: TestHub, hub: Hub, own: dict[str, str]) -> None:
    server.add(NAME, repo(1000))
    process = start(hub, **own)

    _, err = process.communicate(timeout=60)

    assert "offline nothing is fetched" in err
    assert not server.requests
