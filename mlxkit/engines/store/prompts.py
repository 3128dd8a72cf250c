"""The prompts that ship with mlxkit: short, written for this project, one a line, a file for each kind."""

from importlib.resources import files
from itertools import chain, zip_longest

KINDS = ("chat", "code", "prose", "maths", "json")
"""What there are prompts of, in the order in which they take turns."""


def prompts() -> tuple[str, ...]:
    """Return every prompt to calibrate with, each once, the kinds in turn: any five in a row are of five kinds."""
    return _prompts("prompts")


def evaluation_prompts() -> tuple[str, ...]:
    """Return every prompt to evaluate with, in the same order; none of them is one to calibrate with."""
    return _prompts("prompts/evaluation")


def _prompts(name: str) -> tuple[str, ...]:
    folder = files("mlxkit") / "data" / name
    kinds = [(folder / f"{kind}.txt").read_text(encoding="utf-8").splitlines() for kind in KINDS]
    return tuple(prompt for prompt in chain.from_iterable(zip_longest(*kinds)) if prompt)
