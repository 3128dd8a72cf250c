"""From TOML to a recipe, strictly: a key that means nothing may be a slip of one that does.

    name = "Qwen3-4B"
    [source]
    repo = "Qwen/Qwen3-4B"
    [[variant]]
    bits_per_weight = 4.5

`template` shows every section.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from mlxkit.core import rules, schemes
from mlxkit.core.errors import PlanError
from mlxkit.core.fitting import USUAL_CONTEXT
from mlxkit.core.names import Repo, is_commit, is_repo_id
from mlxkit.core.names import parse as parse_name
from mlxkit.core.recipes.gates import LONGEST_CONTEXT, Fit, Gates, parse_fit
from mlxkit.core.recipes.naming import DEFAULT, demand_name, facts, filled, refuse_twins
from mlxkit.core.recipes.recipe import Bench, Calibration, Evaluation, Publish, Recipe, Source, Variant
from mlxkit.core.recipes.sections import Section
from mlxkit.core.text import decoded
from mlxkit.core.wording import shown

LONGEST = 2**18
"""Characters of a recipe's text, at most."""

GOALS = ("scheme", "bits_per_weight", "max_size", "device", "dtype")
ENCODERS = ("minmax", "lsq", "feedback")
DTYPES = ("bfloat16", "float16", "float32")

_HINT = "mend it, or begin anew with `mlxkit build --new owner/name`"
_MOST_TOKENS = 2**28
_SEEDS = (0, 2**31)
_MOST_WORKLOADS = 64


def parse(said: bytes | str | Mapping[str, Any], name: str) -> Recipe:
    """Return the recipe that a file says.

    Args:
        said: its content, its text, or the tables in it.
        name: of the file, for messages.

    Raises:
        PlanError: it is no text in UTF-8, no TOML, larger than `LONGEST`, does not say what is needed, or says what
            means nothing or contradicts itself. The sentence tells the place; an array's first table is ``[1]``.
    """
    text = decoded(said, name, _HINT) if isinstance(said, bytes) else said
    recipe = repr(name)
    top = Section(recipe, "", _tables(text, recipe) if isinstance(text, str) else text)
    top.only(*(one.name if one.name != "variants" else "variant" for one in fields(Recipe)))
    title = top.text("name")
    top.understood("name", demand_name, title)
    gates = _gates(top.section("gates"), Gates())
    variants = tuple(_variant(section, title, gates) for section in top.sections("variant"))
    refuse_twins([one.name for one in variants], lambda number, text: top.wrong(f"variant[{number + 1}].name", text))
    found = Recipe(
        name=title,
        description=top.text("description", "", may_be_empty=True, lines=True),
        source=_source(top.section("source")),
        variants=variants,
        calibration=_calibration(top.section("calibration")),
        evaluation=_evaluation(top.section("evaluation")),
        bench=_bench(top.section("bench")) if "bench" in top.values else None,
        gates=gates,
        publish=_publish(top.section("publish"), variants) if "publish" in top.values else None,
    )
    _refuse_unmeasured(top, found)
    return found


def _tables(text: str, recipe: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise PlanError(f"{recipe} is no recipe: it has {len(text)} characters, and {LONGEST} are the most.", _HINT)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: a number may have too many digits
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200].rstrip(".")
        raise PlanError(f"{recipe} is no TOML: {reason}.", _HINT) from error


def _source(section: Section) -> Source:
    section.only(*(one.name for one in fields(Source)))
    repo = _model(section, "repo", section.text("repo"))
    tokenizer = section.text("tokenizer", "", may_be_empty=True)
    license_ = section.text("license", "", may_be_empty=True)
    revision = section.text("revision", "", may_be_empty=True)
    if license_ and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}", license_):
        raise section.wrong("license", f"{shown(license_)} is no identifier, such as apache-2.0.")
    found = Source(
        repo=repo,
        revision=revision or None,
        license=license_ or None,
        tokenizer=_model(section, "tokenizer", tokenizer) if tokenizer else None,
        requantize=section.flag("requantize", default=False),
    )
    if revision and not is_commit(revision):
        raise section.wrong(
            "revision",
            f"{shown(revision)} is no commit: expected 40 hexadecimal digits.",
            "leave it empty: the first build looks it up and keeps to it",
        )
    if revision and not found.is_remote:
        raise section.wrong("revision", f"only a repo on the Hub has one, and {shown(repo)} is none.")
    return found


