"""A program on a pseudo-terminal: what a user types and reads."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Self

# Ctrl-C reaches the program whose controlling terminal it is typed at.
_TAKE_TERMINAL_AND_RUN = (
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from mlxkit.cli import main; main()"
)
_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Terminal:
    """mlxkit, started with a terminal as its stdin, stdout and stderr."""

    def __init__(self, words: Sequence[str], seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._read = 0
        self.text = ""
        self.end, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL_AND_RUN, *words],
            stdin=other,
            stdout=other,
            stderr=other,
            env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "COLUMNS": "100"},
            start_new_session=True,
        )
        os.close(other)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.close()

    def type(self, keys: str) -> None:
        os.write(self.end, keys.encode())

    def expect(self, text: str) -> str:
        """Read until `text` appears after what was expected before; return what stands up to its end."""
        deadline = time.monotonic() + self._seconds
        while (found := self.text.find(text, self._read)) < 0:
            if not self._more(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} did not appear in {self.text[self._read :]!r}")
        start, self._read = self._read, found + len(text)
        return self.text[start : self._read]

    def ended(self) -> int:
        """Read to the end; return the exit status."""
        deadline = time.monotonic() + self._seconds
        while self._more(deadline - time.monotonic()):
            pass
        return self.process.wait(self._seconds)

    def close(self) -> None:
        """Hang up."""
        if self.end >= 0:
            os.close(self.end)
            self.end = -1

    def _more(self, seconds: float) -> bool:
        if not select.select([self.end], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = os.read(self.end, 65536)
        except OSError:  # nobody is at the other end
            return False
        self.text += _SEQUENCES.sub("", data.decode("utf-8", "replace"))
        return bool(data)
