"""Pictures: well-formed files, whatever is drawn and however it is called; the same bytes for the same picture."""

import math
import re
import struct
import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlxkit.core.report import Axis, Line, Picture, Series, Upright
from mlxkit.render.picture import draw
from tests.fakes.pictures import LOSS, SPEED

SVG = "{http://www.w3.org/2000/svg}"
NOTHING = "There is nothing to draw."


def texts(picture: Picture) -> list[str]:
    return [node.text or "" for node in ET.fromstring(draw(picture, ".svg")).iter(f"{SVG}text")]


def bars(picture: Picture) -> int:
    """How many error bars are drawn."""
    groups = ET.fromstring(draw(picture, ".svg")).iter(f"{SVG}g")
    found = [group for group in groups if group.get("id", "").startswith("LineCollection")]
    return sum("M" in path.get("d", "") for group in found for path in group.iter(f"{SVG}path"))


def of_points(*points: tuple[float, float]) -> Picture:
    return replace(SPEED, series=(Series("a", points),), lines=())


def test_an_svg_holds_its_labels_as_text() -> None:
    found = texts(SPEED)

    assert {SPEED.title, SPEED.note, "Depth (tokens)", "Decode speed (tok/s)"} <= set(found)
    assert {"first <b>&amp;</b>", "$x^2$ -- third", "ceiling"} <= set(found)
    assert {"0", "4,096", "8,192", "12,288", "16,384", "25", "100"} <= set(found)


def test_a_png_is_twice_as_sharp_as_the_picture_is_wide() -> None:
    content = draw(SPEED, ".PNG")

    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (1600, 960)


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_picture_is_the_same_bytes_whatever_the_user_set(suffix: str) -> None:
    first = draw(SPEED, suffix)
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": None, "axes.facecolor": "black", "lines.linewidth": 9}):
        again = draw(SPEED, suffix)

    assert again == first
    assert draw(LOSS, suffix) != first


def test_no_setting_is_left_behind() -> None:
    before = dict(mpl.rcParams)

    draw(SPEED, ".svg")

    assert dict(mpl.rcParams) == before


def test_what_points_are_held_against_along_x_is_drawn_and_named() -> None:
    held = replace(SPEED, uprights=(Upright("a phone", 20_000.0), Upright("nowhere", math.nan)))

    assert {"a phone", "20,480"} <= set(texts(held))
    assert "nowhere" not in texts(held)


def test_a_suffix_that_is_no_picture_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="neither"):
        draw(SPEED, ".pdf")


def test_logarithmic_axes_have_powers_for_ticks() -> None:
    assert {"0.001", "0.01", "0.1", "KL (nats)", "Size (GB)", "uniform", "noise"} <= set(texts(LOSS))


@pytest.mark.parametrize("axis", [SPEED.x, replace(SPEED.x, is_logarithmic=True)], ids=["linear", "logarithmic"])
def test_a_single_point_is_drawn(axis: Axis) -> None:
    found = texts(replace(of_points((512, 90.0)), x=axis))

    assert {"a", "512", "80"} <= set(found)
    assert NOTHING not in found


@pytest.mark.parametrize("series", [(), (Series("a", ()),), (Series("a", ((1.0, math.nan),)),)], ids=len)
def test_an_empty_picture_says_so(series: tuple[Series, ...]) -> None:
    found = texts(replace(SPEED, series=series))

    assert {SPEED.title, NOTHING} <= set(found)
    assert "ceiling" not in found


def test_what_the_axes_cannot_show_is_counted() -> None:
    shown = Series("a", ((1e9, 0.5), (0.0, 0.4), (2e9, math.inf), (3e9, 0.1)), (0.6, None, 1.0, math.nan))

    found = texts(replace(LOSS, series=(shown,), lines=(Line("zero", 0.0),)))

    assert "Not shown: 3 values outside of what the axes can show." in found
    assert "zero" not in found
    assert not [text for text in texts(LOSS) if text.startswith("Not shown")]


def test_errors_are_drawn_where_they_are_known() -> None:
    bare = replace(SPEED, series=tuple(replace(one, errors=None) for one in SPEED.series))
    unknown = replace(SPEED, series=tuple(replace(one, errors=(None, None, None)) for one in SPEED.series))

    assert (bars(SPEED), bars(bare), bars(unknown)) == (2, 0, 0)


def test_a_limit_is_dashed_in_the_color_of_what_it_limits() -> None:
    points = SPEED.series[0].points
    pairs = [(Series(name, points), Series(f"{name}, ceiling", points, is_limit=True)) for name in "ab"]
    picture = replace(SPEED, series=tuple(one for pair in pairs for one in pair), lines=())

    content = draw(picture, ".svg").decode()

    # Each in the axes and beside its label.
    assert re.findall(r"stroke-dasharray: [^;]*; stroke-dashoffset: 0; stroke: (#\w+)", content) == [
        *("#0072b2", "#d55e00"),
        *("#0072b2", "#d55e00"),
    ]
    assert {"a", "a, ceiling", "b", "b, ceiling"} <= set(texts(picture))


def test_a_limit_of_what_was_not_measured_has_no_other_series_color() -> None:
    missing = Series("b", ((0, math.nan), (1, math.nan)))
    limit = Series("b, ceiling", ((0, 120.0), (1, 110.0)), is_limit=True)

    picture = replace(SPEED, series=(Series("a", ((0, 90.0), (1, 80.0))), missing, limit), lines=())

    content = draw(picture, ".svg").decode()
    assert set(re.findall(r"stroke-dashoffset: 0; stroke: (#\w+)", content)) == {"#d55e00"}
    assert "b" not in texts(picture)


def test_a_limit_of_a_single_point_is_to_be_seen() -> None:
    measured, limit = Series("a", ((1, 90.0),)), Series("ceiling", ((1, 120.0),), is_limit=True)

    content = draw(replace(SPEED, series=(measured, limit), lines=()), ".svg").decode()

    assert "<use" in content[content.index('stroke-width: 1.4"') :]


def test_as_many_errors_as_points() -> None:
    with pytest.raises(ValueError, match="shorter"):
        draw(replace(SPEED, series=(Series("a", ((1, 1), (2, 2)), (1.0,)),)), ".svg")


def test_a_picture_grows_with_its_labels() -> None:
    many = replace(SPEED, series=tuple(Series(f"model {i}", ((i, 90.0 + i),)) for i in range(60)))

    content = draw(many, ".png")

    width, height = struct.unpack(">II", content[16:24])
    assert (width, height > 2000) == (1600, True)


@settings(max_examples=20)
@given(st.text(max_size=80))
def test_a_label_is_text_whatever_it_holds(text: str) -> None:
    picture = Picture(text, Axis(text, "count"), Axis(text, "ratio"), (Series(text, ((1, 1), (2, 2))),), (), text)

    assert ET.fromstring(draw(picture, ".svg")).tag == f"{SVG}svg"


def test_letters_that_the_font_lacks_are_left_to_the_viewer() -> None:
    assert "模型" in texts(replace(SPEED, title="模型"))
    assert draw(replace(SPEED, title="模型"), ".png")
