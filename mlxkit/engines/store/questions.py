"""Where a task's questions are: with mlxkit, in a user's file, or with lm-evaluation-harness."""

from importlib.resources import files
from pathlib import Path

from mlxkit.core.names import TINY, looks_like_a_folder
from mlxkit.core.tasks import Question, questions
from mlxkit.engines.store.given import read_given

_RECIPES = (".yaml", ".yml")


def is_of_harness(task: str) -> bool:
    """Say whether a task is one of lm-evaluation-harness.

    ``tiny`` is not, and neither is what exists as a file, ends in ``.jsonl`` or can only be meant as a path. A YAML
    file is one: it is how a task of lm-evaluation-harness is written.
    """
    if task == TINY:
        return False
    suffix = Path(task).suffix.lower()
    if suffix in _RECIPES:
        return True
    if suffix == ".jsonl" or looks_like_a_folder(task):
        return False
    try:
        path = Path(task).expanduser()
        return not path.exists() or path.is_dir()  # a folder that is called like a task hides none
    except (OSError, ValueError):  # too long for a path, say
        return True


def task_questions(task: str) -> tuple[Question, ...]:
    """Return the questions of a task that `is_of_harness` is False for; a file ``tiny`` is reached as ``./tiny``.

    Raises:
        NotFoundError: there is no such file, or it cannot be read.
        PlanError: it holds something else than questions.
    """
    if task == TINY:
        return questions((files("mlxkit") / "data" / TINY / "questions.jsonl").read_bytes(), "questions.jsonl")
    hint = "name a file of JSON Lines, each a prompt with its answer, or `tiny`"
    return questions(read_given(task, "The task", hint), Path(task).name)
