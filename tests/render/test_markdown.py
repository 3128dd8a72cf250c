"""Reports as Markdown: one line a row, whatever stands in the cells."""

import re

from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.render.markdown import render_markdown
from tests.fakes.results import REPORT

LINE_END = re.compile(r"\r\n|\n|\r")
ESCAPED = re.compile(r"\\.")  # a backslash takes the next character along, so that \\| is a backslash and a bar


def test_a_report_as_markdown() -> None:
    lines = render_markdown(REPORT).splitlines()

    assert lines[0] == "## A \\| model"
    assert "| Size | 2.26 GB |" in lines
    assert "| active | not known |" in lines
    assert lines[lines.index("### Layers") + 2 :][:5] == [
        "| Kind | Tensors | Quantized |",
        "| --- | ---: | --- |",
        "| mlp | 108 | yes |",
        "| norm \\| q | 145 | no |",
        "| other line | not known | no |",
    ]
    assert lines[-2:] == ["- Note: It is small.", "- Warning: Its template [bold]is odd[/bold]."]


def test_a_report_of_a_title_alone() -> None:
    assert render_markdown(Report("Nothing")) == "## Nothing"


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_a_cell_breaks_neither_its_row_nor_its_table(rows: list[tuple[str, str]]) -> None:
    report = Report("T", tables=(Table("X", (Column("a"), Column("b")), tuple(rows)),))

    body = [line for line in LINE_END.split(render_markdown(report)) if line.startswith("|")]

    assert len(body) == 2 + len(rows)
    assert all(ESCAPED.sub("", line).count("|") == 3 for line in body)


@given(st.text())
def test_a_note_and_a_fact_stay_on_their_line(text: str) -> None:
    report = Report("T", facts=(Fact("a", text),), notes=(Note(f"a{text}b"),))

    assert len(LINE_END.split(render_markdown(report))) == 7
