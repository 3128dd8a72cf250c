"""The real client, in the process of the test, set up to publish to a test Hub."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from huggingface_hub import HfApi, close_session, constants

from tests.hub.state import TestHub

WARNING = "ignore:Use 'content=:DeprecationWarning"
"""For `pytest.mark.filterwarnings`: the client sends LFS bodies by an argument that its HTTP library has renamed."""


@contextmanager
def publishing(hub: TestHub, token: str = "hf_good") -> Iterator[HfApi]:
    """Give a client that sends large files by LFS; the library reads its environment only once, hence the patches.

    Its `constants.ENDPOINT` is left alone: URLs of downloads are made from it and from what it was at import.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield HfApi(endpoint=hub.endpoint, token=token)
    close_session()
