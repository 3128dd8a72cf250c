"""What is asked of the operating system, and the one that runs this process."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import psutil

COMMAND_SECONDS = 5
"""After which a command's answer is not waited for any longer."""


class System(Protocol):
    """What is asked of the operating system."""

    def names(self) -> tuple[str, str, str]:
        """Return the system's kernel name, the kernel's release and the architecture, as `uname` does."""

    def sysctl(self, name: str) -> str | None:
        """Return one of macOS's kernel values."""

    def command(self, words: Sequence[str]) -> str | None:
        """Return what one of the system's own tools prints."""

    def text(self, path: str) -> str | None:
        """Return a file's text."""

    def folder(self, path: str) -> tuple[str, ...]:
        """Return the names in a folder, in order."""

    def memory(self) -> tuple[int, int] | None:
        """Return total and available memory, in bytes."""

    def cores(self) -> int | None:
        """Return how many cores the processor has, each thread that it runs at once counted as one."""


class ThisSystem:
    """The operating system that runs this process."""

    def names(self) -> tuple[str, str, str]:
        """Return the system's kernel name, the kernel's release and the architecture."""
        return platform.system(), platform.release(), platform.machine()

    def sysctl(self, name: str) -> str | None:
        """Return one of macOS's kernel values; None when there is no such value."""
        return self.command(("/usr/sbin/sysctl", "-n", name))

    def command(self, words: Sequence[str]) -> str | None:
        """Return what one of the system's own tools prints; None when it fails, is too slow or prints nothing."""
        try:
            done = subprocess.run(  # noqa: S603  the words are ours
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=COMMAND_SECONDS,
                check=True,
                env={**os.environ, "LC_ALL": "C"},  # sysctl writes 1,5 where that is the custom
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() or None

    def text(self, path: str) -> str | None:
        """Return a file's text; None when it cannot be read."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def folder(self, path: str) -> tuple[str, ...]:
        """Return the names in a folder, in order; none when it cannot be read."""
        try:
            return tuple(sorted(found.name for found in Path(path).iterdir()))
        except OSError:
            return ()

    def memory(self) -> tuple[int, int] | None:
        """Return total and available memory, in bytes; None when the system does not tell."""
        try:
            memory = psutil.virtual_memory()
        except (OSError, psutil.Error):
            return None
        return memory.total, memory.available

    def cores(self) -> int | None:
        """Return how many cores the processor has; None when the system does not tell."""
        return os.cpu_count()
