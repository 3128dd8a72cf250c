"""Tasks: questions with one right answer each, how many a model answers, and whether another one answers fewer."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlxkit.core.errors import PlanError
from mlxkit.core.text import decoded, json_object, string

_EXAMPLE = 'each line is {"prompt": ..., "answer": ...}'
_NORMAL_95 = 1.959963984540054  # of the standard normal distribution, 95 % lies within so many deviations


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the one answer that is right.

    Attributes:
        prompt: what the user says.
        answer: what is expected.
    """

    prompt: str
    answer: str

    def is_right(self, said: str) -> bool:
        r"""Say whether an answer is the expected one, white space around them aside.

        >>> Question("12 + 7 =", "19").is_right("19\n"), Question("12 + 7 =", "19").is_right("It is 19")
        (True, False)
        """
        return said.strip() == self.answer.strip()


@dataclass(frozen=True, slots=True)
class Flips:
    """Where a model differs from a reference that was asked the same.

    Attributes:
        lost: questions that only the reference answers.
        gained: questions that only the model answers.
    """

    lost: int
    gained: int

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the exact sign test: how often chance alone gives flips as uneven as these.

        Under the hypothesis that a flip goes either way with probability 1/2, with n = lost + gained and
        k = min(lost, gained) (McNemar's test in its exact form):

            p = min(1, 2 sum_{i=0..k} C(n, i) / 2^n)

        >>> Flips(5, 0).p_value, Flips(0, 0).p_value
        (0.0625, 1.0)
        """
        number = self.lost + self.gained
        tail = sum(math.comb(number, i) for i in range(min(self.lost, self.gained) + 1))
        return min(1.0, 2 * tail / (1 << number))

    def data(self) -> dict[str, float | int]:
        """Return it as JSON."""
        return {"lost": self.lost, "gained": self.gained, "p_value": self.p_value}


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the questions were answered.

    Attributes:
        flags: of each question whether it was, in order; at least one.
    """

    flags: tuple[bool, ...]

    @property
    def right(self) -> int:
        """How many were answered."""
        return sum(self.flags)

    @property
    def asked(self) -> int:
        """How many there were."""
        return len(self.flags)

    @property
    def share(self) -> float:
        """Of 1."""
        return self.right / self.asked

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share lies on other questions of the same kind, with 95 % confidence."""
        return wilson(self.right, self.asked)

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"right": self.right, "asked": self.asked, "share": self.share, "interval_95": list(self.interval)}


def questions(content: bytes, name: str) -> tuple[Question, ...]:
    """Return the questions of a task file: JSON Lines of a prompt and its answer.

    Other keys of a line are ignored, and so are blank lines.

    Args:
        content: the file's.
        name: the file's, for messages.

    Returns:
        At least one, in the file's order.

    Raises:
        PlanError: it is no text in UTF-8, it asks nothing, or one of its lines is not understood.
    """
    lines = enumerate(decoded(content, name, f"name a file of JSON Lines: {_EXAMPLE}").split("\n"), start=1)
    return tuple(_question(line, f"Line {number} of {name!r}") for number, line in lines if line.strip())


def digest(asked: Iterable[Question]) -> str:
    """Return the SHA-256, in hex, of questions in their order: other keys of their lines do not count.

    Hashed is JSON in ASCII without spaces: [[prompt,answer],...].

    >>> digest([Question("a", "b")]) == digest([Question("ab", "")])
    False
    """
    pairs = [[question.prompt, question.answer] for question in asked]
    return hashlib.sha256(json.dumps(pairs, separators=(",", ":")).encode()).hexdigest()


def wilson(right: int, asked: int, z: float = _NORMAL_95) -> tuple[float, float]:
    """Return Wilson's score interval of a share p = right / asked, n = asked.

        (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.

    Args:
        right: 0 to `asked`.
        asked: at least 1.
        z: half the interval's width in deviations of the normal distribution; the default is for 95 %.

    Returns:
        The lower and the upper end, within 0 and 1.

    >>> [round(end, 4) for end in wilson(497, 500)]
    [0.9825, 0.998]
    >>> wilson(0, 10)[0], wilson(10, 10)[1]
    (0.0, 1.0)
    """
    if not 0 <= right <= asked or asked == 0:
        raise ValueError("expected 0 <= right <= asked and 1 <= asked")
    share, scale = right / asked, 1 + z * z / asked
    middle = (share + z * z / (2 * asked)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked))
    # The ends of all wrong and all right are 0 and 1 exactly; rounding misses them.
    return (0.0 if right == 0 else max(0.0, middle - half)), (1.0 if right == asked else min(1.0, middle + half))


def flips(reference: Sequence[bool], model: Sequence[bool]) -> Flips:
    """Return where a model differs from a reference.

    Args:
        reference: of each question whether the reference answers it.
        model: the same of the model, for the same questions in the same order.

    >>> flips([True, True, False], [False, True, True])
    Flips(lost=1, gained=1)
    """
    pairs = list(zip(reference, model, strict=True))
    return Flips(sum(was and not now for was, now in pairs), sum(now and not was for was, now in pairs))


def _question(line: str, where: str) -> Question:
    """Return the question of one line; `where` begins the sentence of an error."""
    value = json_object(line, where, _EXAMPLE)
    return Question(_said(value, "prompt", where), _said(value, "answer", where))


def _said(value: dict[str, Any], key: str, where: str) -> str:
    if key not in value:
        raise PlanError(f"{where} has no key {key!r}.", hint=_EXAMPLE)
    found = string(value, key, where, _EXAMPLE)
    if not found.strip():
        raise PlanError(f"{where}: {key!r} holds nothing but white space.", hint="leave that line out")
    return found
