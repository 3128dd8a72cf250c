"""What lies in a folder, and what of it has no place in a repo: pickles, programs, links, leftovers, odd names."""

import pickletools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from mlxkit.core.codes import found
from mlxkit.core.findings import Finding
from mlxkit.core.sizes import size_text

HEAD_BYTES = 512
"""How much of a file's beginning tells what it is."""

HUB_LIMIT_BYTES = 50 * 10**9
"""The largest file that the Hub takes."""

SHARD_BYTES = 5 * 10**9
"""Above that, a weight file is hard to fetch: one drop costs much."""

Kind: TypeAlias = Literal["file", "folder", "link", "other", "remote"]
"""What an entry is; a remote one is in the repo and was not fetched: its name is all that is known."""
Leads: TypeAlias = Literal["inside", "cache", "outside", "nowhere"]

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill")
_PROGRAMS = (".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1", ".command", ".exe", ".dll", ".so", ".dylib", ".app")
_PROGRAM_HEADS = {
    b"\x7fELF": "a Linux program",
    b"\xfe\xed\xfa\xce": "a Mac program",
    b"\xfe\xed\xfa\xcf": "a Mac program",
    b"\xce\xfa\xed\xfe": "a Mac program",
    b"\xcf\xfa\xed\xfe": "a Mac program",
    b"\xca\xfe\xba\xbe": "a Mac program",
    b"#!": "a script",
}
_FORBIDDEN_FOLDERS = (".cache",)  # `.git` is a finding of its own
_LONGEST_NAME = 255
_REFUSED = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_ENVIRONMENT = re.compile(r"\.env(?:\..+)?|\.envrc|\.netrc|\.npmrc|\.pypirc")
_LEFTOVERS = re.compile(
    r"\.DS_Store|\._.+|Thumbs\.db|desktop\.ini|__pycache__|.+\.pyc|\.ipynb_checkpoints|\.idea|\.vscode|\.cache"
    r"|.+~|\.?#.+|.+\.sw[op]|.+\.(?:bak|orig|rej|tmp|lock|incomplete)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder.

    Attributes:
        path: relative to the folder, with forward slashes.
        kind: what it is; a link is not followed.
        size_bytes: of a file, or of the file that a link leads to; else 0.
        is_executable: somebody may run it.
        leads: for a link, where: inside the folder, to the Hub's cache that the folder is part of, outside, nowhere.
        head: its first bytes, at most `HEAD_BYTES`; of a link outside, none.
    """

    path: str
    kind: Kind = "file"
    size_bytes: int = 0
    is_executable: bool = False
    leads: Leads | None = None
    head: bytes = b""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.path).name

    @property
    def is_file(self) -> bool:
        """There is content: a file, or a link to one that belongs to the folder."""
        return self.kind == "file" or (self.kind == "link" and self.leads in ("inside", "cache") and bool(self.head))

    @property
    def is_weight(self) -> bool:
        """By its name it holds weights in safetensors."""
        return self.path.endswith(".safetensors")

    @property
    def is_text(self) -> bool:
        """Its beginning is UTF-8 without a zero byte."""
        if not self.is_file or self.is_weight or b"\0" in self.head:
            return False
        try:
            # Up to three bytes at the end may be the beginning of a character.
            self.head.decode("utf-8")
        except UnicodeDecodeError as error:
            return error.start >= len(self.head) - 3 and len(self.head) == HEAD_BYTES
        return True


def look(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Yield what is wrong with files as files."""
    # Disks without modes give every file the bit.
    files = [entry for entry in entries if entry.kind == "file"]
    has_modes = not all(entry.is_executable for entry in files)
    for entry in entries:
        yield from _name(entry)
        if entry.kind == "link" and entry.leads in ("outside", "nowhere"):
            ends = "nowhere" if entry.leads == "nowhere" else "out of the folder"
            yield found("files.link", entry.path, f"The link leads {ends}.")
        if entry.is_file:
            yield from _content(entry, has_modes=has_modes)
            yield from _size(entry)
        elif entry.kind == "remote":
            yield from _suffix(entry)
    yield from _clashes(entries)


def leftovers(entries: Iterable[Entry]) -> Iterator[Finding]:
    """Yield what lies in a folder by accident, or tells of whoever made it."""
    for entry in entries:
        if entry.name == ".git":
            yield found("secrets.git_folder", f"{entry.path}/", "A .git folder holds every version that ever was.")
        elif _ENVIRONMENT.fullmatch(entry.name):
            yield found("secrets.env_file", entry.path, "Files of that name hold keys and passwords.")
        elif entry.name.endswith(".ipynb"):
            yield found("secrets.notebook", entry.path, "A notebook keeps what its cells have printed.")
        elif _LEFTOVERS.fullmatch(entry.name):
            yield found("secrets.leftover", entry.path, "It is no part of the model.")


def _name(entry: Entry) -> Iterator[Finding]:
    parts = PurePosixPath(entry.path).parts
    shown = entry.path.encode("utf-8", "backslashreplace").decode()
    if _REFUSED.search(entry.path):
        yield found("files.name", repr(shown), "Its name has a control character, a backslash or a broken character.")
    elif len(entry.name.encode()) > _LONGEST_NAME:
        yield found("files.name", shown, f"Its name is longer than {_LONGEST_NAME} bytes.")
    elif entry.name != entry.name.strip() or entry.name.endswith("."):
        yield found("files.name", repr(shown), "Its name begins or ends with a space, or ends with a dot.")
    elif entry.kind == "file" and any(part in _FORBIDDEN_FOLDERS for part in parts[:-1]):
        yield found("files.name", shown, "The Hub's library sends nothing from such a folder.")


def _content(entry: Entry, *, has_modes: bool) -> Iterator[Finding]:
    by_name, program = list(_suffix(entry)), _program(entry)
    if by_name:
        yield from by_name
    elif _is_pickle(entry):
        yield found("files.pickle", entry.path, "Its content is a pickle, whatever its name says.")
    elif program is not None:
        yield found("files.executable", entry.path, f"Its content is {program}.")
    elif entry.is_executable and has_modes:
        yield found("files.executable", entry.path, "It may be run: its executable bit is set.")


def _suffix(entry: Entry) -> Iterator[Finding]:
    suffix = PurePosixPath(entry.path).suffix.lower()
    if suffix in _PICKLES:
        yield found("files.pickle", entry.path, f"Files that end in {suffix} are pickles, or are read as such.")
    elif suffix in _PROGRAMS:
        yield found("files.executable", entry.path, f"Files that end in {suffix} are programs.")


def _program(entry: Entry) -> str | None:
    if entry.is_weight:  # its first bytes are a number
        return None
    if entry.head.startswith(b"MZ") and b"\0" in entry.head:
        return "a Windows program"
    return next((said for head, said in _PROGRAM_HEADS.items() if entry.head.startswith(head)), None)


def _is_pickle(entry: Entry) -> bool:
    head = entry.head
    if head.startswith(b"PK\x03\x04"):
        return b"data.pkl" in head
    if not head.startswith(b"\x80") or entry.is_weight:
        return False
    operations = pickletools.genops(head)
    try:
        first, second = next(operations), next(operations)
    except (ValueError, StopIteration, IndexError, UnicodeDecodeError):
        return False
    return first[0].name == "PROTO" and second[0].name != "PROTO"


def _size(entry: Entry) -> Iterator[Finding]:
    if entry.size_bytes == 0 and not entry.is_weight:
        yield found("files.empty", entry.path, "It is empty.")
    elif entry.size_bytes > HUB_LIMIT_BYTES:
        limit = size_text(HUB_LIMIT_BYTES)
        yield found("files.too_large", entry.path, f"It has {size_text(entry.size_bytes)}; the Hub takes {limit}.")
    elif entry.is_weight and entry.size_bytes > SHARD_BYTES:
        yield found("files.large_shard", entry.path, f"It has {size_text(entry.size_bytes)}; usual are 5 GB at most.")


def _clashes(entries: Iterable[Entry]) -> Iterator[Finding]:
    names: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        names[entry.path.casefold()].append(entry.path)
    for same in names.values():
        if len(same) > 1:
            yield found("files.name_clash", same[0], f"It differs in case only from {', '.join(same[1:])}.")
