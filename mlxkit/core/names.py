"""What a user names when a command wants a MODEL: a folder, a repo on the Hub, or the model that ships with mlxkit."""

import re
from dataclasses import dataclass

from mlxkit.core.errors import NotFoundError

TINY = "tiny"
"""The name of the checkpoint that ships with mlxkit."""

ORGANIZATION = "mlx-community"
"""Where a name without an owner is looked for."""

_LONGEST = 96
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/+-]*[A-Za-z0-9_+-])?")


@dataclass(frozen=True)
class Folder:
    """A folder on this disk, as it was typed."""

    path: str


@dataclass(frozen=True)
class Tiny:
    """The checkpoint that ships with mlxkit."""


@dataclass(frozen=True)
class Repo:
    """A repo on the Hub.

    Attributes:
        repo_id: `owner/name`.
        revision: a branch, a tag or a commit; None when none was named, which means the main branch.
        is_completed: the owner was not typed, and `mlx-community` was put in front. The user is told so.
    """

    repo_id: str
    revision: str | None = None
    is_completed: bool = False

    def __str__(self) -> str:
        return self.repo_id if self.revision is None else f"{self.repo_id}@{self.revision}"


Name = Folder | Tiny | Repo


def parse(text: str) -> Name:
    """Return what a name means. Whether a folder of that name exists is asked before, not here.

    >>> parse("tiny"), parse("./tiny")
    (Tiny(), Folder(path='./tiny'))
    >>> parse("Qwen/Qwen3-0.6B@refs/pr/1")
    Repo(repo_id='Qwen/Qwen3-0.6B', revision='refs/pr/1', is_completed=False)
    >>> str(parse("Qwen3-0.6B-4bit"))
    'mlx-community/Qwen3-0.6B-4bit'

    Raises:
        NotFoundError: it is no name that the Hub allows, and it does not look like a folder.
    """
    if text == TINY:
        return Tiny()
    if looks_like_a_folder(text):
        return Folder(text)
    repo_id, at, revision = text.partition("@")
    if at and not is_revision(revision):
        raise NotFoundError(
            f"{revision!r} is not a revision: expected a branch, a tag or a commit after the @ in {text!r}.",
            hint=f"leave it out for the newest: {repo_id}",
        )
    is_completed = "/" not in repo_id
    repo_id = f"{ORGANIZATION}/{repo_id}" if is_completed else repo_id
    if not is_repo_id(repo_id):
        raise NotFoundError(
            f"{text!r} is neither a folder nor a name that the Hub allows.",
            hint="a model is a folder, owner/name, owner/name@revision or `tiny`",
        )
    return Repo(repo_id, revision or None, is_completed)


def is_remote(text: str) -> bool:
    """Whether a name means a repo on the Hub.

    >>> [is_remote(text) for text in ("owner/name", "./model", "tiny")]
    [True, False, False]
    """
    return text != TINY and not looks_like_a_folder(text)


def looks_like_a_folder(text: str) -> bool:
    """Say whether a text can only be meant as a path: it starts like one, ends like one, or is too deep for a repo.

    >>> [looks_like_a_folder(text) for text in ("../x", "~/x", "models/a/b", "build/", "owner/name@refs/pr/1")]
    [True, True, True, True, False]
    """
    name = text.partition("@")[0]
    return (
        not text
        or text.startswith((".", "/", "~"))
        or name.endswith("/")
        or name.count("/") > 1
        or "\\" in text
        or "\0" in text
    )


def is_repo_id(text: str) -> bool:
    """Say whether the Hub allows `owner/name`: two parts of at most 96 letters, digits, `-`, `_`, `.`.

    >>> is_repo_id("mlx-community/Qwen3-0.6B-4bit"), is_repo_id("a/b--c"), is_repo_id("a/b.git")
    (True, False, False)
    """
    parts = text.split("/")
    return (
        len(parts) == 2
        and all(_PART.fullmatch(part) and len(part) <= _LONGEST for part in parts)
        and "--" not in text
        and ".." not in text
        and not text.endswith(".git")
    )


def is_revision(text: str) -> bool:
    """Say whether a text can be a branch, a tag or a commit, and a path below the cache's `refs` at the same time.

    >>> is_revision("v1.0"), is_revision("refs/pr/2"), is_revision("../main"), is_revision("")
    (True, True, False, False)
    """
    return bool(_REVISION.fullmatch(text)) and ".." not in text and "//" not in text and not text.endswith(".lock")


def is_commit(text: str) -> bool:
    """Say whether a text is the full name of a commit, which is the one revision that never changes.

    >>> is_commit("0123456789abcdef0123456789abcdef01234567"), is_commit("main")
    (True, False)
    """
    return bool(_COMMIT.fullmatch(text))
