"""Files sent into a repo, one after the other, and the commit that makes them its content.

Large files go by Xet where that works. hf_xet gives up with Python's own errors where a server has none; then they go
by LFS, as they do where it is not installed. What was sent is kept by the Hub without a commit, and is not sent again.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedReader, FileIO
from pathlib import Path
from typing import TypeAlias

import httpx2
from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars, logging

from mlxkit.core.errors import HubError
from mlxkit.core.progress import Advance
from mlxkit.core.publishing import LocalFile, missing
from mlxkit.engines.hub.patience import Sleep, may_pass, patiently
from mlxkit.engines.hub.publishing import api_of, publishing, tree
from mlxkit.engines.hub.settings import Hub

_ERRORS_ONLY = 40
"""Python's own number for it."""

Content: TypeAlias = Path | bytes
"""What a file holds: another file, or bytes that were made for it."""


@dataclass(frozen=True)
class Target:
    """Where files go.

    Attributes:
        repo_id: the repo.
        revision: the branch; None for the main one.
        is_pr: ask for it in a pull request.
        message: of the commit.
        parent: the commit that it is to follow; None where that does not matter.
        stale: files to remove in the same commit.
    """

    repo_id: str
    revision: str | None
    is_pr: bool
    message: str
    parent: str | None
    stale: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sent:
    """What came of it.

    Attributes:
        commit: the new commit.
        url: where it can be seen.
        pr_url: the pull request, if there is one.
    """

    commit: str
    url: str
    pr_url: str | None = None


def send(
    hub: Hub,
    target: Target,
    files: Sequence[LocalFile],
    contents: Mapping[str, Content],
    advance: Advance,
    *,
    sleep: Sleep = time.sleep,
) -> Sent:
    """Send files and commit them.

    Args:
        hub: how the Hub is set up.
        target: where they go.
        files: what is sent.
        contents: of each, by its path.
        advance: told the bytes.
        sleep: waits between tries.

    Raises:
        HubError: the Hub, the network or the sign-in stood in the way; what was sent need not be sent again.
    """
    with publishing(hub, target.repo_id), _silence(), ExitStack() as held:
        sending = _Sending(hub, target, held, sleep)
        operations = [sending.sent(file, contents[file.path], advance) for file in files]
        return sending.committed(operations, files)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the library from drawing bars and telling how it sends: progress is told to whoever asked for it."""
    level, drew = logging.get_verbosity(), not are_progress_bars_disabled()
    logging.set_verbosity(_ERRORS_ONLY)
    disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if drew:
            enable_progress_bars()


class _Sending:
    """Files on their way; `held` closes them."""

    def __init__(self, hub: Hub, target: Target, held: ExitStack, sleep: Sleep) -> None:
        self._hub, self._target, self._held, self._sleep = hub, target, held, sleep
        self._api: HfApi = api_of(hub)
        self._has_xet = True

    def sent(self, file: LocalFile, content: Content, advance: Advance) -> CommitOperationAdd:
        """Return a file that is with the Hub, if it is a large one; small ones come with the commit."""
        if isinstance(content, bytes) or not self._has_xet:
            return self._by_lfs(file, content, advance)
        operation = CommitOperationAdd(file.path, str(content))
        try:
            self._preupload(operation)
        except (ConnectionError, RuntimeError, PermissionError, TimeoutError) as error:
            if isinstance(error, HfHubHTTPError):
                raise
            self._has_xet = False
            return self._by_lfs(file, content, advance)
        advance(file.size_bytes)
        return operation

    def _by_lfs(self, file: LocalFile, content: Content, advance: Advance) -> CommitOperationAdd:
        if isinstance(content, bytes):
            operation = CommitOperationAdd(file.path, content)
            self._preupload(operation)
            advance(file.size_bytes)
            return operation
        told = self._held.enter_context(_Told(content, advance))
        operation = CommitOperationAdd(file.path, told)
        _ = operation.upload_info.sha256  # it reads all of the file
        told.is_sent = True
        self._preupload(operation)
        told.is_sent = False
        advance(file.size_bytes - told.furthest)
        return operation

    def _preupload(self, operation: CommitOperationAdd) -> None:
        target = self._target
        try:  # the library is patient with each of its requests
            self._api.preupload_lfs_files(
                target.repo_id, [operation], revision=target.revision, create_pr=target.is_pr, free_memory=False
            )
        except RuntimeError as error:
            # It hides what went wrong with a file behind an error of its own.
            if isinstance(error.__cause__, httpx2.HTTPError | OSError):
                raise error.__cause__ from error
            raise

    def committed(self, operations: Sequence[CommitOperationAdd], files: Sequence[LocalFile]) -> Sent:
        """Return the commit of what was sent. An answer that was lost is looked for before it is asked for again."""
        target = self._target
        deleted = [CommitOperationDelete(path) for path in target.stale]

        def commit() -> Sent:
            try:
                return _told(
                    self._api.create_commit(
                        target.repo_id,
                        [*operations, *deleted],
                        commit_message=target.message,
                        revision=target.revision,
                        create_pr=target.is_pr,
                        parent_commit=target.parent,
                    )
                )
            except ValueError as error:
                raise HubError(
                    "The Hub refuses the card's front matter, or a file.", hint="mlxkit check tells what is wrong"
                ) from error
            except (httpx2.HTTPError, OSError) as error:
                if not may_pass(error):
                    raise
                self._sleep(1.0)
                found = landed(self._hub, target, files, sleep=self._sleep)
                if found is None:
                    raise
                return found

        return patiently(commit, self._sleep)


def landed(hub: Hub, target: Target, files: Sequence[LocalFile], *, sleep: Sleep = time.sleep) -> Sent | None:
    """Return where a target holds all files already, in its branch or in an open pull request of its name; or None.

    Raises:
        HubError: it cannot be asked.
    """
    with publishing(hub, target.repo_id):
        api = api_of(hub)
        for revision, pr_url in patiently(lambda: list(_revisions(api, target)), sleep):
            info = patiently(partial(api.model_info, target.repo_id, revision=revision), sleep)
            if info.sha is None or info.sha == target.parent:
                continue
            remote = tree(api, target.repo_id, info.sha, sleep)
            if not missing(files, remote) and not remote.keys() & set(target.stale):
                return Sent(info.sha, f"{hub.endpoint}/{target.repo_id}/commit/{info.sha}", pr_url)
    return None


def _revisions(api: HfApi, target: Target) -> Iterator[tuple[str | None, str | None]]:
    if not target.is_pr:
        yield target.revision, None
        return
    for one in api.get_repo_discussions(target.repo_id, discussion_type="pull_request", discussion_status="open"):
        if one.title == target.message:
            yield f"refs/pr/{one.num}", one.url


def _told(info: CommitInfo) -> Sent:
    return Sent(info.oid, info.commit_url, info.pr_url)


class _Told(BufferedReader):
    """A file that tells how far it was read while it is sent; what is sent again is not told again."""

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        super().__init__(FileIO(path))
        self._advance = advance
        self.is_sent = False
        self.furthest = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read, and tell."""
        data = super().read(size)
        at = self.tell()
        if self.is_sent and at > self.furthest:
            self._advance(at - self.furthest)
            self.furthest = at
        return data
