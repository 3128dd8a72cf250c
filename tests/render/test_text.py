"""Reports as text: nothing wrapped or colored for a pipe, nothing too wide for a terminal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.render.text import render_text
from tests.fakes.results import REPORT

LINES = st.text(st.characters(exclude_categories=("C", "Z")), max_size=200)


def test_a_report_as_text() -> None:
    lines = render_text(REPORT, width=None, color=False).splitlines()

    assert lines[0] == "A | model"
    assert re.search(r"^ +Size +2\.26 GB$", "\n".join(lines), flags=re.MULTILINE)
    assert "norm | q         145   no" in lines
    assert lines[-1] == "Warning: Its template [bold]is odd[/bold]."


def test_color_is_used_when_it_is_wanted() -> None:
    assert "\x1b[" in render_text(REPORT, width=80, color=True)


@pytest.mark.parametrize("width", [None, 40, 80])
def test_no_escape_is_written_when_color_is_off(width: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")

    assert "\x1b" not in render_text(REPORT, width=width, color=False)


def test_a_long_cell_is_whole_in_a_pipe() -> None:
    digest = "sha256:" + "0123456789abcdef" * 40
    report = Report("T", (Fact("Digest", digest),), (Table("X", (Column("a"),), ((digest,),)),), (Note(digest),))

    assert render_text(report, width=None, color=False).count(digest) == 3


@given(LINES)
def test_nothing_is_wider_than_the_terminal(text: str) -> None:
    report = Report("T", (Fact("Label", text),), (Table("X", (Column("a"), Column("b")), ((text, "c"),)),))

    assert all(len(line) <= 60 for line in render_text(report, width=60, color=False).splitlines())


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=100))
def test_what_looks_like_markup_is_text(text: str) -> None:
    assert text in render_text(Report("T", notes=(Note(text),)), width=None, color=False)