def _model(section: Section, key: str, text: str) -> str:
    named = section.understood(key, parse_name, text)
    if isinstance(named, Repo) and (named.is_completed or named.revision is not None):
        what = "its owner is missing" if named.is_completed else "its revision has a key of its own"
        raise section.wrong(key, f"{shown(text)}: {what}.", "write owner/name, a folder such as ./model, or tiny")
    return text


def _variant(section: Section, recipe: str, gates: Gates) -> Variant:
    section.only("name", *GOALS, "context", "encoder", "polish", "rules", "gates")
    given = [goal for goal in GOALS if goal in section.values]
    if len(given) != 1:
        what = "nothing says what it is to be" if not given else f"{' and '.join(given)} are two goals"
        raise section.wrong("", f"{what}.", f"give one of: {', '.join(GOALS)}")
    scheme = section.text("scheme") if "scheme" in section.values else None
    needs_context = "device" in section.values or "context" in section.values
    found = Variant(
        name="",
        scheme=section.understood("scheme", schemes.parse, scheme) if scheme else None,
        bits_per_weight=section.number("bits_per_weight", 1, 32),
        max_bytes=section.size("max_size"),
        device=section.text("device") if "device" in section.values else None,
        dtype=section.choice("dtype", DTYPES),
        context=section.count("context", 1, LONGEST_CONTEXT, USUAL_CONTEXT) if needs_context else None,
        encoder=section.choice("encoder", ENCODERS),
        polish=section.flag("polish", default=False),
        rules=tuple(section.understood("rules", rules.parse, text) for text in section.texts("rules")),
        gates=_gates(section.section("gates"), gates),
    )
    _refuse_contradictions(section, found)
    pattern = section.text("name", DEFAULT)
    return replace(found, name=section.understood("name", lambda text: filled(text, facts(recipe, found)), pattern))


def _refuse_contradictions(section: Section, found: Variant) -> None:
    """Refuse what `quantize` and `convert` would refuse."""
    if found.context is not None and found.device is None:
        raise section.wrong("context", "it is what a device is to hold, and none is named.")
    if found.dtype is not None:
        extra = next((key for key in ("encoder", "polish", "rules") if section.values.get(key)), None)
        if extra is not None:
            raise section.wrong(extra, "a plain conversion to a dtype quantizes nothing.", "give a scheme or a budget")
    elif found.scheme is None and found.encoder == "minmax":
        raise section.wrong(
            "encoder", "minmax has no part in a budget: its errors are not the ones that are predicted.", "leave it out"
        )


def _gates(section: Section, base: Gates) -> Gates:
    """Return gates, what a section says in the place of what a base says; false takes a gate away."""
    section.only(*(one.name for one in fields(Gates)))
    kept = {key: value for key, value in section.values.items() if value is not False}
    asked = replace(section, values=kept)
    said: dict[str, Any] = {
        "max_kl_nats": asked.number("max_kl_nats", 1e-9, 100),
        "min_top1_agreement": asked.number("min_top1_agreement", 0, 1),
        "min_task_accuracy": asked.number("min_task_accuracy", 0, 1),
        "max_bytes": asked.size("max_bytes"),
        "must_fit": _fits(asked),
        "no_check_errors": section.flag("no_check_errors", default=True),
    }
    return replace(base, **{key: value for key, value in said.items() if key in section.values})


