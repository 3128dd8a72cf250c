"""What models are on this disk: those of the Hub's cache, or those that mlxkit made below a folder."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError
from mlxkit.core.quantization import describe
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.engines import hub as settings
from mlxkit.engines import store
from mlxkit.engines.hub import Hub, holdings, present
from mlxkit.engines.hub.holdings import Holdings


@dataclass(frozen=True)
class ListPlan:
    """What to list: the folders below `folder` that mlxkit made, or the Hub's cache when it is None."""

    folder: Path | None = None


@dataclass(frozen=True)
class Listed:
    """A model on this disk.

    Attributes:
        name: the repo, or the folder.
        origin: the commit of a repo, or what mlxkit made the folder from; None when that is not known.
        refs: the branches and tags that the commit was when it was fetched.
        size_bytes: of its files.
        quantization: how it is quantized; None when it is not.
        last_used: when it was last read or made, in seconds since 1970.
        is_whole: it is a whole checkpoint.
    """

    name: str
    origin: str | None
    refs: tuple[str, ...]
    size_bytes: int
    quantization: str | None
    last_used: float
    is_whole: bool = True


@dataclass(frozen=True)
class ListResult:
    """What there is.

    Attributes:
        plan: what was asked.
        place: the cache or the folder.
        models: what is there.
        size_bytes: of all that is there; what is shared counts once.
        leftover_bytes: what interrupted fetches left.
        broken: what is there and cannot be read, a sentence each.
    """

    command: ClassVar[str] = "list"
    plan: ListPlan
    place: Path
    models: tuple[Listed, ...]
    size_bytes: int
    leftover_bytes: int = 0
    broken: tuple[str, ...] = field(default=())

    @property
    def failure(self) -> MlxkitError | None:
        """None: an empty list is a list."""
        return None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "place": str(self.place),
            "size_bytes": self.size_bytes,
            "leftover_bytes": self.leftover_bytes,
            "models": [self._model_data(model) for model in self.models],
            "broken": list(self.broken),
        }

    def _model_data(self, model: Listed) -> dict[str, Any]:
        is_made = self.plan.folder is not None
        return {
            "name": model.name,
            "commit": None if is_made else model.origin,
            "source": model.origin if is_made else None,
            "refs": list(model.refs),
            "size_bytes": model.size_bytes,
            "quantization": model.quantization,
            "last_used": datetime.fromtimestamp(model.last_used, tz=UTC).isoformat(timespec="seconds"),
            "is_whole": model.is_whole,
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        is_made = self.plan.folder is not None
        columns = (
            Column("Model"),
            Column("Made from" if is_made else "Revision"),
            Column("Size", "bytes"),
            Column("Quantization"),
            Column("Made" if is_made else "Last used", "moment"),
            *(() if is_made else (Column("Whole", "flag"),)),
        )
        rows = tuple(self._row(model)[: len(columns)] for model in self.models)
        notes = [Note(text, "warning") for text in self.broken]
        if self.leftover_bytes:
            notes.append(
                Note("Interrupted fetches left something: fetch again to continue, or `mlxkit rm --incomplete`.")
            )
        facts = [Fact("Models", len(self.models), "count"), Fact("Size", self.size_bytes, "bytes")]
        if self.leftover_bytes:
            facts.append(Fact("Incomplete", self.leftover_bytes, "bytes"))
        tables = (Table("Models", columns, rows),) if rows else ()
        return Report(str(self.place), tuple(facts), tables, tuple(notes))

    def _row(self, model: Listed) -> tuple[str | int | float | bool | None, ...]:
        origin = model.origin
        if self.plan.folder is None and origin is not None:
            origin = f"{', '.join(model.refs)} {origin[:8]}".strip()
        quantization = model.quantization or "none"
        return (model.name, origin, model.size_bytes, quantization, model.last_used, model.is_whole)


def list_models(plan: ListPlan, *, hub: Hub | None = None) -> ListResult:
    """Return what models are on this disk. Nothing is asked of the network.

    Raises:
        NotFoundError: the folder to look into is not there.
    """
    if plan.folder is not None:
        made = tuple(
            Listed(str(one.folder), one.source, (), one.size_bytes, one.quantization, one.last_changed)
            for one in store.made_below(plan.folder)
        )
        return ListResult(plan, plan.folder, made, sum(one.size_bytes for one in made))
    hub = hub or settings.read()
    found = holdings.scan(hub)
    left = sum(one.size_bytes for one in found.leftovers)
    return ListResult(plan, hub.cache, _models(found), found.size_bytes, left, found.broken)


def _models(found: Holdings) -> tuple[Listed, ...]:
    return tuple(
        Listed(
            name=one.repo_id,
            origin=one.commit,
            refs=one.refs,
            size_bytes=one.size_bytes,
            quantization=describe(present.config_of(one.folder)),
            last_used=one.last_used,
            is_whole=one.is_whole,
        )
        for one in found.snapshots
    )
