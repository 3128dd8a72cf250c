"""What goes beside weights on the Hub: the card, its picture, and the measurements that its figures are from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.cards import FRONTIER, Facts, Fit, made, picture
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import MlxkitError
from mlxkit.core.exchange import line
from mlxkit.core.measurement import Measurement
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.report import Column, Picture, Report, Table
from mlxkit.engines import hub as settings
from mlxkit.engines import ledger, store
from mlxkit.engines.hub import cache, cards

CARD = "README.md"
MEASUREMENTS = "measurements.jsonl"
"""The measurements that the card names, as `mlxkit ledger import` takes them."""

Draw = Callable[[Picture, str], bytes]
"""Draws a picture in a format, such as ``.svg``."""


@dataclass(frozen=True)
class CardPlan:
    """Of which weights, and for which repo.

    Attributes:
        folder: the weights.
        repo: what they are to be called on the Hub, ``owner/name``.
        fits: what is predicted of devices.
    """

    folder: Path
    repo: str
    fits: tuple[Fit, ...] = ()


@dataclass(frozen=True)
class CardResult:
    """The files that go beside weights.

    Attributes:
        plan: what was asked for.
        files: by their paths; none for weights that mlxkit did not make.
    """

    command: ClassVar[str] = "card"
    plan: CardPlan
    files: Mapping[str, bytes]

    @property
    def failure(self) -> MlxkitError | None:
        """None: what cannot be told raises."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON: texts as they are."""
        return {path: content.decode() for path, content in self.files.items()}

    def report(self) -> Report:
        """Return what a reader sees: which files there are."""
        columns = (Column("File"), Column("Size", "bytes"))
        rows = tuple((path, len(content)) for path, content in self.files.items())
        return Report(f"Beside {self.plan.repo}", (), (Table("Files", columns, rows),))


def card(
    plan: CardPlan,
    *,
    draw: Draw,
    progress: Progress | None = None,
    find: Callable[[], Iterable[Measurement]] = ledger.find,
) -> CardResult:
    """Write the files that go beside weights.

    Args:
        plan: of which weights.
        draw: draws the frontier.
        progress: told the bytes read.
        find: gives all measurements there are.

    Raises:
        IntegrityError: the build record tells of other weights than these.
        MlxkitError: the folder is no checkpoint, or the ledger cannot be read.
    """
    checkpoint = store.read(str(plan.folder), plan.folder).sound()
    if not checkpoint.record:
        return CardResult(plan, {})
    digest = store.weights_digest(checkpoint, progress or Silent())
    told = {"source_card": _source_card(checkpoint), "fits": plan.fits, "export": MEASUREMENTS}
    chosen = made(Facts.of(checkpoint, plan.repo, digest, **told), find())
    texts = {CARD: cards.written(chosen), **cards.eval_results(chosen)}
    texts[MEASUREMENTS] = "".join(f"{line(one)}\n" for one in chosen.measurements)
    files = {path: text.encode() for path, text in texts.items()}
    frontier = picture(chosen)
    if frontier is not None:
        files[FRONTIER] = draw(frontier, ".svg")
    return CardResult(plan, files)


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
