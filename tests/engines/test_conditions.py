"""The state of machines that are not here, read from what their tools print; and of this one."""

import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.conditions import POWERS, THERMALS, Conditions
from mlxkit.engines import machine
from tests.fakes.machine import FakeSystem

UNKNOWN = Conditions()
BATT, THERM, SETTINGS = "pmset -g batt", "pmset -g therm", "pmset -g"
PRESSURE = "notifyutil -g com.apple.system.thermalpressurelevel"
SUPPLIES = "/sys/class/power_supply"

NOTES = (
    "Note: No thermal warning level has been recorded\n"
    "Note: No performance warning level has been recorded\n"
    "Note: No CPU power status has been recorded\n"
)
INTEL = (
    "Note: No thermal warning level has been recorded\n"
    "Note: No performance warning level has been recorded\n"
    "2025-04-06 20:50:47 -0500 CPU Power notify\n"
    "\tCPU_Scheduler_Limit \t= 100\n"
    "\tCPU_Available_CPUs \t= 12\n"
    "\tCPU_Speed_Limit \t= 78\n"
)


def told(command: str, output: str) -> Conditions:
    """What is read where only one command answers."""
    return machine.conditions(FakeSystem(commands={command: output}))


def settings(*lines: str) -> str:
    head = ("System-wide power settings:", "Currently in use:", " standby              1")
    return "\n".join((*head, *lines, " sleep                1 (sleep prevented by powerd)"))


def supply(name: str, **values: str) -> dict[str, str]:
    return {f"{SUPPLIES}/{name}/{value}": f"{text}\n" for value, text in values.items()}


def linux(*supplies: dict[str, str], **files: str) -> Conditions:
    held = {path: text for one in supplies for path, text in one.items()}
    return machine.conditions(FakeSystem("Linux", files={**held, **files}))


def test_a_laptop_on_battery() -> None:
    system = FakeSystem(
        values={
            "vm.swapusage": "total = 2048.00M  used = 320.50M  free = 1727.50M  (encrypted)",
            "vm.loadavg": "{ 2.35 2.02 1.98 }",
        },
        commands={
            BATT: "Now drawing from 'Battery Power'\n"
            " -InternalBattery-0 (id=24313955)\t27%; discharging; 3:32 remaining present: true\n",
            SETTINGS: settings(" lowpowermode         1"),
            THERM: NOTES,
            PRESSURE: "com.apple.system.thermalpressurelevel 1\n",
        },
    )

    assert machine.conditions(system) == Conditions(
        power_source="battery",
        battery_share=0.27,
        is_low_power=True,
        thermal="fair",
        swap_used_bytes=336_068_608,
        load_average=2.35,
    )


def test_a_desktop_that_is_at_rest() -> None:
    system = FakeSystem(
        values={"vm.swapusage": "total = 0.00M  used = 0.00M  free = 0.00M", "vm.loadavg": "{ 0.50 0.40 0.30 }"},
        commands={
            BATT: "Now drawing from 'AC Power'\n",
            SETTINGS: settings(" powermode            0"),
            THERM: NOTES,
            PRESSURE: "com.apple.system.thermalpressurelevel 0\n",
        },
    )

    assert machine.conditions(system) == Conditions(
        power_source="ac", is_low_power=False, thermal="nominal", swap_used_bytes=0, load_average=0.5
    )


def test_an_intel_mac_that_is_held_down() -> None:
    assert told(THERM, INTEL) == Conditions(cpu_speed_limit=0.78)


def test_notes_that_nothing_was_recorded_say_nothing() -> None:
    assert told(THERM, NOTES) == UNKNOWN


@pytest.mark.parametrize(
    ("level", "thermal"),
    [(0, "nominal"), (5, "serious"), (10, "critical"), (100, "serious"), (110, "critical"), (70, None)],
)
def test_a_thermal_warning_has_a_level(level: int, thermal: str | None) -> None:
    assert told(THERM, f"2026-09-23 14:05:31 -0700 Thermal Warning Level = {level}\n").thermal == thermal


@pytest.mark.parametrize(("level", "thermal"), [*enumerate((*THERMALS, "critical")), (5, None), (10, None)])
def test_thermal_pressure_has_five_levels(level: int, thermal: str | None) -> None:
    assert told(PRESSURE, f"com.apple.system.thermalpressurelevel {level}").thermal == thermal


