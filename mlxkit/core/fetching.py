"""What of a repo makes a checkpoint, what of it is here already, and whether the rest fits on the disk."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from mlxkit.core.errors import IntegrityError
from mlxkit.core.wording import few

INDEX = "model.safetensors.index.json"
"""The file that tells which shard holds which tensor."""

DOCUMENTS = ("LICENSE*", "LICENCE*", "NOTICE*", "COPYING*", "USE_POLICY*", "README.md")
"""What people read beside a checkpoint; it runs without."""

TOKENIZER = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.tiktoken", "*.model",
    "chat_template*", "*.jinja",
)  # fmt: skip
"""What stands at the top of a repo or a folder and makes its tokenizer, templates included."""

_COMPANIONS = (
    "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py", "tokenizer*", "vocab.*", *DOCUMENTS,
)  # fmt: skip
_TEMPLATES = "additional_chat_templates/*.jinja"
_NEVER = ("*.bin.index.json", "*.pth.index.json", "*.msgpack.index.json", "*.h5.index.json", "consolidated*.json")
_OTHER_WEIGHTS = ("*.bin", "*.pth", "*.pt", "*.gguf", "*.onnx", "*.h5", "*.msgpack", "*.npz", "*.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repo at one commit.

    Attributes:
        path: where it is in the repo, with forward slashes.
        size_bytes: its size.
        sha256: of its content, for a file in large file storage, which is every weight; else None.
        blob_sha1: git's name of the blob: of the content for a small file, of the pointer for a large one.
    """

    path: str
    size_bytes: int
    sha256: str | None
    blob_sha1: str

    @property
    def blob(self) -> str:
        """The digest that its content must have, and the name under which the Hub's cache keeps it."""
        return self.sha256 or self.blob_sha1


@dataclass(frozen=True)
class PlannedFile:
    """A chosen file, and what of it is on this disk.

    Attributes:
        file: the file.
        present_bytes: how much of it is here: all, nothing, or what an interrupted fetch left.
    """

    file: RemoteFile
    present_bytes: int

    @property
    def fetch_bytes(self) -> int:
        """How much of it is still to fetch."""
        return self.file.size_bytes - self.present_bytes


@dataclass(frozen=True)
class FetchPlan:
    """What fetching a checkpoint means, decided before a byte of it moves.

    Attributes:
        repo_id: the repo, by its present name.
        revision: what was asked for: a branch, a tag or a commit.
        commit: what that was when it was asked; everything comes from this commit.
        files: what was chosen, small files first.
        is_whole: nothing was included or excluded by hand, so the files make the whole checkpoint.
    """

    repo_id: str
    revision: str
    commit: str
    files: tuple[PlannedFile, ...]
    is_whole: bool = True

    @property
    def total_bytes(self) -> int:
        """The size of all chosen files."""
        return sum(planned.file.size_bytes for planned in self.files)

    @property
    def fetch_bytes(self) -> int:
        """How much is still to fetch; a content that two files share counts once."""
        return sum({planned.file.blob: planned.fetch_bytes for planned in self.files}.values())

    @property
    def present_bytes(self) -> int:
        """How much is on this disk already."""
        return self.total_bytes - sum(planned.fetch_bytes for planned in self.files)


def choose(
    files: Sequence[RemoteFile],
    weight_map: Mapping[str, str] | None,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> tuple[RemoteFile, ...]:
    """Return the files that make a checkpoint for MLX, small ones first.

    These are the weights in safetensors (those that the index names, if there is one), and what stands beside them:
    config, tokenizer, templates, code, license, notice, card. Twins of the weights in other formats are left.

    Args:
        files: all files of the repo.
        weight_map: from tensor to shard, as the index has it; None when there is no index.
        include: when given, take the files that match one of these patterns instead.
        exclude: leave those that match one of these patterns. A pattern is a shell's; one that ends in a slash means
            all that is below.

    Raises:
        IntegrityError: the index names a shard that is not in the repo.
    """
    if include:
        chosen = [file for file in files if _matches(file.path, include)]
    else:
        weights = weights_of([file.path for file in files], weight_map)
        chosen = [file for file in files if file.path in weights or _is_companion(file.path)]
    kept = [file for file in chosen if not _matches(file.path, exclude)]
    return tuple(sorted(kept, key=lambda file: (_is_weight(file.path), file.path)))


def weights_of(paths: Sequence[str], weight_map: Mapping[str, str] | None) -> frozenset[str]:
    """Return which files are the weights: those of the index, else `model*`, else any safetensors at the top.

    >>> sorted(weights_of(["model.safetensors", "consolidated.safetensors", "original/model.safetensors"], None))
    ['model.safetensors']

    Raises:
        IntegrityError: the index names a shard that is not in the repo.
    """
    if weight_map:
        missing = sorted(set(weight_map.values()) - set(paths))
        if missing:
            raise IntegrityError(
                f"The index names shards that the repo does not have: {few(missing)}.",
                hint="choose another revision of the repo",
            )
        return frozenset(weight_map.values())
    top = [path for path in paths if _is_weight(path) and "/" not in path]
    model = [path for path in top if path.startswith("model")]
    return frozenset(model or [path for path in top if not path.startswith(("consolidated", "adapter"))] or top)


def tokenizer_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that make a tokenizer, sorted.

    >>> tokenizer_of(["config.json", "tokenizer.json", "original/tokenizer.model", "chat_template.jinja"])
    ('chat_template.jinja', 'tokenizer.json')
    """
    return tuple(sorted(path for path in paths if "/" not in path and _matches(path, TOKENIZER)))


def other_weights(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that hold weights in some other format or place, to say what there is instead."""
    return tuple(sorted(path for path in paths if _matches(PurePosixPath(path).name, _OTHER_WEIGHTS)))


def check(files: Iterable[RemoteFile]) -> None:
    """Refuse a listing whose paths or digests would lead out of the folders they are kept in.

    Raises:
        IntegrityError: one of them would.
    """
    for file in files:
        path = PurePosixPath(file.path)
        is_inside = path.parts and not path.is_absolute() and not {"..", "."} & set(file.path.split("/"))
        if not is_inside or "\\" in file.path or "\0" in file.path or "" in file.path.split("/"):
            raise IntegrityError(f"The Hub lists a file outside the repo: {file.path!r}.", hint="do not use this repo")
        if not _SHA1.fullmatch(file.blob_sha1) or (file.sha256 is not None and not _SHA256.fullmatch(file.sha256)):
            raise IntegrityError(f"The Hub lists {file.path!r} without a proper digest.", hint="do not use this repo")


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, f"{pattern}*" if pattern.endswith("/") else pattern) for pattern in patterns)


def _is_weight(path: str) -> bool:
    return path.endswith(".safetensors")


def _is_companion(path: str) -> bool:
    if "/" in path:
        return fnmatchcase(path, _TEMPLATES)
    is_other = _matches(path, ("*.bin", "*.safetensors", "*.gguf", *_NEVER))
    return not is_other and not path.startswith(".") and _matches(path, _COMPANIONS)
