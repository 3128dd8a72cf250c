"""The real text that small is trained on: the sources of the Python standard library, code and comments alike.

What the interpreter came with is read, so the text follows its version. Tests, the programs that come along, what is
written for one machine, and the tables of encodings, which are generated and repeat each other, are left out. A hash of
a file's path decides, once and for all, whether the file is held out. It does not know tokens or models.
"""

import hashlib
import shutil
import sysconfig
import tokenize
from pathlib import Path, PurePosixPath

LIBRARY = Path(sysconfig.get_path("stdlib"))
HELD_OUT_SHARE = 0.03
HELD_OUT_BYTES = 100_000
_LEFT_OUT = frozenset({"test", "tests", "idle_test", "idlelib", "ensurepip", "site-packages", "encodings"})
_OF_ONE_MACHINE = ("_sysconfigdata", "config-")


def _number(path: PurePosixPath) -> float:
    """Return a number in [0, 1) that depends on nothing but the path."""
    return int.from_bytes(hashlib.sha256(str(path).encode()).digest()[:8], "big") / 2**64


def paths(*, held_out: bool) -> list[PurePosixPath]:
    """Return the files of one part, relative to the library and in the order of their hashes."""
    found = [PurePosixPath(path.relative_to(LIBRARY).as_posix()) for path in LIBRARY.rglob("*.py")]
    wanted = [
        path
        for path in found
        if not _LEFT_OUT.intersection(path.parts) and not path.parts[0].startswith(_OF_ONE_MACHINE)
    ]
    return sorted((path for path in wanted if (_number(path) < HELD_OUT_SHARE) == held_out), key=_number)


def read(path: PurePosixPath) -> str:
    """Return a file's text, in the encoding that it declares."""
    with tokenize.open(LIBRARY / path) as file:
        return file.read()


def training_documents() -> list[str]:
    """Return the text of every file that is not held out and not empty."""
    return [text for text in map(read, paths(held_out=False)) if text.strip()]


def write_held_out(folder: Path) -> None:
    """Write `held_out.txt`, whole files up to `HELD_OUT_BYTES` with a blank line between, and their licence."""
    texts: list[str] = []
    room = HELD_OUT_BYTES
    for text in map(read, paths(held_out=True)):
        size = len(text.encode())
        if text.strip() and size <= room:
            texts.append(text.rstrip("\n") + "\n")
            room -= size
    (folder / "held_out.txt").write_text("\n\n".join(texts), encoding="utf-8")
    shutil.copyfile(LIBRARY / "LICENSE.txt", folder / "LICENSE-python.txt")
