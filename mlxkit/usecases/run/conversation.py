"""What was said so far, and what is said next."""

import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import DoesNotFitError, PlanError
from mlxkit.core.generation import Answer, Finish, Timing
from mlxkit.core.sampling import Settled, settle
from mlxkit.core.speaking import Message, Speaker
from mlxkit.core.stopping import StopMatcher
from mlxkit.usecases.run.plan import RunPlan, check_prompt
from mlxkit.usecases.run.result import RunResult

Clock = Callable[[], float]
OnText = Callable[[str], None]


class Conversation:
    """A loaded model and what was said so far.

    Args:
        plan: how it is to answer.
        checkpoint: where its defaults come from.
        speaker: the loaded model.
        clock: seconds, from any start.
        fitting: tokens of prompt and answer together that the memory holds; None when all of the model's context fits.
        on_first: told the first answer, which was computed from nothing.

    Attributes:
        plan: how it is to answer.
        system: the system prompt of the turns to come, or None.
        settled: the sampling that holds.
        notes: what the user should know before anything is said.
        last: the last answer, or None.
    """

    def __init__(
        self,
        plan: RunPlan,
        checkpoint: Checkpoint,
        speaker: Speaker,
        clock: Clock,
        *,
        fitting: int | None = None,
        on_first: Callable[[Answer], None] | None = None,
    ) -> None:
        self._speaker = speaker
        self._clock = clock
        self._fitting = fitting
        self._on_first = on_first
        self._context = checkpoint.context
        self._turns: list[Message] = []
        self.plan = plan
        self.system = plan.system
        self.settled = settle(checkpoint.generation, plan.asked)
        self.seed = secrets.randbelow(2**32) if plan.seed is None else plan.seed
        endless = () if speaker.eos_ids else ("The checkpoint names no EOS token: only --max-tokens ends an answer.",)
        capped = () if fitting is None else (_capped(fitting, checkpoint.context),)
        self.notes = (*checkpoint.warnings, *speaker.notes, *self.settled.notes, *endless, *capped)
        self.last: RunResult | None = None
        speaker.seed(self.seed)

    def clear(self) -> None:
        """Forget what was said; the system prompt stays."""
        self._turns = []

    def ask(self, prompt: str, on_text: OnText) -> RunResult:
        """Answer a prompt, and remember both.

        Ctrl-C (KeyboardInterrupt) ends the answer, not the conversation: what was said until then counts.

        Args:
            prompt: what the user says.
            on_text: told each piece of the answer as it comes.

        Raises:
            PlanError: there is nothing in the prompt.
            DoesNotFitError: the memory does not hold what was said, or nothing beside it.
            CheckpointError: the template or the tokenizer fails; the turn is not remembered.
        """
        asked = self._clock()
        turn: Message = {"role": "user", "content": prompt}
        row = self._row(prompt, turn)
        settled = self._bounded(len(row))
        answer = self._speak(row, settled, asked, on_text)
        if answer.timing.tokens:  # an answer that was interrupted before it began leaves no turn
            self._turns += [turn, {"role": "assistant", "content": answer.text}]
        seed = None if self.settled.sampling.is_greedy else self.seed
        if self._on_first is not None and answer.finish != "interrupted":
            self._on_first(answer)
            self._on_first = None
        is_capped = settled != self.settled
        self.last = RunResult(self.plan, answer, settled, seed, self.notes, self._context, is_capped=is_capped)
        return self.last

    def _bounded(self, tokens: int) -> Settled:
        """Return the sampling that holds after a prompt: its answer ends where the memory does.

        Raises:
            DoesNotFitError: the memory holds no token beside the prompt.
        """
        if self._fitting is None:
            return self.settled
        if tokens >= self._fitting:
            is_chat = self.plan.prompt is None
            raise DoesNotFitError(
                f"{'What was said' if is_chat else 'The prompt'} has {tokens:,} tokens, "
                f"and the memory here holds {self._fitting:,}.",
                hint="/clear forgets what was said; --force goes on" if is_chat else "shorten it, or use --force",
            )
        return replace(self.settled, max_tokens=min(self.settled.max_tokens, self._fitting - tokens))

    def _row(self, prompt: str, turn: Message) -> list[int]:
        check_prompt(self.plan, prompt)
        if self.plan.raw:
            row = self._speaker.encode(prompt)
        else:
            system: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
            row = self._speaker.render([*system, *self._turns, turn])
        if not row:
            raise PlanError("The prompt has no tokens.", hint="give more than that")
        return row

    def _speak(self, row: list[int], settled: Settled, asked: float, on_text: OnText) -> Answer:
        heard = _Heard(self.plan.stop, self._speaker, on_text, self._clock)
        finish: Finish = "length"
        prefilling = self._clock()
        stream = self._speaker.tokens(row, settled.sampling, settled.max_tokens)
        with closing(stream) as tokens:
            try:
                finish = next((end for token in tokens if (end := heard.take(token))), finish)
            except KeyboardInterrupt:
                finish = "interrupted"
        finish = heard.end(finish)
        return Answer(
            text="".join(heard.said),
            finish=finish,
            prompt_tokens=len(row),
            reused_tokens=self._speaker.reused_tokens,
            timing=Timing(asked, prefilling, heard.first, heard.last, self._clock(), heard.tokens),
            peak_memory_bytes=self._speaker.peak_memory_bytes,
        )


def _capped(fitting: int, context: int | None) -> str:
    whole = "" if context is None else f" of the model's {context:,}"
    return f"The memory here holds {fitting:,} tokens{whole}: a longer conversation is refused; --force goes on."


class _Heard:
    """An answer as it comes: tokens to text, cut at a stop string, with the time of the first and the last token."""

    def __init__(self, stop: tuple[str, ...], speaker: Speaker, on_text: OnText, clock: Clock) -> None:
        self._matcher = StopMatcher(stop)
        self._pieces = speaker.detokenizer()
        self._eos_ids = speaker.eos_ids
        self._on_text = on_text
        self._clock = clock
        self.said: list[str] = []
        self.first: float | None = None
        self.last: float | None = None
        self.tokens = 0

    def take(self, token: int) -> Finish | None:
        """Take a token; return why the answer ends with it, or None."""
        self.last = self._clock()
        self.first = self.last if self.first is None else self.first
        self.tokens += 1
        if token in self._eos_ids:
            return "stop"
        self._say(self._matcher.feed(self._pieces.feed(token)))
        return "stop_string" if self._matcher.matched else None

    def end(self, finish: Finish) -> Finish:
        """Let out what was held back; return why the answer ended after all."""
        if not self._matcher.matched:
            self._say(self._matcher.feed(self._pieces.finish()))
            self._say(self._matcher.finish())
        return "stop_string" if self._matcher.matched else finish

    def _say(self, text: str) -> None:
        if text:
            self.said.append(text)
            self._on_text(text)
