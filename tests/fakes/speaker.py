"""A speaker that says what it is told, a token for each character, and a clock that moves only when it speaks."""

from collections.abc import Generator, Sequence

from mlxkit.core.errors import CheckpointError

EOS = 0
PREFILL_SECONDS, STEP_SECONDS = 0.5, 0.25


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Letters:
    """Tokens that are the code points of characters."""

    def feed(self, token: int) -> str:
        return chr(token)

    def finish(self) -> str:
        return ""


class FakeSpeaker:
    """Says each of its answers in turn; an answer may raise where it holds an exception."""

    def __init__(self, *answers: Sequence[str | int | BaseException], clock: Clock, with_system: bool = True) -> None:
        self.answers = list(answers)
        self.clock = clock
        self.with_system = with_system
        self.rows: list[str] = []
        self.seeds: list[int] = []
        self.closed = 0
        self.notes: tuple[str, ...] = ("It is a fake.",)
        self.reused_tokens = 0
        self.eos_ids = frozenset({EOS})
        self.peak_memory_bytes = 1000

    def encode(self, text):
        return [ord(letter) for letter in text]

    def render(self, messages):
        if not self.with_system and any(message["role"] == "system" for message in messages):
            raise CheckpointError("The chat template of 'fake' fails: no system.", hint="leave the system prompt out")
        return self.encode("".join(f"<{message['role']}>{message['content']}" for message in messages) + "<assistant>")

    def detokenizer(self):
        return Letters()

    def seed(self, seed):
        self.seeds.append(seed)

    def tokens(self, prompt, sampling, max_tokens) -> Generator[int, None, None]:
        self.rows.append("".join(map(chr, prompt)))
        self.clock.now += PREFILL_SECONDS
        try:
            for number, said in enumerate(self.answers.pop(0)[:max_tokens]):
                self.clock.now += STEP_SECONDS if number else 0.0
                if isinstance(said, BaseException):
                    raise said
                yield said if isinstance(said, int) else ord(said)
        finally:
            self.closed += 1
