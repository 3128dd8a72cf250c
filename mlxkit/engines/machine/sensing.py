"""The state of the machine right now: power, heat, swap and load, and the memory of this process.

Nothing here needs root, and nothing raises: a tool that is missing, or answers what it never did, gives None.
"""

import re
from typing import cast

import psutil

from mlxkit.core.conditions import THERMALS, Conditions, Power, Thermal
from mlxkit.engines.machine.system import System, ThisSystem

PMSET = "/usr/bin/pmset"
PRESSURE = "com.apple.system.thermalpressurelevel"
SUPPLIES = "/sys/class/power_supply"

# Of macOS's five levels the last two are a machine about to give in, and one that is put to sleep.
PRESSURES: tuple[Thermal, ...] = (*THERMALS, "critical")

# The levels that IOPM.h names; platforms may have others, of which nothing is known.
WARNINGS: dict[int, Thermal] = {0: "nominal", 5: "serious", 10: "critical", 100: "serious", 110: "critical"}

UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def conditions(system: System | None = None) -> Conditions:
    """Return the state of the machine right now.

    Args:
        system: the operating system; None for the one that runs this process.
    """
    system = system or ThisSystem()
    return _mac(system) if system.names()[0] == "Darwin" else _other(system)


def rss_bytes() -> int | None:
    """Return the memory of this process that is in RAM; None when the system does not tell."""
    try:
        return int(psutil.Process().memory_info().rss)
    except (OSError, psutil.Error):
        return None


def _mac(system: System) -> Conditions:
    battery = system.command((PMSET, "-g", "batt")) or ""
    heat = system.command((PMSET, "-g", "therm")) or ""
    pressure = system.command(("/usr/bin/notifyutil", "-g", PRESSURE)) or ""
    return Conditions(
        power_source=_mac_power(battery),
        battery_share=_mac_charge(battery),
        is_low_power=_low_power(system.command((PMSET, "-g")) or ""),
        thermal=max(filter(None, (_pressure(pressure), _warning(heat))), key=THERMALS.index, default=None),
        cpu_speed_limit=_share(_found(r"CPU_Speed_Limit\s*=\s*(\d{1,3})$", heat)),
        swap_used_bytes=_mac_swap(system.sysctl("vm.swapusage") or ""),
        load_average=_load(r"\{\s*(\d{1,6}[.,]\d{1,6})\s", system.sysctl("vm.loadavg") or ""),
    )


def _mac_power(told: str) -> Power | None:
    named = {"AC Power": "ac", "Battery Power": "battery"}  # a UPS is neither: it feeds a machine at full speed
    return cast("Power | None", named.get(_found(r"^Now drawing from '([^'\n]*)'", told) or ""))


def _mac_charge(told: str) -> float | None:
    """Return how full the battery inside is: a UPS is listed beside it in the same way."""
    inside = _found(r"^\s*-InternalBattery(.*)$", told) or ""
    return None if "present: false" in inside else _share(_found(r"(?<!\d)(\d{1,3})%", inside))


def _low_power(told: str) -> bool | None:
    # Macs that also have a High Power Mode say `powermode`, in which 1 is low and 2 is high.
    modes: list[str] = re.findall(r"^\s*(?:lowpowermode|powermode)\s+([012])\s*$", told, re.MULTILINE)
    return "1" in modes if modes else None


def _pressure(told: str) -> Thermal | None:
    """Return the thermal pressure; a system that never tells it, as a virtual machine may, says nominal too."""
    level = _found(rf"^{re.escape(PRESSURE)}\s+([0-4])$", told)
    return None if level is None else PRESSURES[int(level)]


def _warning(told: str) -> Thermal | None:
    # That none was recorded says nothing: it is printed on Macs whose pressure is not nominal, too.
    level = _found(r"Thermal Warning Level\s*=\s*(\d{1,3})$", told)
    return None if level is None else WARNINGS.get(int(level))


def _mac_swap(told: str) -> int | None:
    size = re.search(r"\bused\s*=\s*(\d{1,9}(?:[.,]\d{1,6})?)([KMGT])\b", told)
    return round(float(size[1].replace(",", ".")) * UNITS[size[2]]) if size else None


def _other(system: System) -> Conditions:
    battery = _battery(system)
    return Conditions(
        power_source=_power(system, battery),
        battery_share=_share(_supply(system, battery, "capacity")) if battery else None,
        swap_used_bytes=_swap(system.text("/proc/meminfo") or ""),
        load_average=_load(r"\A(\d{1,6}\.\d{1,6})\s", system.text("/proc/loadavg") or ""),
    )


def _battery(system: System) -> str | None:
    """Return the name of the machine's first battery: those of a mouse or a headset are listed beside it."""
    for name in system.folder(SUPPLIES):
        is_own = _supply(system, name, "scope") != "Device" and _supply(system, name, "present") != "0"
        if _supply(system, name, "type") == "Battery" and is_own:
            return name
    return None


def _power(system: System, battery: str | None) -> Power | None:
    outside = [name for name in system.folder(SUPPLIES) if _supply(system, name, "type") in ("Mains", "USB")]
    if any(_supply(system, name, "online") == "1" for name in outside):
        return "ac"
    # No other status tells: a full battery says `Not charging` on AC.
    discharges = battery is not None and _supply(system, battery, "status") == "Discharging"
    return "battery" if discharges else None


def _supply(system: System, name: str, value: str) -> str | None:
    text = system.text(f"{SUPPLIES}/{name}/{value}")
    return None if text is None else text.strip()


def _swap(told: str) -> int | None:
    total, free = (_found(rf"^{name}:\s*(\d{{1,15}}) kB$", told) for name in ("SwapTotal", "SwapFree"))
    if total is None or free is None or int(free) > int(total):
        return None
    return (int(total) - int(free)) * 1024


def _load(pattern: str, told: str) -> float | None:
    load = _found(pattern, told)
    return None if load is None else float(load.replace(",", "."))


def _share(percent: str | None) -> float | None:
    """Return a percentage as a share of 1; None for what is none."""
    if percent is None or re.fullmatch(r"\d{1,3}", percent) is None or int(percent) > 100:
        return None
    return int(percent) / 100


def _found(pattern: str, told: str) -> str | None:
    """Return what the group of a pattern matches first, lines taken one by one."""
    match = re.search(pattern, told, re.MULTILINE)
    return match[1] if match else None