@pytest.mark.parametrize(
    ("pressure", "warning", "thermal"), [(0, 10, "critical"), (1, 0, "fair"), (2, 0, "serious"), (0, 0, "nominal")]
)
def test_of_two_tools_the_worse_word_counts(pressure: int, warning: int, thermal: str) -> None:
    system = FakeSystem(
        commands={
            PRESSURE: f"com.apple.system.thermalpressurelevel {pressure}",
            THERM: f"2026-09-23 14:05:31 -0700 Thermal Warning Level = {warning}",
        }
    )

    assert machine.conditions(system).thermal == thermal


@pytest.mark.parametrize(
    ("output", "source", "share"),
    [
        (
            "Now drawing from 'AC Power'\n -InternalBattery-0 (id=1)\t100%; charged; 0:00 remaining present: true",
            "ac",
            1.0,
        ),
        ("Now drawing from 'AC Power'\n -InternalBattery-0 (id=1)\t0%; (no estimate) present: false", "ac", None),
        ("Now drawing from 'AC Power'\n -CP1500 (id=9)\t80%; charging present: true", "ac", None),
        ("Now drawing from 'UPS Power'\n -CP1500 (id=9)\t80%; discharging present: true", None, None),
        (" -InternalBattery-0 (id=1)\t64%; discharging; 1:00 remaining present: true", None, 0.64),
    ],
)
def test_who_feeds_a_mac_and_how_full_its_own_battery_is(output: str, source: str | None, share: float | None) -> None:
    found = told(BATT, output)

    assert (found.power_source, found.battery_share) == (source, share)


@pytest.mark.parametrize(
    ("lines", "is_low"),
    [
        ([" lowpowermode         0"], False),
        ([" powermode            1"], True),
        ([" powermode            2"], False),
        ([" lowpowermode         1", " powermode            0"], True),
        ([], None),
    ],
)
def test_low_power_mode_has_two_names(lines: list[str], is_low: bool | None) -> None:
    assert told(SETTINGS, settings(*lines)).is_low_power is is_low


@pytest.mark.parametrize(
    ("usage", "used"),
    [("used = 1,50G  free", 3 * 2**29), ("used = 4.00K", 4096), ("total = 2.00M", None), ("used = 1.00X", None)],
)
def test_swap_is_read_in_every_unit_and_custom(usage: str, used: int | None) -> None:
    assert machine.conditions(FakeSystem(values={"vm.swapusage": usage})).swap_used_bytes == used


GARBAGE = [
    "",
    "\n\n",
    "command not found",
    "Error: No thermal warning level with error code 0xe00002bc",
    "Now drawing from 'a windmill'\n -InternalBattery-0\t640%; charging",
    "Now drawing from AC Power",
    "lowpowermode on\npowermode 3",
    "CPU_Speed_Limit = 900\nCPU_Speed_Limit = \nCPU_Speed_Limit: 100",
    "Thermal Warning Level = seventy",
    "com.apple.system.thermalpressurelevel high\nFailed with code 9",
    "used = much  free = little",
    "{ nan inf }",
    "9" * 5000,
]


@pytest.mark.parametrize("output", GARBAGE)
@pytest.mark.parametrize("command", [BATT, THERM, SETTINGS, PRESSURE])
def test_a_tool_that_prints_what_it_never_did_tells_nothing(command: str, output: str) -> None:
    assert told(command, output) == UNKNOWN


@pytest.mark.parametrize("output", GARBAGE)
@pytest.mark.parametrize("name", ["vm.swapusage", "vm.loadavg"])
def test_a_kernel_value_of_another_form_tells_nothing(name: str, output: str) -> None:
    assert machine.conditions(FakeSystem(values={name: output})) == UNKNOWN


@pytest.mark.parametrize("output", GARBAGE)
def test_a_linux_file_of_another_form_tells_nothing(output: str) -> None:
    battery = supply("BAT0", type="Battery", status=output, capacity=output)

    assert linux(battery, **{"/proc/meminfo": output, "/proc/loadavg": output}) == UNKNOWN


def test_a_linux_laptop_on_battery() -> None:
    found = linux(
        supply("AC", type="Mains", online="0"),
        supply("BAT0", type="Battery", status="Discharging", capacity="78", present="1"),
        **{
            "/proc/meminfo": "MemTotal: 16 kB\nSwapCached: 7 kB\nSwapTotal:  2097148 kB\nSwapFree:  2097100 kB\n",
            "/proc/loadavg": "0.73 0.41 0.30 2/1432 81234\n",
        },
    )

    assert found == Conditions("battery", 0.78, swap_used_bytes=48 * 1024, load_average=0.73)


