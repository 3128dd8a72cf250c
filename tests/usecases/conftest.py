"""The test Hub, as the engines' tests have it."""

from tests.engines.conftest import hub, server

__all__ = ["hub", "server"]
