"""Devices that a model can be fitted for: memory, what of it an app may use, and how fast weights are read.

They are described in TOML, every figure with its source and with how sure it is:

    [[devices]]                     a device, or a chip with all memory sizes that it is sold with
    name = "M4 Max (40-core GPU)"
    aliases = ["M4 Max"]            several may share one: memory, or a longer name, decides
    kind = "mac"                    or "iphone", "ipad"
    chip = "M4 Max"
    memory_gib = { value = [48, 64, 128], confidence = "observed", source = "..." }
    bandwidth_gb_per_second = { value = 546, confidence = "documented", source = "..." }    may be left out
    limit = { gb = 40, confidence = "observed", source = "..." }    may be left out, else in place of the rule below

    [[limits]]                      the first that has the kind and enough memory is the rule for an app
    kind = "mac"
    up_to_gib = 16                  without it: any memory
    share = "2/3"                   of memory, less so much; or `gb` for a fixed size
    less_gb = 1
    confidence = "assumed"
    source = "..."

    [[speeds]]                      the first that names the chip; a chip that none names has no known speed
    chips = ["M4 Max"]
    eta = { value = 0.92, confidence = "observed", source = "..." }
    dense_layer_seconds = { value = 60e-6, confidence = "observed", source = "..." }
    moe_layer_seconds = { value = 100e-6, confidence = "observed", source = "..." }

Memory is counted in GiB, 2^30 bytes, which vendors call GB; limits and bandwidths in GB, 10^9 bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast, get_args

from mlxkit.core.devices.figures import GB, GIB, Confidence, Device, Figure, Kind, Speed
from mlxkit.core.devices.naming import folded, keys
from mlxkit.core.errors import PlanError
from mlxkit.core.sizes import size_text
from mlxkit.core.tables import Table

SHIPPED = "devices.toml"
"""How the file that ships with mlxkit is called in messages."""

_MOST_GB = 10**6  # a petabyte, and a petabyte per second


def devices(
    parsed: Mapping[str, Any], own: Mapping[str, Any] | None = None, own_name: str = "your devices"
) -> tuple[Device, ...]:
    """Return all devices that files describe, one for every memory size.

    Args:
        parsed: the TOML of the file that ships with mlxkit.
        own: the TOML of the user's. What it says of a device that both name is put in the place of what was said there,
            key by key; its limits and speeds are asked first.
        own_name: the name of the user's file, for messages.

    Returns:
        In the order of the files, small memory first.

    Raises:
        PlanError: a file does not say what is needed, says what is not understood, or gives two devices one name.
    """
    files = [Table(repr(SHIPPED), parsed), Table(repr(own_name), own or {})]
    for file in files:
        file.only("devices", "limits", "speeds")
    rules = [_rule(table) for file in reversed(files) for table in file.tables("limits", "Limit")]
    speeds = [_speed(table) for file in reversed(files) for table in file.tables("speeds", "Speed")]
    found = tuple(device for entry in _entries(files) for device in _sizes(entry, rules, speeds))
    _refuse_shared_names(found)
    return found


def _refuse_shared_names(found: Sequence[Device]) -> None:
    owners: dict[str, str] = {}
    for one in found:
        for key in keys(one, one.model):
            if owners.setdefault(key, one.model) != one.model:
                raise PlanError(
                    f"The devices {owners[key]!r} and {one.model!r} cannot be told apart by name: {key!r} is both.",
                    hint="call one of them something else",
                )


@dataclass(frozen=True, slots=True)
class _Rule:
    """How much an app may use: a fixed size, or a share of memory less something."""

    table: Table
    kind: str | None
    up_to_bytes: float
    share: Fraction
    plus_bytes: int

    def limit(self, memory_bytes: int, where: str) -> Figure:
        """Return it for a memory size."""
        limit_bytes = int(self.share * memory_bytes + self.plus_bytes)
        if not 0 < limit_bytes <= memory_bytes:
            raise PlanError(
                f"{where}: of {size_text(memory_bytes)} of memory, an app cannot use {size_text(limit_bytes)}.",
                hint=f"change the limit: {self.table.where}",
            )
        return _sourced(self.table, limit_bytes)


def _rule(table: Table) -> _Rule:
    table.only("kind", "up_to_gib", "gb", "share", "less_gb", "confidence", "source")
    up_to = int(table.number("up_to_gib", _MOST_GB) * GIB) if "up_to_gib" in table.values else float("inf")
    return _amount(table, table.choice("kind", get_args(Kind)), up_to)


def _amount(table: Table, kind: str | None = None, up_to_bytes: float = float("inf")) -> _Rule:
    _sourced(table, 0)  # what lacks its source is refused even where no device needs it
    if "gb" in table.values:
        if "share" in table.values or "less_gb" in table.values:
            raise PlanError(f"{table.where} has both 'gb' and a share.", hint="keep one: gb, or share and less_gb")
        return _Rule(table, kind, up_to_bytes, Fraction(0), round(table.number("gb", _MOST_GB) * GB))
    less_bytes = round(table.number("less_gb", _MOST_GB) * GB) if "less_gb" in table.values else 0
    return _Rule(table, kind, up_to_bytes, table.share("share"), -less_bytes)


def _speed(table: Table) -> tuple[frozenset[str], Speed]:
    table.only("chips", "eta", "dense_layer_seconds", "moe_layer_seconds")
    chips = frozenset(folded(chip) for chip in table.texts("chips"))
    eta, dense, moe = (_figure(table, key, most=1) for key in ("eta", "dense_layer_seconds", "moe_layer_seconds"))
    return chips, Speed(eta, dense, moe)


def _figure(table: Table, key: str, *, most: float) -> Figure:
    inner = table.table(key)
    inner.only("value", "confidence", "source")
    return _sourced(inner, inner.number("value", most))


def _sourced(table: Table, value: float) -> Figure:
    confidence = table.choice("confidence", get_args(Confidence))
    return Figure(value, cast("Confidence", confidence), table.text("source"))


def _entries(files: Sequence[Table]) -> list[Table]:
    """Return every device once, what a later file says of it over what an earlier one says."""
    entries: dict[str, Table] = {}
    for file in files:
        seen: set[str] = set()
        for table in file.tables("devices", "Device"):
            name = table.text("name")
            key = folded(name)
            if not key or key in seen:
                raise PlanError(f"{table.where} is called {name!r}, which {'another one is' if key else 'is no name'}.")
            seen.add(key)
            before = entries[key].values if key in entries else {}
            entries[key] = Table(f"Device {name!r} of {file.where}", {**before, **table.values})
    return list(entries.values())


def _sizes(entry: Table, rules: Sequence[_Rule], speeds: Sequence[tuple[frozenset[str], Speed]]) -> Iterator[Device]:
    """Return a device for every memory size of an entry."""
    entry.only("name", "aliases", "kind", "chip", "memory_gib", "bandwidth_gb_per_second", "limit")
    memory = entry.table("memory_gib")
    memory.only("value", "confidence", "source")
    sizes = memory.counts("value", _MOST_GB)
    model, kind, chip = " ".join(entry.text("name").split()), entry.choice("kind", get_args(Kind)), entry.text("chip")
    for size in sizes:
        yield Device(
            name=f"{model} {size} GB" if len(sizes) > 1 else model,
            model=model,
            aliases=entry.texts("aliases") if "aliases" in entry.values else (),
            kind=cast("Kind", kind),
            chip=chip,
            memory=_sourced(memory, size * GIB),
            limit=_limit(entry, kind, size * GIB, rules),
            bandwidth=_bandwidth(entry),
            speed=next((speed for chips, speed in speeds if folded(chip) in chips), None),
        )


def _bandwidth(entry: Table) -> Figure | None:
    if "bandwidth_gb_per_second" not in entry.values:
        return None
    told = _figure(entry, "bandwidth_gb_per_second", most=_MOST_GB)
    return replace(told, value=round(told.value * GB))


def _limit(entry: Table, kind: str, memory_bytes: int, rules: Sequence[_Rule]) -> Figure:
    if "limit" in entry.values:
        own = entry.table("limit")
        own.only("gb", "share", "less_gb", "confidence", "source")
        return _amount(own).limit(memory_bytes, entry.where)
    for rule in rules:
        if rule.kind == kind and memory_bytes <= rule.up_to_bytes:
            return rule.limit(memory_bytes, entry.where)
    raise PlanError(
        f"{entry.where}: no rule says what an app may use of {size_text(memory_bytes)}.", hint="give it a 'limit'"
    )
