"""What a fresh process made of a checkpoint: loaded, rendered, answered; and what that says about it."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlxkit.core.codes import found
from mlxkit.core.findings import Finding

QUESTIONS = ("What is 12 plus 7?", "What day is one day after Monday?", "Write one sentence about the sea.")
"""What is asked: short, and with an end."""

_WHERE = "mlx_lm.load"
_TEMPLATE = "chat_template"
_LEAST = 8  # tokens; an answer of fewer may well be one token twice


@dataclass(frozen=True)
class Answer:
    """A greedy answer.

    Attributes:
        question: what was asked.
        tokens: ids that were drawn, the one that ended it left out.
        is_ended: an EOS token ended it, not the bound.
    """

    question: str
    tokens: tuple[int, ...]
    is_ended: bool

    @property
    def is_stuck(self) -> bool:
        """It is one token over and over."""
        return len(self.tokens) >= _LEAST and len(set(self.tokens)) == 1


@dataclass(frozen=True)
class Attempt:
    """What became of the process.

    Attributes:
        version: of mlx-lm; None when it did not get so far.
        is_loaded: model and tokenizer were loaded.
        refused: turns that the chat template refuses, and why: ``user``, ``system``, ``tools``.
        has_template: there is a chat template.
        is_finite: whether all logits of the questions were finite; None when there were none.
        answers: in order.
        error: the exception that ended it: its kind and its words.
        is_done: it came to its end, or to an exception that it told.
        status: of the process; None when its time was over.
        last_words: what it wrote to stderr at last.
        max_tokens: bound of an answer.
        seconds: what it was allowed to take.
    """

    version: str | None = None
    is_loaded: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    has_template: bool = False
    is_finite: bool | None = None
    answers: tuple[Answer, ...] = ()
    error: tuple[str, str] | None = None
    is_done: bool = True
    status: int | None = 0
    last_words: str = ""
    max_tokens: int = 0
    seconds: float = 0.0


def attempt(events: Sequence[Mapping[str, Any]], **outcome: Any) -> Attempt:
    """Return what the process told, event by event.

    Args:
        events: each with its name under ``event``.
        outcome: `status`, `last_words`, `max_tokens` and `seconds` of the attempt.
    """
    of: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        of.setdefault(str(event.get("event")), []).append(event)
    failed = of.get("failed", [])
    return Attempt(
        version=str(of["began"][0]["mlx_lm"]) if "began" in of else None,
        is_loaded="loaded" in of,
        refused={str(one["turns"]): str(one["said"]) for one in of.get("refused", [])},
        has_template=any(bool(one["has_template"]) for one in of.get("loaded", [])),
        is_finite=all(bool(one["is_finite"]) for one in of["logits"]) if "logits" in of else None,
        answers=tuple(
            Answer(str(one["question"]), tuple(one["tokens"]), bool(one["is_ended"])) for one in of.get("answer", [])
        ),
        error=(str(failed[0]["kind"]), str(failed[0]["said"])) if failed else None,
        is_done="done" in of or bool(failed),
        **outcome,
    )


def look(tried: Attempt) -> Iterator[Finding]:
    """Yield what the attempt says about the checkpoint."""
    yield from _end(tried)
    if not tried.is_loaded:
        return
    for turns, code in (("user", "template"), ("system", "template_system"), ("tools", "template_tools")):
        # A template that refuses a plain question refuses everything.
        if turns in tried.refused and (turns == "user" or "user" not in tried.refused):
            yield found(f"loads.{code}", _TEMPLATE, f"It refuses: {tried.refused[turns]}.")
    if tried.is_finite is False:
        yield found("loads.logits", "logits", "There are NaN or infinite numbers among them.")
        return
    yield from _answers(tried)


def _end(tried: Attempt) -> Iterator[Finding]:
    if tried.error is not None:
        kind, said = tried.error
        text = f"{kind}: {said}" if said else kind
        if tried.is_loaded:
            yield found("loads.generation", "mlx_lm.generate", f"{text}.")
        elif "trust_remote_code" in said:
            yield found("loads.remote_code", _WHERE, "It, or its tokenizer, wants to run its own Python code.")
        elif "Model type" in said and "not supported" in said:
            yield found("loads.architecture", _WHERE, f"mlx-lm {tried.version} says: {said}.")
        else:
            yield found("loads.failed", _WHERE, f"{text}.")
    elif tried.status is None:
        yield found("loads.timeout", _WHERE, f"It was not done after {tried.seconds:.0f} seconds.")
    elif not tried.is_done or tried.status != 0:
        words = f": {tried.last_words}" if tried.last_words else ""
        yield found("loads.crashed", _WHERE, f"The process ended with {_status(tried.status)}{words}.")


def _status(status: int) -> str:
    try:
        return signal.Signals(-status).name if status < 0 else f"status {status}"
    except ValueError:
        return f"signal {-status}"


def _answers(tried: Attempt) -> Iterator[Finding]:
    count = len(tried.answers)
    silent = [one.question for one in tried.answers if not one.tokens]
    if silent:
        yield found("loads.silent", repr(silent[0]), f"{len(silent)} of {count} answers are empty.")
    stuck = [one.question for one in tried.answers if one.is_stuck]
    if stuck:
        yield found("loads.repeats", repr(stuck[0]), f"{len(stuck)} of {count} answers are one token over and over.")
    # Without a template it continues text, which need not end.
    if count and tried.has_template and not any(one.is_ended for one in tried.answers):
        said = f"None of {count} answers ends within {tried.max_tokens} tokens."
        yield found("loads.endless", "eos_token_id", said)
