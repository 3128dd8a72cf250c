"""Where a model is: what the name that a user types leads to, and on what terms, before anything of it is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.names import Repo, parse


@dataclass(frozen=True)
class Terms:
    """On what terms a model may be had.

    Attributes:
        revision: a branch, a tag or a commit, when it is not in the name.
        offline: make no request.
        refresh: ask the Hub what the revision is now, even if the model is here.
    """

    revision: str | None = None
    offline: bool = False
    refresh: bool = False


@dataclass(frozen=True)
class Located:
    """Where a model is.

    Attributes:
        folder: on this disk.
        repo: the Hub repo that it comes from, when it does.
        commit: which state of that repo.
        has_weights: the weights are there too; else it is good for a look only: their headers are, and then holes.
        tokenizer: the model whose tokenizer stands beside its weights; None for its own.
    """

    folder: Path
    repo: str | None = None
    commit: str | None = None
    has_weights: bool = True
    tokenizer: str | None = None


Locate: TypeAlias = Callable[[str], Located]
"""Leads from a name to a folder, whatever that takes. It raises a MlxkitError when there is none."""


def repo_of(model: str, terms: Terms) -> Repo:
    """Return the repo that a name means.

    >>> str(repo_of("Qwen3-0.6B-4bit", Terms(revision="v1.0")))
    'mlx-community/Qwen3-0.6B-4bit@v1.0'

    Raises:
        PlanError: the terms contradict the name, or each other.
        NotFoundError: it is no repo's name.
    """
    if terms.offline and terms.refresh:
        raise PlanError("--refresh asks the Hub, and --offline forbids it.", hint="leave one of them out")
    repo = parse(model)
    if not isinstance(repo, Repo):
        raise NotFoundError(f"There is no folder {model!r} on this disk.", hint="mlxkit list")
    if terms.revision is None:
        return repo
    if repo.revision not in (None, terms.revision):
        raise PlanError(
            f"Two revisions are named: {repo.revision!r} and {terms.revision!r}.", hint="leave one of them out"
        )
    named = parse(f"{repo.repo_id}@{terms.revision}")  # it refuses what is no revision
    return replace(repo, revision=terms.revision) if isinstance(named, Repo) else repo


def remarks(model: str, repo: Repo, repo_id: str) -> tuple[str, ...]:
    """Return what the user should know of a name: it was completed, or the repo goes by another one.

    Args:
        model: what was typed.
        repo: what that was taken for.
        repo_id: the present name of the repo.
    """
    said = []
    if repo.is_completed:
        said.append(f"{model!r} was taken for {repo.repo_id} on the Hub.")
    if repo_id != repo.repo_id:
        said.append(f"{repo.repo_id} is called {repo_id} now.")
    return tuple(said)
