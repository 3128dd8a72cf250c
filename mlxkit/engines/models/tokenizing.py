"""Text to tokens and back: a checkpoint's tokenizer and chat template, as transformers and mlx-lm read them.

Templates are run by transformers in jinja's sandbox. The tokenizer is read from the local folder, never from the Hub.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mlx_lm.utils import load_tokenizer as load_wrapper
from transformers.utils import logging

from mlxkit.core.checkpoint import Checkpoint, eos_ids
from mlxkit.core.errors import CheckpointError, MlxkitError, RemoteCodeError
from mlxkit.core.speaking import Message

logging.set_verbosity_error()  # its advice is about transformers' own models

_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""The date that templates tell where the same text is wanted on every day."""

_TODAY = re.compile(r"""strftime_now\(\s*(["'])(?P<form>.*?)\1\s*\)""")

_MARK = "Zq7Xv4Kw9"
"""A user's words that no template writes of its own accord."""


class Detokenizer:
    """Tokens that become text as soon as their characters are complete.

    Args:
        streaming: one of mlx-lm's streaming detokenizers, fresh.
    """

    def __init__(self, streaming: Any) -> None:
        self._streaming = streaming

    def feed(self, token: int) -> str:
        """Take a token and return the text that it completes; often none."""
        self._streaming.add_token(token)
        return str(self._streaming.last_segment)

    def finish(self) -> str:
        """Return what is left: an incomplete character becomes U+FFFD."""
        self._streaming.finalize()
        return str(self._streaming.last_segment)


