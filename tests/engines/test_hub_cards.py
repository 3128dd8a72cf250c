"""The test Hub's check of model cards, asked by the real huggingface_hub."""

import base64
import json
from collections.abc import Iterator

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, EvalResult, HfApi, ModelCard, ModelCardData, constants

from tests.hub import TestHub
from tests.hub.clients import publishing


@pytest.fixture
def api(server: TestHub) -> Iterator[HfApi]:
    """A client that may write as alice, who has a repo."""
    with publishing(server) as client:
        client.create_repo("alice/m")
        yield client


def put(api: HfApi, card: str) -> None:
    api.create_commit("alice/m", [CommitOperationAdd("README.md", card.encode())], commit_message="a card")


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("license: nonesuch", '"license" must be one of'),
        ("base_model_relation: child", '"base_model_relation" must be one of [adapter, merge, quantized, finetune]'),
        ("base_model: not a name", '"base_model" with value "not a name" is not valid'),
        ("tags: [1]", '"tags" must be an array of strings'),
        ("model-index: m", '"model-index" must be an array'),
        ("model-index:\n- name: m", '"model-index[0].results" is required'),
        ("model-index:\n- name: m\n  results:\n  - metrics: []", '"model-index[0].results[0].task" is required'),
        ("license: [mit", "YAML Metadata Error"),
        ("words", "metadata must be a mapping"),
    ],
)
def test_a_card_that_is_refused(server, api, front, said):
    card = f"---\n{front}\n---\n# A model\n"
    with pytest.raises(ValueError, match="Invalid metadata in README") as refused:
        put(api, card)
    assert said in str(refused.value)
    content = base64.b64encode(card.encode()).decode()
    entries = [("header", {"summary": "a card"}), ("file", {"path": "README.md", "content": content})]
    lines = "\n".join(json.dumps({"key": key, "value": value}) for key, value in entries)
    url = f"{server.endpoint}/api/models/alice/m/commit/main"
    answer = httpx2.post(url, content=lines, headers={"Authorization": "Bearer hf_good"})
    assert (answer.status_code, said in answer.json()["error"]) == (400, True)


def test_a_card_that_is_taken(server, api, monkeypatch):
    result = EvalResult("text-generation", "wikitext", "WikiText", "perplexity", 7.5)
    data = ModelCardData(
        license="apache-2.0",
        library_name="mlx",
        pipeline_tag="text-generation",
        base_model="alice/base",
        base_model_relation="quantized",
        model_name="m",
        eval_results=[result],
    )
    card = ModelCard(f"---\n{data.to_yaml()}\n---\n# A model\n")
    with monkeypatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", server.endpoint)  # a card asks no other
        card.validate()
        card.data.license = "nonesuch"
        with pytest.raises(ValueError, match='"license" must be one of'):
            card.validate()
    card.data.license = "apache-2.0"
    put(api, str(card))
    blob = server.repos["alice/m"].at("main").files["README.md"]
    assert blob.content.read(0, blob.size) == str(card).encode()


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("---\npipeline_tag: guessing\n---\n", 'The pipeline tag "guessing" is not in the official list'),
        ("# A model\n", "empty or missing yaml metadata in repo card"),
        ("---\n\n---\n", "empty or missing yaml metadata in repo card"),
    ],
)
def test_a_card_that_is_doubted(api, card, said):
    with pytest.warns(UserWarning, match=said):
        put(api, card)
    assert "README.md" in api.list_repo_files("alice/m")
