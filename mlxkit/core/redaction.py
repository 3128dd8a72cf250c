"""What is private taken out of text that others will see: home folders and login names, and nothing else."""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

_END = r"(?![\w-]|\.\w)"
"""A name ends here: the full stop of a sentence ends it, the dot of a file name does not."""

_START = r"(?<![\w.~])"
"""A path starts here: it is not the rest of a longer one, nor of one that was redacted before."""

_SOMEBODYS = re.compile(
    rf"{_START}(?:/System/Volumes/Data|/var)?(?:/(?:Users|home)/(?!~)[^/\s\"'`<>|,:;()\[\]{{}}]+?{_END}|/root{_END})"
)
_WORD = re.compile(r"[^\s\"'`<>|,;()\[\]{}=]+")
_REMOTE = re.compile(r"[\w+-]*?(?:https?|hf)://")


def redacted(value: Any, homes: Collection[str], logins: Collection[str] = ()) -> Any:
    """Return text, or any JSON value with all its text and keys, without what is private.

    Home folders become ``~``, whosever they are. A login name becomes ``~`` where it is a component of a path or stands
    before the ``@`` of a host; the owner of a repo on the Hub may have the same name, and keeps it. What is redacted
    once is not changed by doing it again.

    Args:
        value: JSON.
        homes: paths of home folders; a root folder is none.
        logins: login names.

    >>> redacted({"/home/ada/x": "/mnt/ada/y, ada@host"}, [], ["ada"])
    {'~/x': '/mnt/~/y, ~@host'}
    >>> redacted("mlx/model or mlx-community/model in /srv/home/models", ["/srv/home"], ["mlx"])
    'mlx/model or mlx-community/model in ~/models'
    """
    known = tuple(sorted({home.rstrip("/") for home in homes} - {""}, key=lambda home: (-len(home), home)))
    names = tuple(sorted({login for login in logins if login}))
    return mapped(value, lambda text: _stable(text, known, names))


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON with all its text changed, keys too.

    Keys that become the same are told apart by a number, so that no value is lost.

    >>> mapped({"a": 1, "b": ["c"]}, lambda _text: "x")
    {'x': 1, 'x (2)': ['x']}
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [mapped(entry, change) for entry in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, entry in value.items():
        name = wanted = change(key)
        number = 1
        while name in found:
            number += 1
            name = f"{wanted} ({number})"
        found[name] = mapped(entry, change)
    return found


def _stable(text: str, homes: tuple[str, ...], logins: tuple[str, ...]) -> str:
    """Redact until nothing changes: what is left of one rule may be what another one looks for."""
    while (fewer := _once(text, homes, logins)) != text:
        text = fewer
    return text


def _once(text: str, homes: tuple[str, ...], logins: tuple[str, ...]) -> str:
    for home in homes:
        text = _pattern(rf"{_START}{re.escape(home)}{_END}").sub("~", text)
    text = _SOMEBODYS.sub("~", text)
    if not logins:
        return text
    names = "|".join(re.escape(login) for login in logins)
    text = _pattern(rf"(?<![\w./-])(?:{names})@(?=\w)").sub("~@", text)
    component = _pattern(rf"(?<=/)(?:{names}){_END}")
    if text.startswith(("/", "~")):  # a path, which may have spaces in it
        return component.sub("~", text)
    return _WORD.sub(lambda word: component.sub("~", word[0]) if _is_path(word[0]) else word[0], text)


def _is_path(word: str) -> bool:
    """Say whether a word is a path: `owner/name` is a repo's, and addresses are for everyone."""
    if _REMOTE.match(word):
        return False
    return word.startswith(("/", "~", ".")) or word.count("/") > 1 or ":/" in word


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
