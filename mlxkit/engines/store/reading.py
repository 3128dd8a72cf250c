"""A checkpoint read from headers and JSON: no weight is loaded, and whatever is wrong with it is told."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open

from mlxkit.core.checkpoint import DTYPE_BITS, Checkpoint, Tensor
from mlxkit.core.config import Normalized, normalize
from mlxkit.core.errors import CheckpointError, IntegrityError, MlxkitError, NotFoundError
from mlxkit.core.record import FILE_NAME as RECORD
from mlxkit.core.wording import few

INDEX = "model.safetensors.index.json"
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tiktoken.model", "*.tiktoken")
_OTHER_WEIGHTS = ("*.bin", "*.pth", "*.pt", "*.gguf", "*.onnx", "*.npz", "*.h5")


def read(name: str, folder: Path, *, needs_tokenizer: bool = True) -> Checkpoint:
    """Return what `folder` holds.

    Args:
        name: what the user called it.
        folder: an existing folder.
        needs_tokenizer: it is a problem where there is none.

    Raises:
        CheckpointError: config.json is missing, is no JSON object, or names no architecture.
        NotFoundError: the folder or a JSON file in it cannot be read.
    """
    files = _files(folder)
    if "config.json" not in files:
        raise CheckpointError(f"There is no config.json in {str(folder)!r}.", hint="a model is a folder that has one")
    normalized = _normalized(_json(folder / "config.json"))
    problems: list[MlxkitError] = []
    warnings: list[str] = []
    tensors = _tensors(folder, files, problems, warnings)
    tokenizer = _optional(folder, "tokenizer_config.json", problems)
    if needs_tokenizer and not has_tokenizer(files):
        problems.append(
            CheckpointError(
                f"There is no tokenizer in {str(folder)!r}.", hint="copy the tokenizer files of the model it came from"
            )
        )
    return Checkpoint(
        name=name,
        folder=folder,
        config=normalized.config,
        config_changes=normalized.changes,
        tensors=tensors,
        generation=_optional(folder, "generation_config.json", problems),
        tokenizer=tokenizer,
        special_tokens=_special_tokens(folder, tokenizer),
        template=_template(folder, tokenizer),
        card=_card(folder / "README.md"),
        record=_optional(folder, RECORD, problems),
        files=files,
        problems=tuple(sorted(problems, key=lambda problem: -problem.exit_status)),
        warnings=tuple(warnings),
    )


def has_tokenizer(files: Iterable[str]) -> bool:
    """Whether files hold a tokenizer's tokens, and not only its settings."""
    return any(PurePosixPath(file).match(pattern) for file in files for pattern in _TOKENIZERS)


def _normalized(config: dict[str, Any]) -> Normalized:
    try:
        return normalize(config)
    except CheckpointError as error:
        raise CheckpointError(error.message, error.hint or "compare it with the original's config.json") from error


def _files(folder: Path) -> tuple[str, ...]:
    try:
        found = [path for path in folder.rglob("*") if path.is_file()]
    except OSError as error:
        raise NotFoundError(
            f"{str(folder)!r} cannot be read: {error.strerror}.", hint="check its permissions"
        ) from error
    return tuple(sorted(path.relative_to(folder).as_posix() for path in found))


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFoundError(f"{str(path)!r} cannot be read: {error.strerror}.", hint="check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{str(path)!r} is not JSON: {error}.", hint="fetch that file again") from error
    if not isinstance(value, dict):
        raise CheckpointError(
            f"{str(path)!r} holds a JSON {type(value).__name__}, expected an object.", hint="fetch that file again"
        )
    return value


def _optional(folder: Path, name: str, problems: list[MlxkitError]) -> dict[str, Any]:
    if not (folder / name).exists():
        return {}
    try:
        return _json(folder / name)
    except MlxkitError as problem:
        problems.append(problem)
        return {}


def _tensors(
    folder: Path, files: tuple[str, ...], problems: list[MlxkitError], warnings: list[str]
) -> dict[str, Tensor]:
    on_disk = [file for file in files if PurePosixPath(file).match("*.safetensors") and "/" not in file]
    if INDEX in files:
        named = _weight_map(folder / INDEX, problems)
    else:
        named = None
        on_disk = [file for file in on_disk if file.startswith("model")] or on_disk
    shards = list(dict.fromkeys(named.values())) if named else on_disk
    if not shards:
        problems.append(_no_weights(folder, files))
    if named:
        stray = [file for file in on_disk if file not in shards and file.startswith("model")]
        warnings.extend(f"{file} is not in the index: stock mlx-lm would load it all the same." for file in stray)
    found: dict[str, Tensor] = {}
    for shard in shards:
        found.update((tensor.name, tensor) for tensor in _header(folder / shard, shard, problems))
    if named and not problems:
        _compare(named, found, problems)
        found = {tensor_name: found[tensor_name] for tensor_name in found if tensor_name in named}
    return found


