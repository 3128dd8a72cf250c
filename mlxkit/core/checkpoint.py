"""What a checkpoint is: a config, tensors that are described but not loaded, and the texts beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from mlxkit.core.errors import CheckpointError, MlxkitError

DTYPE_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""Width of one element by its safetensors dtype name, in bits."""

MLX_DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
"""The floating dtypes that a checkpoint is written in: safetensors name to config name."""


_CONTEXTS = (
    "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length", "max_context_length",
)  # fmt: skip
_DEPTHS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as its file's header describes it.

    Attributes:
        name: its key in the file.
        dtype: safetensors name, such as ``BF16``.
        shape: sizes of its axes; empty for a scalar.
        file: the shard that holds it, relative to the checkpoint's folder.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: str = ""

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of its data in the file."""
        return self.count * DTYPE_BITS[self.dtype] // 8

    @property
    def module(self) -> str:
        """Path of the module that it belongs to, as do its scales and biases."""
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk, read from headers and JSON only.

    Attributes:
        name: what the user called it.
        folder: where it is.
        config: config.json, normalized.
        config_changes: what normalization changed, a sentence each.
        tensors: by name, in the order of the files.
        generation: generation_config.json; empty when there is none.
        tokenizer: tokenizer_config.json; empty when there is none.
        special_tokens: content of a special token to its id.
        template: the chat template's Jinja source, or None.
        card: the model card's front matter; empty when there is none.
        record: mlxkit.json, the build record; empty when there is none.
        files: every file in the folder, relative, sorted.
        problems: what is wrong with it, gravest first. A checkpoint with problems can be looked at, not used.
        warnings: what is odd but does not keep it from being used.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    config_changes: tuple[str, ...] = ()
    generation: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    special_tokens: Mapping[str, int] = field(default_factory=dict)
    template: str | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    problems: tuple[MlxkitError, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def architecture(self) -> str:
        """The field's name for the shape of the model: config's `model_type`."""
        return str(self.config["model_type"])

    @property
    def config_notes(self) -> tuple[str, ...]:
        """That the config was completed, in one sentence; empty when it was not."""
        count = len(self.config_changes)
        keys = "one key" if count == 1 else f"{count} keys"
        return (
            (f"config.json: {keys} written so that older and newer readers agree (--json lists them).",)
            if count
            else ()
        )

    @property
    def context(self) -> int | None:
        """Context length in tokens, as the config gives it."""
        sections = (self.config, _mapping(self.config.get("text_config")))
        values = (section.get(key) for section in sections for key in _CONTEXTS)
        return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)

    @property
    def shards(self) -> tuple[str, ...]:
        """The weight files, in order, each once."""
        return tuple(dict.fromkeys(tensor.file for tensor in self.tensors.values()))

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors, headers not counted."""
        return sum(tensor.size_bytes for tensor in self.tensors.values())

    def sound(self) -> "Checkpoint":
        """Return itself when nothing is wrong with it.

        Raises:
            MlxkitError: the gravest of its problems.
        """
        if self.problems:
            raise self.problems[0]
        return self


def eos_ids(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Return every token id that ends an answer, sorted: those of config, generation config and tokenizer together.

    Readers that take only one of the three talk past the end of an answer when the files disagree.
    """
    texts = (checkpoint.config, _mapping(checkpoint.config.get("text_config")), checkpoint.generation)
    ids = {token for text in texts for token in _ids(text.get("eos_token_id"))}
    token = checkpoint.tokenizer.get("eos_token")
    content = token.get("content") if isinstance(token, Mapping) else token
    if isinstance(content, str) and content in checkpoint.special_tokens:
        ids.add(checkpoint.special_tokens[content])
    return tuple(sorted(ids))


def remote_code(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return where the checkpoint asks for code of its own to be run, such as ``config.json: model_file``.

    An `auto_map` of a config whose architecture mlx-lm implements is not code that MLX would run; a tokenizer's is.
    """
    asks = []
    if checkpoint.config.get("model_file") is not None:
        asks.append("config.json: model_file")
    wanted = _mapping(checkpoint.tokenizer.get("auto_map")).get("AutoTokenizer")
    fast = "tokenizer.json" in checkpoint.files
    slow_code = [part for part in (wanted if isinstance(wanted, list) else [wanted]) if part]
    if slow_code and not fast:
        asks.append("tokenizer_config.json: auto_map")
    return tuple(asks)


def check_depth(checkpoint: Checkpoint) -> None:
    """Refuse a config whose number of layers its weights cannot have, before a model of that depth is built.

    Raises:
        CheckpointError: it is no count of layers, or more than there are tensors.
    """
    for section in (checkpoint.config, _mapping(checkpoint.config.get("text_config"))):
        for key in _DEPTHS:
            depth = section.get(key, 1)
            if not isinstance(depth, int) or isinstance(depth, bool) or not 0 < depth <= len(checkpoint.tensors):
                raise CheckpointError(
                    f"config.json of {checkpoint.name!r} has {key} = {str(depth)[:40]!r}, "
                    f"its weights have {len(checkpoint.tensors)} tensors.",
                    hint="compare its config.json with the original's",
                )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _ids(value: object) -> list[int]:
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, int) and not isinstance(entry, bool) and entry >= 0]
