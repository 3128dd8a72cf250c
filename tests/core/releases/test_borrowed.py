"""A lock tells whose tokenizer was borrowed."""

import json

import pytest

from mlxkit.core.errors import IntegrityError
from mlxkit.core.releases import Lock, Pinned, PinnedTokenizer, parse_lock

TOKENIZER = PinnedTokenizer("owner/it", "c" * 40, "t")


def lock(tokenizer):
    return Lock("m", Pinned("owner/m", None, "mit", "d", "b", "f", tokenizer))


@pytest.mark.parametrize("tokenizer", [TOKENIZER, None])
def test_it_is_read_back(tokenizer):
    assert parse_lock(lock(tokenizer).text().encode(), "lock.json") == lock(tokenizer)


def test_a_lock_need_not_speak_of_it():
    said = json.loads(lock(None).text())
    del said["source"]["tokenizer"]

    assert parse_lock(json.dumps(said).encode(), "lock.json") == lock(None)


@pytest.mark.parametrize("wrong", ["it", {"name": "it"}, [1]])
def test_nonsense_is_one_sentence(wrong):
    said = json.loads(lock(None).text())
    said["source"]["tokenizer"] = wrong

    with pytest.raises(IntegrityError, match="no lock of a build"):
        parse_lock(json.dumps(said).encode(), "lock.json")
