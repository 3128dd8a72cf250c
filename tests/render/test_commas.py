"""Reports as CSV: one table, numbers as they are, and what a cell holds stays in it."""

import csv
import math
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.estimates import Estimate
from mlxkit.core.report import Column, Fact, Report, Table, Unit, Value
from mlxkit.render.commas import render_csv
from tests.fakes.results import REPORT

COLUMNS = (Column("Model"), Column("Decode", "tps"), Column("KL (nats)", "nats"), Column("Seen", "count"))
ROWS: tuple[tuple[Value, ...], ...] = (
    ("a", Estimate(101.23456789012344, 1.5, 5), 0.1, 10**15),
    ("b", Estimate(99.0, None, 1), None, 0),
    ("c", 98.5, math.nan, 7),
)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text), strict=True))


def one_cell(value: Value, unit: Unit) -> str:
    _, row = read(render_csv(Report("T", tables=(Table("X", (Column("a", unit), Column("b")), ((value, "x"),)),))))
    return row[0]


def test_an_estimate_is_a_number_and_its_error_and_units_stand_in_headings() -> None:
    assert read(render_csv(Report("T", tables=(Table("X", COLUMNS, ROWS),)))) == [
        ["Model", "Decode (tok/s)", "Decode, standard error (tok/s)", "KL (nats)", "Seen"],
        ["a", "101.23456789012344", "1.5", "0.1", "1000000000000000"],
        ["b", "99.0", "", "", "0"],
        ["c", "98.5", "", "", "7"],
    ]


def test_the_main_table_is_all_there_is() -> None:
    other = Table("Y", (Column("z"),), (("elsewhere",),))

    text = render_csv(Report("T", REPORT.facts, (*REPORT.tables, other), REPORT.notes))

    assert text == render_csv(REPORT)
    assert read(text) == [
        ["Kind", "Tensors", "Quantized"],
        ["mlp", "108", "true"],
        ["norm | q", "145", "false"],
        ["other\nline", "", "false"],
    ]


def test_a_report_without_tables_is_a_row_of_its_facts() -> None:
    report = Report("T", (Fact("Size", 2_263_022_592, "bytes"), Fact("  active", None, "count")))

    assert render_csv(report) == "Size (bytes),active\n2263022592,"
    assert not render_csv(Report("Nothing"))


def test_a_table_without_rows_keeps_its_headings() -> None:
    assert render_csv(Report("T", tables=(Table("X", COLUMNS, ()),))) == "Model,Decode (tok/s),KL (nats),Seen"


@pytest.mark.parametrize(
    ("value", "unit", "cell"),
    [
        (0.28125, "share", "0.28125"),
        (1e-17, "nats", "1e-17"),
        (math.inf, "ratio", ""),
        (0, "moment", "1970-01-01T00:00:00Z"),
        (("1", "2"), "text", "1; 2"),
        ((), "text", ""),
        (True, "flag", "true"),
        ('say "a, b"', "text", 'say "a, b"'),
        ("\x1b[2J", "text", "\N{REPLACEMENT CHARACTER}[2J"),
    ],
)
def test_a_cell_holds_what_a_program_reads(value: Value, unit: Unit, cell: str) -> None:
    assert one_cell(value, unit) == cell


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_full_precision(value: float) -> None:
    assert float(one_cell(value, "ratio")) == value


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_a_cell_breaks_neither_its_row_nor_its_table(rows: list[tuple[str, str]]) -> None:
    lines = read(render_csv(Report("T", tables=(Table("X", (Column("a"), Column("b")), tuple(rows)),))))

    assert [len(line) for line in lines] == [2] * (1 + len(rows))
