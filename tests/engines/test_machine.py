"""Machines told apart: a Mac with Metal, one under Rosetta, a Linux box, and one that tells nothing."""

import os
import platform
import sys
from pathlib import Path

import pytest

from mlxkit.engines import machine
from tests.fakes.machine import GB, FakeSystem, broken, cpu, mac, metal

LINUX = FakeSystem(
    kernel="Linux",
    release="6.8.0-31-generic",
    architecture="x86_64",
    files={
        "/etc/os-release": 'PRETTY_NAME="Ubuntu 24.04 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\n',
        "/proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\nmodel name\t: another\n",
    },
    sizes=(16 * GB, 4 * GB),
    processors=8,
)


def test_a_mac_with_metal() -> None:
    here = machine.read(mac(), metal(working_set=48 * GB))

    assert (here.system, here.system_version, here.system_build) == ("macOS", "15.5", "24F74")
    assert (here.architecture, here.chip, here.is_mac, here.is_translated) == ("arm64", "Apple M4 Max", True, False)
    assert (here.memory_bytes, here.available_memory_bytes) == (64 * GB, 32 * GB)
    assert (here.device, here.device_architecture, here.has_metal) == ("gpu", "applegpu_g16s", True)
    assert (here.cores, here.gpu_cores) == (16, 40)
    assert here.working_set_bytes == 48 * GB
    assert here.fault is None


def test_what_a_measurement_says_of_it_tells_its_cores_and_not_what_is_free() -> None:
    facts = machine.read(mac(), metal()).facts()

    assert (facts["chip"], facts["cores"], facts["gpu_cores"]) == ("Apple M4 Max", 16, 40)
    assert "available_memory_bytes" not in facts


@pytest.mark.parametrize(
    "told",
    [
        "",
        "+-o IntelAccelerator  <class IntelAccelerator, id 0x100000431, registered, matched, active>",
        '"gpu-core-count" = 0',
        '"gpu-core-count" = many',
        '"gpu-core-count" = 99999',
    ],
)
def test_a_gpu_that_does_not_tell_its_cores_has_none_known(told: str) -> None:
    system = FakeSystem(commands={"ioreg -rc IOAccelerator -d 1": told})

    assert machine.read(system, cpu()).gpu_cores is None


def test_a_mac_without_metal_has_no_working_set() -> None:
    here = machine.read(mac(), cpu())

    assert (here.device, here.has_metal, here.working_set_bytes) == ("cpu", False, None)


def test_an_intel_python_on_apple_silicon_is_translated() -> None:
    assert machine.read(mac(sysctl_proc_translated="1"), cpu()).is_translated


def test_an_intel_mac_has_no_such_value_and_is_not_translated() -> None:
    system = FakeSystem(architecture="x86_64", values={"machdep.cpu.brand_string": "Intel(R) Core(TM) i7"})

    assert not machine.read(system, cpu()).is_translated


def test_linux_names_its_distribution_and_its_first_processor() -> None:
    here = machine.read(LINUX, cpu())

    assert (here.system, here.system_version, here.system_build) == ("Ubuntu", "24.04", "6.8.0-31-generic")
    assert (here.chip, here.is_mac) == ("AMD EPYC", False)
    assert (here.cores, here.gpu_cores) == (8, None)


@pytest.mark.parametrize("kernel", ["Darwin", "Linux", "FreeBSD"])
def test_what_cannot_be_read_is_none(kernel: str) -> None:
    here = machine.read(FakeSystem(kernel=kernel, release=""), cpu())

    assert here.system == {"Darwin": "macOS"}.get(kernel, kernel)
    assert (here.system_version, here.system_build, here.chip) == (None, None, None)
    assert (here.memory_bytes, here.available_memory_bytes) == (None, None)
    assert (here.cores, here.gpu_cores) == (None, None)


def test_an_mlx_that_cannot_be_asked_is_a_fault_and_not_an_end() -> None:
    here = machine.read(mac(), broken("no Metal device found"))

    assert str(here.fault) == "no Metal device found"
    assert (here.device, here.has_metal) == (None, False)
    assert here.chip == "Apple M4 Max"


def test_an_mlx_that_is_not_there_leaves_the_machine_described() -> None:
    here = machine.read(mac(), None)

    assert (here.device, here.chip) == (None, "Apple M4 Max")


def test_this_machine_agrees_with_python() -> None:
    here = machine.read()

    assert here.architecture == platform.machine()
    assert here.is_mac == (platform.system() == "Darwin")
    assert here.fault is None
    assert here.device in ("cpu", "gpu")
    assert here.cores == os.cpu_count()
    assert here.memory_bytes is not None
    assert 0 < (here.available_memory_bytes or 0) <= here.memory_bytes


def test_this_system_says_none_for_what_it_does_not_have() -> None:
    assert machine.ThisSystem().sysctl("no.such.value") is None
    assert machine.ThisSystem().text("/no/such/file") is None
    assert machine.ThisSystem().folder("/no/such/folder") == ()
    assert machine.ThisSystem().command(["/no/such/tool"]) is None


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("print(' 12 ')", "12"),
        ("pass", None),
        ("print('half'); raise SystemExit(1)", None),
        ("import sys; sys.stdout.buffer.write(b'\\xff1')", "\ufffd1"),
        ("import os; print(os.environ['LC_ALL'])", "C"),
    ],
)
def test_a_tool_is_heard_when_it_succeeds_and_says_something(script: str, told: str | None) -> None:
    assert machine.ThisSystem().command([sys.executable, "-c", script]) == told


def test_the_names_in_a_folder_come_in_order(tmp_path: Path) -> None:
    names = [f"BAT{number}" for number in (3, 1, 4, 0, 5, 2)]
    for name in names:
        (tmp_path / name).mkdir()

    assert machine.ThisSystem().folder(str(tmp_path)) == tuple(sorted(names))


def test_free_space_of_a_folder_to_be_is_that_of_the_disk_it_will_be_on(tmp_path: Path) -> None:
    free = machine.free_bytes(tmp_path / "not" / "yet")

    assert free is not None
    assert free > 0


@pytest.mark.parametrize("system", [mac(), LINUX], ids=["mac", "linux"])
@pytest.mark.parametrize("mlx", [metal(), cpu(), None], ids=["metal", "cpu", "none"])
def test_the_room_for_a_model_is_that_of_the_machine(system, mlx) -> None:
    here = machine.read(system, mlx)

    assert machine.read_room(system, mlx) == machine.Room(here.limit_bytes, here.device)


def test_the_room_is_found_without_any_of_the_systems_tools() -> None:
    asked = []

    class Listening(FakeSystem):
        def command(self, words):
            asked.append(words)
            return super().command(words)

        def sysctl(self, name):
            asked.append(name)
            return super().sysctl(name)

    assert machine.read_room(Listening(**vars(mac())), metal(working_set=48 * GB)).limit_bytes == 48 * GB
    assert asked == []
