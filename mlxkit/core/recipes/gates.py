"""Gates: what a variant has to keep to before it is released, and whether what was measured of it does."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlxkit.core.devices import Device, device
from mlxkit.core.errors import NotFoundError, PlanError

LONGEST_CONTEXT = 2**24
"""Tokens of a row at most, as everywhere."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A device that a variant has to fit.

    Attributes:
        device: its name, as `device_of` matches it.
        context: tokens of the row that it holds besides, 1 to 2^24.
    """

    device: str
    context: int

    def __str__(self) -> str:
        return f"{self.device}@{self.context}"


def parse_fit(text: str) -> Fit:
    """Return what ``DEVICE@CONTEXT`` says.

    >>> parse_fit("iphone-17-pro@4096")
    Fit(device='iphone-17-pro', context=4096)

    Raises:
        PlanError: it says something else.
    """
    match = re.fullmatch(r"\s*(.*\S)\s*@\s*(\d{1,8})\s*", text, re.ASCII)
    if match is None or not 1 <= int(match[2]) <= LONGEST_CONTEXT:
        raise PlanError(
            f"{text[:60]!r} is no DEVICE@CONTEXT with 1 to {LONGEST_CONTEXT} tokens.",
            hint='write it like "iphone-17-pro@4096"',
        )
    return Fit(match[1], int(match[2]))


def device_of(name: str, known: Sequence[Device]) -> Device:
    """Return the device that a recipe means: as `core.devices.device`, and hyphens stand for spaces.

    Args:
        name: such as ``iPhone 17 Pro``, ``iphone-17-pro`` or ``m4-max-64gb``.
        known: of `core.devices.devices`.

    Raises:
        PlanError: several devices are called so.
        NotFoundError: none is.
    """
    try:
        return device(name, known)
    except NotFoundError:
        if "-" not in name:
            raise
        bare = [replace(one, model=_bare(one.model), aliases=tuple(map(_bare, one.aliases))) for one in known]
        try:
            found = device(_bare(name), bare)
        except NotFoundError:
            found = None
        if found is None:
            raise
        return next(one for one, other in zip(known, bare, strict=True) if other is found)


def _bare(name: str) -> str:
    return name.replace("-", "")


@dataclass(frozen=True, slots=True)
class Gates:
    """What has to hold. None, or none, for what is not asked.

    Attributes:
        max_kl_nats: the mean KL divergence from the original to the variant, per token, on every text; 1e-9 to
            100 nats.
        min_top1_agreement: the share of tokens where both hold the same one for the likeliest, on every text; 0 to 1.
        min_task_accuracy: the share of questions that are answered, of every task; 0 to 1.
        max_bytes: of all tensors together, above 0.
        must_fit: devices that it runs on.
        no_check_errors: that the check of what is published finds no error; without it, a build checks nothing.
    """

    max_kl_nats: float | None = None
    min_top1_agreement: float | None = None
    min_task_accuracy: float | None = None
    max_bytes: int | None = None
    must_fit: tuple[Fit, ...] = ()
    no_check_errors: bool = True

    def data(self) -> dict[str, Any]:
        """Return it as JSON, as a recipe writes it: false for what is not asked."""
        return {
            "max_kl_nats": False if self.max_kl_nats is None else self.max_kl_nats,
            "min_top1_agreement": False if self.min_top1_agreement is None else self.min_top1_agreement,
            "min_task_accuracy": False if self.min_task_accuracy is None else self.min_task_accuracy,
            "max_bytes": False if self.max_bytes is None else str(self.max_bytes),
            "must_fit": [str(fit) for fit in self.must_fit],
            "no_check_errors": self.no_check_errors,
        }


@dataclass(frozen=True, slots=True)
class Room:
    """What a variant takes on a device, and what there is.

    Attributes:
        total_bytes: weights, cache and workspace.
        limit_bytes: what one app may use there.
    """

    total_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a variant. None for what was not, which fails every gate that asks for it.

    Attributes:
        kl_nats: of the text that it is largest on, at least 0.
        top1_agreement: of the text that it is smallest on, 0 to 1.
        task_accuracy: of the task that it is smallest in, 0 to 1.
        size_bytes: of all tensors together.
        rooms: what it takes where, by `Gates.must_fit`.
        check_errors: how many errors the check found.
    """

    kl_nats: float | None = None
    top1_agreement: float | None = None
    task_accuracy: float | None = None
    size_bytes: int | None = None
    rooms: Mapping[Fit, Room] = field(default_factory=dict)
    check_errors: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether one gate holds.

    Attributes:
        name: the gate's key; of a device ``must_fit DEVICE@CONTEXT``.
        unit: of the numbers: ``nats``, ``share``, ``bytes`` or ``errors``.
        threshold: what it must not go beyond; None for a device whose limit nobody told.
        measured: None for "not measured".
        passed: it was measured, and does not go beyond.
        margin: how far within the threshold it is, less than 0 for how far beyond; None for "not measured".
    """

    name: str
    unit: str
    threshold: float | None
    measured: float | None
    passed: bool
    margin: float | None

    def data(self) -> dict[str, Any]:
        """Return it as JSON; what is no finite number is None."""
        numbers = {"threshold": self.threshold, "measured": self.measured, "margin": self.margin}
        finite = {name: None if value is None or not math.isfinite(value) else value for name, value in numbers.items()}
        return {"name": self.name, "unit": self.unit, **finite, "passed": self.passed}


def judged(gates: Gates, figures: Figures) -> tuple[Outcome, ...]:
    """Return what came of every gate that is asked, in the order of `Gates`.

    A figure that is exactly at its threshold passes. One that was not measured fails, and so does one that is not a
    number.

    >>> [(one.name, one.passed, one.margin) for one in judged(Gates(max_bytes=10), Figures(size_bytes=12))]
    [('max_bytes', False, -2), ('no_check_errors', False, None)]
    """
    return tuple(_outcomes(gates, figures))


def _outcomes(gates: Gates, figures: Figures) -> Iterator[Outcome]:
    if gates.max_kl_nats is not None:
        yield _at_most("max_kl_nats", "nats", gates.max_kl_nats, figures.kl_nats)
    if gates.min_top1_agreement is not None:
        yield _at_least("min_top1_agreement", gates.min_top1_agreement, figures.top1_agreement)
    if gates.min_task_accuracy is not None:
        yield _at_least("min_task_accuracy", gates.min_task_accuracy, figures.task_accuracy)
    if gates.max_bytes is not None:
        yield _at_most("max_bytes", "bytes", gates.max_bytes, figures.size_bytes)
    for fit in gates.must_fit:
        room = figures.rooms.get(fit)
        limit, total = (None, None) if room is None else (room.limit_bytes, room.total_bytes)
        yield _at_most(f"must_fit {fit}", "bytes", limit, total)
    if gates.no_check_errors:
        yield _at_most("no_check_errors", "errors", 0, figures.check_errors)


def _at_most(name: str, unit: str, threshold: float | None, measured: float | None) -> Outcome:
    margin = None if threshold is None or measured is None else threshold - measured
    return Outcome(name, unit, threshold, measured, passed=margin is not None and margin >= 0, margin=margin)


def _at_least(name: str, threshold: float, measured: float | None) -> Outcome:
    margin = None if measured is None else measured - threshold
    return Outcome(name, "share", threshold, measured, passed=margin is not None and margin >= 0, margin=margin)
