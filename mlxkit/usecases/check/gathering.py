"""What is read of a folder before any rule looks at it; what cannot be read is a finding, not an exception."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.checks.jsons import Parsed, parse
from mlxkit.core.checks.listing import Entry
from mlxkit.core.checks.origins import Source
from mlxkit.core.checks.shards import Shard
from mlxkit.core.errors import MlxkitError
from mlxkit.core.fetching import INDEX
from mlxkit.core.located import Located
from mlxkit.core.record import FILE_NAME as RECORD
from mlxkit.engines import store

_LARGE = ("tokenizer.json", "vocab.json")
"""Vocabularies: nothing but them is in there, and they take seconds to read strictly."""


@dataclass(frozen=True)
class Examined:
    """A folder, read.

    Attributes:
        name: by which its promises are judged: a repo's, or the folder's.
        located: where it is.
        entries: everything in it.
        shards: the weight files at its top, by their headers.
        jsons: the JSON files at its top, by name.
        checkpoint: what a reader makes of it; None when its config is not understood.
        fault: why it is not.
        card: the card's front matter.
    """

    name: str
    located: Located
    entries: tuple[Entry, ...]
    shards: tuple[Shard, ...]
    jsons: Mapping[str, Parsed]
    checkpoint: Checkpoint | None
    fault: MlxkitError | None
    card: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.located.folder

    @cached_property
    def files(self) -> frozenset[str]:
        """The paths of all files."""
        return frozenset(entry.path for entry in self.entries if entry.is_file)

    @property
    def index(self) -> Parsed | None:
        """The index of the weights, if there is one."""
        return self.jsons.get(INDEX)

    @property
    def record(self) -> Parsed | None:
        """The build record, if there is one."""
        return self.jsons.get(RECORD)

    def value(self, file: str) -> Mapping[str, Any]:
        """Return the object in a JSON file; empty when there is none."""
        parsed = self.jsons.get(file)
        return parsed.value if parsed is not None else {}

    def read(self, file: str) -> bytes | None:
        """Return a file's content; None when it cannot be read."""
        return store.content(self.folder, file) if file in self.files else None

    @cached_property
    def own(self) -> Source:
        """Itself, as something that another checkpoint could be made from."""
        return Source(self.name, self.located.commit, self.files, self.read, self.card)


def gather(name: str, located: Located, published: frozenset[str] = frozenset()) -> Examined:
    """Read a folder: every entry, the headers of the weights, and the texts.

    Args:
        name: by which its promises are judged.
        located: where it is.
        published: what is in its repo; what of it was not fetched is known by name.
    """
    folder = located.folder
    here = store.entries(folder)
    absent = published - {entry.path for entry in here}
    entries = (*here, *(Entry(path, "remote") for path in sorted(absent)))
    checkpoint, fault = None, None
    try:
        checkpoint = store.read(name, folder)
    except MlxkitError as error:
        fault = error
    card = store.content(folder, "README.md")
    return Examined(
        name=name,
        located=located,
        entries=entries,
        shards=store.read_shards(folder, entries),
        jsons={entry.path: _parsed(folder, entry) for entry in entries if _is_json(entry)},
        checkpoint=checkpoint,
        fault=fault,
        card=store.front_matter(card.decode("utf-8", "replace")) if card is not None else {},
    )


def _is_json(entry: Entry) -> bool:
    return entry.is_file and entry.path.endswith(".json") and "/" not in entry.path


def _parsed(folder: Path, entry: Entry) -> Parsed:
    content = store.content(folder, entry.path)
    if content is None:
        return Parsed(entry.path, {}, "it cannot be read")
    return parse(entry.path, content, is_strict=entry.path not in _LARGE)
