"""How the next token is chosen: as the user asks, else as the generation config says, else the likeliest."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

MAX_TOKENS = 2048
"""Bound of an answer when neither the user nor the checkpoint sets one, in tokens."""

_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0.0, 100.0),
    "top_p": (1e-9, 1.0),
    "top_k": (0, 2**31 - 1),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.01, 100.0),
}


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is drawn from the model's distribution.

    Attributes:
        temperature: divides the logits; at 0 the likeliest token is taken, and of the others only the penalty counts.
        top_p: keep the likeliest tokens up to this share of probability; 1 keeps all.
        top_k: keep so many of the likeliest tokens; 0 keeps all.
        min_p: drop tokens less likely than this share of the likeliest one; 0 drops none.
        repetition_penalty: divides the logits of tokens that were already there; 1 changes nothing.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    @property
    def is_greedy(self) -> bool:
        """Whether the same prompt always gets the same answer."""
        return self.temperature == 0.0

    def data(self) -> dict[str, float]:
        """Return it as JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asked for; None leaves it to the checkpoint."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What holds in the end.

    Attributes:
        sampling: how tokens are drawn.
        max_tokens: bound of an answer.
        notes: what of the request or of the generation config has no effect, a sentence each.
    """

    sampling: Sampling
    max_tokens: int
    notes: tuple[str, ...] = ()


def settle(generation: Mapping[str, Any], asked: Asked) -> Settled:
    """Return the sampling that holds: `asked`, else the generation config, else the likeliest token.

    `do_sample: false` is greedy whatever temperature stands beside it; `do_sample: true` without a temperature is
    temperature 1, as transformers reads it. Where `do_sample` is missing, a temperature above 0 means to sample.

    Args:
        generation: generation_config.json, any JSON values.
        asked: what the user wants; within the ranges that the command line checks.
    """
    notes: list[str] = []
    values = {name: _value(generation, name, notes) for name in _RANGES}
    if generation.get("do_sample") is False:
        values["temperature"] = 0.0
    elif generation.get("do_sample") is True and values["temperature"] is None:
        values["temperature"] = 1.0
    sampling = replace(Sampling(), **{name: value for name, value in values.items() if value is not None})
    filters = {name: value for name in ("top_p", "top_k", "min_p") if (value := getattr(asked, name)) is not None}
    sampling = replace(sampling, **filters)
    if asked.temperature is not None:
        sampling = replace(sampling, temperature=asked.temperature)
    if sampling.is_greedy and filters:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in filters)
        notes.append(f"{flags} has no effect at temperature 0: add --temperature 0.7, for instance.")
    return Settled(sampling, _max_tokens(generation, asked), tuple(notes))


def _value(generation: Mapping[str, Any], name: str, notes: list[str]) -> Any:
    value = generation.get(name)
    if value is None:
        return None
    low, high = _RANGES[name]
    number = int if name == "top_k" else (int, float)
    if not isinstance(value, number) or isinstance(value, bool) or not low <= value <= high:
        notes.append(f"generation_config.json has {name} {value!r}, which means nothing: it is left out.")
        return None
    return value


def _max_tokens(generation: Mapping[str, Any], asked: Asked) -> int:
    if asked.max_tokens is not None:
        return asked.max_tokens
    value = generation.get("max_new_tokens")
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else MAX_TOKENS
