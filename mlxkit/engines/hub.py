"""The door to the Hugging Face Hub: as yet only how it is set up here. Nothing in it touches the network."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from mlxkit.core.errors import HubError

try:
    from huggingface_hub import constants
except ImportError as error:  # how it is set up cannot be told without it, and that is told
    _FAULT: ImportError | None = error
else:
    _FAULT = None


@dataclass(frozen=True)
class Hub:
    """How the Hub is set up on this machine.

    Attributes:
        cache: the folder that keeps what was fetched, shared with every other tool.
        endpoint: where the Hub is.
        has_token: someone is signed in. The token itself is never looked at.
        is_offline: nothing may be fetched.
    """

    cache: Path
    endpoint: str
    has_token: bool
    is_offline: bool


def read() -> Hub:
    """Return how the Hub is set up, as huggingface_hub understands the environment.

    Raises:
        HubError: huggingface_hub cannot be imported.
    """
    if _FAULT is not None:
        raise HubError(
            f"huggingface_hub cannot be imported: {_FAULT}.", hint="python3 -m pip install --upgrade huggingface-hub"
        ) from _FAULT
    return Hub(
        cache=Path(constants.HF_HUB_CACHE),
        endpoint=_public(constants.ENDPOINT),
        has_token=_has_token(),
        is_offline=constants.is_offline_mode(),
    )


def _has_token() -> bool:
    # `huggingface_hub.get_token` goes to the network to renew a token that is about to expire.
    if any(os.environ.get(name, "").strip() for name in ("HF_OIDC_RESOURCE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")):
        return True
    try:
        return Path(constants.HF_TOKEN_PATH).stat().st_size > 0
    except OSError:
        return False


def _public(address: str) -> str:
    """Return an address without a name and password in it."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
