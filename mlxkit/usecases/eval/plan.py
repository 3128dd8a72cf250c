"""What is to be evaluated, and on what."""

from dataclasses import dataclass
from pathlib import Path

from mlxkit.core.errors import PlanError

SELF = "self"
"""Names the text that the original writes itself."""


@dataclass(frozen=True)
class EvalPlan:
    """Whom to judge, by whom, and on what.

    Attributes:
        model: what `locate` knows: a folder, a repo or ``tiny``.
        reference: the original, likewise; None for the source that the build record names, if it is on this disk.
        texts: files of text, or ``self`` for the text that the original writes; none of them stands for ``self``.
        tokens: of each text, at most; at least one row.
        context: tokens of a row, at least 2.
        seed: of the text that is written.
        tasks: questions with one right answer: ``tiny``, a file, or a task of lm-evaluation-harness. With tasks and no
            texts, no text is judged.
        limit: questions of each task, the first ones; None for all.
        until_se: stop with a text as soon as the standard error of its KL, or of its nll without an original, is not
            larger than so many nats.
        allow_calibration_text: judge text that the model was calibrated with all the same.
        trust_remote_code: run code that comes with the checkpoints.
        force: load what does not fit.

    Raises:
        PlanError: it contradicts itself.
    """

    model: str
    reference: str | None = None
    texts: tuple[str, ...] = ()
    tokens: int = 16384
    context: int = 512
    seed: int = 0
    tasks: tuple[str, ...] = ()
    limit: int | None = None
    until_se: float | None = None
    allow_calibration_text: bool = False
    trust_remote_code: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        if self.tokens < self.context:
            raise PlanError(
                f"--tokens {self.tokens} is less than one row: --context {self.context}.",
                hint=f"--tokens {self.context}, or a smaller --context",
            )
        names = [Path(text).name for text in self.chosen_texts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PlanError(f"Two texts are called {twice!r}.", hint="name each once, or rename one of them")

    @property
    def chosen_texts(self) -> tuple[str, ...]:
        """The texts to judge; what the original writes where nothing is named."""
        return self.texts or (() if self.tasks else (SELF,))

    @property
    def rows(self) -> int:
        """How many rows a text has at most."""
        return self.tokens // self.context
