"""Whom to ask, and how it is to answer."""

from dataclasses import dataclass, field

from mlxkit.core.errors import PlanError
from mlxkit.core.sampling import Asked


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


def check(plan: RunPlan) -> None:
    """Refuse a plan that contradicts itself.

    Raises:
        PlanError: it does.
    """
    if plan.raw and plan.system:
        raise PlanError("--system is part of the chat template, which --raw leaves out.", hint="leave one of them out")
    if plan.raw and plan.prompt is None:
        raise PlanError("A chat needs the chat template, which --raw leaves out.", hint="give a PROMPT, or drop --raw")
    if not all(plan.stop):
        raise PlanError("A stop string is empty: it would end every answer at once.", hint="leave that --stop out")
    if plan.prompt is not None:
        check_prompt(plan, plan.prompt)


def check_prompt(plan: RunPlan, prompt: str) -> None:
    """Refuse a prompt that says nothing, or is no text.

    Raises:
        PlanError: it does not.
    """
    if not (prompt if plan.raw else prompt.strip()):
        raise PlanError("The prompt is empty.", hint=f'mlxkit run {plan.model} "12 + 7 ="')
    try:
        f"{prompt}{plan.system or ''}".encode()
    except UnicodeEncodeError as error:
        raise PlanError("The prompt is not text: it has bytes that are not UTF-8.", hint="convert it first") from error
