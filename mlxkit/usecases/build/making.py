"""Variants that are missing are made, those together that share their statistics; the others are there."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mlxkit.core.errors import MlxkitError, StoppedError
from mlxkit.core.recipes import SELF, Variant, device_of
from mlxkit.core.releases import Batch, batches, key, needs_text, wishes
from mlxkit.usecases.build import folders, pacing
from mlxkit.usecases.build.work import Work

METHOD = 1
"""Of what is made: another number where the same inputs give other weights."""


def key_of(work: Work, variant: Variant) -> str:
    """Return the key of all that a variant's weights depend on.

    Raises:
        NotFoundError: there is no such device, or the calibration text cannot be read.
        PlanError: several devices are called so.
    """
    inputs: dict[str, Any] = {
        "method": METHOD,
        "wishes": wishes(variant),
        "source": work.pinned.digest,
        "beside": work.pinned.beside,
        "requantize": work.recipe.source.requantize,
        "versions": dict(work.versions),
        "platform": dict(work.platform),
    }
    if variant.device is not None:
        inputs["limit_bytes"] = device_of(variant.device, work.devices).limit_bytes
    if needs_text(variant):
        text = work.recipe.calibration
        content = work.content(text.text) if text.text != SELF else None
        inputs["calibration"] = [SELF if content is None else content, text.tokens, text.seed]
    return key(**inputs)


def missing(work: Work, variants: Iterable[Variant]) -> dict[str, Path | None]:
    """Return where each variant is; None for one that has to be made."""
    return {variant.name: folders.found(work, variant.name, key_of(work, variant)) for variant in variants}


def make(work: Work, variants: Sequence[Variant]) -> dict[str, Path]:
    """Make the variants that are missing; return where each is, without those that failed.

    Raises:
        MlxkitError: one cannot be made, and the plan does not keep going; what was made by then stays.
    """
    places = missing(work, variants)
    keys = {variant.name: key_of(work, variant) for variant in variants}
    for batch in batches([variant for variant in variants if places[variant.name] is None], keys):
        _make(work, batch, keys)
    for variant in work.left(tuple(keys)):
        place = places[variant] or folders.found(work, variant, keys[variant])
        if place is not None and place not in (folders.staged(work, variant), folders.held(work, variant)):
            place = folders.hold(work, variant, place)
        places[variant] = place
    folders.tidy(work)
    return {variant: place for variant, place in places.items() if place is not None and variant not in work.failed}


def _make(work: Work, batch: Batch, keys: dict[str, str]) -> None:
    """Make a batch; where it fails as a whole and the plan keeps going, each of its variants by itself."""
    try:
        _run(work, batch, keys)
    except StoppedError:
        raise
    except MlxkitError as error:
        if not work.plan.keep_going:
            raise
        if len(batch.variants) == 1:
            work.failed[batch.variants[0].name] = error
            return
        for variant in batch.variants:
            _make(work, batches([variant], keys)[0], keys)


def _run(work: Work, batch: Batch, keys: dict[str, str]) -> None:
    place = folders.making(work, batch.key)
    since = None
    if not place.exists():  # else a build was killed after it was whole, and before that was written down
        hands, since = work.hands, time.monotonic()
        work.say(hands.make(batch, place))
    found = {}
    for variant in batch.variants:
        said = folders.said_of(work, place / batch.inner(variant))
        # Its measurements stay: they have the digest of what they are of in their keys.
        found[variant.name] = work.book.entry(variant.name).having("made", keys[variant.name], said)
        work.done(variant.name, "made")
    work.book.write(found)
    if since is not None:
        parameters = found[batch.variants[0].name].steps["made"].found["parameters"]
        pacing.keep(work, pacing.making(work, batch.variants, parameters), since)
