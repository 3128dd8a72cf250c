"""What a checkpoint was made from: in the Hub's cache, on the Hub, or in a folder of this disk."""

from collections.abc import Callable
from functools import cache as once
from pathlib import Path

from mlxkit.core.checks.origins import Origin, Source, Sources, named
from mlxkit.core.errors import MlxkitError
from mlxkit.engines import hub as settings
from mlxkit.engines import store
from mlxkit.engines.hub import Hub, api, cache

_CARD, _CONFIG = "README.md", "config.json"
_LARGEST_BYTES = 100 * 10**6
"""Files above that are no texts that are compared."""


def nowhere(_repo: str, _commit: str | None) -> Source | None:
    """Say that nothing can be had: no request is made."""
    return None


def from_hub(hub: Hub | None = None) -> Sources:
    """Return what leads to a repo: a recorded commit from the cache if it is there, else by asking the Hub.

    Args:
        hub: how the Hub is set up, as the environment says when None; offline, only the cache is looked at.
    """
    hub = hub or settings.read()

    def source(repo: str, commit: str | None) -> Source | None:
        held = cache.find(hub, repo, commit) if commit is not None else None
        if held is not None:
            return of_folder(held.folder, held.repo_id, held.commit)
        if hub.is_offline:
            return None
        try:
            return _asked(hub, repo, commit)
        except MlxkitError:  # gone, hidden, or no network: none of it is to be had
            return None

    return source


def of_folder(folder: Path, name: str, commit: str | None = None) -> Source:
    """Return a checkpoint in a folder as the source of another.

    Args:
        folder: an existing one.
        name: its repo, or what the user called it.
        commit: which state of the repo.
    """

    def read(file: str) -> bytes | None:
        return store.content(folder, file, _LARGEST_BYTES)

    return Source(name, commit, store.file_names(folder), read, _card(read))


def origin_of(record: object, card: dict[str, object], source: Sources) -> Origin:
    """Return where a checkpoint comes from, as far as its record or its card tells and it can be had.

    Args:
        record: mlxkit.json.
        card: the card's front matter.
        source: leads to repos.
    """
    known = record if isinstance(record, dict) else {}
    repo, commit, name = named(known, card)
    is_recorded = isinstance(known.get("source"), dict)
    if repo is not None:
        now = source(repo, None)
        if commit is None:
            return Origin(repo, None, None, now, is_recorded)
        # What is newest may be what was recorded: then it need not be asked for twice.
        then = now if now is not None and now.commit == commit else source(repo, commit)
        return Origin(repo, commit, then, now, is_recorded)
    if name is None:
        return Origin()
    try:
        original = of_folder(store.locate(name), name)
    except MlxkitError:
        return Origin(is_recorded=is_recorded)
    # A record may name any folder; only a model's is one that weights were made from.
    return Origin(then=original if _CONFIG in original.files else None, is_recorded=is_recorded)


def _asked(hub: Hub, repo: str, commit: str | None) -> Source:
    repository = api.resolve(hub, repo, commit)

    @once
    def read(file: str) -> bytes | None:
        held = repository.file(file)
        if held is None or held.size_bytes > _LARGEST_BYTES:
            return None
        try:
            return api.read_file(hub, repository, held)
        except MlxkitError:  # a gated repo shows its listing, and no file
            return None

    files = frozenset(file.path for file in repository.files)
    return Source(repository.repo_id, repository.commit, files, read, _card(read))


def _card(read: Callable[[str], bytes | None]) -> dict[str, object]:
    content = read(_CARD)
    return store.front_matter(content.decode("utf-8", "replace")) if content is not None else {}
