"""mlxkit in processes of their own, which know a test Hub and an empty home."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.hub import TestHub
from tests.hub.repos import Blob, Generated

# Whatever opens a connection fails, in the program and in what it imports.
NO_SOCKETS = """
import socket, sys
def refuse(*arguments, **words):
    raise AssertionError(f"a socket was used: {arguments}")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse
from mlxkit.cli import main
main()
"""


class Program:
    """How a user of that Hub types.

    Args:
        hub: the Hub that HF_ENDPOINT names.
        home: a folder of their own; HF_HOME is in it, and it is the current folder.
    """

    def __init__(self, hub: TestHub, home: Path) -> None:
        self.hub = hub
        self.home = home
        home.mkdir(parents=True, exist_ok=True)

    @property
    def cache(self) -> Path:
        """The Hub's cache."""
        return self.home / "hf/hub"

    def environment(self, **more: str) -> dict[str, str]:
        """What the process is told."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MLXKIT"))}
        return {
            **inherited,
            "HOME": str(self.home),
            "MLXKIT_CACHE": str(self.home / "cache"),
            "HF_HOME": str(self.home / "hf"),
            "HF_ENDPOINT": self.hub.endpoint,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **more,
        }

    def command(self, *words: str, sockets: bool = True) -> list[str]:
        """The process's command line."""
        return [sys.executable, *(["-m", "mlxkit"] if sockets else ["-c", NO_SOCKETS]), *words]

    def __call__(self, *words: str, sockets: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run mlxkit; without `sockets`, any use of the network breaks it."""
        return self.run(self.command(*words, sockets=sockets), **environment)

    def run(self, words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run any program."""
        return subprocess.run(
            words,
            env=self.environment(**environment),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def claim_size(hub: TestHub, name: str, path: str, size: int) -> None:
    """Let a file be of a size that nobody could hold, without its content."""
    repo = hub.repos[name]
    huge = Blob(Generated(size), is_lfs=True)
    vars(huge).update(sha256="a" * 64, oid="b" * 40)
    commit = repo.commits[repo.head]
    files: Mapping[str, Any] = {**commit.files, path: huge}
    vars(commit)["files"] = files
