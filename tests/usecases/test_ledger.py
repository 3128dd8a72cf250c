"""Measurements listed, shown, and carried from one ledger to another without a byte changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxkit.core import exchange
from mlxkit.core.errors import IntegrityError, NotFoundError, PlanError
from mlxkit.core.measurement import Measurement, Subject
from mlxkit.engines import ledger
from mlxkit.usecases.ledger import (
    ExportPlan,
    ImportPlan,
    LedgerPlan,
    ShowPlan,
    completions,
    export_measurements,
    import_measurements,
    list_measurements,
    show_measurement,
)
from tests.fakes.measurements import DIGEST, MEASUREMENTS, measurement


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ledger.sqlite3"
    monkeypatch.setenv("MLXKIT_LEDGER", str(file))
    return file


def row(one: Measurement) -> dict[str, object]:
    """What the list says of a measurement."""
    ledger.record([one])
    (table,) = list_measurements(LedgerPlan()).report().tables
    return dict(zip((column.heading for column in table.columns), table.rows[-1], strict=True))


def test_a_row_has_what_matters() -> None:
    assert row(measurement()) == {
        "Id": measurement().id[:12],
        "Taken": 1_700_000_000.25,
        "Kind": "quality",
        "Model": "tiny",
        "Given": "evaluation",
        "Found": "KL 0.0329 ± 0.0096",
        "Size": 621_000,
    }


@pytest.mark.parametrize(
    ("kind", "summary", "found"),
    [
        ("quality", {"kl_nats": 0.5}, "KL 0.5"),
        ("quality", {"perplexity": 12.3456, "perplexity_se": 0.5}, "perplexity 12.35 ± 0.50"),
        ("quality", {"kl_nats": None, "perplexity": 12.3456}, "perplexity 12.35"),
        ("task", {"right": 9, "asked": 10, "share": 0.9}, "90 % right"),
        ("throughput", {"generation_tps": 134.56, "generation_tps_se": 2.3}, "134.6 ± 2.3 tok/s"),
        ("memory", {"peak_memory_bytes": 2_263_022_592}, "peak 2.26 GB"),
        ("memory", {"peak_memory_bytes": "much"}, "see show"),
        ("task", {"figures": [{"metric": "acc", "value": 0.5, "stderr": 0.031}]}, "acc 0.500 ± 0.031"),
        ("task", {}, "see show"),
    ],
)
def test_the_figure_that_matters_most(kind: str, summary: dict[str, object], found: str) -> None:
    assert row(measurement(kind=kind, summary=summary))["Found"] == found


def test_what_was_interrupted_says_so() -> None:
    assert row(replace(measurement(), is_complete=False))["Found"] == "KL 0.0329 ± 0.0096 (interrupted)"


@pytest.mark.parametrize(
    ("workload", "given"),
    [
        ({"task": "sums", "text": "x"}, "sums"),
        ({"text": "mine.txt"}, "mine.txt"),
        ({}, "not named"),
    ],
)
def test_what_was_given(workload: dict[str, object], given: str) -> None:
    assert row(measurement(workload=workload))["Given"] == given


def test_an_empty_ledger_says_how_to_fill_it_and_is_not_made(path: Path) -> None:
    result = list_measurements(LedgerPlan())

    assert "mlxkit eval tiny" in result.report().notes[0].text
    assert result.data()["measurements"] == []
    assert not path.exists()


def test_a_list_is_filtered(tmp_path: Path) -> None:
    mine = measurement(2, kind="task", subject=Subject("ab" * 32, str(tmp_path / "mine")))
    ledger.record([measurement(1), mine])
    (tmp_path / "mine").mkdir()

    assert list_measurements(LedgerPlan(kind="task")).measurements == (mine,)
    assert list_measurements(LedgerPlan(model="tiny")).measurements == (measurement(1),)
    assert list_measurements(LedgerPlan(model="abab")).measurements == (mine,)
    assert list_measurements(LedgerPlan(model=f"{tmp_path}/../{tmp_path.name}/mine")).measurements == (mine,)
    none = list_measurements(LedgerPlan("memory"))
    assert none.measurements == ()
    assert "no such measurement" in none.report().notes[0].text


def test_all_of_a_measurement_is_shown() -> None:
    one = measurement(
        subject=Subject(DIGEST, "tiny", "owner/tiny", "ab" * 20),
        raw={"kl_nats": [0.125] * 9, "nested": {"is_right": [True, None], "text": "x" * 300}},
    )
    ledger.record([one])

    result = show_measurement(ShowPlan(one.id[:12]))

    report = result.report()
    facts = {fact.label.strip(): fact.value for fact in report.facts}
    assert (facts["Id"], facts["digest"], facts["repo"], facts["commit"]) == (one.id, DIGEST, "owner/tiny", "ab" * 20)
    assert facts["Taken"] == "2023-11-14 22:13:20 UTC"
    tables = {table.title: dict(table.rows) for table in report.tables}
    assert list(tables) == ["Figures", "Workload", "Machine", "Versions", "Raw values"]
    assert tables["Figures"] == {"kl_nats": "0.0329", "kl_nats_se": "0.0096", "number": "0", "size_bytes": "621 kB"}
    assert tables["Workload"]["tokens"] == "4096"
    assert tables["Machine"]["memory_bytes"] == "8.00 GB"
    assert "9 in all" in tables["Raw values"]["kl_nats"]
    assert tables["Raw values"]["nested.is_right"] == "[true,null]"
    assert len(tables["Raw values"]["nested.text"]) < 110
    assert "--json" in report.notes[0].text
    assert result.data()["measurement"] == exchange.exported(one)


def test_what_is_whole_needs_no_note() -> None:
    ledger.record([measurement()])

    assert show_measurement(ShowPlan(measurement().id)).report().notes == ()


def test_ids_are_completed_the_newest_first() -> None:
    ledger.record([measurement(1), measurement(2)])

    assert [identifier for identifier, _ in completions("")] == [measurement(2).id[:12], measurement(1).id[:12]]
    assert completions(measurement(1).id[:5]) == ((measurement(1).id[:12], "tiny, evaluation: KL 0.0329 ± 0.0096"),)


def test_a_ledger_that_is_none_completes_nothing(path: Path) -> None:
    path.write_text("notes " * 1000)

    assert completions("") == ()


def carried(source: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What an export into a new ledger and out of it again gives."""
    monkeypatch.setenv("MLXKIT_LEDGER", str(source.with_name(f"{name}.sqlite3")))
    import_measurements(ImportPlan((str(source),)))
    return export_measurements(ExportPlan()).text.encode()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(MEASUREMENTS, max_size=4))
