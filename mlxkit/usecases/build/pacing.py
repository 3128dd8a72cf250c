"""What the steps of a build have to do, and what such work took here: kept, so that `--plan` tells the time."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, replace
from typing import Any

from mlxkit.core.errors import MlxkitError
from mlxkit.core.recipes import Variant
from mlxkit.core.releases import Effort, needs_text
from mlxkit.core.trials import Workload
from mlxkit.engines import store
from mlxkit.usecases.build.work import Work

_KEPT = 200
"""Efforts that are kept, the newest."""

_QUESTIONS, _ANSWER_TOKENS = 1000, 64
"""What a task is taken to have where its questions are not at hand, and what one of them is taken to cost."""


def making(work: Work, variants: Sequence[Variant], parameters: int) -> Effort:
    """Return what a run has to do that makes variants, which differ in a budget or a scheme only."""
    first = variants[0]
    units = parameters * len(variants)
    if first.dtype is not None:
        return Effort("conversion", units)
    if not needs_text(first):
        return Effort(f"quantization ({first.encoder or 'lsq'})", units)
    polish = ", polished" if first.polish else ""
    kind = f"quantization (on text{polish})" if first.scheme else f"a budget's search{polish}"
    return Effort(kind, units * work.recipe.calibration.tokens)


def judging(work: Work, parameters: int, texts: Sequence[str], tasks: Sequence[str]) -> Effort:
    """Return what judging one variant has to do."""
    tokens = len(texts) * work.recipe.evaluation.tokens
    return Effort("evaluation", parameters * (tokens + _ANSWER_TOKENS * sum(_questions(work, task) for task in tasks)))


def timing(work: Work, parameters: int, variants: int, given: Sequence[Workload]) -> Effort:
    """Return what timing variants in turn has to do."""
    tokens = sum(one.batch * one.context for one in given) * (work.recipe.bench.repeats if work.recipe.bench else 0)
    return Effort("timing", parameters * variants * tokens)


def checking(parameters: int) -> Effort:
    """Return what checking one variant has to do."""
    return Effort("check", parameters)


def _questions(work: Work, task: str) -> int:
    limit, place = work.recipe.evaluation.limit, work.place(task)
    with suppress(MlxkitError):
        if not store.is_of_harness(place):
            return len(store.task_questions(place)[:limit])
    return limit or _QUESTIONS


def keep(work: Work, effort: Effort, since: float) -> None:
    """Keep how long something took that ended well.

    Args:
        work: the build.
        effort: what there was to do.
        since: what `time.monotonic` said when it began.
    """
    done = replace(effort, seconds=time.monotonic() - since)
    with suppress(MlxkitError):  # a plan tells no time then
        rows = [astuple(one) for one in (*taken(work), done)]
        store.keep_json(store.kept(*_place(work)), rows[-_KEPT:])


def taken(work: Work) -> tuple[Effort, ...]:
    """Return what earlier builds took here, with this software, the newest last."""
    rows = store.recalled(store.place_of(*_place(work)))
    with suppress(TypeError, ValueError):
        return tuple(Effort(str(kind), float(units), float(took)) for kind, units, took in rows)
    return ()


def _place(work: Work) -> tuple[str, Mapping[str, Any], str]:
    return "efforts", {"platform": dict(work.platform), "versions": dict(work.versions)}, ".json"