def _weight_map(path: Path, problems: list[MlxkitError]) -> dict[str, str]:
    hint = "fetch that file again"
    try:
        mapping = _json(path).get("weight_map")
    except CheckpointError as error:
        problems.append(IntegrityError(error.message, hint))
        return {}
    if not isinstance(mapping, dict) or not all(isinstance(file, str) for file in mapping.values()):
        problems.append(IntegrityError(f"{str(path)!r} has no weight_map from tensor to file.", hint))
        return {}
    for name, file in mapping.items():
        pure = PurePosixPath(file)
        if pure.is_absolute() or ".." in pure.parts or "\\" in file or "\0" in file or not pure.parts:
            problems.append(
                IntegrityError(
                    f"The index places {name!r} outside the folder, in {file!r}.", "do not use this checkpoint"
                )
            )
            return {}
    return mapping


def _header(path: Path, shard: str, problems: list[MlxkitError]) -> Iterator[Tensor]:
    hint = "fetch that file again"
    if not path.is_file():
        problems.append(IntegrityError(f"The shard {shard!r} is missing.", hint))
        return
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.offset_keys():
                view = file.get_slice(name)
                tensor = Tensor(name, view.get_dtype(), tuple(view.get_shape()), shard)
                if tensor.dtype not in DTYPE_BITS:
                    problems.append(
                        IntegrityError(f"{name!r} in {shard!r} has the unknown dtype {tensor.dtype}.", hint)
                    )
                    continue
                yield tensor
    except SafetensorError as error:
        size = path.stat().st_size
        problems.append(
            IntegrityError(f"{shard!r} ({size} bytes) is truncated or has a wrong header: {_plain(error)}.", hint)
        )
    except OSError as error:
        reason = error.strerror or _plain(error)
        problems.append(NotFoundError(f"{str(path)!r} cannot be read: {reason}.", hint="check its permissions"))


def _plain(error: Exception) -> str:
    return str(error).removeprefix("Error while deserializing header: ").rstrip(".") or type(error).__name__


def _compare(named: Mapping[str, str], found: Mapping[str, Tensor], problems: list[MlxkitError]) -> None:
    missing = [name for name, file in named.items() if name not in found or found[name].file != file]
    if missing:
        problems.append(
            IntegrityError(
                f"The index names tensors that its shards do not hold: {few(missing)}.", "fetch the shards again"
            )
        )
    extra = [name for name in found if name not in named]
    if extra:
        problems.append(
            IntegrityError(
                f"The shards hold tensors that the index does not name: {few(extra)}.", "fetch the index again"
            )
        )


def _no_weights(folder: Path, files: tuple[str, ...]) -> MlxkitError:
    others = [file for file in files if any(PurePosixPath(file).match(pattern) for pattern in _OTHER_WEIGHTS)]
    there = f"; there is {few(others)}" if others else ""
    return NotFoundError(
        f"There are no safetensors weights in {str(folder)!r}{there}.", hint="use a repo that publishes safetensors"
    )


def _special_tokens(folder: Path, tokenizer: Mapping[str, Any]) -> dict[str, int]:
    decoder = tokenizer.get("added_tokens_decoder")
    if isinstance(decoder, dict):
        entries = ((entry.get("content"), key) for key, entry in decoder.items() if isinstance(entry, dict))
        return {content: int(key) for content, key in entries if isinstance(content, str) and key.isdecimal()}
    try:
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        # Only this list is parsed: the whole file takes longer than everything else here together.
        start = re.search(r'"added_tokens"\s*:\s*(?=\[)', text)
        added = json.JSONDecoder().raw_decode(text, start.end())[0] if start else []
        return {entry["content"]: entry["id"] for entry in added}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def _template(folder: Path, tokenizer: Mapping[str, Any]) -> str | None:
    try:
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, ValueError):
        pass
    template = tokenizer.get("chat_template")
    if isinstance(template, list):
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else None


def _card(path: Path) -> dict[str, Any]:
    try:
        return front_matter(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def front_matter(text: str) -> dict[str, Any]:
    """Return the front matter of a model card; empty when there is none that can be read."""
    parts = text.replace("\r\n", "\n").split("---\n", 2)
    try:
        value = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else {}
    except (ValueError, RecursionError, yaml.YAMLError):
        return {}
    return value if isinstance(value, dict) else {}
