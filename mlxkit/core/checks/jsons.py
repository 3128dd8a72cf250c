"""JSON as strict readers see it: duplicate keys and numbers that JSON does not have are told, not mended."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.codes import found
from mlxkit.core.findings import Finding
from mlxkit.core.wording import few


@dataclass(frozen=True)
class Parsed:
    """A JSON file.

    Attributes:
        file: its name.
        value: the object that it holds; empty when there is none.
        fault: why it is none, or None.
        duplicates: keys that stand twice in one object.
        nonfinite: numbers that JSON does not have, as they are written.
    """

    file: str
    value: Mapping[str, Any]
    fault: str | None = None
    duplicates: tuple[str, ...] = ()
    nonfinite: tuple[str, ...] = ()


def parse(file: str, content: bytes, *, is_strict: bool = True) -> Parsed:
    """Read a JSON file that is to hold an object. Nothing is raised, whatever the content.

    Args:
        file: its name.
        content: all of it.
        is_strict: look for duplicates and numbers that JSON does not have; without it large files are read faster.

    >>> parse("a.json", b'{"a": NaN, "b": 1, "b": 2}').duplicates
    ('b',)
    """
    duplicates: list[str] = []
    nonfinite: list[str] = []

    def constant(text: str) -> float:
        nonfinite.append(text)
        return float(text.replace("Infinity", "inf"))

    def number(text: str) -> float:
        value = float(text)
        return value if math.isfinite(value) else constant(text)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            duplicates.extend(key for key in value if keys.count(key) > 1)
        return value

    try:
        text = content.decode("utf-8")
        if is_strict:
            value = json.loads(text, parse_constant=constant, parse_float=number, object_pairs_hook=members)
        else:
            value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Parsed(file, {}, str(error).rstrip(".") or type(error).__name__)
    if not isinstance(value, dict):
        return Parsed(file, {}, f"it holds a JSON {type(value).__name__} where an object is expected")
    return Parsed(file, value, None, tuple(dict.fromkeys(duplicates)), tuple(nonfinite))


def broken(parsed: Parsed) -> Iterator[Finding]:
    """Yield that a file is not JSON."""
    if parsed.fault is not None:
        yield found("files.json", parsed.file, f"It is not JSON: {parsed.fault}.")


def look(parsed: Parsed) -> Iterator[Finding]:
    """Yield where readers of one JSON file disagree."""
    if parsed.nonfinite:
        yield found("config.nonfinite", parsed.file, f"It holds {few(list(dict.fromkeys(parsed.nonfinite)))}.")
    if parsed.duplicates:
        yield found("config.duplicate_key", parsed.file, f"Keys that stand twice: {few(parsed.duplicates)}.")
