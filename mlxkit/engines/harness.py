"""The door to lm-evaluation-harness, an optional extra: its tasks, asked of a model that it knows nothing of.

What was tried: version 0.4.13, without PyTorch, local tasks of 60 documents: `generate_until` with and without solved
examples, `multiple_choice`, `loglikelihood_rolling`. mlx-lm's own class gives `tiny` in 2 bits the same figures, but in
the last, where it leaves out each text's first token. No task with data on the Hub was run, and no group of tasks.
"""

import hashlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

from mlxkit.core.errors import MlxkitError, NotFoundError, PlanError
from mlxkit.core.speaking import Message

_MOST_TOKENS = 256  # of an answer whose task sets no bound: lm-evaluation-harness's own default
_BOUNDS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")


class Examinee(Protocol):
    """A loaded model, as this door needs it.

    Attributes:
        name: the checkpoint's.
        has_template: whether prompts are written by a chat template.
        context_tokens: how long a row may be.
    """

    name: str
    has_template: bool
    context_tokens: int

    @property
    def prefix_id(self) -> int:
        """The token before the first one of a text."""

    def encode(self, text: str, *, is_whole: bool) -> list[int]:
        """Return a text's tokens; one that is whole gets none around it."""

    def written(self, messages: Sequence[Message], *, answering: bool) -> str:
        """Return a conversation as the chat template writes it."""

    def likelihoods(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[tuple[float, bool]]:
        """Return of each pair the log-probability of what follows, and whether greedy text is the same."""

    def continued(self, asked: Sequence[tuple[Sequence[int], tuple[str, ...], int]]) -> list[str]:
        """Return the greedy text after rows of tokens, up to strings that end it or to so many tokens."""


@dataclass(frozen=True)
class Library:
    """What is taken of lm-evaluation-harness.

    Attributes:
        version: of the package.
        model: the base class of models that are asked with tokens.
        task_manager: makes the index of all tasks.
        evaluate: runs tasks.
        windows: gives (context, continuation) token pairs that cover a long text.
    """

    version: str
    model: type[Any]
    task_manager: Callable[[], Any]
    evaluate: Callable[..., Any]
    windows: Callable[[list[int], int, int], Sequence[tuple[list[int], list[int]]]]


@dataclass(frozen=True)
class Metric:
    """One figure of one task.

    Attributes:
        task: its name; a group's tasks come one by one, and the group itself where it has figures.
        name: of the metric, such as ``acc`` or ``exact_match``.
        filter: which reading of the answers it is of; ``none`` for them as they are.
        value: the figure.
        stderr: its standard error, as lm-evaluation-harness gives it; None where it gives none.
        samples: how many documents were asked.
        is_higher_better: None where that is not told.
        flags: of each document whether it was answered, in the task's order; empty where the figure is no share.
    """

    task: str
    name: str
    filter: str
    value: float
    stderr: float | None
    samples: int
    is_higher_better: bool | None
    flags: tuple[bool, ...]


@dataclass(frozen=True)
class Examination:
    """What came of one task.

    Attributes:
        metrics: the figures, at least one.
        versions: the version of each task.
        shots: how many solved examples each prompt of a task begins with.
        digests: of each task the SHA-256 of its documents and expected answers, in order, without its prompts' wording.
        has_template: whether prompts were written by a chat template.
        library: version of lm-evaluation-harness.
    """

    metrics: tuple[Metric, ...]
    versions: Mapping[str, str]
    shots: Mapping[str, int]
    digests: Mapping[str, str]
    has_template: bool
    library: str


def library() -> Library:
    """Return lm-evaluation-harness; importing it takes seconds.

    Raises:
        MlxkitError: it is not installed, or cannot be imported.
    """
    try:
        import lm_eval  # noqa: PLC0415  an extra, which costs more than all else together
        from lm_eval.api.model import TemplateLM  # noqa: PLC0415
        from lm_eval.tasks import TaskManager  # noqa: PLC0415
        from lm_eval.utils import get_rolling_token_windows, make_disjoint_window  # noqa: PLC0415
    except ImportError as error:
        said = "is not installed" if error.name == "lm_eval" else f"cannot be imported: {_plain(error)}"
        raise MlxkitError(f"lm-evaluation-harness {said}.", hint="pip install 'mlxkit[tasks]'") from error

    def windows(*row: Any) -> list[tuple[list[int], list[int]]]:
        return [make_disjoint_window(pair) for pair in get_rolling_token_windows(*row, 1)]

    return Library(version("lm-eval"), TemplateLM, TaskManager, lm_eval.simple_evaluate, windows)


def demand_task(task: str, harness: Library) -> Any:
    """Return the index of tasks, if it has this one or the task is a YAML file.

    Raises:
        NotFoundError: there is no such task.
    """
    manager = harness.task_manager()
    if task in manager.all_tasks or (Path(task).suffix.lower() in {".yaml", ".yml"} and Path(task).is_file()):
        return manager
    near = " or ".join(get_close_matches(task, manager.all_tasks, n=3))
    hint = f"did you mean {near}?" if near else "`lm_eval ls tasks` lists them all"
    raise NotFoundError(f"There is no task {task!r}: no file, and none of lm-evaluation-harness.", hint=hint)


def examine(task: str, examinee: Examinee, harness: Library, *, limit: int | None = None) -> Examination:
    """Run one task, or all tasks of a group.

    Prompts are written by the chat template where there is one. Answers are greedy.

    Args:
        task: a name that lm-evaluation-harness knows, or a YAML file in its format.
        examinee: who is asked.
        harness: as `library` gives it.
        limit: ask no more than so many documents of each task; None for all.

    Raises:
        NotFoundError: there is no such task.
        MlxkitError: lm-evaluation-harness cannot run it: its data cannot be fetched, or it wants more than text.
    """
    manager = demand_task(task, harness)
    try:
        with redirect_stdout(sys.stderr):  # stdout is for results
            results = harness.evaluate(
                model=_model(examinee, harness),
                tasks=[task],
                task_manager=manager,
                apply_chat_template=examinee.has_template,
                limit=limit,
            )
    except MlxkitError:
        raise
    except Exception as error:
        raise MlxkitError(
            f"lm-evaluation-harness cannot run {task!r}: {type(error).__name__}: {_plain(error)}.",
            hint="its data comes from the Hub if it is not here; MLXKIT_DEBUG=1 shows where it failed",
        ) from error
    return _examination(results, examinee, harness)


def _model(examinee: Examinee, harness: Library) -> Any:
    """Return a model of lm-evaluation-harness's own kind that passes everything on."""

    class Passing(harness.model):  # type: ignore[misc, name-defined]
        tokenizer_name = examinee.name.replace("/", "__")

        @property
        def eot_token_id(self) -> int:
            return examinee.prefix_id  # it is asked for what stands before an empty context, and for nothing else

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:  # noqa: FBT001
            return examinee.encode(string, is_whole=examinee.has_template or add_special_tokens is False)

        def apply_chat_template(self, chat_history: Sequence[Message], add_generation_prompt: bool = True) -> str:  # noqa: FBT001, FBT002
            return examinee.written(chat_history, answering=add_generation_prompt)

        def _loglikelihood_tokens(self, requests: Sequence[Any], **_: Any) -> list[tuple[float, bool]]:
            return examinee.likelihoods([(given, follows) for _text, given, follows in requests])

        def loglikelihood_rolling(self, requests: Sequence[Any], **_: Any) -> list[float]:
            return _rolling([request.args[0] for request in requests], examinee, harness)

        def generate_until(self, requests: Sequence[Any], **_: Any) -> list[str]:
            asked = [(self.tok_encode(text), *_ending(options)) for text, options in (one.args for one in requests)]
            return examinee.continued(asked)

    return Passing()


def _rolling(texts: Sequence[str], examinee: Examinee, harness: Library) -> list[float]:
    """Return the log-probability of each text, its first token after what stands before a text."""
    rows = [examinee.encode(text, is_whole=True) for text in texts]
    windows = [harness.windows(row, examinee.prefix_id, examinee.context_tokens) for row in rows]
    told = iter(examinee.likelihoods([pair for pairs in windows for pair in pairs]))
    return [math.fsum(next(told)[0] for _ in pairs) for pairs in windows]


def _ending(options: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    """Return the strings that end an answer, and its tokens at most.

    Raises:
        PlanError: the task wants answers that are drawn.
    """
    if options.get("do_sample") and options.get("temperature", 1.0) > 0:
        raise PlanError("The task wants answers that are drawn at random; mlxkit gives the likeliest one.")
    until = options.get("until") or ()
    strings = (until,) if isinstance(until, str) else until
    most = next((options[key] for key in _BOUNDS if options.get(key) is not None), _MOST_TOKENS)
    return tuple(string for string in strings if string), int(most)


def _examination(results: Mapping[str, Any], examinee: Examinee, harness: Library) -> Examination:
    samples = {task: sorted(found, key=itemgetter("doc_id")) for task, found in results.get("samples", {}).items()}
    metrics = [
        metric
        for task, figures in {**results.get("groups", {}), **results["results"]}.items()
        for metric in _metrics(task, figures, results, samples.get(task, []))
    ]
    if not metrics:
        raise MlxkitError("lm-evaluation-harness gave no figures for this task.", hint="try another task")
    tasks = dict.fromkeys(metric.task for metric in metrics)
    versions, shots = results.get("versions", {}), results.get("n-shot", {})
    return Examination(
        tuple(metrics),
        {task: str(versions[task]) for task in tasks if versions.get(task) is not None},
        {task: shots[task] for task in tasks if isinstance(shots.get(task), int)},
        {task: _digest(found) for task, found in samples.items()},
        examinee.has_template,
        harness.version,
    )


def _metrics(
    task: str, figures: Mapping[str, Any], results: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]
) -> list[Metric]:
    """Return one task's figures: their keys are ``metric,filter``, those of their errors ``metric_stderr,filter``."""
    asked = results.get("n-samples", {}).get(task, {}).get("effective", figures.get("sample_len", len(samples)))
    is_higher_better = results.get("higher_is_better", {}).get(task, {})
    found = []
    for key, value in figures.items():
        name, comma, reading = key.partition(",")
        if not comma or name.endswith("_stderr") or not _is_number(value):
            continue
        stderr = figures.get(f"{name}_stderr,{reading}")
        flags = _flags([sample.get(name) for sample in samples if sample["filter"] == reading])
        error = float(stderr) if stderr is not None and _is_number(stderr) else None
        found.append(Metric(task, name, reading, float(value), error, int(asked), is_higher_better.get(name), flags))
    return found


def _flags(values: Sequence[Any]) -> tuple[bool, ...]:
    """Return the documents' own figures if each is 0 or 1, and else nothing."""
    return tuple(map(bool, values)) if all(_is_number(value) and value in {0, 1} for value in values) else ()


def _is_number(value: Any) -> bool:
    # numpy's numbers are no Python ones, but turn into them.
    return hasattr(value, "__float__") and not isinstance(value, str) and math.isfinite(value)


def _digest(samples: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of documents and expected answers: neither the template nor the examples before them count."""
    asked = {sample["doc_id"]: f"{sample['doc_hash']} {sample['target_hash']}\n" for sample in samples}
    return hashlib.sha256("".join(asked.values()).encode()).hexdigest()


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") or "no reason given"
