"""Another model's tokenizer, for a source that has none of its own: both are seen as one folder of links."""

from pathlib import Path

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError, MlxkitError
from mlxkit.core.fetching import tokenizer_of
from mlxkit.core.located import Locate
from mlxkit.core.names import is_remote
from mlxkit.core.releases import Pinned, PinnedTokenizer, key
from mlxkit.engines import store
from mlxkit.usecases.build.work import digest_of, name_of

JOINED = ".source"
"""The folder of links, below the recipe's own."""


def borrowed(
    name: str, folder: Path, home: Path, known: Pinned | None, locate: Locate
) -> tuple[PinnedTokenizer, dict[str, Path]]:
    """Return what a tokenizer is, and file name to where each of its files lies.

    What was linked before is taken as it is while it is what was pinned: a repo's commit does not change.

    Args:
        name: of the model that has it, as the recipe calls it.
        folder: of the recipe's file.
        home: the recipe's own folder below the root.
        known: what was pinned before.
        locate: leads from a name to a folder that has at least the tokenizer.

    Raises:
        CheckpointError: there is no tokenizer.
        MlxkitError: it cannot be had.
    """
    pinned = _known(name, known)
    if pinned is not None and is_remote(name):
        linked = store.links(home / JOINED)
        files = {file: linked[file] for file in tokenizer_of(linked)}
        if files and _digest(home / JOINED, tuple(files)) == pinned.digest:
            return pinned, files
    located = locate(name_of(name, folder, pinned.commit if pinned is not None else None))
    names = tokenizer_of(store.file_names(located.folder))
    if not store.has_tokenizer(names):
        raise CheckpointError(
            f"{name!r}, whose tokenizer the recipe asks for, has none.", hint="name another model as source.tokenizer"
        )
    place = located.folder.absolute()
    return PinnedTokenizer(name, located.commit, _digest(place, names)), {file: place / file for file in names}


def foreseen(name: str, folder: Path, known: Pinned | None) -> PinnedTokenizer:
    """Return what a tokenizer is, as far as nothing has to be fetched for that; else it is like no other."""
    pinned = _known(name, known)
    if is_remote(name):
        return pinned or PinnedTokenizer(name, None, "")
    try:
        return borrowed(name, folder, folder, None, store.local)[0]
    except MlxkitError:  # a build tells why
        return PinnedTokenizer(name, None, "")


def join(home: Path, source: Checkpoint, tokenizer: dict[str, Path]) -> Path:
    """Return the folder that has a source's files with another one's tokenizer in the place of its own.

    Raises:
        MlxkitError: it cannot be written.
    """
    own = set(source.files) - set(tokenizer_of(source.files))
    place = source.folder.absolute()
    return store.joined(home / JOINED, {**{file: place / file for file in sorted(own)}, **tokenizer})


def _known(name: str, known: Pinned | None) -> PinnedTokenizer | None:
    pinned = known.tokenizer if known is not None else None
    return pinned if pinned is not None and pinned.name == name else None


def _digest(folder: Path, names: tuple[str, ...]) -> str:
    return key(files=digest_of(folder, names))
