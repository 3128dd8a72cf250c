"""A repo that is asked about: what of it makes a checkpoint, or how it looks, without its weights."""

from collections.abc import Sequence
from pathlib import Path

from mlxkit.core.errors import PlanError
from mlxkit.core.fetching import FetchPlan, choose
from mlxkit.core.located import Located
from mlxkit.core.names import Repo
from mlxkit.core.wording import few
from mlxkit.engines.hub import api, cache, headers
from mlxkit.engines.hub.settings import Hub


def plan_of(hub: Hub, repo: Repo, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> FetchPlan:
    """Ask the Hub what a repo is, and return what fetching it means. Nothing is written.

    Args:
        hub: how the Hub is set up.
        repo: which repo, at which revision.
        include: see `core.fetching.choose`.
        exclude: the same.

    Raises:
        HubError: it cannot be asked, or there is no checkpoint in it.
        PlanError: the patterns leave nothing.
        IntegrityError: the repo contradicts itself.
    """
    repository = api.resolve(hub, repo.repo_id, repo.revision)
    weight_map = api.weight_map(hub, repository, cache.index_here(hub, repository))
    if not include:
        api.require_weights(repository, weight_map)
    chosen = choose(repository.files, weight_map, include=include, exclude=exclude)
    if not chosen:
        patterns = few([*include, *(f"not {pattern}" for pattern in exclude)])
        raise PlanError(
            f"No file of {repository.repo_id!r} is left by the patterns: {patterns}.",
            hint=f"mlxkit fetch {repository.repo_id} --dry-run",
        )
    return cache.plan(hub, repository, chosen, is_whole=not include and not exclude)


def outline(hub: Hub, repo: Repo, folder: Path, include: Sequence[str] = ()) -> Located:
    """Ask the Hub what a repo is, and make a folder that looks like it, unless the cache has the checkpoint.

    Args:
        hub: how the Hub is set up.
        repo: which repo, at which revision.
        folder: an empty folder.
        include: when given, only what matches one of these patterns is looked at.

    Raises:
        HubError: it cannot be asked, or there is no checkpoint in it.
        IntegrityError: the repo contradicts itself.
        OSError: the folder cannot be written.
    """
    repository = api.resolve(hub, repo.repo_id, repo.revision)
    held = cache.find(hub, repository.repo_id, repository.commit)
    if held is not None:
        return Located(held.folder, held.repo_id, held.commit)
    weight_map = api.weight_map(hub, repository, cache.index_here(hub, repository))
    api.require_weights(repository, weight_map)
    headers.sketch(hub, repository, choose(repository.files, weight_map, include=include), folder)
    return Located(folder, repository.repo_id, repository.commit, has_weights=False)
