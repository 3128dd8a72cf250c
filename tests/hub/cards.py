"""The Hub's check of a model card's metadata: errors refuse it, warnings do not."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

_FRONT = re.compile(r"^\s*---[\r\n]+([\S\s]*?)[\r\n]+---(?:\r\n|\n|$)")
_LICENSES = (
    "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bsd", "bsd-2-clause",
    "bsd-3-clause", "bsl-1.0", "cc", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
    "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "isc", "unlicense", "llama2", "llama3", "llama3.1", "llama3.2",
    "llama3.3", "llama4", "gemma", "unknown", "other",
)  # fmt: skip
_RELATIONS = ("adapter", "merge", "quantized", "finetune")
_PIPELINES = (
    "text-generation", "image-text-to-text", "text-classification", "token-classification", "question-answering",
    "summarization", "translation", "feature-extraction", "fill-mask", "sentence-similarity", "text-ranking",
    "automatic-speech-recognition", "text-to-speech", "text-to-image", "image-to-text", "any-to-any", "other",
)  # fmt: skip
_REPO = re.compile(r"[\w.-]+(/[\w.-]+)?")


def problems(text: str) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings about a card."""
    found = _FRONT.match(text)
    if found is None:
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        data = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        return [f"YAML Metadata Error: {error}"], []
    if data is None:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(data, dict):
        return ["YAML Metadata Error: metadata must be a mapping"], []
    return [*_named(data), *_listed(data), *_results(data.get("model-index"))], [*_doubtful(data)]


def _named(data: dict[str, Any]) -> Iterator[str]:
    for key, known in (("license", _LICENSES), ("base_model_relation", _RELATIONS)):
        given = data.get(key)
        if given is not None and any(one not in known for one in _many(given)):
            yield f'"{key}" must be one of [{", ".join(known)}]'


def _listed(data: dict[str, Any]) -> Iterator[str]:
    for key in ("tags", "datasets", "metrics", "language"):
        if any(not isinstance(one, str) for one in _many(data.get(key))):
            yield f'"{key}" must be an array of strings'
    for key in ("pipeline_tag", "library_name", "license_name", "license_link"):
        if key in data and not isinstance(data[key], str):
            yield f'"{key}" must be a string'
    for one in _many(data.get("base_model")):
        if not isinstance(one, str) or _REPO.fullmatch(one) is None:
            yield f'"base_model" with value "{one}" is not valid. Use a model id from https://hf.co/models.'


def _results(index: Any) -> Iterator[str]:
    if index is None:
        return
    if not isinstance(index, list):
        yield '"model-index" must be an array'
        return
    for place, model in enumerate(index):
        name = f"model-index[{place}]"
        yield from _missing(name, model, ("name", "results"))
        for at, result in enumerate(_many(model.get("results") if isinstance(model, dict) else None)):
            inner = f"{name}.results[{at}]"
            yield from _missing(inner, result, ("task", "dataset", "metrics"))
            if isinstance(result, dict):
                yield from _missing(f"{inner}.task", result.get("task", {"type": ""}), ("type",))
                yield from _missing(
                    f"{inner}.dataset", result.get("dataset", {"type": "", "name": ""}), ("type", "name")
                )
                for number, metric in enumerate(_many(result.get("metrics"))):
                    yield from _missing(f"{inner}.metrics[{number}]", metric, ("type", "value"))


def _missing(name: str, value: Any, keys: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f'"{name}" must be of type object'
        return
    for key in keys:
        if value.get(key) is None:
            yield f'"{name}.{key}" is required'


def _doubtful(data: dict[str, Any]) -> Iterator[str]:
    tag = data.get("pipeline_tag")
    if isinstance(tag, str) and tag not in _PIPELINES:
        yield f'The pipeline tag "{tag}" is not in the official list: {", ".join(_PIPELINES)}'


def _many(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


async def _validate(request: Request) -> Response:
    """Answer in JSON, or in the plain text that `ModelCard.validate` asks for."""
    errors, warnings = problems((await request.json())["content"])
    status = 400 if errors else 200
    if request.headers.get("accept", "").startswith("text/plain"):
        return PlainTextResponse("\n".join(errors), status)
    told = {"errors": [{"message": one} for one in errors], "warnings": [{"message": one} for one in warnings]}
    return JSONResponse(told, status)


def routes() -> list[Route]:
    """Return the route of the check."""
    return [Route("/api/validate-yaml", _validate, methods=["POST"])]
