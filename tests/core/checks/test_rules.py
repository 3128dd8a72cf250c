"""Rules on their own: what they take for granted, and what they let pass."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.checkpoint import Tensor
from mlxkit.core.checks import jsons, listing, origins, quantized
from mlxkit.core.checks.licenses import terms_of
from mlxkit.core.checks.listing import HEAD_BYTES, Entry
from mlxkit.core.checks.origins import Origin, Source


def source(commit: str | None = None, **files: str) -> Source:
    held = {name.replace("__", "."): text.encode() for name, text in files.items()}
    return Source("owner/name", commit, frozenset(held), held.get)


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_fault(content):
    parsed = jsons.parse("a.json", content)
    assert parsed.fault is None or isinstance(parsed.fault, str)
    assert isinstance(parsed.value, dict)


@given(st.binary(max_size=64), st.sampled_from(["a", "a.bin", "model.safetensors", "a.sh", "x.json"]))
def test_any_head_is_looked_at(head, path):
    entry = Entry(path, size_bytes=len(head), head=head)
    assert all(one.said for one in listing.look([entry, Entry("other", size_bytes=1, head=b"x")]))
    assert entry.is_text in (True, False)


def test_a_header_that_begins_like_a_pickle_is_a_weight_file():
    # The header's length, 0x280, is what a pickle of protocol 2 begins with.
    entry = Entry("model.safetensors", size_bytes=700, head=(0x280).to_bytes(8, "little") + b'{"a":')
    assert list(listing.look([entry])) == []


def test_a_character_that_the_head_cuts_in_two_is_text():
    head = ("x" * (HEAD_BYTES - 1) + "é").encode()[:HEAD_BYTES]
    assert Entry("a.txt", size_bytes=1000, head=head).is_text


def test_a_disk_without_modes_makes_no_programs():
    entries = [Entry(name, size_bytes=1, is_executable=True, head=b"x") for name in ("a.txt", "b.txt")]
    assert list(listing.look(entries)) == []


def test_a_link_into_the_cache_is_fine():
    assert list(listing.look([Entry("a.txt", "link", 1, leads="cache", head=b"x")])) == []


@pytest.mark.parametrize(
    ("identifier", "name", "terms"),
    [
        ("MIT", None, "permissive"),
        ("llama3.3", None, "conditional"),
        ("gemma", None, "conditional"),
        ("other", "qwen", "conditional"),
        ("other", "Mistral-Research-License", "noncommercial"),
        ("cc-by-nc-sa-4.0", None, "noncommercial"),
        ("cc-by-nc-nd-4.0", None, "forbidden"),
        ("", None, "unknown"),
    ],
)
def test_terms(identifier, name, terms):
    assert terms_of(identifier, name) == terms


def test_the_same_json_in_other_bytes_is_no_drift():
    before = {"version": 1, "model": {"vocab": {}, "merges": ["a b"]}}
    now = {"model": {"merges": [["a", "b"]], "vocab": {}}, "version": 1}
    then = source("1" * 40, tokenizer__json=json.dumps(before), config__json="{}")
    later = source("2" * 40, tokenizer__json=json.dumps(now, indent=1), config__json="{ }")
    origin = Origin("owner/name", "1" * 40, then, later, is_recorded=True)
    assert list(origins.drift(origin, source())) == []


def test_a_template_is_the_same_in_its_own_file_and_in_the_settings():
    settings = json.dumps({"chat_template": "{{ 1 }}"})
    assert origins.template_of(source(tokenizer_config__json=settings)) == "{{ 1 }}"
    assert origins.template_of(source(chat_template__jinja="{{ 1 }}\n")) == "{{ 1 }}"
    several = json.dumps({"chat_template": [{"name": "default", "template": "{{ 1 }}"}, {"name": "rag"}, 3]})
    assert origins.template_of(source(tokenizer_config__json=several)) == "{{ 1 }}"
    assert origins.template_of(source(tokenizer_config__json="[")) is None


def test_what_another_tool_quantized_is_not_held_against_mlx():
    config = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    tensors = {name: Tensor(name, "U32", (4, 4)) for name in ("a.weight", "a.scales")}
    assert list(quantized.look(config, tensors)) == []


@pytest.mark.parametrize("record", [{}, {"source": 3}, {"source": {"repo": 3, "name": None}}])
@pytest.mark.parametrize("base", [None, 3, [], "no-owner", {"a": 1}])
def test_an_origin_that_is_not_named_properly_is_none(record, base):
    assert origins.named(record, {"base_model": base}) == (None, None, None)
