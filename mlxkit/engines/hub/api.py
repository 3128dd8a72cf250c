"""What the Hub knows of a repo: its commit, its files, and small files without keeping them."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from mlxkit import __version__
from mlxkit.core.errors import HubError, IntegrityError
from mlxkit.core.fetching import INDEX, RemoteFile, check, other_weights, weights_of
from mlxkit.core.names import is_commit, is_repo_id
from mlxkit.core.wording import few
from mlxkit.engines.hub.patience import IMPATIENT, Sleep, patiently
from mlxkit.engines.hub.settings import Hub, address
from mlxkit.engines.hub.translating import offline, reading_answers, translated

_LIBRARY = "mlxkit"


@dataclass(frozen=True)
class Repository:
    """A repo at one commit: asked once, and the same for everything that follows.

    Attributes:
        repo_id: its present name on the Hub.
        asked: the name that was asked for; another one when the repo was renamed.
        revision: the revision that was asked for.
        commit: what that was.
        files: all files of the commit.
    """

    repo_id: str
    asked: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def is_renamed(self) -> bool:
        """The repo goes by another name now. The user is told so."""
        return self.repo_id != self.asked

    def file(self, path: str) -> RemoteFile | None:
        """Return the file of that path, if there is one."""
        return next((file for file in self.files if file.path == path), None)


def resolve(hub: Hub, repo_id: str, revision: str | None = None, *, sleep: Sleep = time.sleep) -> Repository:
    """Ask the Hub what a revision is, and what is in it.

    Args:
        hub: how the Hub is set up.
        repo_id: `owner/name`; a repo that was renamed is followed.
        revision: a branch, a tag or a commit; the main branch when None.
        sleep: waits between tries.

    Raises:
        HubError: it cannot be asked, does not have it, or does not show it; offline, always.
        IntegrityError: the listing is not one of files inside a repo.
    """
    if hub.is_offline:
        raise offline(repo_id)
    revision = revision or constants.DEFAULT_REVISION
    with translated(hub, repo_id, revision), reading_answers(hub):
        api = HfApi(endpoint=address(hub), library_name=_LIBRARY, library_version=__version__)
        info = patiently(lambda: api.model_info(repo_id, revision=revision, timeout=IMPATIENT.silence_seconds), sleep)
        commit, name = str(info.sha or ""), info.id
        if not is_commit(commit) or not is_repo_id(name):
            raise ValueError(commit, name)
        listing = api.list_repo_tree(name, recursive=True, revision=commit)
        files = tuple(remote_file(entry) for entry in listing if isinstance(entry, RepoFile))
    check(files)
    return Repository(name, repo_id, revision, commit, files)


def read_file(hub: Hub, repository: Repository, file: RemoteFile, *, sleep: Sleep = time.sleep) -> bytes:
    """Return a small file's content, checked against its digest, and keep nothing on the disk.

    Raises:
        HubError: it cannot be had.
        IntegrityError: it is not what the commit holds.
    """
    content = b""
    for _ in range(2):
        content = _get(hub, repository, file, 0, file.size_bytes, sleep)
        if digest_of(content, file) == file.blob:
            return content
    raise IntegrityError(
        f"{file.path!r} of {repository.repo_id!r} is not what its commit holds: expected {file.blob}, got "
        f"{digest_of(content, file)}.",
        hint="run the same command again; if it stays so, a proxy changes what passes",
    )


def read_range(
    hub: Hub, repository: Repository, file: RemoteFile, start: int, end: int, *, sleep: Sleep = time.sleep
) -> bytes:
    """Return the bytes of a file from `start` to `end`, exclusive.

    Raises:
        HubError: they cannot be had.
    """
    end = min(end, file.size_bytes)
    content = _get(hub, repository, file, start, end, sleep)
    if len(content) != end - start:
        raise HubError(
            f"The Hub sends {len(content)} bytes of {file.path!r} where {end - start} were asked for.",
            hint="run the same command again",
        )
    return content


def weight_map(
    hub: Hub, repository: Repository, index: bytes | None = None, *, sleep: Sleep = time.sleep
) -> Mapping[str, str] | None:
    """Return which shard holds which tensor, or None when the repo has no index.

    Args:
        hub: how the Hub is set up.
        repository: the repo.
        index: the index file's content, when it is on this disk already.
        sleep: waits between tries.

    Raises:
        HubError: the index cannot be had.
        IntegrityError: it is not an index.
    """
    file = repository.file(INDEX)
    if file is None:
        return None
    try:
        content = read_file(hub, repository, file, sleep=sleep) if index is None else index
        return {str(tensor): str(shard) for tensor, shard in json.loads(content)["weight_map"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(
            f"{INDEX!r} of {repository.repo_id!r} has no weight_map from tensor to file.",
            hint="choose another revision of the repo",
        ) from error


def require_weights(repository: Repository, weight_map: Mapping[str, str] | None) -> None:
    """Refuse a repo without weights in safetensors, and say what is there instead.

    Raises:
        HubError: there are none.
    """
    paths = [file.path for file in repository.files]
    if not weights_of(paths, weight_map):
        others = other_weights(paths)
        there = f"there is {few(others)}" if others else "there are no weights at all"
        raise HubError(
            f"{repository.repo_id!r} has no weights in safetensors: {there}.",
            hint="look for a conversion of the model, best one in mlx-community",
        )


def digest_of(content: bytes, file: RemoteFile) -> str:
    """Return what a file's digest would be with that content, by the rule that holds for the file."""
    if file.sha256 is not None:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def url_of(hub: Hub, repository_id: str, commit: str, path: str) -> str:
    """Return where the Hub serves a file."""
    return hf_hub_url(repository_id, path, revision=commit, endpoint=address(hub))


def request_headers(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request for a file's bytes as they are, with the token of whoever is signed in.

    The token goes to the Hub only: the library's session leaves it out when it follows a redirect to another host.
    """
    headers = build_hf_headers(library_name=_LIBRARY, library_version=__version__)
    return {**headers, "accept-encoding": "identity", **extra}


def _get(hub: Hub, repository: Repository, file: RemoteFile, start: int, end: int, sleep: Sleep) -> bytes:
    if hub.is_offline:
        raise offline(repository.repo_id)
    url = url_of(hub, repository.repo_id, repository.commit, file.path)
    is_part = (start, end) != (0, file.size_bytes)

    def request() -> bytes:
        headers = request_headers({"range": f"bytes={start}-{end - 1}"} if is_part else {})
        with get_session().stream("GET", url, headers=headers, timeout=IMPATIENT.silence_seconds) as response:
            hf_raise_for_status(response)
            skipped = start if response.status_code == HTTPStatus.OK else 0  # the range was ignored
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) >= skipped + end - start:
                    break
        return bytes(content[skipped : skipped + end - start])

    with translated(hub, repository.repo_id, repository.revision):
        return patiently(request, sleep)


def remote_file(entry: RepoFile) -> RemoteFile:
    """Return a file of a listing."""
    if entry.lfs is None:
        return RemoteFile(entry.path, entry.size, None, entry.blob_id)
    return RemoteFile(entry.path, entry.lfs.size, entry.lfs.sha256, entry.blob_id)
