"""Model cards as the Hub reads them: a README.md with front matter, and read back. The one door to jinja2."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from itertools import chain
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, StrictUndefined

from mlxkit.core.cards import FRONTIER, Card, Facts, picture
from mlxkit.core.cards.figures import line
from mlxkit.core.cards.markdown import Raw, Read, cells, code, escaped, items, table
from mlxkit.core.errors import IntegrityError

README = "README.md"

_TEMPLATE = "card.md.jinja"
_TASK = "text-generation"


def written(card: Card) -> str:
    """Return the content of README.md."""
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  HTML's escapes are not Markdown's: `finalize` escapes both
        finalize=escaped,
    )
    environment.filters |= {"code": code, "items": items, "raw": Raw, "table": table}
    template = environment.from_string((files("mlxkit") / "data" / _TEMPLATE).read_text(encoding="utf-8"))
    has_picture = picture(card) is not None
    body = template.render(
        card=card, facts=card.facts, source=_source(card.facts), has_picture=has_picture, picture_name=FRONTIER
    )
    lines = (said.rstrip() for said in body.splitlines())
    return f"---\n{_front_matter(card).to_yaml()}\n---\n\n{_spaced(lines)}"


def eval_results(_card: Card) -> Mapping[str, str]:
    """Return files for `.eval_results`, by their paths: none.

    Each entry of that format is a score on a benchmark that is a data set of the Hub, by its id and its own task id. A
    text that the model wrote, a file of the user's and a task of lm-evaluation-harness are no such thing: their
    measurements know digests, and no data set. They stand in the front matter's `model-index`.
    """
    return {}


def parsed(text: str) -> ModelCard:
    """Return a card with its front matter as `data` and its body as `text`.

    Raises:
        IntegrityError: its front matter is none that the Hub reads.
    """
    try:
        return ModelCard(text)
    except Exception as error:  # YAML's own errors are behind another door
        raise IntegrityError(f"The front matter cannot be read: {line(str(error))}.", hint="write it again") from error


def figures_of(text: str) -> tuple[Read, ...]:
    """Return what a card's tables and its front matter say, each with the measurement beside it.

    Raises:
        IntegrityError: its front matter is none that the Hub reads.
    """
    card = parsed(text)
    return tuple(chain(cells(card.text), _read(card.data.get("eval_results", ()))))


def _read(results: Iterable[EvalResult]) -> Iterable[Read]:
    for one in results:
        args: Mapping[str, Any] = one.metric_args or {}
        name = args.get("measurement")
        yield Read("model-index", one.dataset_name, one.metric_type, repr(one.metric_value), name)
        if "standard_error" in args:
            yield Read("model-index", one.dataset_name, f"{one.metric_type} se", repr(args["standard_error"]), name)


def _front_matter(card: Card) -> ModelCardData:
    facts = card.facts
    relation = "quantized" if facts.source_repo and facts.is_quantized else None
    found = [_result(card, number) for number in range(len(card.results))]
    return ModelCardData(
        base_model=facts.source_repo,
        base_model_relation=relation,
        library_name="mlx",
        pipeline_tag=facts.pipeline_tag,
        license=facts.license,
        license_name=facts.license_name,
        license_link=facts.license_link,
        language=list(facts.languages) or None,
        tags=list(facts.tags),
        model_name=facts.name if found else None,
        eval_results=found or None,
    )


def _result(card: Card, number: int) -> EvalResult:
    one = card.results[number]
    args: dict[str, Any] = {"measurement": one.measurement_id}
    if one.se is not None:
        args["standard_error"] = one.se
    return EvalResult(
        task_type=_TASK,
        dataset_type=one.dataset_type,
        dataset_name=one.dataset,
        dataset_config=one.measurement_id[:12],  # results of one text or task stand together, and others apart
        metric_type=one.metric_type,
        metric_name=one.metric,
        metric_value=one.value,
        metric_args=args,
    )


def _source(facts: Facts) -> str:
    """Return the source in Markdown: a link to its commit where it is on the Hub."""
    if not facts.source_repo:
        return escaped(facts.source_name)
    at = f", commit {code(facts.source_commit[:12])}" if facts.source_commit else ""
    return f"[{escaped(facts.source_repo)}]({facts.source_url}){at}"


def _spaced(lines: Iterable[str]) -> str:
    """Return lines with one empty line where there were several."""
    kept: list[str] = []
    for said in lines:
        if said or (kept and kept[-1]):
            kept.append(said)
    return "\n".join(kept).rstrip() + "\n"
