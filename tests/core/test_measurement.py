"""A measurement is the same one everywhere: written and read back exactly, and refused when it was changed."""

import json
from typing import Any

import pytest
from hypothesis import given

from mlxkit.core import exchange
from mlxkit.core.errors import IntegrityError
from mlxkit.core.measurement import Measurement, canonical
from tests.fakes.measurements import MEASUREMENTS, measurement


@given(MEASUREMENTS)
def test_a_line_gives_back_the_same_measurement(one: Measurement) -> None:
    line = exchange.line(one)

    again = exchange.parse(line)

    assert again == one
    assert again.id == one.id
    assert exchange.line(again) == line
    assert line.isascii()
    assert "\n" not in line


@given(MEASUREMENTS)
def test_how_json_is_spelled_does_not_matter(one: Measurement) -> None:
    value = dict(reversed(exchange.exported(one).items()))

    assert exchange.parse(json.dumps(value, indent=2, ensure_ascii=False)).id == one.id


def test_the_id_is_what_it_was() -> None:
    assert measurement().id == "3f63e1901057a970be980c03e253f8e0de518e1518e6fbdca486dd3930dc0c19"


def changed(**changes: Any) -> dict[str, Any]:
    return measurement().as_json() | changes


WRONG = [
    ([], "no JSON object"),
    ({}, "has no 'is_complete'"),
    (changed(more=1), "knows no 'more'"),
    (changed(kind="speed"), "kind is 'speed'"),
    (changed(kind=1), "kind is int"),
    (changed(subject="tiny"), "subject is str, expected an object"),
    (changed(subject={"digest": "", "name": ""}), "Subject has no 'commit'"),
    (changed(subject={"digest": 1, "name": "", "repo": None, "commit": None}), "digest is int, expected text"),
    (changed(versions={"mlx": 1}), "versions"),
    (changed(taken_at=True), "taken_at is bool"),
    (changed(taken_at=-1), "taken_at is -1"),
    (changed(taken_at=float("nan")), "taken_at is nan"),
    (changed(taken_at=10**400), "taken_at"),
    (changed(is_complete=1), "is_complete is int"),
    (changed(summary={"kl_nats": float("inf")}), "not finite"),
    (changed(raw={"name": "\udc80"}), "not Unicode"),
]


@pytest.mark.parametrize(("value", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_no_measurement_is_named(value: object, said: str) -> None:
    with pytest.raises(IntegrityError, match=said) as told:
        Measurement.from_json(value)

    assert told.value.message.endswith(".")


def deep() -> str:
    return exchange.line(measurement()).replace('"seed":1', f'"seed":{"[" * 5000}{"]" * 5000}')


LINES = [
    ("", "not JSON"),
    ("{", "not JSON"),
    (b"\xff\xfe\x00", "not JSON"),
    ("null", "schema is None"),
    ('{"schema": "mlxkit-measurement/2"}', "mlxkit-measurement/2"),
    (exchange.line(measurement()).replace("0.0329", "0.0229"), "content was changed"),
    (exchange.line(measurement()).replace(measurement().id, "0" * 64), "content was changed"),
    (exchange.line(measurement()).replace('"id":', '"di":'), "knows no 'di'"),
    (exchange.line(measurement()).replace('"seed":1', '"seed":1,"seed":1'), "stands twice"),
    (exchange.line(measurement()).replace("0.0329", "NaN"), "not finite"),
    (exchange.line(measurement()).replace("0.0329", "9" * 5000), "not JSON"),
    (deep(), "deep|recursion"),
]


@pytest.mark.parametrize(("line", "said"), LINES, ids=[said for _, said in LINES])
def test_a_line_that_is_none_is_told(line: str | bytes, said: str) -> None:
    with pytest.raises(IntegrityError, match=said):
        exchange.parse(line)


def test_what_json_cannot_say_has_no_id() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"kl_nats": float("nan")})
