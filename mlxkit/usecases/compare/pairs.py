"""Which measurement of one side stands beside which of the other, and whether it may."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mlxkit.core.comparing import Differences, differences, is_allowed
from mlxkit.core.errors import PlanError
from mlxkit.core.measurement import Measurement, canonical
from mlxkit.core.wording import few

_NAMING = ("text", "task", "prompt_tokens", "generated_tokens", "depth", "batch", "is_cold")
"""Items of a workload that say which work it is."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST = 40
_FEW = 3


@dataclass(frozen=True)
class Pair:
    """Two measurements that are compared.

    Attributes:
        one: of the first side.
        other: of the second.
        differences: in what they differ; all of it allowed.
    """

    one: Measurement
    other: Measurement
    differences: Differences

    @property
    def work(self) -> str:
        """What was done, in short."""
        return work(self.one)


def work(measurement: Measurement) -> str:
    """Return in short what was done: a text, a task, or how many tokens.

    A calibration text is marked as such.
    """
    given = measurement.workload
    named = given.get("task") or given.get("text")
    if named:
        return f"{named} (calibration text)" if given.get("is_calibration_text") else str(named)
    parts = [" + ".join(f"{given[name]}" for name in ("prompt_tokens", "generated_tokens") if name in given)]
    parts += [f"depth {given['depth']}"] if given.get("depth") else []
    parts += [f"batch {given['batch']}"] if given.get("batch", 1) != 1 else []
    parts += ["cold"] if given.get("is_cold") else []
    return ", ".join(part for part in parts if part) or "not named"


def pairs(one: tuple[Measurement, ...], other: tuple[Measurement, ...], allow: tuple[str, ...]) -> tuple[Pair, ...]:
    """Return what stands side by side.

    Work that is equal to the last field stands together; where nothing is, the newest work of the same name does. What
    is the only measurement of its side stands beside the only one of the other, whatever it is: then it can be said in
    what they differ.
    """
    if len(one) == len(other) == 1:
        found = [(one[0], other[0])]
    else:
        names = dict.fromkeys(_name(each, allow) for each in one)
        sides = ([[each for each in side if _name(each, allow) == name] for side in (one, other)] for name in names)
        found = [both for left, right in sides for both in _matched(left, right)]
    return tuple(Pair(*both, differences(*both)) for both in found)


def refuse(found: Iterable[Pair], allow: tuple[str, ...]) -> None:
    """Refuse pairs that differ in what is not allowed.

    Raises:
        PlanError: they do; the message names the fields with both values.
    """
    refused = {field: both for field, both in merged(found).items() if not is_allowed(field, allow)}
    if "kind" in refused:
        one, other = refused["kind"]
        raise PlanError(f"They were not measured alike: kind is {one} and {other}.", hint="mlxkit ledger list")
    if refused:
        raise PlanError(
            f"They were not measured alike: {few(list(described(refused)))}.",
            hint=f"measure them alike, or accept it: {_accepting(refused)}",
        )


def merged(found: Iterable[Pair]) -> Differences:
    """Return in what any of the pairs differ, with the values of the first that does."""
    fields: Differences = {}
    for pair in found:
        for field, values in pair.differences.items():
            fields.setdefault(field, values)
    return dict(sorted(fields.items()))


def described(fields: Differences) -> Iterator[str]:
    """Yield a phrase for each field, with both values."""
    for field, (one, other) in fields.items():
        yield f"{field} is {_value(one)} and {_value(other)}"


def _accepting(fields: Differences) -> str:
    names = list(fields)
    if len(names) > _FEW:
        names = list(dict.fromkeys(name.partition(".")[0] for name in names))
    return " ".join(f"--allow {name}" for name in names)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else canonical(value)
    if _DIGEST.fullmatch(text):
        return f"{text[:12]}…"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _name(measurement: Measurement, allow: tuple[str, ...]) -> str:
    given = {name: measurement.workload.get(name) for name in _NAMING if not is_allowed(f"workload.{name}", allow)}
    return canonical([measurement.kind, given])


def _matched(one: list[Measurement], other: list[Measurement]) -> list[tuple[Measurement, Measurement]]:
    """Return pairs of the same name: those of equal work, or the newest of both."""
    partners = {canonical(each.workload): each for each in other}
    same = [(each, partners[key]) for each in one if (key := canonical(each.workload)) in partners]
    return same or ([(one[-1], other[-1])] if other else [])
