"""A file that long work writes down as it goes, a line for each piece: what was killed goes on from there."""

import json
from pathlib import Path
from typing import Any

from mlxkit.engines.store.kept import drop, keep, telling


class Journal:
    """Pieces of work that are done, in their order.

    Args:
        path: of the file, as `kept` gives it; it need not exist.

    Attributes:
        entries: what an earlier run wrote down, and this one; a line that was cut off is not among them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: list[Any] = []
        try:
            content = path.read_bytes()
        except OSError:
            return
        *lines, rest = content.split(b"\n")
        for line in lines:
            try:
                self.entries.append(json.loads(line))
            except ValueError:  # the machine went down: what follows is worth nothing
                rest = line
                break
        if rest:
            keep(path, b"".join(json.dumps(entry).encode() + b"\n" for entry in self.entries))

    def append(self, entry: Any) -> None:
        """Write down one more piece, as JSON.

        Raises:
            MlxkitError: it cannot be written.
        """
        with telling(), self._path.open("ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
        self.entries.append(entry)

    def close(self) -> None:
        """Forget it: the work is done, and written down elsewhere."""
        drop(self._path)
