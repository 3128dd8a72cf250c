"""Tables of a TOML file that a user may have written: what a key holds, or one sentence about what is wrong with it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mlxkit.core.errors import PlanError
from mlxkit.core.wording import shown


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a file. Every method raises PlanError where it holds something else.

    Attributes:
        where: how a sentence about it begins, such as ``Device 2 of 'devices.toml'``.
        values: what it holds.
    """

    where: str
    values: Mapping[str, Any]

    def only(self, *keys: str) -> None:
        """Refuse all other keys: each may be a slip of one that means something."""
        for key in self.values:
            if key not in keys:
                raise PlanError(f"{self.where} has a key {key!r}, which means nothing.", hint=f"known: {_quoted(keys)}")

    def tables(self, key: str, noun: str) -> "Iterator[Table]":
        """Return the tables of an array, which may be absent.

        Args:
            key: of the array.
            noun: what one of them is called in messages.
        """
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise PlanError(f"{self.where}: {key!r} is no array of tables.", hint=f"begin each with [[{key}]]")
        yield from (Table(f"{noun} {number} of {self.where}", value) for number, value in enumerate(values, start=1))

    def table(self, key: str) -> "Table":
        """Return a table within this one."""
        value = self._value(key)
        if not isinstance(value, dict):
            raise self._wrong(key, "a table: { value = ..., confidence = ..., source = ... }")
        return Table(f"{self.where}, {key!r}", value)

    def text(self, key: str) -> str:
        """Return a text that says something, without white space around it."""
        value = self._value(key)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(key, "a text")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """Return an array of texts that say something, without white space around them."""
        values = self._value(key)
        if not isinstance(values, list) or not all(isinstance(value, str) and value.strip() for value in values):
            raise self._wrong(key, "an array of texts")
        return tuple(value.strip() for value in values)

    def number(self, key: str, most: float) -> float:
        """Return a number above 0 and at most `most`."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            raise self._wrong(key, f"a number above 0 and at most {most}")
        return value

    def counts(self, key: str, most: int) -> tuple[int, ...]:
        """Return whole numbers from 1 to `most`, smallest first: one, or an array of them."""
        value = self._value(key)
        values = value if isinstance(value, list) else [value]
        if not values or not all(type(count) is int and 0 < count <= most for count in values):
            raise self._wrong(key, f"a whole number from 1 to {most}, or an array of them")
        return tuple(sorted(set(values)))

    def share(self, key: str) -> Fraction:
        """Return a share above 0 and at most 1; a text such as ``2/3`` is one exactly."""
        value = self._value(key)
        if isinstance(value, str) and re.fullmatch(r"\d{1,9}/[1-9]\d{0,8}", value, re.ASCII):
            share = Fraction(value)
        else:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            share = Fraction(value) if is_number and 0 < value <= 1 else Fraction(0)
        if not 0 < share <= 1:
            raise self._wrong(key, 'a share above 0 and at most 1, such as "2/3"')
        return share

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """Return one of several texts."""
        value = self._value(key)
        if value not in choices:
            raise self._wrong(key, f"one of {_quoted(choices)}")
        return str(value)

    def _value(self, key: str) -> Any:
        if key not in self.values:
            raise PlanError(f"{self.where} has no key {key!r}.")
        return self.values[key]

    def _wrong(self, key: str, expected: str) -> PlanError:
        return PlanError(f"{self.where}: {key!r} is {shown(self.values[key])}; expected {expected}.")


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(map(repr, texts))