class Tokenizer:
    """A checkpoint's tokenizer.

    Args:
        wrapper: mlx-lm's.
        name: the checkpoint's, for messages.

    Attributes:
        eos_ids: every token id that ends an answer.
    """

    def __init__(self, wrapper: Any, name: str) -> None:
        self._wrapper = wrapper
        self._name = name
        self.eos_ids = frozenset(wrapper.eos_token_ids)

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens, with those that the tokenizer puts around every text.

        A text that begins with the BOS token, as a rendered template does, does not get a second one.

        Raises:
            CheckpointError: the tokenizer fails.
        """
        bos = self._wrapper.bos_token
        return self._encoded(text, is_whole=bool(bos) and text.startswith(bos))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without those that stand for no text.

        Raises:
            CheckpointError: the tokenizer fails.
        """
        try:
            return str(self._wrapper.decode(list(tokens), skip_special_tokens=True))
        except Exception as error:
            raise CheckpointError(
                f"The tokenizer of {self._name!r} fails on its own tokens: {_plain(error)}.",
                hint="compare its tokenizer files with the original's",
            ) from error

    def is_like(self, other: "Tokenizer", texts: Sequence[str]) -> bool:
        """Whether both have the same tokens, and give the same ones to some texts."""
        return self.vocabulary == other.vocabulary and all(self.encode(text) == other.encode(text) for text in texts)

    def demand_template(self) -> None:
        """Do nothing if there is a chat template.

        Raises:
            CheckpointError: there is none.
        """
        if not self._wrapper.has_chat_template:
            raise CheckpointError(
                f"{self._name!r} has no chat template: it continues text rather than answers.",
                hint="add --raw to continue the prompt as it is",
            )

    def render(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a conversation, up to where the assistant's next turn begins.

        Raises:
            CheckpointError: there is no chat template, or it refuses these messages.
        """
        self.demand_template()
        try:
            return list(self._wrapper.apply_chat_template(list(messages), tokenize=True, add_generation_prompt=True))
        except Exception as error:
            with_system = any(message["role"] == "system" for message in messages)
            raise CheckpointError(
                f"The chat template of {self._name!r} fails: {_plain(error)}.",
                hint="leave the system prompt out, or use --raw" if with_system else "use --raw to do without it",
            ) from error

    def detokenizer(self) -> Detokenizer:
        """Return a detokenizer for one answer."""
        return Detokenizer(self._wrapper.detokenizer)

    @property
    def has_template(self) -> bool:
        """Whether there is a chat template."""
        return bool(self._wrapper.has_chat_template)

    @property
    def bos_id(self) -> int | None:
        """The token that begins a text, if there is one."""
        return _id(self._wrapper.bos_token_id)

    @property
    def eos_id(self) -> int | None:
        """The tokenizer's own token that ends a text, if it has one; the checkpoint may name others too."""
        return _id(self._wrapper.eos_token_id)

    @property
    def vocabulary(self) -> dict[str, int]:
        """Every token that stands for text, and its id."""
        return dict(self._wrapper.get_vocab())

    @property
    def vocabulary_size(self) -> int:
        """One more than the highest id that stands for text; a model may have logits beyond it, for padding."""
        return 1 + int(max(self.vocabulary.values()))

    def conversation(self, messages: Sequence[Message], *, answering: bool = False) -> list[int]:
        """Return the tokens of a whole conversation, the same on every day.

        Args:
            messages: the turns.
            answering: go on to where the assistant's next turn begins.

        Raises:
            CheckpointError: there is no chat template, it refuses these messages, or the tokenizer fails.
        """
        return self._encoded(self.written(messages, answering=answering))

    def continuation(self, text: str) -> list[int]:
        """Return the tokens of text that stands within another, or that a template wrote: of itself alone.

        Raises:
            CheckpointError: the tokenizer fails.
        """
        return self._encoded(text)

    def open_prefix(self) -> list[int]:
        """Return the tokens of a conversation up to where the user's first words begin, the same on every day.

        Empty when the template does not write what the user says as it is, or writes nothing before it.

        Raises:
            CheckpointError: there is no chat template, or it fails.
        """
        before, mark, _ = self.written([{"role": "user", "content": _MARK}]).partition(_MARK)
        # Most tokenizers hold a space and the word after it as one token: a space alone at the end is rare text.
        return self._encoded(before.rstrip(" ")) if mark else []

    def written(self, messages: Sequence[Message], *, answering: bool = False, is_open: bool = False) -> str:
        """Return a conversation as the template writes it, the same on every day.

        Args:
            messages: the turns.
            answering: go on to where the assistant's next turn begins.
            is_open: leave the last turn open, to be continued.

        Raises:
            CheckpointError: there is no chat template, or it refuses these messages.
        """
        self.demand_template()
        template = self._wrapper.chat_template
        options: dict[str, Any] = {"continue_final_message": True} if is_open else {}
        if isinstance(template, str) and _TODAY.search(template):
            # transformers lets no caller set the clock that a template reads.
            options["chat_template"] = _TODAY.sub(lambda asked: repr(_DAY.strftime(asked["form"])), template)
        try:
            return str(
                self._wrapper.apply_chat_template(
                    list(messages), tokenize=False, add_generation_prompt=answering, **options
                )
            )
        except Exception as error:
            raise CheckpointError(
                f"The chat template of {self._name!r} fails: {_plain(error)}.",
                hint="leave that conversation out, or give its words as plain text",
            ) from error

    def _encoded(self, text: str, *, is_whole: bool = True) -> list[int]:
        """Return a text's tokens; one that is whole holds the tokens around it already."""
        try:
            return list(self._wrapper.encode(text, add_special_tokens=not is_whole))
        except Exception as error:
            raise CheckpointError(
                f"The tokenizer of {self._name!r} fails on this text: {_plain(error)}.",
                hint="compare its tokenizer files with the original's",
            ) from error


def load_tokenizer(checkpoint: Checkpoint, *, trust_remote_code: bool = False) -> Tokenizer:
    """Load a checkpoint's tokenizer from its folder.

    Raises:
        RemoteCodeError: it wants code of its own to be run, and `trust_remote_code` is False.
        CheckpointError: it cannot be read.
    """
    try:
        wrapper = load_wrapper(
            checkpoint.folder,
            tokenizer_config_extra={"trust_remote_code": trust_remote_code, "local_files_only": True},
            eos_token_ids=list(eos_ids(checkpoint)),
        )
    except Exception as error:
        raise _translated(error, checkpoint) from error
    return Tokenizer(wrapper, checkpoint.name)


def _translated(error: Exception, checkpoint: Checkpoint) -> MlxkitError:
    if "trust_remote_code" in str(error):
        return RemoteCodeError(
            f"The tokenizer of {checkpoint.name!r} wants its own code to be run.",
            hint="read that code, then add --trust-remote-code if you trust it",
        )
    return CheckpointError(
        f"The tokenizer of {checkpoint.name!r} cannot be loaded: {type(error).__name__}: {_plain(error)}.",
        hint="compare its tokenizer files with the original's; MLXKIT_DEBUG=1 shows where it failed",
    )


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__


def _id(value: Any) -> int | None:
    return value if isinstance(value, int) else None
