"""Sections of a recipe: what a key holds, or one sentence with the place of what is wrong with it."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from mlxkit.core.errors import MlxkitError, PlanError
from mlxkit.core.sizes import parse_size, size_text
from mlxkit.core.wording import shown

MOST_BYTES = 10**15
"""No size in a recipe is larger: a petabyte."""

_LONGEST_TEXT = 4000
_MOST_VALUES = 64
_LONGEST_SIZE = 40

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a recipe. Every method raises PlanError where it holds something else than is asked for.

    Attributes:
        recipe: how sentences call the recipe.
        place: of the table in it, such as ``variant[2].gates``; the first of an array is 1; empty for the top.
        values: what it holds.
    """

    recipe: str
    place: str
    values: Mapping[str, Any]

    def at(self, key: str) -> str:
        """Return the place of a key."""
        return f"{self.place}.{key}" if self.place else key

    def wrong(self, key: str, sentence: str, hint: str | None = None) -> PlanError:
        """Return the error of a key: its place, then what is wrong, which ends with a full stop."""
        return PlanError(f"{self.recipe}: {self.at(key) if key else self.place}: {sentence}", hint)

    def only(self, *keys: str) -> None:
        """Refuse all other keys: each may be a slip of one that means something."""
        for key in self.values:
            if key not in keys:
                near = get_close_matches(str(key)[:_MOST_VALUES], keys, n=1, cutoff=0.5)
                known = f"known here: {', '.join(keys)}"
                raise PlanError(
                    f"{self.recipe}: {self.place or 'the top'} has a key {shown(key)}, which means nothing.",
                    hint=f"did you mean {near[0]!r}? {known}" if near else known,
                )

    def section(self, key: str) -> "Section":
        """Return a table within this one; an empty one where there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, f"{shown(value)} is no table.", f"begin it with [{self.at(key)}]")
        return Section(self.recipe, self.at(key), value)

    def sections(self, key: str) -> "Iterator[Section]":
        """Yield the tables of an array, at least one."""
        values = self.values.get(key, [])
        is_array = isinstance(values, Sequence) and not isinstance(values, str | bytes)
        if not is_array or not all(isinstance(value, Mapping) for value in values) or not values:
            raise self.wrong(key, "expected at least one table.", f"begin each with [[{key}]]")
        if len(values) > _MOST_VALUES:
            raise self.wrong(key, f"there are {len(values)} of them; expected at most {_MOST_VALUES}.")
        for number, value in enumerate(values, start=1):
            yield Section(self.recipe, f"{self.at(key)}[{number}]", value)

    def text(self, key: str, default: str | None = None, *, may_be_empty: bool = False, lines: bool = False) -> str:
        """Return a text without white space around it.

        Args:
            key: of it.
            default: without the key; None where there has to be one.
            may_be_empty: it may say nothing.
            lines: it may have several lines.
        """
        if key not in self.values and default is not None:
            return default
        value = self._needed(key)
        if not isinstance(value, str) or not (value.strip() or may_be_empty):
            raise self.wrong(key, f"{shown(value)} is no text{'' if may_be_empty else ' that says something'}.")
        return self._readable(key, value, lines=lines)

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return an array of texts that say something, each once, without white space around them."""
        values = self.values.get(key, default)
        is_array = isinstance(values, list | tuple) and len(values) <= _MOST_VALUES
        if not is_array or not all(isinstance(value, str) and value.strip() for value in values):
            raise self.wrong(key, f"{shown(values)} is no array of at most {_MOST_VALUES} texts.")
        found = tuple(self._readable(key, value, lines=False) for value in values)
        twice = next((text for text in found if found.count(text) > 1), None)
        if twice is not None:
            raise self.wrong(key, f"{shown(twice)} is there twice.")
        return found

    def number(self, key: str, least: float, most: float, default: float | None = None) -> float | None:
        """Return a number from `least` to `most`, both included; `default` without the key."""
        if key not in self.values:
            return default
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.wrong(key, f"{shown(value)} is no number from {least:g} to {most:g}.")
        return float(value)

    def count(self, key: str, least: int, most: int, default: int) -> int:
        """Return a whole number from `least` to `most`, both included; `default` without the key."""
        value = self.values.get(key, default)
        if type(value) is not int or not least <= value <= most:
            raise self.wrong(key, f"{shown(value)} is no whole number from {least} to {most}.")
        return value

    def counts(self, key: str, least: int, most: int, default: int) -> tuple[int, ...]:
        """Return one or several whole numbers from `least` to `most`, in their order; `default` without the key."""
        value = self.values.get(key, default)
        values = value if isinstance(value, list | tuple) else [value]
        is_fine = all(type(count) is int and least <= count <= most for count in values)
        if not values or len(values) > _MOST_VALUES or not is_fine:
            raise self.wrong(key, f"{shown(value)} is no whole number from {least} to {most}, nor an array of them.")
        return tuple(values)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false; `default` without the key."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{shown(value)} is neither true nor false.")
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        """Return one of several texts; None without the key."""
        value = self.values.get(key)
        if key in self.values and not (isinstance(value, str) and value in choices):
            raise self.wrong(key, f"{shown(value)} is none of: {', '.join(choices)}.")
        return value

    def size(self, key: str) -> int | None:
        """Return a size in bytes, written like ``2.5GB`` or ``512MiB``; None without the key."""
        if key not in self.values:
            return None
        value = self.values[key]
        if isinstance(value, str) and len(value) <= _LONGEST_SIZE:
            try:
                size_bytes = parse_size(value)
            except (ValueError, OverflowError):
                size_bytes = 0
            if 0 < size_bytes <= MOST_BYTES:
                return size_bytes
        raise self.wrong(key, f'{shown(value)} is no size up to {size_text(MOST_BYTES)}, such as "2.5GB".')

    def understood(self, key: str, read: Callable[[str], _T], text: str) -> _T:
        """Return what a function makes of a text; its complaint gets the key's place."""
        try:
            return read(text)
        except MlxkitError as error:
            raise self.wrong(key, error.message, error.hint) from error

    def _needed(self, key: str) -> Any:
        if key not in self.values:
            raise PlanError(f"{self.recipe}: {self.place or 'the top'} has no {key!r}.")
        return self.values[key]

    def _readable(self, key: str, value: str, *, lines: bool) -> str:
        if len(value) > _LONGEST_TEXT:
            raise self.wrong(key, f"it has {len(value)} characters; expected at most {_LONGEST_TEXT}.")
        allowed = "\n\t" if lines else ""
        odd = next((one for one in value if unicodedata.category(one) in ("Cc", "Cs") and one not in allowed), None)
        if odd is not None:
            raise self.wrong(key, f"it holds the character {odd!a}, which a terminal cannot be given.")
        return value.strip()
