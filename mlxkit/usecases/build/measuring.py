"""Variants are judged and timed, as far as neither the lock nor the ledger has it: a measurement is found by digest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from time import monotonic
from typing import Any

from mlxkit.core.errors import DoesNotFitError
from mlxkit.core.measurement import Measurement
from mlxkit.core.recipes import SELF
from mlxkit.core.releases import key
from mlxkit.core.tasks import digest as questions_digest
from mlxkit.core.trials import Workload
from mlxkit.engines import ledger, store
from mlxkit.usecases.build import pacing
from mlxkit.usecases.build.figures import judged_figures, timed_figures
from mlxkit.usecases.build.work import Hands, Work

Find = Callable[..., tuple[Measurement, ...]]

_PLACE = ("architecture", "device")
"""What quality depends on, of a machine."""

_SPEED = ("architecture", "chip", "memory_bytes", "device", "device_architecture")
"""What speed depends on: systems and drivers come and go."""


def judge_key(work: Work, digest: str) -> str:
    """Return the key of all that judging weights of a digest depends on."""
    asked = work.recipe.evaluation
    return key(
        digest=digest,
        source=work.pinned.digest,
        beside=work.pinned.beside,
        texts=[[name, work.content(name)] for name in asked.texts],
        tasks=[[name, work.content(name)] for name in asked.tasks],
        tokens=asked.tokens,
        context=asked.context,
        seed=asked.seed,
        limit=asked.limit,
        versions=dict(work.versions),
        platform=dict(work.platform),
    )


def is_judged(work: Work, variant: str) -> bool:
    """Whether a variant that is made was judged like this, or nothing is asked of it."""
    asked, entry = work.recipe.evaluation, work.book.entry(variant)
    if not asked.texts and not asked.tasks:
        return True
    return entry.known("judged", judge_key(work, entry.steps["made"].found["digest"])) is not None


def judge(work: Work, places: Mapping[str, Path], find: Find = ledger.find) -> None:
    """Judge the variants that have not been judged like this.

    Raises:
        MlxkitError: one cannot be, and the plan does not keep going.
    """
    asked = work.recipe.evaluation
    for variant in work.left(tuple(places)):
        if is_judged(work, variant):
            continue
        entry = work.book.entry(variant)
        digest = entry.steps["made"].found["digest"]
        with work.trying(variant):
            texts = {name: _judged(work, digest, name, find) for name in asked.texts}
            tasks = {name: _asked(work, digest, name, find) for name in asked.tasks}
            wanted = tuple(tuple(name for name, row in rows.items() if row is None) for rows in (texts, tasks))
            rows = [row for row in (*texts.values(), *tasks.values()) if row is not None]
            if any(wanted):
                hands, since = work.hands, monotonic()
                rows += work.say(hands.judge(places[variant], *wanted))
                work.done(variant, "evaluated")
                pacing.keep(work, pacing.judging(work, entry.steps["made"].found["parameters"], *wanted), since)
            found = {"ids": [row.id for row in rows], **judged_figures(rows)}
            work.book.write({variant: entry.having("judged", judge_key(work, digest), found)})


def _judged(work: Work, digest: str, text: str, find: Find) -> Measurement | None:
    """Return what the ledger has of weights on a text."""
    asked = work.recipe.evaluation
    wanted = {"text": PurePath(text).name, "context": asked.context, "seed": asked.seed, "until_se": None}
    documents = None if text == SELF else [one.digest for one in store.read_documents(Path(work.place(text)))]
    rows = asked.tokens // asked.context
    for row in _same(work, find(kind="quality", subject=digest, workload=wanted), _PLACE):
        reference, held = row.workload.get("reference"), row.workload.get("documents", [])
        by_source = isinstance(reference, Mapping) and reference.get("digest") == work.pinned.digest
        is_same = documents is None or set(held) == set(documents[: len(set(held))])
        if by_source and is_same and row.summary.get("rows") == rows:
            return row
    return None


def _asked(work: Work, digest: str, task: str, find: Find) -> Measurement | None:
    """Return what the ledger has of weights on a task."""
    limit, place = work.recipe.evaluation.limit, work.place(task)
    wanted: dict[str, Any] = {"task": PurePath(place).stem, "limit": limit}
    if not store.is_of_harness(place):
        questions = store.task_questions(place)[:limit]
        wanted = {"task": PurePath(place).name, "digest": questions_digest(questions), "questions": len(questions)}
    return next(_same(work, find(kind="task", subject=digest, workload=wanted), _PLACE), None)


def _same(work: Work, rows: Sequence[Measurement], facts: Sequence[str]) -> Iterator[Measurement]:
    """Yield those that were made with this software on such a machine, the newest first."""
    for row in reversed(rows):
        is_alike = all(row.machine.get(name) == work.machine.get(name) for name in facts)
        if row.is_complete and is_alike and all(row.versions.get(name) == one for name, one in work.versions.items()):
            yield row


def time_key(work: Work, digest: str) -> str:
    """Return the key of all that timing weights of a digest depends on."""
    asked = work.recipe.bench
    return key(
        digest=digest,
        workloads=[given.data() for given in asked.workloads] if asked else [],
        repeats=asked.repeats if asked else 0,
        versions=dict(work.versions),
        machine={name: work.machine.get(name) for name in _SPEED},
    )


def is_timed(work: Work, variant: str) -> bool:
    """Whether a variant that is made was timed like this, or that is not asked for."""
    entry = work.book.entry(variant)
    if work.recipe.bench is None:
        return True
    return entry.known("timed", time_key(work, entry.steps["made"].found["digest"])) is not None


def time(work: Work, places: Mapping[str, Path], find: Find = ledger.find) -> None:
    """Time the variants that have not been timed like this, in turn in one run.

    Raises:
        MlxkitError: they cannot be, and the plan does not keep going.
    """
    asked = work.recipe.bench
    if asked is None:
        return
    rows: dict[str, dict[Workload, Measurement | None]] = {}
    for variant in work.left(tuple(places)):
        if not is_timed(work, variant):
            digest = work.book.entry(variant).steps["made"].found["digest"]
            rows[variant] = {given: _timed(work, digest, given, find) for given in asked.workloads}
    for variant, found in _run(work, places, rows).items():
        entry = work.book.entry(variant)
        inputs = time_key(work, entry.steps["made"].found["digest"])
        told = {"ids": [row.id for row in found], **timed_figures(found)}
        work.book.write({variant: entry.having("timed", inputs, told)})


def _timed(work: Work, digest: str, given: Workload, find: Find) -> Measurement | None:
    bench = work.recipe.bench
    repeats = bench.repeats if bench else 0
    wanted = {**given.data(), "repeats": repeats, "delay_seconds": 0.0, "seed": 0, "is_cold": False}
    return next(_same(work, find(kind="throughput", subject=digest, workload=wanted), _SPEED), None)


def _run(
    work: Work, places: Mapping[str, Path], rows: Mapping[str, Mapping[Workload, Measurement | None]]
) -> dict[str, list[Measurement]]:
    """Return the measurements of each variant, those that were missing taken now."""
    found = {variant: [row for row in known.values() if row is not None] for variant, known in rows.items()}
    wanted = tuple(variant for variant, known in rows.items() if None in known.values())
    if not wanted:
        return found
    given = tuple(dict.fromkeys(one for variant in wanted for one, row in rows[variant].items() if row is None))
    by_digest = {work.book.entry(variant).steps["made"].found["digest"]: variant for variant in wanted}
    with work.trying(*wanted):
        hands, since = work.hands, monotonic()
        for row in _in_turn(work, hands, tuple(places[variant] for variant in by_digest.values()), given):
            found[by_digest[row.subject.digest]].append(row)
        for variant in wanted:
            # Variants of one digest are one, whatever they are called.
            found[variant] = found[by_digest[work.book.entry(variant).steps["made"].found["digest"]]]
            work.done(variant, "timed")
        parameters = work.book.entry(wanted[0]).steps["made"].found["parameters"]
        pacing.keep(work, pacing.timing(work, parameters, len(by_digest), given), since)
    return {variant: known for variant, known in found.items() if variant not in work.failed}


def _in_turn(
    work: Work, hands: Hands, places: tuple[Path, ...], given: tuple[Workload, ...]
) -> tuple[Measurement, ...]:
    """Return what the stopwatch says; of weights that do not fit the memory side by side, one after the other."""
    try:
        return work.say(hands.time(places, given))
    except DoesNotFitError:
        if len(places) == 1:
            raise
    work.notes.append("The variants do not fit the memory side by side: each was timed by itself.")
    return tuple(row for place in places for row in work.say(hands.time((place,), given)))
