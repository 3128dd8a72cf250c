"""Which devices a file describes, what it may not say, and which device a name means."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.devices import Device, Figure, device, devices
from mlxkit.core.errors import NotFoundError, PlanError

GIB, GB = 2**30, 10**9


def figure(value):
    return {"value": value, "confidence": "observed", "source": "a table"}


def entry(name, gib=(8,), **more):
    return {"name": name, "kind": "mac", "chip": "M9", "memory_gib": figure(list(gib)), **more}


def rule(kind="mac", **more):
    return {"kind": kind, "confidence": "assumed", "source": "a guess", **more}


def file(*entries, limits=None, **more):
    return {"devices": list(entries), "limits": limits or [rule(share="2/3", less_gb=1)], **more}


KNOWN = devices(
    file(
        entry("M9", (16, 32)),
        entry("M9 Max (32-core GPU)", (36,), aliases=["M9 Max"], bandwidth_gb_per_second=figure(410)),
        entry("M9 Max (40-core GPU)", (48, 64), aliases=["M9 Max"], bandwidth_gb_per_second=figure(68.3)),
        entry("iPhone 99 Pro", (8,), kind="iphone", chip="A99"),
        limits=[rule(share="2/3"), rule("iphone", gb=5)],
    )
)


def test_a_figure_carries_its_unit_its_confidence_and_its_source():
    found = device("M9 Max 64 GB", KNOWN)

    assert found.memory == Figure(64 * GIB, "observed", "a table")
    assert found.limit == Figure(64 * GIB * 2 // 3, "assumed", "a guess")
    assert found.bandwidth == Figure(68_300_000_000, "observed", "a table")
    assert found.speed is None
    assert device("iPhone 99 Pro", KNOWN).bandwidth is None


def test_a_device_is_json():
    speeds = [{"chips": ["M9"], **{key: figure(0.5) for key in ("eta", "dense_layer_seconds", "moe_layer_seconds")}}]
    (found,) = devices(file(entry("M9"), speeds=speeds))

    said = json.loads(json.dumps(found.data()))

    assert said["memory_bytes"] == {"value": 8 * GIB, "confidence": "observed", "source": "a table"}
    assert said["speed"]["eta"]["value"] == 0.5
    assert said["bandwidth_bytes_per_second"] is None


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("M9 32GB", "M9 32 GB"),
        ("m916gb", "M9 16 GB"),
        ("Apple M9  16 GiB", "M9 16 GB"),
        ("M9 Max 36GB", "M9 Max (32-core GPU)"),
        ("m9max64GB", "M9 Max (40-core GPU) 64 GB"),
        ("m9 max (32-core gpu)", "M9 Max (32-core GPU)"),
        ("IPHONE99PRO", "iPhone 99 Pro"),
        ("iPhone 99 Pro 8 GB", "iPhone 99 Pro"),
    ],
)
def test_a_name_is_understood_as_it_is_typed(typed, name):
    assert device(typed, KNOWN).name == name


def test_a_chip_with_several_sizes_wants_one():
    with pytest.raises(PlanError, match=r"^'M9' can be any of 2 devices: M9 16 GB, M9 32 GB\.$") as caught:
        device("M9", KNOWN)

    assert caught.value.hint == "say which: 'M9 32 GB'"
    with pytest.raises(PlanError, match=r"\(32-core GPU\), .* 48 GB, .* 64 GB\.$"):
        device("M9 Max", KNOWN)


@pytest.mark.parametrize("typed", ["M9 Max 100GB", "m9max100gib"])
def test_a_size_that_is_not_sold_is_told_with_those_that_are(typed):
    with pytest.raises(NotFoundError, match=r"it comes with 36, 48 or 64 GB\.$"):
        device(typed, KNOWN)


def test_digits_of_a_name_are_not_of_its_size():
    with pytest.raises(NotFoundError, match=r"it comes with 16 or 32 GB\.$"):
        device("M964GB", KNOWN)


def test_an_unknown_name_is_told_with_near_ones():
    with pytest.raises(NotFoundError) as caught:
        device("iPhone 98 Pro", KNOWN)

    assert caught.value.hint == "did you mean 'iPhone 99 Pro'?"


@pytest.mark.parametrize("typed", ["", " ", "apple", "GB", "8GB", "toaster"])
def test_nothing_is_taken_for_what_was_not_named(typed):
    with pytest.raises(NotFoundError) as caught:
        device(typed, KNOWN)

    assert caught.value.hint


def test_a_name_goes_before_an_alias():
    known = devices(file(entry("M9 Pro", aliases=["M9"]), entry("M9")))

    assert device("M9", known).name == "M9"


LETTERS = st.text(st.sampled_from("aBéß -9"), max_size=5).map(lambda text: f"x{text}x")
SIZES = st.lists(st.integers(2, 1024), min_size=1, max_size=4, unique=True)


@given(st.dictionaries(LETTERS, SIZES, min_size=1, max_size=5))
def test_every_device_is_found_by_its_name_however_it_is_spaced(sizes):
    try:
        known = devices(file(*(entry(name, gib) for name, gib in sizes.items())))
    except PlanError:  # two of the names are one
        folded = [re.sub(r"\s", "", name).casefold() for name in sizes]
        assert len(set(folded)) < len(folded)
        return

    assert [one.memory_bytes for one in known] == [gib * GIB for many in sizes.values() for gib in sorted(many)]
    for one in known:
        assert device(one.name, known) is one
        assert device(f" {one.model.upper()}{one.memory_bytes // GIB}g B", known) is one


@given(st.text(max_size=12))
def test_a_name_finds_what_has_it_or_says_why_not(typed):
    try:
        found = device(typed, KNOWN)
    except (PlanError, NotFoundError) as error:
        assert repr(typed) in error.message
        assert error.hint
    else:
        assert isinstance(found, Device)


@given(st.integers(2, 1024), st.integers(1, 16), st.integers(0, 8))
def test_a_limit_is_a_share_of_memory_less_a_margin(gib, sixteenths, less_gb):
    margin = {"less_gb": less_gb} if less_gb else {}
    limits = [rule(share=f"{sixteenths}/16", **margin)]
    expected = gib * GIB * sixteenths // 16 - less_gb * GB

    if expected <= 0:
        with pytest.raises(PlanError, match="an app cannot use"):
            devices(file(entry("M9", (gib,)), limits=limits))
    else:
        (found,) = devices(file(entry("M9", (gib,)), limits=limits))
        assert found.limit_bytes == expected


def test_the_first_rule_with_the_kind_and_enough_memory_is_the_one():
    limits = [rule("ipad", gb=1), rule(up_to_gib=16, gb=2), rule(share=0.5)]

    found = devices(file(entry("M9", (8, 16, 17)), limits=limits))

    assert [one.limit_bytes for one in found] == [2 * GB, 2 * GB, 17 * GIB // 2]


def test_a_device_may_have_a_limit_of_its_own():
    own = {"gb": 7, "confidence": "observed", "source": "a run"}

    (found,) = devices(file(entry("M9", limit=own)))

    assert found.limit == Figure(7 * GB, "observed", "a run")


def test_a_users_file_changes_and_continues_ours():
    speed = ("eta", "dense_layer_seconds", "moe_layer_seconds")
    ours = file(
        entry("M9", (16,)),
        entry("M9 Pro", (32,)),
        speeds=[{"chips": ["M9"], **{key: figure(1e-3) for key in speed}}],
    )
    theirs = {
        "devices": [{"name": "m9", "memory_gib": figure(24)}, entry("Toaster", (4,), kind="ipad")],
        "limits": [rule("ipad", gb=1), rule(up_to_gib=24, gb=3)],
        "speeds": [
            {"chips": ["m 9"], **{k: figure(1e-4) for k in ("eta", "dense_layer_seconds", "moe_layer_seconds")}}
        ],
    }

    known = devices(ours, theirs)

    assert [(one.name, one.memory_bytes // GIB, one.limit_bytes) for one in known] == [
        ("m9", 24, 3 * GB),
        ("M9 Pro", 32, 32 * GIB * 2 // 3 - GB),
        ("Toaster", 4, GB),
    ]
    assert all(one.speed and one.speed.moe_layer_seconds.value == 1e-4 for one in known)


def without(key):
    return {k: v for k, v in entry("M9").items() if k != key}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"device": []}, r"^'my\.toml' has a key 'device', which means nothing\.$"),
        ({"devices": {}}, r"^'my\.toml': 'devices' is no array of tables\.$"),
        ({"devices": [{}]}, r"^Device 1 of 'my\.toml' has no key 'name'\.$"),
        ({"devices": [entry(" apple ")]}, r"^Device 1 of 'my\.toml' is called 'apple', which is no name\.$"),
        ({"devices": [entry("M9"), entry("m 9")]}, r"^Device 2 of 'my\.toml' is called 'm 9', which another one is\.$"),
        ({"devices": [without("chip")]}, r"^Device 'M9' of 'my\.toml' has no key 'chip'\.$"),
        ({"devices": [without("memory_gib")]}, r"has no key 'memory_gib'\.$"),
        ({"devices": [entry("M9", memory=8)]}, r"has a key 'memory', which means nothing\.$"),
        ({"devices": [entry("M9", kind="watch")]}, r"'kind' is 'watch'; expected one of 'iphone', 'ipad', 'mac'\.$"),
        ({"devices": [entry("M9", kind=["mac"])]}, r"'kind' is \['mac'\]; expected one of"),
        ({"devices": [entry("M9", aliases="M")]}, r"'aliases' is 'M'; expected an array of texts\.$"),
        ({"devices": [entry("M9", memory_gib=8)]}, r"'memory_gib' is 8; expected a table"),
        ({"devices": [entry("M9", ())]}, r"'memory_gib': 'value' is \[\]; expected a whole number"),
        ({"devices": [entry("M9", (8.5,))]}, r"'value' is \[8\.5\]; expected a whole number"),
        ({"devices": [entry("M9", (True,))]}, r"'value' is \[True\]; expected a whole number"),
        ({"devices": [entry("M9", memory_gib={"value": 8})]}, r"'memory_gib' has no key 'confidence'\.$"),
        ({"devices": [entry("M9", memory_gib={**figure(8), "source": " "})]}, r"'source' is ' '; expected a text\.$"),
        ({"devices": [entry("M9", memory_gib={**figure(8), "confidence": "sure"})]}, r"'confidence' is 'sure'; exp"),
        ({"devices": [entry("M9", bandwidth_gb_per_second=figure(0))]}, r"'value' is 0; expected a number above 0"),
        ({"devices": [entry("M9", bandwidth_gb_per_second=figure(float("nan")))]}, r"'value' is nan; expected a n"),
        ({"devices": [entry("M9", bandwidth_gb_per_second=figure(10**400))]}, r"expected a number above 0 and at"),
        ({"devices": [entry("M9", bandwidth_gb_per_second=figure(16**9999))]}, r"that number; expected a number above"),
        ({"devices": [entry("M9", limit={"gb": 9, **rule()})]}, r"'limit' has a key 'kind', which means nothing\.$"),
        (
            {"devices": [entry("T", kind="ipad")]},
            r"^Device 'T' of 'my\.toml': no rule says what an app may use of 8\.59",
        ),
        (
            {"devices": [entry("M9", (1,))], "limits": [rule(gb=2)]},
            r"of 1\.07 GB of memory, an app cannot use 2\.00 GB",
        ),
        ({"limits": [rule(gb=1, share=0.5)]}, r"^Limit 1 of 'my\.toml' has both 'gb' and a share\.$"),
        ({"limits": [rule()]}, r"^Limit 1 of 'my\.toml' has no key 'share'\.$"),
        ({"limits": [{"kind": "mac", "gb": 1}]}, r"^Limit 1 of 'my\.toml' has no key 'confidence'\.$"),
        *(
            ({"limits": [rule(share=share)]}, "'share' is .* expected a share above 0 and at most 1")
            for share in ("3/2", "0/1", "1/0", "1e999999999", -1, 0, 1.5, True, float("inf"), [1])
        ),
        ({"speeds": [{"chips": ["M9"], "eta": figure(1.5)}]}, r"'eta': 'value' is 1\.5; expected a number above 0 and"),
    ],
)
def test_what_a_file_may_not_say_is_one_sentence(said, sentence):
    with pytest.raises(PlanError, match=sentence):
        devices(file(), said, "my.toml")


def test_names_that_cannot_be_told_apart_are_refused():
    with pytest.raises(
        PlanError, match=r"^The devices 'M9' and 'M9 16GB' cannot be told apart by name: 'm916gb' is bo"
    ):
        devices(file(entry("M9", (16, 32)), entry("M9 16GB", (8,))))