def test_to_another_ledger_and_back_no_byte_changes(tmp_path_factory, monkeypatch, found) -> None:
    folder = tmp_path_factory.mktemp("carried")
    monkeypatch.setenv("MLXKIT_LEDGER", str(folder / "here.sqlite3"))
    ledger.record(found)
    file = folder / "out.jsonl"

    export_measurements(ExportPlan(destination=file))

    assert carried(file, "there", monkeypatch) == file.read_bytes()
    assert len(file.read_bytes().splitlines()) == len({ledger.as_kept(one).id for one in found})


def test_the_order_is_that_of_time_then_of_ids() -> None:
    same = [measurement(number, taken_at=7) for number in range(5)]
    ledger.record([*same, measurement(6, taken_at=3.5)])

    exported = export_measurements(ExportPlan()).measurements

    assert exported == (measurement(6, taken_at=3.5), *sorted(same, key=lambda one: one.id))


def test_an_export_takes_what_was_asked_for(tmp_path: Path) -> None:
    ledger.record([measurement(1), measurement(2, kind="task")])
    file = tmp_path / "out.jsonl"

    result = export_measurements(ExportPlan(LedgerPlan("task", "tiny"), file))

    assert file.read_text() == f"{exchange.line(measurement(2, kind='task'))}\n" == result.text
    assert result.data()["count"] == 1
    with pytest.raises(PlanError, match="exists already"):
        export_measurements(ExportPlan(destination=file))
    export_measurements(ExportPlan(destination=file, force=True))
    assert file.read_text().count("\n") == 2


def export(file: Path, *measurements: Measurement) -> str:
    file.write_text("".join(f"{exchange.line(one)}\n" for one in measurements))
    return str(file)


def test_an_import_adds_what_is_new_and_again_nothing(tmp_path: Path) -> None:
    ledger.record([measurement(1)])
    one = export(tmp_path / "one", measurement(1), measurement(2))
    other = export(tmp_path / "other", measurement(2), measurement(3))

    dry = import_measurements(ImportPlan((one, other), dry_run=True))
    assert (dry.new, dry.known) == (2, 2)
    assert len(ledger.find()) == 1
    done = import_measurements(ImportPlan((one, other)))
    assert (done.new, done.known) == (2, 2)
    again = import_measurements(ImportPlan((one, other)))
    assert (again.new, again.known) == (0, 4)
    assert ledger.find() == (measurement(1), measurement(2), measurement(3))


def test_a_dry_run_makes_no_ledger(tmp_path: Path, path: Path) -> None:
    result = import_measurements(ImportPlan((export(tmp_path / "one", measurement(1)),), dry_run=True))

    assert (result.new, result.known) == (1, 0)
    assert not path.exists()


def test_one_changed_line_keeps_all_files_out(tmp_path: Path, path: Path) -> None:
    good = export(tmp_path / "good", measurement(1))
    bad = tmp_path / "bad"
    export(bad, measurement(2), measurement(3))
    bad.write_text(bad.read_text().replace('"number":3', '"number":4'))

    with pytest.raises(IntegrityError, match="bad', line 2: The content was changed") as told:
        import_measurements(ImportPlan((good, str(bad))))

    assert told.value.hint
    assert not path.exists()


def test_lines_may_be_empty_and_end_as_on_windows(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\r\n" + exchange.line(measurement()).encode() + b"\r\n\n  \n")

    assert import_measurements(ImportPlan((str(file),))).new == 1


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for name in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(NotFoundError, match="cannot be read"):
            import_measurements(ImportPlan((str(name),)))


def test_nothing_private_comes_in_or_goes_out(tmp_path: Path) -> None:
    private = measurement(machine={"folder": "/Users/somebody/x"})
    file = export(tmp_path / "private", private)

    assert import_measurements(ImportPlan((file,))).new == 1
    assert import_measurements(ImportPlan((file,))).new == 0
    assert import_measurements(ImportPlan((file,), dry_run=True)).known == 1
    assert json.loads(export_measurements(ExportPlan()).text)["machine"] == {"folder": "~/x"}
