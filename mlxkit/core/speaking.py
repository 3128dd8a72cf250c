"""What a conversation needs of a loaded model: a protocol, so that no conversation knows MLX."""

from collections.abc import Generator, Sequence
from typing import Literal, Protocol, TypedDict

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.progress import Progress
from mlxkit.core.sampling import Sampling


class Message(TypedDict):
    """One turn, as chat templates take it."""

    role: Literal["system", "user", "assistant"]
    content: str


class Pieces(Protocol):
    """Tokens that become text as soon as their characters are complete."""

    def feed(self, token: int) -> str:
        """Take a token and return the text that it completes; often none."""

    def finish(self) -> str:
        """Return what is left."""


class Speaker(Protocol):
    """A loaded model with its tokenizer.

    Attributes:
        notes: what a user should know about how it computes.
        reused_tokens: of the last row's prompt, how many were not computed again.
    """

    notes: tuple[str, ...]
    reused_tokens: int

    @property
    def eos_ids(self) -> frozenset[int]:
        """Every token id that ends an answer."""

    @property
    def peak_memory_bytes(self) -> int:
        """The most that was held since the last row was begun, weights included."""

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens."""

    def render(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a conversation, up to where the assistant's next turn begins."""

    def detokenizer(self) -> Pieces:
        """Return a detokenizer for one answer."""

    def seed(self, seed: int) -> None:
        """Make what is drawn from now on repeatable."""

    def tokens(self, prompt: Sequence[int], sampling: Sampling, max_tokens: int) -> Generator[int, None, None]:
        """Yield the tokens that follow a prompt, `max_tokens` at most; it is closed to stop earlier."""


class Load(Protocol):
    """What makes a speaker of a checkpoint."""

    def __call__(
        self, checkpoint: Checkpoint, *, for_chat: bool, trust_remote_code: bool, progress: Progress
    ) -> Speaker:
        """Load it; `for_chat`, one without a chat template is refused before its weights are read."""
