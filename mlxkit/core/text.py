"""Text to measure on: a user's file as documents, their digests, and which share of them is whose.

It reads bytes that others have read from disk, and knows no tokenizer: rows of tokens are numbers here.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

from mlxkit.core.errors import PlanError
from mlxkit.core.speaking import Message

_PLAIN = (".txt", ".text", ".md")
_LINES = (".jsonl", ".ndjson", ".json")
_ROLES = ("system", "user", "assistant")
_ANSWERS = ("completion", "answer")
_EXAMPLE = 'each line is {"text": ...}, {"messages": [{"role": ..., "content": ...}]} or {"prompt": ..., "answer": ...}'


@dataclass(frozen=True)
class Document:
    """One text, or one conversation.

    Attributes:
        text: the text; None for a conversation.
        messages: the turns; None for a text.
    """

    text: str | None = None
    messages: tuple[Message, ...] | None = None

    def __post_init__(self) -> None:
        if (self.text is None) == (self.messages is None):
            raise ValueError("a document is a text or a conversation")

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of what it says: neither its place in a file nor other keys of its line count.

        Hashed is JSON in ASCII without spaces: {"text":...} or {"messages":[{"content":...,"role":...}]}.
        """
        said = {"text": self.text} if self.messages is None else {"messages": self.messages}
        return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Text:
    """Rows of tokens, as a model takes them, and what is to be known of them.

    Attributes:
        rows: token ids, all of one length.
        origin: where they are from, for the record: "self-generated, seed 7".
        documents: of each row the digests of the documents that it holds tokens of, in their order; empty where no
            row is of any: each was written for itself.
    """

    rows: tuple[tuple[int, ...], ...]
    origin: str
    documents: tuple[tuple[str, ...], ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return sum(map(len, self.rows))

    @cached_property
    def digest(self) -> str:
        """The digest of the rows."""
        return digest(self.rows)

    @property
    def held(self) -> frozenset[str]:
        """The digests of all documents that a row holds tokens of."""
        return frozenset(document for row in self.documents for document in row)

    def part(self, rows: slice) -> "Text":
        """Return some of the rows as a text."""
        return Text(self.rows[rows], self.origin, self.documents[rows])

    def data(self) -> dict[str, Any]:
        """Return what identifies it, as JSON."""
        named = {"documents": sorted(self.held)} if self.documents else {}
        return {"origin": self.origin, "digest": self.digest, "tokens": self.tokens, **named}


def documents(content: bytes, name: str) -> tuple[Document, ...]:
    """Return the documents of a user's file.

    The extension says what it is: text is one document, JSON Lines are one a line; a prompt and its answer are a
    conversation. Any other file is JSON Lines if its first line is a JSON object, and text if it is not.

    Args:
        content: the file's.
        name: the file's, for its extension and for messages.

    Returns:
        At least one document, in the file's order.

    Raises:
        PlanError: it is no text in UTF-8, it says nothing, or one of its lines is not understood.
    """
    text = decoded(content, name)
    if _is_lines(text, PurePath(name).suffix.lower()):
        numbered = enumerate(text.split("\n"), start=1)
        return tuple(_document(line, f"Line {number} of {name!r}") for number, line in numbered if line.strip())
    return (Document(text=text),)


def share(document: Document, buckets: int) -> int:
    """Return which of `buckets` shares a document belongs to, from 0: the same in every file and every order.

    >>> share(Document(text="one"), 1)
    0
    """
    return int(document.digest, 16) % buckets


def digest(rows: Iterable[Sequence[int]]) -> str:
    """Return the SHA-256, in hex, of rows of tokens: of each row its length, then its tokens, as little-endian uint32.

    >>> digest([[1, 2], [3]]) == digest([[1], [2, 3]])
    False
    """
    hashed = hashlib.sha256()
    for row in rows:
        hashed.update(struct.pack(f"<{len(row) + 1}I", len(row), *row))
    return hashed.hexdigest()


def decoded(content: bytes, name: str, hint: str = "name a file with text in it: .txt or .jsonl") -> str:
    """Return a file's text.

    Args:
        content: the file's.
        name: the file's, for messages.
        hint: what to name instead, where it says nothing.

    Raises:
        PlanError: it is no text in UTF-8, or says nothing.
    """
    if not content:
        raise PlanError(f"{name!r} is empty.", hint=hint)
    try:
        text = content.decode("utf-8-sig")  # editors on Windows put a mark in front
    except UnicodeDecodeError as error:
        raise PlanError(
            f"{name!r} is no text in UTF-8: byte {error.start} cannot be read.",
            hint="save it as UTF-8; it must not be compressed",
        ) from error
    if "\0" in text:
        raise PlanError(f"{name!r} is no text: it holds zero bytes.", hint=hint)
    if not text.strip():
        raise PlanError(f"{name!r} holds nothing but white space.", hint=hint)
    return text


def _is_lines(text: str, suffix: str) -> bool:
    if suffix in (*_PLAIN, *_LINES):
        return suffix in _LINES
    try:
        return isinstance(json.loads(text.lstrip().partition("\n")[0]), dict)
    except (ValueError, RecursionError):
        return False


def _document(line: str, where: str) -> Document:
    """Return what one line of JSON Lines says; `where` begins the sentence of an error."""
    value = json_object(line, where, _EXAMPLE)
    answer = next((key for key in _ANSWERS if key in value), None)
    if "text" in value:
        document = Document(text=string(value, "text", where))
    elif "messages" in value:
        document = Document(messages=_messages(value["messages"], where))
    elif "prompt" in value and answer is not None:
        asked: Message = {"role": "user", "content": string(value, "prompt", where)}
        document = Document(messages=(asked, {"role": "assistant", "content": string(value, answer, where)}))
    else:
        raise PlanError(f"{where} has none of the keys text, messages, or prompt with answer.", hint=_EXAMPLE)
    if not any(said.strip() for said in _said(document)):
        raise PlanError(f"{where} holds nothing but white space.", hint="leave that line out")
    return document


def json_object(line: str, where: str, example: str) -> dict[str, Any]:
    """Return the JSON object of one line.

    Args:
        line: of a file.
        where: begins the sentence of an error.
        example: of what is expected.

    Raises:
        PlanError: it is none.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{where} is not JSON: {_reason(error)}.", hint=example) from error
    if not isinstance(value, dict):
        raise PlanError(f"{where} holds a JSON {type(value).__name__}, expected an object.", hint=example)
    return value


def _messages(value: Any, where: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(message, dict) for message in value):
        raise PlanError(f"{where}: 'messages' is not a list of objects with role and content.", hint=_EXAMPLE)
    return tuple(_message(message, where) for message in value)


def _message(value: dict[str, Any], where: str) -> Message:
    role = value.get("role")
    if role not in _ROLES:
        raise PlanError(
            f"{where} has a message of the role {str(role)[:40]!r}, expected one of: {', '.join(_ROLES)}.",
            hint="leave that line out",
        )
    return {"role": role, "content": string(value, "content", where)}


def string(value: dict[str, Any], key: str, where: str, example: str = _EXAMPLE) -> str:
    """Return the text under a key of an object.

    Args:
        value: the object.
        key: it has it.
        where: begins the sentence of an error.
        example: of what is expected.

    Raises:
        PlanError: it is no string, or none that a tokenizer takes.
    """
    found = value.get(key)
    if not isinstance(found, str):
        raise PlanError(f"{where}: {key!r} is a JSON {type(found).__name__}, expected a string.", hint=example)
    if any("\ud800" <= character <= "\udfff" for character in found):
        # JSON can spell half of a character outside the basic plane; no tokenizer takes it.
        raise PlanError(f"{where}: {key!r} holds half of a character (a lone surrogate).", hint="leave that line out")
    return found


def _said(document: Document) -> tuple[str, ...]:
    if document.messages is None:
        return (document.text or "",)
    return tuple(message["content"] for message in document.messages)


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else "a number has too many digits"
