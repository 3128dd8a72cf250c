"""Scales: few ticks at round places, within an axis that holds every value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.report import Axis, Unit
from mlxkit.render.scales import scale

UNITS: tuple[Unit, ...] = ("bytes", "count", "tokens", "bits", "seconds", "tps", "share", "nats", "ratio")


@pytest.mark.parametrize(
    ("axis", "values", "is_height", "name", "labels"),
    [
        (Axis("Depth", "tokens"), [0, 32768], False, "Depth (tokens)", "0 8,192 16,384 24,576 32,768"),
        (Axis("Speed", "tps"), [54, 142], True, "Speed (tok/s)", "0 25 50 75 100 125"),
        (Axis("Right", "share"), [0.9, 0.92], True, "Right (%)", "90.0 90.5 91.0 91.5 92.0"),
        (Axis("Size", "bytes"), [6e8, 4e9], False, "Size (GB)", "1 2 3 4"),
        (Axis("First token", "seconds"), [0.02, 0.08], True, "First token (ms)", "0 20 40 60 80"),
        (Axis("Tokens before", "tokens"), [0, 4], False, "Tokens before", "0 1 2 3 4"),
        (Axis("Runs", "count"), [1, 3], False, "Runs", "1 2 3"),
        (Axis("Change", "ratio"), [-1, 1], True, "Change", "−1.0 −0.5 0.0 0.5 1.0"),
        (Axis("Speed", "tps"), [80], True, "Speed (tok/s)", "0 20 40 60 80"),
        (Axis("Prompt", "tokens", is_logarithmic=True), [128, 1024], False, "Prompt (tokens)", "128 256 512 1,024"),
        (Axis("KL", "nats", is_logarithmic=True), [1e-6, 1e-3], True, "KL (nats)", "10⁻⁶ 10⁻⁵ 10⁻⁴ 10⁻³"),
        (Axis("KL", "nats", is_logarithmic=True), [0.01, 0.06], True, "KL (nats)", "0.01 0.02 0.05"),
        (Axis("KL", "nats", is_logarithmic=True), [0.06, 0.08], True, "KL (nats)", "0.060 0.065 0.070 0.075 0.080"),
    ],
)
def test_ticks_are_few_and_round(axis: Axis, values: list[float], is_height: bool, name: str, labels: str) -> None:
    found = scale(axis, values, is_height=is_height)

    assert found.name == name
    assert " ".join(label for _, label in found.ticks) == labels


@given(
    st.sampled_from(UNITS),
    st.lists(st.floats(1e-9, 1e14), min_size=1, max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_an_axis_holds_its_values_and_its_ticks(unit: Unit, values: list[float], log: bool, is_height: bool) -> None:
    found = scale(Axis("a", unit, is_logarithmic=log), values, is_height=is_height)
    places = [place for place, _ in found.ticks]

    assert found.low < found.high
    assert found.low <= min(values) <= max(values) <= found.high
    assert len(places) <= 12
    assert places == sorted(set(places))
    assert len({label for _, label in found.ticks}) == len(places)
    reach = 1e-6 * (found.high - found.low)
    assert all(found.low - reach <= place <= found.high + reach for place in places)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_a_linear_axis_takes_whatever_is_finite(values: list[float]) -> None:
    found = scale(Axis("a", "ratio"), values, is_height=True)

    assert found.low - 1e-150 <= min(values) <= max(values) <= found.high + 1e-150
    assert found.low < found.high


@given(
    st.sampled_from(UNITS),
    st.lists(st.floats(min_value=0, exclude_min=True, allow_infinity=False), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_an_axis_ends_where_floats_do(unit: Unit, values: list[float], log: bool, is_height: bool) -> None:
    found = scale(Axis("a", unit, is_logarithmic=log), values, is_height=is_height)

    assert found.low < found.high
    assert len(found.ticks) <= 12
