"""What a checkpoint was made from, as far as it can be had, and how it differs from what is there now."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from mlxkit.core.codes import found
from mlxkit.core.findings import Finding
from mlxkit.core.wording import few

TOKENIZERS = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.tiktoken")
"""Files that make a tokenizer."""

_TEMPLATE = "chat_template.jinja"


@dataclass(frozen=True)
class Source:
    """A checkpoint that another one was made from.

    Attributes:
        name: its repo, by its present name, or its folder.
        commit: which state of the repo; None for a folder.
        files: what is in it.
        read: gives the content of one of its files, or None when it cannot be had.
        card: its card's front matter.
    """

    name: str
    commit: str | None
    files: frozenset[str]
    read: Callable[[str], bytes | None]
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tokenizers(self) -> tuple[str, ...]:
        """The files that make its tokenizer, sorted."""
        return tuple(file for file in sorted(self.files) if is_tokenizer(file))

    @property
    def is_gated(self) -> bool:
        """Its card asks who fetches it to agree to something."""
        return any(str(key).startswith("extra_gated_") for key in self.card)


Sources: TypeAlias = Callable[[str, str | None], Source | None]
"""Leads from a repo and a commit, or None for what is newest, to what is there; None when it cannot be had."""


@dataclass(frozen=True)
class Origin:
    """Where a checkpoint comes from.

    Attributes:
        repo: named by its record or its card.
        commit: recorded.
        then: what it was made from, at that commit, or the folder.
        now: what the repo holds now.
        is_recorded: a build record says so, and not the card alone.
    """

    repo: str | None = None
    commit: str | None = None
    then: Source | None = None
    now: Source | None = None
    is_recorded: bool = False

    @property
    def best(self) -> Source | None:
        """What it was made from, or at least what that is now."""
        return self.then or self.now


def is_tokenizer(file: str) -> bool:
    """Say whether a file is one of those that make a tokenizer."""
    return "/" not in file and any(fnmatchcase(file, pattern) for pattern in TOKENIZERS)


def named(record: Mapping[str, Any], card: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Return the repo, the commit and the folder that a checkpoint says it was made from.

    >>> named({}, {"base_model": ["owner/name"]})
    ('owner/name', None, None)
    """
    source = record.get("source")
    if isinstance(source, Mapping):
        repo, commit, name = (source.get(key) for key in ("repo", "commit", "name"))
        if isinstance(repo, str):
            return repo, commit if isinstance(commit, str) else None, None
        if isinstance(name, str):
            return None, None, name
    base = card.get("base_model")
    base = base[0] if isinstance(base, list) and base else base
    return (base if isinstance(base, str) and base.count("/") == 1 else None), None, None


def kept(origin: Origin, files: frozenset[str], read: Callable[[str], bytes | None]) -> Iterator[Finding]:
    """Yield whether the tokenizer is the one that was there, byte for byte.

    Args:
        origin: where the checkpoint comes from, by its record.
        files: what is in its folder.
        read: gives the content of one of them.
    """
    if not origin.is_recorded:
        return
    if origin.then is None:
        yield found("files.source_unreachable", "tokenizer", "The original is not on this disk and cannot be asked.")
        return
    changed = []
    for file in origin.then.tokenizers:
        original = origin.then.read(file)
        if original is not None and (file not in files or read(file) != original):
            changed.append(file)
    if changed:
        yield found("files.tokenizer_changed", few(changed), f"Not byte for byte what {origin.then.name} has.")


def drift(origin: Origin, own: Source) -> Iterator[Finding]:
    """Yield what has happened to the original since.

    Args:
        origin: where the checkpoint comes from.
        own: the checkpoint itself, which stands for its original when no commit was recorded.
    """
    if origin.repo is None:
        if origin.then is None:
            yield found("upstream.unknown", "README.md", "Neither a build record nor the card names an original.")
        return
    if origin.now is None:
        yield found("upstream.unreachable", origin.repo, "Nothing of it could be had: drift is not known.")
        return
    if origin.now.name != origin.repo:
        yield found("upstream.renamed", origin.repo, f"It is called {origin.now.name} now.")
    if origin.commit is not None and origin.then is None:
        said = f"Its commit {origin.commit[:12]} cannot be had any more."
        yield found("upstream.commit_gone", origin.repo, said)
    before = origin.then if origin.commit is not None else own
    if before is None or before.commit == origin.now.commit:
        return
    yield from _drifted(origin, before, origin.now)


def _drifted(origin: Origin, before: Source, now: Source) -> Iterator[Finding]:
    since = f"since {origin.commit[:12]}" if origin.commit is not None else "from what is here"
    if template_of(before) != template_of(now):
        yield found("upstream.template", now.name, f"Its chat template differs {since}.")
    common = [file for file in now.tokenizers if file in before.files and file != "tokenizer_config.json"]
    changed = [file for file in common if not _same(before.read(file), now.read(file))]
    if changed:
        yield found("upstream.tokenizer", now.name, f"Its tokenizer differs {since}: {few(changed)}.")
    # A config that was written for other weights differs by necessity.
    if origin.commit is not None and not _same(before.read("config.json"), now.read("config.json")):
        yield found("upstream.config", now.name, f"Its config.json differs {since}.")


def template_of(source: Source) -> str | None:
    """Return the chat template of a source, without white space around it."""
    content = source.read(_TEMPLATE) if _TEMPLATE in source.files else None
    if content is not None:
        return content.decode("utf-8", "replace").strip()
    settings = source.read("tokenizer_config.json") if "tokenizer_config.json" in source.files else None
    parsed = _parsed(settings)
    value = parsed.get("chat_template") if isinstance(parsed, Mapping) else None
    if isinstance(value, list):
        named_ones = {str(one.get("name")): one.get("template") for one in value if isinstance(one, Mapping)}
        value = named_ones.get("default")
    return value.strip() if isinstance(value, str) else None


def _same(one: bytes | None, other: bytes | None) -> bool:
    """Say whether two files say the same; what cannot be had is no difference."""
    return one is None or other is None or one == other or (_parsed(one) is not None and _parsed(one) == _parsed(other))


def _parsed(content: bytes | None) -> Any:
    try:
        value = None if content is None else json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return value
    model = value.get("model")
    if isinstance(model, dict) and isinstance(model.get("merges"), list):
        # Older tokenizers write a merge as "a b", newer ones as ["a", "b"].
        merges = [" ".join(map(str, one)) if isinstance(one, list) else one for one in model["merges"]]
        return {**value, "model": {**model, "merges": merges}}
    return value
