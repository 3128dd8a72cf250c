"""What publishing a folder means, decided before a byte of it moves: what is sent, and what it would replace."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mlxkit.core.errors import HubError, PlanError
from mlxkit.core.fetching import INDEX, RemoteFile
from mlxkit.core.wording import few

LEFT_OUT = (
    ".git/*",
    ".cache/*",
    ".mlxkit/*",
    "*/.ipynb_checkpoints/*",
    "*__pycache__/*",
    "*.DS_Store",
    "*.lock",
    "*.tmp",
)
"""What tools leave in a folder; it is never sent."""

_WRITES = frozenset({"admin", "write", "contributor"})


@dataclass(frozen=True)
class LocalFile:
    """A file that is to be published.

    Attributes:
        path: where it is in the repo, with forward slashes.
        size_bytes: its size.
        sha256: of its content, in hex.
        blob_sha1: git's name of its content, in hex.
    """

    path: str
    size_bytes: int
    sha256: str
    blob_sha1: str

    def is_in(self, remote: Mapping[str, RemoteFile]) -> bool:
        """Say whether a repo holds it, byte for byte."""
        found = remote.get(self.path)
        if found is None or found.size_bytes != self.size_bytes:
            return False
        return found.sha256 == self.sha256 if found.sha256 is not None else found.blob_sha1 == self.blob_sha1


@dataclass(frozen=True)
class Account:
    """Whoever a token stands for.

    Attributes:
        name: the user's.
        organizations: name to the user's role in it; None for a role that was not told.
        role: of the token: ``read``, ``write`` or ``fineGrained``; None when it was not told.
        writable: for a fine-grained token, the owners and repos that it may write to.
    """

    name: str
    organizations: Mapping[str, str | None]
    role: str | None
    writable: frozenset[str] = frozenset()

    def demand_writing(self) -> None:
        """Refuse a token that may only read.

        Raises:
            HubError: it may only read.
        """
        if self.role == "read":
            raise HubError(
                f"The token of {self.name!r} may only read.",
                hint="make one with write access at the Hub's settings, tokens; then `hf auth login`",
            )

    def demand(self, repo_id: str) -> None:
        """Refuse a repo that this token may not write to, as far as the Hub told.

        Raises:
            HubError: it may not.
        """
        owner = repo_id.partition("/")[0]
        if owner != self.name and owner not in self.organizations:
            raise HubError(
                f"You are signed in as {self.name!r}, who is no member of {owner!r}.",
                hint=f"publish to {self.name}/{repo_id.partition('/')[2]}, or open a pull request with --pr",
            )
        self.demand_writing()
        if self.role == "fineGrained" and not self.writable & {owner, repo_id}:
            raise HubError(
                f"The token of {self.name!r} is not made for writing to {repo_id!r}.",
                hint="give it write access to that repo or its owner at the Hub's settings, tokens",
            )
        role = self.organizations.get(owner)
        if owner != self.name and role is not None and role not in _WRITES:
            raise HubError(
                f"{self.name!r} may only {role} in {owner!r}.", hint="ask an administrator, or open a pull request"
            )


@dataclass(frozen=True)
class RemoteRepo:
    """What a repo holds at a revision.

    Attributes:
        commit: the newest; None for a branch that does not exist yet.
        is_private: nobody else sees it.
        files: by path.
    """

    commit: str | None
    is_private: bool
    files: Mapping[str, RemoteFile]


def is_sent(path: str) -> bool:
    """Say whether a file belongs to what is published.

    >>> is_sent("model.safetensors"), is_sent(".eval_results/kl.yaml"), is_sent(".git/HEAD")
    (True, True, False)
    """
    return not any(fnmatchcase(path, pattern) or fnmatchcase(f"/{path}", pattern) for pattern in LEFT_OUT)


def missing(files: Iterable[LocalFile], remote: Mapping[str, RemoteFile]) -> tuple[LocalFile, ...]:
    """Return the files that a repo does not hold as they are."""
    return tuple(file for file in files if not file.is_in(remote))


def stale(files: Sequence[LocalFile], remote: Mapping[str, RemoteFile]) -> tuple[str, ...]:
    """Return the weights in a repo that are not among the files: beside new ones they would be loaded too."""
    ours = {file.path for file in files}
    return tuple(sorted(path for path in remote if path not in ours and _is_weight(path)))


def demand_same_weights(files: Sequence[LocalFile], remote: Mapping[str, RemoteFile], repo_id: str) -> None:
    """Refuse to replace other weights.

    Raises:
        PlanError: the repo holds other weights than these.
    """
    known = {file.path: file for file in files}
    others = [
        path for path in sorted(remote) if _is_weight(path) and (path not in known or not known[path].is_in(remote))
    ]
    if others:
        raise PlanError(
            f"{repo_id!r} holds other weights already: {few(others)}.",
            hint="--force replaces them (the old commit stays), --pr asks, or name another repo",
        )


def _is_weight(path: str) -> bool:
    return path.endswith(".safetensors") or path == INDEX
