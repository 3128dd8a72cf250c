"""A repo to publish to: who is signed in, what is there, what may be done, and whether it holds what was sent."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile

from mlxkit import __version__
from mlxkit.core.errors import HubError, IntegrityError
from mlxkit.core.fetching import RemoteFile
from mlxkit.core.publishing import Account, LocalFile, RemoteRepo, missing
from mlxkit.core.wording import few
from mlxkit.engines.hub.api import remote_file
from mlxkit.engines.hub.patience import Sleep, patiently
from mlxkit.engines.hub.settings import Hub, address
from mlxkit.engines.hub.translating import LATER, reading_answers, translated

_AGAIN = "run the same command again: what was sent is not sent again"


@contextmanager
def publishing(hub: Hub, repo_id: str) -> Iterator[None]:
    """Turn what the library and the network raise while something is published into one sentence.

    Raises:
        HubError: whatever went wrong with the Hub, the network or the sign-in.
    """
    if hub.is_offline:
        raise HubError("Offline nothing is published.", hint="leave out --offline and unset HF_HUB_OFFLINE")
    try:
        with translated(hub, repo_id):
            try:
                yield
            except HfHubHTTPError as error:
                raise _refused(error, repo_id) or error from error
    except HubError as error:
        if error.hint == LATER:
            raise HubError(error.message, hint=_AGAIN) from error
        raise


def account(hub: Hub, repo_id: str, *, sleep: Sleep = time.sleep) -> Account:
    """Return whoever is signed in.

    Raises:
        HubError: nobody is, or the Hub does not accept the token.
    """
    with publishing(hub, repo_id), reading_answers(hub):
        told = patiently(lambda: api_of(hub).whoami(), sleep)
        token = told.get("auth", {}).get("accessToken", {})
        organizations = {one["name"]: one.get("roleInOrg") for one in told.get("orgs", [])}
        return Account(told["name"], organizations, token.get("role"), _writable(token.get("fineGrained") or {}))


def look(hub: Hub, repo_id: str, revision: str | None, *, sleep: Sleep = time.sleep) -> RemoteRepo | None:
    """Return what a repo holds; None when there is none that this token may see.

    Args:
        hub: how the Hub is set up.
        repo_id: the repo.
        revision: a branch or a commit; None for the main branch.
        sleep: waits between tries.

    Raises:
        HubError: it cannot be asked.
    """
    with publishing(hub, repo_id), reading_answers(hub):
        api = api_of(hub)
        try:
            whole = patiently(lambda: api.model_info(repo_id), sleep)
        except RepositoryNotFoundError:
            return None
        try:
            info = patiently(lambda: api.model_info(repo_id, revision=revision), sleep) if revision else whole
        except RevisionNotFoundError:
            return RemoteRepo(None, bool(whole.private), {})
        if info.sha is None:
            return RemoteRepo(None, bool(whole.private), {})
        return RemoteRepo(info.sha, bool(whole.private), tree(api, repo_id, info.sha, sleep))


def create(hub: Hub, repo_id: str, *, sleep: Sleep = time.sleep) -> None:
    """Make a private repo, unless it is there.

    Raises:
        HubError: it cannot be made: the name is another's, or the token may not.
    """
    with publishing(hub, repo_id):
        patiently(lambda: api_of(hub).create_repo(repo_id, private=True, exist_ok=True), sleep)


def branch(hub: Hub, repo_id: str, revision: str, *, sleep: Sleep = time.sleep) -> None:
    """Make a branch from the main one, unless it is there.

    Raises:
        HubError: it cannot be made.
    """
    with publishing(hub, repo_id):
        patiently(lambda: api_of(hub).create_branch(repo_id, branch=revision, exist_ok=True), sleep)


def show_to_all(hub: Hub, repo_id: str, *, sleep: Sleep = time.sleep) -> None:
    """Make a repo public.

    Raises:
        HubError: the token may not.
    """
    with publishing(hub, repo_id):
        patiently(lambda: api_of(hub).update_repo_settings(repo_id, private=False), sleep)


def collect(hub: Hub, repo_id: str, title: str, *, sleep: Sleep = time.sleep) -> str:
    """Put a repo into a collection of its owner, which is made if there is none of that title; return its slug.

    Raises:
        HubError: it cannot be made or changed.
    """
    with publishing(hub, repo_id), reading_answers(hub):
        api, owner = api_of(hub), repo_id.partition("/")[0]

        def own() -> str:
            return next((one.slug for one in api.list_collections(owner=owner) if one.title == title), "")

        slug = patiently(own, sleep)
        if not slug:
            made = patiently(lambda: api.create_collection(title, namespace=owner, private=True, exists_ok=True), sleep)
            slug = made.slug
        patiently(lambda: api.add_collection_item(slug, repo_id, "model", exists_ok=True), sleep)
        return slug


def verify(
    hub: Hub, repo_id: str, commit: str, files: Sequence[LocalFile], *, sleep: Sleep = time.sleep
) -> Mapping[str, RemoteFile]:
    """Compare every digest of a commit with the files that were to be published; return what it holds.

    Raises:
        IntegrityError: a file is missing or another one.
        HubError: the commit cannot be listed.
    """
    with publishing(hub, repo_id), reading_answers(hub):
        remote = tree(api_of(hub), repo_id, commit, sleep)
    wrong = missing(files, remote)
    if wrong:
        raise IntegrityError(
            f"{len(wrong)} of {len(files)} files of {repo_id!r} are not what was sent: "
            f"{few([file.path for file in wrong])}.",
            hint="run the same command again: it sends what is wrong",
        )
    return remote


def api_of(hub: Hub) -> HfApi:
    """Return the library, speaking to the Hub that was set up."""
    return HfApi(endpoint=address(hub), library_name="mlxkit", library_version=__version__)


def tree(api: HfApi, repo_id: str, commit: str, sleep: Sleep) -> dict[str, RemoteFile]:
    """Return all files of a commit, by path."""
    entries = patiently(lambda: list(api.list_repo_tree(repo_id, recursive=True, revision=commit)), sleep)
    return {entry.path: remote_file(entry) for entry in entries if isinstance(entry, RepoFile)}


def _writable(told: Mapping[str, Any]) -> frozenset[str]:
    """Return the owners and repos that a fine-grained token may write to."""
    return frozenset(
        str(scope.get("entity", {}).get("name"))
        for scope in told.get("scoped", [])
        if "repo.write" in scope.get("permissions", [])
    )


def _refused(error: HfHubHTTPError, repo_id: str) -> HubError | None:
    """Say what a refusal means to whoever publishes; None where it means what it means to all."""
    status = error.response.status_code
    if status == HTTPStatus.FORBIDDEN:
        return HubError(
            f"This token may not write to {repo_id!r}.",
            hint="make one with write access at the Hub's settings, tokens; then `hf auth login`; or use --pr",
        )
    if status in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT):
        return HubError(f"{repo_id!r} was changed by someone else meanwhile.", hint=_AGAIN)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return HubError(f"The Hub finds what is sent to {repo_id!r} too large.", hint="use a smaller --shard-size")
    return None
