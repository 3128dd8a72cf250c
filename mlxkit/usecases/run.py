"""Talking with a model: one answer, or a conversation whose turns build on what was computed before."""

import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import MlxkitError, PlanError, StoppedError
from mlxkit.core.generation import Answer, Finish, Timing
from mlxkit.core.located import Locate
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.report import Fact, Note, Report
from mlxkit.core.sampling import Asked, Settled, settle
from mlxkit.core.speaking import Load, Message, Speaker
from mlxkit.core.stopping import StopMatcher
from mlxkit.engines import machine, models, store
from mlxkit.engines.machine import Room

Clock = Callable[[], float]
OnText = Callable[[str], None]


@dataclass(frozen=True)
class RunPlan:
    """Whom to ask, and how it is to answer.

    Attributes:
        model: what `locate` knows: a folder, a repo or ``tiny``.
        prompt: what to answer; None for a conversation whose prompts come later.
        system: the system prompt, or None.
        raw: continue the prompt as it is, without the chat template.
        asked: sampling and bound; what is None comes from the checkpoint.
        seed: of what is drawn; None draws a seed too, and tells it.
        stop: strings that end an answer.
        trust_remote_code: run code that comes with the checkpoint.
        force: load it even if it does not fit.
    """

    model: str
    prompt: str | None = None
    system: str | None = None
    raw: bool = False
    asked: Asked = field(default_factory=Asked)
    seed: int | None = None
    stop: tuple[str, ...] = ()
    trust_remote_code: bool = False
    force: bool = False


@dataclass(frozen=True)
class RunResult:
    """One answer, and all that made it.

    Attributes:
        plan: what was asked for.
        answer: what the model said, and how fast.
        settled: the sampling that held.
        seed: of what was drawn; None for a greedy answer.
        notes: what the user should know.
    """

    command: ClassVar[str] = "run"
    plan: RunPlan
    answer: Answer
    settled: Settled
    seed: int | None
    notes: tuple[str, ...]

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


class Conversation:
    """A loaded model and what was said so far.

    Args:
        plan: how it is to answer.
        checkpoint: where its defaults come from.
        speaker: the loaded model.
        clock: seconds, from any start.

    Attributes:
        plan: how it is to answer.
        system: the system prompt of the turns to come, or None.
        settled: the sampling that holds.
        notes: what the user should know before anything is said.
        last: the last answer, or None.
    """

    def __init__(self, plan: RunPlan, checkpoint: Checkpoint, speaker: Speaker, clock: Clock) -> None:
        self._speaker = speaker
        self._clock = clock
        self._turns: list[Message] = []
        self.plan = plan
        self.system = plan.system
        self.settled = settle(checkpoint.generation, plan.asked)
        self.seed = secrets.randbelow(2**32) if plan.seed is None else plan.seed
        endless = () if speaker.eos_ids else ("The checkpoint names no EOS token: only --max-tokens ends an answer.",)
        self.notes = (*checkpoint.warnings, *speaker.notes, *self.settled.notes, *endless)
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
            CheckpointError: the template or the tokenizer fails; the turn is not remembered.
        """
        asked = self._clock()
        turn: Message = {"role": "user", "content": prompt}
        answer = self._speak(self._row(prompt, turn), asked, on_text)
        if answer.timing.tokens:  # an answer that was interrupted before it began leaves no turn
            self._turns += [turn, {"role": "assistant", "content": answer.text}]
        seed = None if self.settled.sampling.is_greedy else self.seed
        self.last = RunResult(self.plan, answer, self.settled, seed, self.notes)
        return self.last

    def _row(self, prompt: str, turn: Message) -> list[int]:
        _check_prompt(self.plan, prompt)
        if self.plan.raw:
            row = self._speaker.encode(prompt)
        else:
            system: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
            row = self._speaker.render([*system, *self._turns, turn])
        if not row:
            raise PlanError("The prompt has no tokens.", hint="give more than that")
        return row

    def _speak(self, row: list[int], asked: float, on_text: OnText) -> Answer:
        heard = _Heard(self.plan.stop, self._speaker, on_text, self._clock)
        finish: Finish = "length"
        prefilling = self._clock()
        stream = self._speaker.tokens(row, self.settled.sampling, self.settled.max_tokens)
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


def converse(
    plan: RunPlan,
    *,
    progress: Progress | None = None,
    load: Load = models.load,
    locate: Locate = store.local,
    clock: Clock = time.perf_counter,
    read_room: Callable[[], Room] = machine.read_room,
) -> Conversation:
    """Load a model and begin a conversation with it.

    Raises:
        DoesNotFitError: it takes more memory than there is.
        PlanError: what was asked for contradicts itself.
        CheckpointError: a chat template is needed, and there is none.
        MlxkitError: the model cannot be loaded.
    """
    _check(plan)
    checkpoint = store.read(plan.model, locate(plan.model).folder).sound()
    if not plan.force:
        room = read_room()
        on_cpu = room.device == "cpu"
        models.demand_room(checkpoint, room.limit_bytes, on_cpu=on_cpu, trust_remote_code=plan.trust_remote_code)
    speaker = load(
        checkpoint,
        for_chat=not plan.raw,
        trust_remote_code=plan.trust_remote_code,
        progress=progress or Silent(),
    )
    return Conversation(plan, checkpoint, speaker, clock)


def _check(plan: RunPlan) -> None:
    if plan.raw and plan.system:
        raise PlanError("--system is part of the chat template, which --raw leaves out.", hint="leave one of them out")
    if plan.raw and plan.prompt is None:
        raise PlanError("A chat needs the chat template, which --raw leaves out.", hint="give a PROMPT, or drop --raw")
    if not all(plan.stop):
        raise PlanError("A stop string is empty: it would end every answer at once.", hint="leave that --stop out")
    if plan.prompt is not None:
        _check_prompt(plan, plan.prompt)


def _check_prompt(plan: RunPlan, prompt: str) -> None:
    if not (prompt if plan.raw else prompt.strip()):
        raise PlanError("The prompt is empty.", hint=f'mlxkit run {plan.model} "12 + 7 ="')
    try:
        f"{prompt}{plan.system or ''}".encode()
    except UnicodeEncodeError as error:
        raise PlanError("The prompt is not text: it has bytes that are not UTF-8.", hint="convert it first") from error
