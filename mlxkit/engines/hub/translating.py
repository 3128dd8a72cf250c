"""One sentence for each way in which the Hub, the network or the cache's disk can fail.

huggingface_hub raises its own errors, httpx2's and Python's. Their texts hold addresses that grant access for a while,
and whatever the server wrote; so none of it is repeated here.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx2
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    OIDCError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from mlxkit.core.errors import DoesNotFitError, HubError, MlxkitError
from mlxkit.engines.hub.settings import Hub

_LOGIN = "hf auth login"
LATER = "run the same command again later; what was fetched is kept"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def translated(hub: Hub, repo_id: str, revision: str | None = None) -> Iterator[None]:
    """Turn what the library and the network raise inside the block into a `HubError`.

    Args:
        hub: how the Hub is set up.
        repo_id: what was asked about.
        revision: at which revision.

    Raises:
        HubError: whatever went wrong with the Hub, the network or the sign-in.
    """
    try:
        yield
    except MlxkitError:
        raise
    except HfHubHTTPError as error:
        raise _refused(error, hub, repo_id, revision) from error
    except OfflineModeIsEnabled as error:
        raise offline(repo_id) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise unreachable(error, hub) from error
    except (OIDCError, LocalTokenNotFoundError) as error:
        raise HubError("The token to sign in with cannot be had.", hint=_LOGIN) from error
    except ConnectionError as error:
        raise unreachable(error, hub) from error
    except OSError as error:
        place = error.filename or hub.cache
        raise HubError(f"{str(place)!r} cannot be read: {error.strerror or error}.", hint="check HF_HOME") from error


@contextmanager
def reading_answers(hub: Hub) -> Iterator[None]:
    """Turn what an answer raises that is not the Hub's into a `HubError`: a captive portal, a wrong HF_ENDPOINT.

    Raises:
        HubError: the answer could not be read.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HubError(
            f"What answers at {hub.endpoint} is not a Hub.",
            hint="check the network's sign-in page, the proxy and HF_ENDPOINT",
        ) from error


def offline(repo_id: str) -> HubError:
    """Say that something would have to be fetched, and that this is not allowed."""
    return HubError(
        f"{repo_id!r} is not complete on this disk, and offline nothing is fetched.",
        hint="leave out --offline and unset HF_HUB_OFFLINE, or see what is here with `mlxkit list`",
    )


def unreachable(error: Exception, hub: Hub) -> HubError:
    """Say that the network is in the way, and how."""
    host = urlsplit(hub.endpoint).netloc or hub.endpoint
    if isinstance(error, httpx2.ProxyError):
        return HubError(f"The proxy in front of {host} refuses.", hint="check HTTPS_PROXY and its password")
    if isinstance(error, httpx2.TimeoutException):
        return HubError(f"{host} does not answer in time.", hint=LATER)
    if isinstance(error, httpx2.ConnectError):
        if "CERTIFICATE" in str(error).upper():
            return HubError(
                f"The certificate of {host} is not trusted here.", hint="check the proxy, or set SSL_CERT_FILE"
            )
        return HubError(f"{host} cannot be reached.", hint="check the network; what is here: mlxkit list")
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return HubError(f"{hub.endpoint!r} is not an address of a Hub.", hint="check HF_ENDPOINT")
    return HubError(f"The connection to {host} breaks off.", hint=LATER)


def answered(status: int, hub: Hub, repo_id: str) -> HubError:
    """Say what a status means that more tries did not change."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        more = "" if hub.has_token else "; signed in, more is allowed: hf auth login"
        return HubError("The Hub allows no more requests for a while (429).", hint=f"wait some minutes{more}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return HubError(f"The Hub has a fault of its own ({status}).", hint=LATER)
    if status == HTTPStatus.FORBIDDEN:
        return HubError(
            f"This token has no access to {repo_id!r}.", hint=f"sign in with one that may read it: {_LOGIN}"
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return HubError("The Hub does not accept this token.", hint=_LOGIN)
    return HubError(f"The Hub answers {status} to a request for {repo_id!r}.", hint=_page(hub, repo_id))


def on_disk(error: OSError, place: str) -> MlxkitError:
    """Say what the disk of the cache does not let happen."""
    if error.errno in _FULL:
        return DoesNotFitError(
            f"The disk is full: {place} cannot take more.",
            hint="free space with `mlxkit rm`, then run the same command again: it continues",
        )
    return HubError(
        f"{place} cannot be written: {error.strerror or error}.",
        hint="check its permissions, or set HF_HUB_CACHE to a folder of yours",
    )


def _page(hub: Hub, repo_id: str) -> str:
    return f"see {hub.endpoint}/{repo_id}"


def _refused(error: HfHubHTTPError, hub: Hub, repo_id: str, revision: str | None) -> HubError:
    if isinstance(error, GatedRepoError):
        reason = "its license is not accepted for this token" if hub.has_token else "you are not signed in"
        return HubError(
            f"{repo_id!r} is gated: {reason}.", hint=f"accept it at {hub.endpoint}/{repo_id}, then run `{_LOGIN}`"
        )
    if isinstance(error, DisabledRepoError):
        return HubError(f"The Hub has disabled access to {repo_id!r}.", hint=_page(hub, repo_id))
    if isinstance(error, RevisionNotFoundError):
        return HubError(f"{repo_id!r} has no revision {revision!r}.", hint=f"{_page(hub, repo_id)}/tree/main")
    if isinstance(error, EntryNotFoundError):
        return HubError(f"A file of {repo_id!r} is no longer there.", hint=_page(hub, repo_id))
    status = error.response.status_code
    if isinstance(error, RepositoryNotFoundError) or status == HTTPStatus.NOT_FOUND:
        return _missing(hub, repo_id)
    return answered(status, hub, repo_id)


def _missing(hub: Hub, repo_id: str) -> HubError:
    if hub.has_token:
        return HubError(
            f"There is no repo {repo_id!r} on the Hub that this token may see.",
            hint=f"check the name at {hub.endpoint}/models, or sign in as someone who may: {_LOGIN}",
        )
    return HubError(
        f"There is no public repo {repo_id!r} on the Hub.",
        hint=f"check the name at {hub.endpoint}/models; to see a private one: {_LOGIN}",
    )
