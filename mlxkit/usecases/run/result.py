"""One answer, and all that made it."""

from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.errors import MlxkitError, StoppedError
from mlxkit.core.generation import Answer, Finish
from mlxkit.core.report import Fact, Note, Report
from mlxkit.core.sampling import Settled
from mlxkit.usecases.run.plan import RunPlan


@dataclass(frozen=True)
class RunResult:
    """One answer, and all that made it.

    Attributes:
        plan: what was asked for.
        answer: what the model said, and how fast.
        settled: the sampling that held.
        seed: of what was drawn; None for a greedy answer.
        notes: what the user should know.
        context: the model's own, in tokens; None when its config does not tell.
        is_capped: the answer was bounded by the memory.
    """

    command: ClassVar[str] = "run"
    plan: RunPlan
    answer: Answer
    settled: Settled
    seed: int | None
    notes: tuple[str, ...]
    context: int | None = None
    is_capped: bool = False

    @property
    def tokens(self) -> int:
        """Of prompt and answer together."""
        return self.answer.prompt_tokens + self.answer.timing.tokens

    @property
    def is_beyond(self) -> bool:
        """Whether they are more than the model was made for."""
        return self.context is not None and self.tokens > self.context

    @property
    def failure(self) -> MlxkitError | None:
        """The interruption, when there was one: the answer is not whole."""
        return StoppedError("Interrupted.") if self.answer.finish == "interrupted" else None

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {
            "model": self.plan.model,
            "prompt": self.plan.prompt,
            "system": self.plan.system,
            **self.answer.data(),
            "sampling": self.settled.sampling.data(),
            "max_tokens": self.settled.max_tokens,
            "stop": list(self.plan.stop),
            "seed": self.seed,
            "context": self.context,
            "is_beyond_context": self.is_beyond,
            "is_bounded_by_memory": self.is_capped,
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees who did not see the answer come."""
        facts = (Fact("Answer", self.answer.text), *self.statistics().facts)
        return Report(f"{self.plan.model} answers", facts, (), tuple(Note(text) for text in self.notes))

    def statistics(self) -> Report:
        """Return how the answer was made, without the answer."""
        answer, sampling = self.answer, self.settled.sampling
        facts = (
            Fact("Ended by", _ENDINGS[answer.finish]),
            Fact("Prompt", answer.prompt_tokens, "tokens"),
            Fact("  of it reused", answer.reused_tokens, "tokens"),
            Fact("Generated", answer.timing.tokens, "tokens"),
            Fact("Prefill", answer.prompt_tps, "tps"),
            Fact("Decode", answer.timing.generation_tps, "tps"),
            Fact("First token after", answer.timing.ttft_seconds, "seconds"),
            Fact("Peak memory", answer.peak_memory_bytes, "bytes"),
            Fact("Sampling", "greedy" if sampling.is_greedy else f"temperature {sampling.temperature:g}"),
        )
        return Report(f"The last answer of {self.plan.model}", facts)


_ENDINGS: dict[Finish, str] = {
    "stop": "the model",
    "length": "the bound of its length",
    "stop_string": "a stop string",
    "interrupted": "you",
}
