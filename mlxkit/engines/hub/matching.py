"""From what a user names to the snapshots of the cache that are meant."""

import re

from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.names import Repo, parse
from mlxkit.core.wording import few
from mlxkit.engines.hub.holdings import Held, Holdings

_COMMIT = re.compile(r"[0-9a-f]{7,40}")


def matching(holdings: Holdings, text: str) -> tuple[Held, ...]:
    """Return the snapshots that a name means.

    Args:
        holdings: what the cache holds.
        text: the beginning of a commit, `owner/name`, `owner/name@revision`, or a name whose owner is mlx-community or
            the only one.

    Raises:
        NotFoundError: none is meant.
        PlanError: repos of several owners are.
    """
    named = tuple(one for one in holdings.snapshots if _COMMIT.fullmatch(text) and one.commit.startswith(text))
    found = named or _of_repo(holdings, text)
    if not found:
        raise NotFoundError(f"{text!r} is not in the Hub's cache.", hint="mlxkit list")
    return found


def _of_repo(holdings: Holdings, text: str) -> tuple[Held, ...]:
    name = parse(text)
    if not isinstance(name, Repo):
        return ()
    found = [one for one in holdings.snapshots if one.repo_id == name.repo_id]
    if not found and name.is_completed:
        bare = name.repo_id.partition("/")[2]
        found = [one for one in holdings.snapshots if one.repo_id.partition("/")[2] == bare]
    repos = sorted({one.repo_id for one in found})
    if len(repos) > 1:
        raise PlanError(f"{text!r} may mean several repos: {few(repos)}.", hint="name its owner too")
    return tuple(one for one in found if name.revision is None or _is_at(one, name.revision))


def _is_at(held: Held, revision: str) -> bool:
    return revision in held.refs or (bool(_COMMIT.fullmatch(revision)) and held.commit.startswith(revision))
