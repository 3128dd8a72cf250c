"""What goes beside weights on the Hub: the card, its picture, and the measurements that its figures are from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlxkit.core.cards import FRONTIER, Facts, Fit, made, picture
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import MlxkitError
from mlxkit.core.exchange import line
from mlxkit.core.measurement import Measurement
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.report import Picture
from mlxkit.engines import hub as settings
from mlxkit.engines import ledger, store
from mlxkit.engines.hub import cache, cards

CARD = "README.md"
MEASUREMENTS = "measurements.jsonl"
"""The measurements that the card names, as `mlxkit ledger import` takes them."""

Draw = Callable[[Picture, str], bytes]
"""Draws a picture in a format, such as ``.svg``."""


def dressed(
    folder: Path,
    repo: str,
    *,
    fits: Sequence[Fit],
    draw: Draw,
    progress: Progress | None = None,
    find: Callable[[], Iterable[Measurement]] = ledger.find,
) -> dict[str, bytes]:
    """Return the files that go beside weights, by their paths; none for weights that mlxkit did not make.

    Args:
        folder: the weights.
        repo: what they are to be called on the Hub, ``owner/name``.
        fits: what is predicted of devices.
        draw: draws the frontier.
        progress: told the bytes read.
        find: gives all measurements there are.

    Raises:
        IntegrityError: the build record tells of other weights than these.
        MlxkitError: the folder is no checkpoint, or the ledger cannot be read.
    """
    checkpoint = store.read(str(folder), folder).sound()
    if not checkpoint.record:
        return {}
    digest = store.weights_digest(checkpoint, progress or Silent())
    source_card = _source_card(checkpoint)
    facts = Facts.of(checkpoint, repo, digest, source_card=source_card, fits=tuple(fits), export=MEASUREMENTS)
    card = made(facts, find())
    files = {CARD: cards.written(card), **cards.eval_results(card)}
    files[MEASUREMENTS] = "".join(f"{line(one)}\n" for one in card.measurements)
    written = {path: text.encode() for path, text in files.items()}
    frontier = picture(card)
    if frontier is not None:
        written[FRONTIER] = draw(frontier, ".svg")
    return written


def _source_card(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Return the front matter of the source's card where the source is on this disk; nothing is asked of the Hub."""
    source = checkpoint.record.get("source")
    told = source if isinstance(source, Mapping) else {}
    repo, commit, name = (told.get(key) for key in ("repo", "commit", "name"))
    try:
        if isinstance(repo, str):
            held = cache.find(settings.read(), repo, commit if isinstance(commit, str) else None)
            return store.read(repo, held.folder).card if held else {}
        return store.read(name, store.locate(name)).card if isinstance(name, str) else {}
    except MlxkitError:  # it is gone, or changed into something else
        return {}
