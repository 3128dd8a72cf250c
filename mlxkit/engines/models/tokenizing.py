"""Text to tokens and back: a checkpoint's tokenizer and chat template, as transformers and mlx-lm read them.

Templates are run by transformers in jinja's sandbox. The tokenizer is read from the local folder, never from the Hub.
"""

from collections.abc import Sequence
from typing import Any

from mlx_lm.utils import load_tokenizer as load_wrapper
from transformers.utils import logging

from mlxkit.core.checkpoint import Checkpoint, eos_ids
from mlxkit.core.errors import CheckpointError, MlxkitError, RemoteCodeError
from mlxkit.core.speaking import Message

logging.set_verbosity_error()  # its advice is about transformers' own models


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
        try:
            return list(self._wrapper.encode(text, add_special_tokens=not (bos and text.startswith(bos))))
        except Exception as error:
            raise CheckpointError(
                f"The tokenizer of {self._name!r} fails on this text: {_plain(error)}.",
                hint="compare its tokenizer files with the original's",
            ) from error

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
