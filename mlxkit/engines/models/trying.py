"""A checkpoint in a process of its own, loaded as stock mlx-lm loads it. Run as a program, this module is that process.

It is told a folder, a file and a bound, and writes to the file what it finds, a line of JSON for each: what killed it
is seen from where the lines end. Nothing of mlxkit's own reading of checkpoints takes part.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx_lm
from mlx_lm.generate import stream_generate
from mlx_lm.utils import load

_SYSTEM = {"role": "system", "content": "You are brief."}
_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
_CALL = {"id": "call00001", "type": "function", "function": {"name": "weather", "arguments": {"place": "Rome"}}}
_TOOL_TURNS = (
    {"role": "user", "content": "How is the weather in Rome?"},
    {"role": "assistant", "content": "", "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "call00001", "name": "weather", "content": "sunny"},
)
_LONGEST = 300  # characters of an error that are told

Tell = Callable[..., None]


def attempt(folder: str, questions: Sequence[str], max_tokens: int, tell: Tell) -> None:
    """Load a folder and ask it, telling each step.

    Args:
        folder: the checkpoint's.
        questions: what to ask.
        max_tokens: of each answer at most.
        tell: takes the name of an event, and what there is to say of it.
    """
    tell("began", mlx_lm=mlx_lm.__version__)
    try:
        model, tokenizer = load(folder, tokenizer_config={"trust_remote_code": False, "local_files_only": True})[:2]
        tell("loaded", has_template=bool(tokenizer.has_chat_template))
        can_ask = tokenizer.has_chat_template and _render(tokenizer, questions, tell)
        for question in questions:
            tokens = _tokens(tokenizer, question, is_chat=can_ask)
            logits = model(mx.array([tokens]))
            tell("logits", is_finite=bool(mx.all(mx.isfinite(logits))))
            _answer(model, tokenizer, (question, tokens), max_tokens, tell)
        tell("done")
    except Exception as error:  # noqa: BLE001  whatever a checkpoint makes mlx-lm raise is what is to be told
        tell("failed", kind=type(error).__name__, said=_plain(error))


def _render(tokenizer: Any, questions: Sequence[str], tell: Tell) -> bool:
    """Try the chat template, which transformers runs in jinja's sandbox; say whether it takes a plain question."""
    turn = {"role": "user", "content": questions[0]}
    can_ask = False
    for turns, messages, tools in (
        ("user", [turn], None),
        ("system", [_SYSTEM, turn], None),
        ("tools", list(_TOOL_TURNS), [_TOOL]),
    ):
        try:
            tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True)
            can_ask = can_ask or turns == "user"
        except Exception as error:  # noqa: BLE001  a template raises what it likes
            tell("refused", turns=turns, said=_plain(error))
    return can_ask


def _tokens(tokenizer: Any, question: str, *, is_chat: bool) -> list[int]:
    if is_chat:
        turn = {"role": "user", "content": question}
        return list(tokenizer.apply_chat_template([turn], tokenize=True, add_generation_prompt=True))
    return list(tokenizer.encode(question))


def _answer(model: Any, tokenizer: Any, asked: tuple[str, list[int]], max_tokens: int, tell: Tell) -> None:
    question, prompt = asked
    drawn: list[int] = []
    is_ended = False
    for response in stream_generate(model, tokenizer, prompt, max_tokens=max_tokens):
        is_ended = response.token in tokenizer.eos_token_ids
        if not is_ended:
            drawn.append(int(response.token))
    tell("answer", question=question, tokens=drawn, is_ended=is_ended)


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST].rstrip(".")


def main() -> None:
    """Be that process."""
    folder, told, questions, max_tokens = json.loads(sys.argv[1])

    def tell(event: str, **said: Any) -> None:
        # Opened for each line: what was told is there whatever happens next.
        with Path(told).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **said}) + "\n")

    attempt(folder, questions, max_tokens, tell)


if __name__ == "__main__":
    main()
