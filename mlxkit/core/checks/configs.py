"""What the JSON files of a checkpoint say, held against each other: EOS tokens, context, template, vocabulary."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.codes import found
from mlxkit.core.config import caveats
from mlxkit.core.findings import Finding
from mlxkit.core.wording import few

_CHAT = re.compile(r"(?:^|[-_. ])(?:instruct|chat|it)(?:$|[-_. ])", re.IGNORECASE)
_LOCAL = re.compile(r"[/~]|\.{1,2}[/\\]|[A-Za-z]:[\\/]|file:")
_EMBEDDINGS = (
    "embed_tokens.weight",
    "wte.weight",
    "word_embeddings.weight",
    "tok_embeddings.weight",
    "embed_in.weight",
)
_PATHS = (("config.json", "_name_or_path"), ("tokenizer_config.json", "name_or_path"))
_UNLIMITED = 10**9  # transformers writes 1e30 where a tokenizer has no limit


@dataclass(frozen=True)
class Texts:
    """The JSON files as they are written, and the checkpoint that they make.

    Attributes:
        name: of the folder or the repo.
        config: config.json.
        generation: generation_config.json; empty when there is none.
        tokenizer: tokenizer_config.json; empty when there is none.
        template_file: chat_template.jinja, or None.
        checkpoint: what a reader makes of it.
    """

    name: str
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    tokenizer: Mapping[str, Any]
    template_file: str | None
    checkpoint: Checkpoint


def look(texts: Texts) -> Iterator[Finding]:
    """Yield what readers of a checkpoint would understand in different ways."""
    yield from _eos(texts)
    yield from _vocabulary(texts)
    yield from _context(texts)
    yield from _template(texts)
    yield from _paths(texts)
    changes = texts.checkpoint.config_changes
    if changes:
        yield found("config.spelling", "config.json", f"Written out, it would also say {few(changes)}.")
    for said in caveats(texts.checkpoint.config):
        yield found("config.computed", "config.json", said)


def _eos(texts: Texts) -> Iterator[Finding]:
    inner = _mapping(texts.config.get("text_config"))
    named = {
        "config.json": _ids(texts.config.get("eos_token_id")) or _ids(inner.get("eos_token_id")),
        "generation_config.json": _ids(texts.generation.get("eos_token_id")),
        "tokenizer_config.json": _tokens_id(texts),
    }
    told = {file: ids for file, ids in named.items() if ids}
    if not told:
        yield found("config.eos_missing", "generation_config.json", "None of the files names an EOS token.")
        return
    # One file may name more than another: a base model's token, and the end of a turn.
    sets = list(told.values())
    if not all(one <= other or other <= one for one in sets for other in sets):
        said = "; ".join(f"{file} has {', '.join(map(str, sorted(ids)))}" for file, ids in told.items())
        yield found("config.eos_differs", "eos_token_id", f"{said}.")
    size = _vocabulary_size(texts.config)
    beyond = {file: max(ids) for file, ids in told.items() if size is not None and max(ids) >= size}
    for file, highest in beyond.items():
        yield found("config.eos_range", file, f"eos_token_id is {highest}; the vocabulary has {size} tokens.")


def _vocabulary(texts: Texts) -> Iterator[Finding]:
    size = _vocabulary_size(texts.config)
    for name, tensor in texts.checkpoint.tensors.items():
        if size is not None and name.endswith(_EMBEDDINGS) and tensor.shape and tensor.shape[0] != size:
            said = f"vocab_size is {size}; {name} has {tensor.shape[0]} rows."
            yield found("config.vocabulary", "config.json: vocab_size", said)


def _context(texts: Texts) -> Iterator[Finding]:
    context, limit = texts.checkpoint.context, texts.tokenizer.get("model_max_length")
    if context is None:
        yield found("config.context_missing", "config.json", "No key tells how many tokens it was made for.")
    elif isinstance(limit, int | float) and not isinstance(limit, bool) and limit < _UNLIMITED and limit != context:
        said = f"model_max_length is {limit:,}; config.json has {context:,}."
        yield found("config.context_differs", "tokenizer_config.json", said)


def _template(texts: Texts) -> Iterator[Finding]:
    other = texts.tokenizer.get("chat_template")
    if texts.checkpoint.template is None:
        if _CHAT.search(texts.name.rstrip("/").rpartition("/")[2]):
            yield found("config.template_missing", "chat_template.jinja", f"{texts.name!r} is named as one that chats.")
    elif texts.template_file is not None and isinstance(other, str) and other.strip() != texts.template_file.strip():
        said = "It is not the chat_template of tokenizer_config.json."
        yield found("config.template_differs", "chat_template.jinja", said)


def _paths(texts: Texts) -> Iterator[Finding]:
    for (file, key), values in zip(_PATHS, (texts.config, texts.tokenizer), strict=True):
        value = values.get(key)
        if isinstance(value, str) and _LOCAL.match(value):
            yield found("config.private_path", f"{file}: {key}", "It names a folder, not a repo.")


def invalid(said: str) -> Finding:
    """Return that config.json is no config that could be looked at further.

    Args:
        said: why, in one sentence.
    """
    return found("config.invalid", "config.json", said)


def _tokens_id(texts: Texts) -> frozenset[int]:
    token = texts.tokenizer.get("eos_token")
    content = token.get("content") if isinstance(token, Mapping) else token
    known = texts.checkpoint.special_tokens.get(content) if isinstance(content, str) else None
    return frozenset() if known is None else frozenset({known})


def _vocabulary_size(config: Mapping[str, Any]) -> int | None:
    sections = (config, _mapping(config.get("text_config")))
    sizes = (section.get("vocab_size") for section in sections)
    return next((size for size in sizes if isinstance(size, int) and not isinstance(size, bool) and size > 0), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _ids(value: object) -> frozenset[int]:
    entries = value if isinstance(value, list) else [value]
    return frozenset(
        entry for entry in entries if isinstance(entry, int) and not isinstance(entry, bool) and entry >= 0
    )
