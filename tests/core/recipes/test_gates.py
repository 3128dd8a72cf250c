"""Whether what was measured keeps to the gates, and which device a recipe means."""

import json
import math
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.devices import SHIPPED, devices
from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.recipes import Figures, Fit, Gates, Room, device_of, judged, parse_fit

KNOWN = devices(tomllib.loads((files("mlxkit") / "data" / SHIPPED).read_text(encoding="utf-8")))
PHONE = Fit("iphone-17-pro", 4096)
ALL = Gates(0.1, 0.9, 0.5, 1000, (PHONE,), no_check_errors=True)


def test_each_gate_tells_by_how_much_it_holds():
    figures = Figures(0.0625, 0.875, 0.75, 1001, {PHONE: Room(50, 60)}, 0)

    found = judged(ALL, figures)

    assert [(one.name, one.unit, one.threshold, one.measured, one.passed) for one in found] == [
        ("max_kl_nats", "nats", 0.1, 0.0625, True),
        ("min_top1_agreement", "share", 0.9, 0.875, False),
        ("min_task_accuracy", "share", 0.5, 0.75, True),
        ("max_bytes", "bytes", 1000, 1001, False),
        ("must_fit iphone-17-pro@4096", "bytes", 60, 50, True),
        ("no_check_errors", "errors", 0, 0, True),
    ]
    assert [one.margin for one in found] == pytest.approx([0.0375, -0.025, 0.25, -1, 10, 0])
    assert json.loads(json.dumps(found[3].data()))["margin"] == -1


def test_what_was_not_measured_fails():
    found = judged(ALL, Figures())

    assert not any(one.passed for one in found)
    assert all(one.measured is None and one.margin is None for one in found)
    assert found[4].threshold is None


def test_what_is_not_asked_is_not_judged():
    assert judged(Gates(no_check_errors=False), Figures()) == ()


def test_exactly_at_the_threshold_passes():
    figures = Figures(0.1, 0.9, 0.5, 1000, {PHONE: Room(60, 60)}, 0)

    assert all(one.passed for one in judged(ALL, figures))


@given(st.floats(0, 1), st.floats())
def test_a_gate_holds_where_the_figure_is_on_its_side_and_a_number(threshold, measured):
    (most,) = judged(Gates(max_kl_nats=threshold, no_check_errors=False), Figures(kl_nats=measured))
    (least,) = judged(Gates(min_top1_agreement=threshold, no_check_errors=False), Figures(top1_agreement=measured))

    assert most.passed == (measured <= threshold)
    assert least.passed == (measured >= threshold)
    assert most.passed or least.passed or math.isnan(measured)
    json.dumps([most.data(), least.data()], allow_nan=False)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("iphone-17-pro", "iPhone 17 Pro"),
        ("iPhone 17 Pro", "iPhone 17 Pro"),
        ("m4-max-64gb", "M4 Max (40-core GPU) 64 GB"),
        ("M4-Max-(40-core-GPU)-64-GB", "M4 Max (40-core GPU) 64 GB"),
        ("m1-8gb", "M1 8 GB"),
        ("ipad-pro-m4-16gb", "iPad Pro (M4) 16 GB"),
    ],
)
def test_hyphens_stand_for_spaces_in_a_devices_name(typed, name):
    assert device_of(typed, KNOWN).name == name


@pytest.mark.parametrize("one", KNOWN, ids=lambda one: one.name)
def test_every_device_is_found_by_its_name_with_hyphens(one):
    assert device_of(one.name.replace(" ", "-").lower(), KNOWN) is one


def test_a_device_that_there_is_not_is_told_as_it_was_typed():
    with pytest.raises(NotFoundError, match=r"^There is no device 'iphone-99-pro'"):
        device_of("iphone-99-pro", KNOWN)
    with pytest.raises(PlanError, match="can be any of"):
        device_of("m4-max", KNOWN)


@pytest.mark.parametrize("text", ["", "@", "@5", "x@", "x@0", "x@x", "x@-1", "x@999999999", f"x@{2**24 + 1}", "x@١"])
def test_what_is_no_fit_is_one_sentence(text):
    with pytest.raises(PlanError, match="is no DEVICE@CONTEXT"):
        parse_fit(text)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20), st.integers(1, 2**24))
def test_a_fit_is_read_as_it_is_written(name, context):
    name = name.strip()
    if name:
        assert parse_fit(str(Fit(name, context))) == Fit(name, context)
