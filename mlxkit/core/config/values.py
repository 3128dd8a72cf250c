"""JSON values of a config: checked, copied, and written with a note of each change."""

import math
from typing import Any

from mlxkit.core.errors import CheckpointError

Json = dict[str, Any]
ORIGINAL_LENGTH = "original_max_position_embeddings"
_FLOAT32_MAX = 3.4028234663852886e38
_INFINITE = {"Infinity": _FLOAT32_MAX, "-Infinity": -_FLOAT32_MAX}


class Section:
    """The top level of a config, or its `text_config`: its values, and a note of each change."""

    def __init__(self, values: Json, prefix: str, inherited_type: str) -> None:
        self.values = values
        self.prefix = prefix
        self.changes: list[str] = []
        self.model_type: str = self.of("model_type", str, "a string") or inherited_type

    def set(self, key: str, value: Any, source: str) -> None:
        """Write a value and note it, unless it is there already."""
        if key not in self.values or self.values[key] != value:
            self.values[key] = value
            self.changes.append(f"{self.prefix}{key} = {shown(value)} {source}")

    def fill(self, key: str, value: Any, source: str) -> None:
        """Write a value where there is none; null counts as none."""
        if self.values.get(key) is None and value is not None:
            self.set(key, value, source)

    def of(self, key: str, kind: type | tuple[type, ...], named: str) -> Any:
        """The value under `key`, or None; a value of another kind is refused."""
        return checked(self.values.get(key), kind, self.prefix + key, named)

    def number(self, key: str) -> Any:
        """A number or None."""
        return self.of(key, (int, float), "a number")

    def whole(self, key: str) -> Any:
        """A whole number or None."""
        self.number(key)
        return self.of(key, int, "a whole number")

    def strings(self, key: str) -> list[str] | None:
        """A list of strings or None."""
        items: list[str] | None = self.of(key, list, "a list")
        for item in items or ():
            if not isinstance(item, str):
                raise CheckpointError(f"config.json: {self.prefix}{key} lists {shown(item)}, which is no string.")
        return items


def period_of(types: list[str], other: str) -> int:
    """The n with which every n-th layer has full attention and all between are of the other kind; 0 if there is none.

    >>> period_of(["sliding_attention", "full_attention"], "sliding_attention")
    2
    """
    full = [index + 1 for index, kind in enumerate(types) if kind == "full_attention"]
    if len(full) + types.count(other) != len(types):
        return 0
    period = full[0] if full else len(types) + 1
    return period if full == list(range(period, len(types) + 1, period)) else 0


def finite(value: Any) -> Any:
    """A deep copy, with the largest float32 for infinity, plain or as transformers 5 spells it: JSON has none."""
    if isinstance(value, dict):
        tag = value.get("__float__")
        if len(value) == 1 and isinstance(tag, str) and tag in _INFINITE:
            return _INFINITE[tag]
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return math.copysign(_FLOAT32_MAX, value)
    return value


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number that arithmetic can be done with: no truth value, no NaN, nothing enormous."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30


def checked(value: Any, kind: type | tuple[type, ...], key: str, named: str) -> Any:
    """The value, or None; another kind is refused with one sentence."""
    if value is None or (is_number(value) if kind == (int, float) else isinstance(value, kind)):
        return value
    raise CheckpointError(f"config.json: {key} is {shown(value)} where {named} is expected.")


def shown(value: Any) -> str:
    """A value as a sentence shows it: short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