@pytest.mark.parametrize(
    ("supplies", "source", "share"),
    [
        ([], None, None),
        ([supply("AC", type="Mains", online="1")], "ac", None),
        ([supply("AC", type="Mains", online="0")], None, None),
        ([supply("AC", type="Mains")], None, None),
        ([supply("ucsi", type="USB", online="1"), supply("BAT0", type="Battery", capacity="50")], "ac", 0.5),
        ([supply("BAT0", type="Battery", status="Not charging", capacity="100")], None, 1.0),
        ([supply("BAT0", type="Battery", status="Discharging", capacity="5", present="0")], None, None),
        ([supply("A-mouse", type="Battery", scope="Device", status="Discharging", capacity="9")], None, None),
        (
            [
                supply("A-mouse", type="Battery", scope="Device", status="Charging", capacity="9"),
                supply("BAT1", type="Battery", scope="System", status="Discharging", capacity="60"),
            ],
            "battery",
            0.6,
        ),
    ],
)
def test_who_feeds_a_linux_machine(supplies: list[dict[str, str]], source: str | None, share: float | None) -> None:
    found = linux(*supplies)

    assert (found.power_source, found.battery_share) == (source, share)


def test_a_linux_server_tells_its_swap_and_load_only() -> None:
    found = linux(**{"/proc/meminfo": "SwapTotal: 0 kB\nSwapFree: 0 kB\n", "/proc/loadavg": "12.00 9.00 8.00 1/99 7\n"})

    assert found == Conditions(swap_used_bytes=0, load_average=12.0)


def test_swap_of_which_more_is_free_than_there_is_is_not_known() -> None:
    assert linux(**{"/proc/meminfo": "SwapTotal: 1 kB\nSwapFree: 2 kB\n"}) == UNKNOWN


@pytest.mark.parametrize("kernel", ["Darwin", "Linux", "FreeBSD"])
def test_a_system_that_tells_nothing_is_not_an_error(kernel: str) -> None:
    assert machine.conditions(FakeSystem(kernel)) == UNKNOWN


WORDS = st.sampled_from(
    ["Now drawing from 'AC Power'", "-InternalBattery-0", "CPU_Speed_Limit", "used", "lowpowermode", "{", "=", "%", "M"]
)
OUTPUTS = st.lists(WORDS | st.integers().map(str) | st.floats().map(str) | st.text(max_size=4), max_size=9).flatmap(
    lambda words: st.sampled_from([" ", "\n", ""]).map(lambda gap: gap.join(words))
)


@given(OUTPUTS, st.sampled_from(["Darwin", "Linux"]))
def test_whatever_is_printed_values_are_in_range_or_none(output: str, kernel: str) -> None:
    commands = dict.fromkeys((BATT, THERM, SETTINGS, PRESSURE), output)
    battery = supply("BAT0", type="Battery", capacity=output, status=output)
    files = {"/proc/meminfo": output, "/proc/loadavg": output, **battery}
    values = {"vm.swapusage": output, "vm.loadavg": output}

    found = machine.conditions(FakeSystem(kernel, commands=commands, files=files, values=values))

    assert found.power_source in (None, *POWERS)
    assert found.thermal in (None, *THERMALS)
    assert all(share is None or 0 <= share <= 1 for share in (found.battery_share, found.cpu_speed_limit))
    assert all(value is None or 0 <= value < 1e21 for value in (found.swap_used_bytes, found.load_average))


def test_this_machine_tells_its_load_and_swap() -> None:
    here = machine.conditions()

    assert here.load_average is not None
    assert here.load_average >= 0
    assert here.swap_used_bytes is not None
    assert here.swap_used_bytes >= 0


def test_what_this_process_takes_is_told_in_bytes() -> None:
    size = 2**26
    with mmap.mmap(-1, size) as taken:  # memory that an allocator keeps for later would not count as taken
        before = machine.rss_bytes()
        for page in range(0, size, mmap.PAGESIZE):
            taken[page] = 1
        after = machine.rss_bytes()

    assert before is not None
    assert after is not None
    assert 0.5 * size < after - before < 2 * size
