"""Whether a variant keeps to its gates; one that does is staged, one that does not is held back."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlxkit.core.recipes import Figures, Outcome, Room, Variant, device_of, judged
from mlxkit.core.releases import Entry, key
from mlxkit.usecases.build import folders
from mlxkit.usecases.build.work import Work


def is_fitted(work: Work, variant: Variant) -> bool:
    """Whether it is known what a made variant takes on the devices of its gates.

    Raises:
        NotFoundError: there is no such device.
        PlanError: several devices are called so.
    """
    return work.book.entry(variant.name).known("fitted", _fit_key(work, variant)) is not None


def _fit_key(work: Work, variant: Variant) -> str:
    digest = work.book.entry(variant.name).steps["made"].found["digest"]
    limits = {str(one): device_of(one.device, work.devices).limit_bytes for one in variant.gates.must_fit}
    return key(digest=digest, limits=limits, versions=dict(work.versions))


def fit(work: Work, variant: Variant, folder: Path) -> None:
    """Tell what a variant takes on the devices that its gates name, as far as that is not known.

    Raises:
        NotFoundError: there is no such device.
        MlxkitError: the model cannot be traced.
    """
    wanted = variant.gates.must_fit
    if not wanted:
        return
    if is_fitted(work, variant):
        return
    entry, inputs = work.book.entry(variant.name), _fit_key(work, variant)
    devices = {one: device_of(one.device, work.devices) for one in wanted}
    rooms = {str(one): work.hands.room(folder, found, one.context) for one, found in devices.items()}
    said = {name: [room.total_bytes, room.limit_bytes] for name, room in rooms.items()}
    work.book.write({variant.name: entry.having("fitted", inputs, {"rooms": said})})
    work.done(variant.name, "fitted")


def figures(entry: Entry, variant: Variant) -> Figures:
    """Return what is known of a variant, as gates are told it."""
    found: dict[str, Mapping[str, Any]] = {name: done.found for name, done in entry.steps.items()}
    rooms = found.get("fitted", {}).get("rooms", {})
    lost, checked = found.get("judged", {}), found.get("checked")
    return Figures(
        kl_nats=lost.get("kl_nats"),
        top1_agreement=lost.get("top1_agreement"),
        task_accuracy=lost.get("task_accuracy"),
        size_bytes=found["made"]["size_bytes"],
        rooms={one: Room(*rooms[str(one)]) for one in variant.gates.must_fit if str(one) in rooms},
        check_errors=None if checked is None else len(checked["errors"]),
    )


def gate(work: Work, variant: Variant, folder: Path) -> tuple[tuple[Outcome, ...], Path]:
    """Hold a variant against its gates, and put its folder where it belongs; return what came of it, and where that is.

    It is called publishable while it is, and no moment longer: the mark goes before the folder does.

    Raises:
        PlanError: something else is in its place.
    """
    entry = work.book.entry(variant.name)
    outcomes = judged(variant.gates, figures(entry, variant))
    is_kept = all(one.passed for one in outcomes)
    now = replace(entry, gates=tuple(one.data() for one in outcomes), is_publishable=is_kept)
    if not is_kept:
        work.book.write({variant.name: now})
        return outcomes, folders.hold(work, variant.name, folder)
    place = folders.stage(work, variant.name, folder)
    work.book.write({variant.name: now})
    return outcomes, place
