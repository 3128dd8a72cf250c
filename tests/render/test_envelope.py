"""The JSON envelope: pinned by golden files, standard JSON whatever the values are."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.render.envelope import error_entry, error_envelope, result_envelope
from tests.fakes.results import MISSED, FakeResult

GOLDEN = Path(__file__).parents[1] / "golden/envelope"

CASES = {
    "result": result_envelope(FakeResult()),
    "failing_result": result_envelope(FakeResult(failure=MISSED)),
    "error": error_envelope("gauge", error_entry(MISSED)),
    "error_of_no_command": error_envelope(None, {"code": "usage", "message": "No such command.", "hint": None}),
}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize("name", CASES)
def test_the_envelope_is_what_it_was(name: str) -> None:
    assert CASES[name] + "\n" == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


@given(VALUES)
def test_an_envelope_is_standard_json_whatever_it_carries(values: Any) -> None:
    envelope = json.loads(result_envelope(FakeResult(values)), parse_constant=refuse)

    assert list(envelope) == ["schema", "command", "status", "data", "error"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_full_precision(value: float) -> None:
    assert json.loads(result_envelope(FakeResult(value)))["data"]["values"] == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_was_not_measured(value: float) -> None:
    values = {"a": [value, (value, 1.0)], "b": {"c": value}}

    data = json.loads(result_envelope(FakeResult(values)))["data"]

    assert data["values"] == {"a": [None, [None, 1.0]], "b": {"c": None}}
