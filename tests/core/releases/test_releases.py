"""Which variants one run makes, what a key depends on, and what a lock says."""

from dataclasses import asdict

import pytest

from mlxkit.core.errors import IntegrityError
from mlxkit.core.recipes import Gates, Publish, Variant, parse
from mlxkit.core.releases import Done, Entry, Lock, Pinned, batches, folder_name, needs_text, parse_lock, wishes

RECIPE = """
name = "m"
[source]
repo = "owner/m"
[[variant]]
bits_per_weight = 3
[[variant]]
scheme = "4bit"
[[variant]]
bits_per_weight = 4.5
[[variant]]
bits_per_weight = 6
polish = true
[[variant]]
name = "again"
bits_per_weight = 3
gates.max_kl_nats = 0.5
[[variant]]
max_size = "1GB"
[[variant]]
dtype = "float16"
[[variant]]
scheme = "8bit"
[[variant]]
scheme = "3bit"
encoder = "minmax"
"""


@pytest.fixture
def variants():
    return parse(RECIPE, "m.toml").variants


def test_budgets_and_schemes_with_equal_wishes_share_a_run(variants):
    keys = {variant.name: variant.name for variant in variants}

    found = [[one.name for one in batch.variants] for batch in batches(variants, keys)]

    assert found == [
        ["m-3bpw", "m-4.5bpw"],
        ["m-4bit", "m-8bit"],
        *([name] for name in ("m-6bpw", "again", "m-1.00GB", "m-float16", "m-3bit")),
    ]


def test_a_batch_has_its_variants_in_folders_only_if_there_are_several(variants):
    first, second, third, *_ = batches(variants, {variant.name: variant.name for variant in variants})

    assert first.inner(variants[2]) == folder_name(variants[2]) == "4.5bpw"
    assert second.inner(variants[1]) == "4bit-g64"
    assert third.inner(variants[3]) == ""


def test_neither_a_name_nor_a_gate_is_a_wish():
    one = Variant("a", bits_per_weight=3.0)
    other = Variant("b", bits_per_weight=3.0, gates=Gates(max_bytes=7))

    assert wishes(one) == wishes(other)
    assert wishes(one) != wishes(Variant("a", bits_per_weight=3.5))


def test_text_decides_about_budgets_and_feedback_alone(variants):
    assert [needs_text(one) for one in variants] == [True, False, True, True, True, True, False, False, False]


def lock():
    source = Pinned("owner/m", "a" * 40, "mit", "d", "b", "f")
    entry = Entry({"made": Done("k", {"digest": "x", "size_bytes": 7})}, ({"name": "max_bytes"},), is_publishable=True)
    return Lock("m", source, {"mlx": "1"}, {"system": "Linux"}, {"m-4bit": entry}, asdict(Publish(owner="me")))


def test_a_lock_is_read_back():
    assert parse_lock(lock().text().encode(), "lock.json") == lock()
    assert parse_lock(Lock("m").text().encode(), "lock.json") == Lock("m")


def test_a_step_is_known_by_its_inputs():
    entry = lock().entry("m-4bit")

    assert entry.known("made", "k") == {"digest": "x", "size_bytes": 7}
    assert entry.known("made", "other") is None
    assert lock().entry("nothing").known("made", "k") is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'{"schema": "mlxkit-lock/9"}', b"\xff"])
def test_what_is_no_lock_is_one_sentence(content):
    with pytest.raises(IntegrityError) as caught:
        parse_lock(content, "lock.json")

    assert caught.value.message.endswith(".")
    assert caught.value.hint


@pytest.mark.parametrize("key", ["source", "variants", "recipe", "versions", "publish"])
def test_a_lock_that_lacks_something_is_one_sentence(key):
    with pytest.raises(IntegrityError):
        parse_lock(lock().text().replace(f'"{key}"', '"other"').encode(), "lock.json")