def _fits(section: Section) -> tuple[Fit, ...]:
    return tuple(section.understood("must_fit", parse_fit, text) for text in section.texts("must_fit"))


def _calibration(section: Section) -> Calibration:
    usual = Calibration()
    section.only(*(one.name for one in fields(Calibration)))
    return Calibration(
        text=section.text("text", usual.text),
        tokens=section.count("tokens", 64, _MOST_TOKENS, usual.tokens),
        seed=section.count("seed", *_SEEDS, usual.seed),
    )


def _evaluation(section: Section) -> Evaluation:
    usual = Evaluation()
    section.only(*(one.name for one in fields(Evaluation)))
    found = Evaluation(
        texts=section.texts("texts", usual.texts),
        tokens=section.count("tokens", 2, _MOST_TOKENS, usual.tokens),
        context=section.count("context", 2, LONGEST_CONTEXT, usual.context),
        seed=section.count("seed", *_SEEDS, usual.seed),
        tasks=section.texts("tasks", usual.tasks),
        limit=section.count("limit", 1, _MOST_TOKENS, 1) if "limit" in section.values else usual.limit,
    )
    if found.tokens < found.context:
        raise section.wrong("tokens", f"{found.tokens} is less than one row: context is {found.context}.")
    return found


def _bench(section: Section) -> Bench:
    usual = Bench()
    section.only(*(one.name for one in fields(Bench)))
    found = Bench(
        prompt_tokens=section.counts("prompt_tokens", 1, LONGEST_CONTEXT, usual.prompt_tokens[0]),
        generated_tokens=section.counts("generated_tokens", 1, LONGEST_CONTEXT, usual.generated_tokens[0]),
        depth=section.counts("depth", 0, LONGEST_CONTEXT, usual.depth[0]),
        batch=section.counts("batch", 1, 4096, usual.batch[0]),
        repeats=section.count("repeats", 1, 1000, usual.repeats),
    )
    number = len(found.prompt_tokens) * len(found.generated_tokens) * len(found.depth) * len(found.batch)
    if number > _MOST_WORKLOADS:
        raise section.wrong("", f"that is {number} workloads; expected at most {_MOST_WORKLOADS}.")
    return found


def _publish(section: Section, variants: tuple[Variant, ...]) -> Publish:
    section.only(*(one.name for one in fields(Publish)))
    found = Publish(
        owner=section.text("owner", "", may_be_empty=True) or None,
        repo=section.text("repo", "", may_be_empty=True) or None,
        collection=section.text("collection", "", may_be_empty=True) or None,
        public=section.flag("public", default=False),
    )
    if found.owner and found.repo:
        raise section.wrong("repo", "it names the owner, too.", "keep one of owner and repo")
    repos = [found.repo_of(variant.name, "x") for variant in variants]
    wrong = next((repo for repo in repos if not is_repo_id(repo)), None)
    if wrong is not None:
        raise section.wrong("repo" if found.repo else "owner", f"{shown(wrong)} can be no repo's name.")
    if len({repo.casefold() for repo in repos}) < len(repos):
        raise section.wrong("repo", "two variants would go to the same one.", "put {variant} into it")
    return found


def _refuse_unmeasured(top: Section, found: Recipe) -> None:
    """Refuse a gate that nothing measures: it would fail every variant, hours later."""
    needs = {
        "max_kl_nats": (found.evaluation.texts, "texts"),
        "min_top1_agreement": (found.evaluation.texts, "texts"),
        "min_task_accuracy": (found.evaluation.tasks, "tasks"),
    }
    for number, variant in enumerate(found.variants, start=1):
        for key, (given, what) in needs.items():
            if getattr(variant.gates, key) is not None and not given:
                own = top.values["variant"][number - 1].get("gates", {})
                place = f"variant[{number}].gates.{key}" if key in own else f"gates.{key}"
                raise top.wrong(place, f"nothing measures it: evaluation names no {what}.")
