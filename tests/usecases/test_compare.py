"""Measurements side by side: which are paired, what is refused and named, and what is said of the rest."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlxkit.core import exchange
from mlxkit.core.errors import IntegrityError, NotFoundError, PlanError
from mlxkit.core.measurement import Measurement, Subject
from mlxkit.core.report import Table
from mlxkit.engines import ledger
from mlxkit.usecases.compare import ComparePlan, CompareResult, compare

ONE, OTHER = Subject("1a" * 32, "~/models/four"), Subject("2b" * 32, "~/models/three", repo="mine/three")

MACHINE = {"chip": "M4", "memory_bytes": 8, "device": "gpu", "power_source": "ac", "display": {"is_on": True}}
VERSIONS = {"mlx": "0.32.4", "mlxkit": "0.2.0"}
QUALITY = {
    "text": "self",
    "origin": "generated",
    "digest": "d1" * 32,
    "documents": ["d2" * 32],
    "is_calibration_text": False,
    "context": 512,
    "seed": 0,
    "until_se": None,
    "is_early": False,
    "dtype": "bfloat16",
    "reference": {"digest": "d3" * 32, "name": "tiny", "repo": None, "commit": None},
}
SPEED = {
    "prompt_tokens": 100,
    "generated_tokens": 11,
    "depth": 0,
    "batch": 1,
    "repeats": 5,
    "seed": 0,
    "is_cold": False,
}
TASK = {"task": "tiny", "digest": "d4" * 32, "questions": 20, "max_tokens": 64, "chat_template": True, "dtype": None}


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLXKIT_LEDGER", str(tmp_path / "ledger.sqlite3"))


def measurement(subject: Subject, **said: Any) -> Measurement:
    common = {"machine": MACHINE, "versions": VERSIONS, "taken_at": 1_700_000_000.0}
    return Measurement(subject=subject, **(common | said))


def quality(subject: Subject, kl: float = 0.1, *, figure: str = "kl_nats", **said: Any) -> Measurement:
    """Twelve rows, each of its own cluster, hard and easy ones in turn."""
    rows = [
        {"cluster": number, "tokens": 10, "nll_nats": 30.0, figure: 10 * kl * (1 + number % 3) + 0.01 * kl * number}
        for number in range(12)
    ]
    mean = sum(row[figure] for row in rows) / 120
    summary = {"nll_nats": 3.0, "nll_nats_se": 0.5, figure: mean, f"{figure}_se": mean / 4, "clusters": 12}
    base = {"kind": "quality", "workload": QUALITY, "summary": summary, "raw": {"rows": rows}}
    return measurement(subject, **(base | said))


def trial(tps: float) -> dict[str, Any]:
    return {
        "prefilled_seconds": 0.5,
        "first_seconds": 0.5,
        "last_seconds": 0.5 + 10 / tps,
        "peak_memory_bytes": None,
        "rss_bytes": 7,
    }


def speed(subject: Subject, tps: tuple[float, ...] = (99, 100, 101, 102, 103), **said: Any) -> Measurement:
    base = {"kind": "throughput", "workload": SPEED, "summary": {}, "raw": {"trials": [trial(one) for one in tps]}}
    return measurement(subject, **(base | said))


def task(subject: Subject, wrong: int = 0, **said: Any) -> Measurement:
    raw = {"right": [number >= wrong for number in range(20)]}
    return measurement(subject, **({"kind": "task", "workload": TASK, "summary": {}, "raw": raw} | said))


def later(one: Measurement, seconds: float = 9.0) -> Measurement:
    return replace(one, taken_at=one.taken_at + seconds)


def compared(*measurements: Measurement, **said: Any) -> CompareResult:
    ledger.record(measurements)
    return compare(ComparePlan(**({"one": "four", "other": "three"} | said)))


def notes(result: CompareResult) -> list[str]:
    return [note.text for note in result.report().notes]


def cells(table: Table) -> list[dict[str, object]]:
    return [dict(zip((column.heading for column in table.columns), row, strict=True)) for row in table.rows]


def changed(content: Mapping[str, Any], path: list[str]) -> dict[str, Any]:
    """The same JSON, with another value of its kind in one place."""
    key, *inner = path
    value = content[key]
    if inner:
        return {**content, key: changed(value, inner)}
    others = {bool: lambda: not value, str: lambda: f"{value}x", list: lambda: [*value, "x"], type(None): lambda: 1}
    return {**content, key: others.get(type(value), lambda: value + 1)()}


def paths(content: Mapping[str, Any], above: tuple[str, ...] = ()) -> list[str]:
    found = []
    for key, value in content.items():
        found += paths(value, (*above, key)) if isinstance(value, Mapping) else [".".join((*above, key))]
    return found


MADE = {"quality": quality, "throughput": speed, "task": task}
FIELDS = [
    (kind, field)
    for kind, make in MADE.items()
    for field in paths({name: make(ONE).as_json()[name] for name in ("machine", "versions", "workload", "is_complete")})
]


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=[f"{kind} {field}" for kind, field in FIELDS])
def test_rows_that_differ_in_one_field_are_refused_unless_that_is_allowed(kind: str, field: str) -> None:
    one = MADE[kind](ONE)
    other = Measurement.from_json({**changed(one.as_json(), field.split(".")), "subject": vars(OTHER)})

    with pytest.raises(PlanError) as refused:
        compared(one, other)
    said = refused.value.message

    assert said.count(" is ") == 1
    assert f"{field} is " in said
    assert f"--allow {field}" in (refused.value.hint or "")
    for allowed in {field, field.partition(".")[0]}:
        result = compare(ComparePlan("four", "three", allow=(allowed,)))
        assert list(result.data()["allowed"]) == [field]
        assert any(f"{field} is " in note.text for note in result.report().notes if note.level == "warning")
    with pytest.raises(PlanError, match="not measured alike"):
        compare(ComparePlan("four", "three", allow=(f"{field}x" if "." in field else "machine",)))


def test_rows_of_different_kinds_are_refused_and_that_cannot_be_allowed() -> None:
    with pytest.raises(PlanError, match="kind is quality and task"):
        compared(quality(ONE), task(OTHER))
    with pytest.raises(PlanError, match="no figure in common"):
        ComparePlan("four", "three", allow=("kind",))


@pytest.mark.parametrize("field", ["", "machin", "summary", "versionsx.mlx"])
def test_what_is_no_field_cannot_be_allowed(field: str) -> None:
    with pytest.raises(PlanError, match="no field"):
        ComparePlan("four", "three", allow=(field,))


def test_both_values_are_named_and_a_digest_is_cut() -> None:
    with pytest.raises(PlanError) as refused:
        compared(
            quality(ONE),
            quality(OTHER, versions={"mlx": "0.33.0"}, workload={**QUALITY, "digest": "e5" * 32}, machine={}),
        )

    assert "(8 in all)" in refused.value.message
    assert refused.value.hint == ("measure them alike, or accept it: --allow machine --allow versions --allow workload")
    with pytest.raises(PlanError) as refused:
        compare(ComparePlan("four", "three", allow=("machine",)))
    assert "versions.mlx is 0.32.4 and 0.33.0; " not in refused.value.message
    assert "versions.mlx is 0.32.4 and 0.33.0, " in refused.value.message
    assert "versions.mlxkit is 0.2.0 and not recorded, " in refused.value.message
    assert "workload.digest is d1d1d1d1d1d1… and e5e5e5e5e5e5…." in refused.value.message


def test_speed_is_compared_by_medians_with_an_interval() -> None:
    result = compared(speed(ONE), speed(OTHER, (198, 200, 202, 204, 206)))
    (table,) = result.report().tables
    rows = {row["Median"]: row for row in cells(table)}

    assert list(rows) == ["prefill tok/s", "decode tok/s", "first token s", "total s"]
    generation = rows["decode tok/s"]
    assert generation["Work"] == "100 + 11"
    assert (generation["A"], generation["B"]) == (pytest.approx(101), pytest.approx(202))
    assert generation["B / A"] == "2.000"
    assert [row["Verdict"] for row in rows.values()] == ["no difference", "B is faster", "no difference", "B is faster"]
    figure = result.data()["pairs"][0]["figures"][1]
    assert 1.9 < figure["ratio"]["low"] < 2 < figure["ratio"]["high"] < 2.1
    assert (figure["verdict"], figure["is_tested"]) == ("faster", True)


def test_the_other_way_round_it_is_slower() -> None:
    result = compared(speed(ONE), speed(OTHER, (198, 200, 202, 204, 206)), one="three", other="four")

    assert [figure["verdict"] for figure in result.data()["pairs"][0]["figures"]] == [
        "no difference", "slower", "no difference", "slower",
    ]  # fmt: skip


def test_a_single_token_has_no_decoding_to_compare() -> None:
    work = {**SPEED, "generated_tokens": 1}
    result = compared(speed(ONE, workload=work), speed(OTHER, workload=work))

    names = [figure["figure"] for figure in result.data()["pairs"][0]["figures"]]
    assert names == ["prompt_tps", "ttft_seconds", "total_seconds"]


def test_few_trials_tell_of_no_difference_and_that_is_said() -> None:
    result = compared(speed(ONE, (99, 100, 101, 102)), speed(OTHER))

    assert {figure["verdict"] for figure in result.data()["pairs"][0]["figures"]} == {"no difference"}
    assert any("too few values" in text for text in notes(result))
    assert not any("too few values" in text for text in notes(compared(later(speed(ONE)), later(speed(OTHER)))))


def test_fresh_processes_are_compared_with_fresh_processes() -> None:
    def cold(subject: Subject, seconds: float) -> Measurement:
        names = ("import_seconds", "load_seconds", "first_seconds", "total_seconds")
        starts = [dict.fromkeys(names, seconds + 0.01 * number) for number in range(5)]
        return speed(subject, workload={**SPEED, "is_cold": True}, raw={"starts": starts})

    result = compared(cold(ONE, 1.0), cold(OTHER, 2.0), speed(ONE))

    (pair,) = result.data()["pairs"]
    assert (pair["work"], {figure["verdict"] for figure in pair["figures"]}) == ("100 + 11, cold", {"slower"})


def test_text_is_compared_row_by_row() -> None:
    result = compared(quality(ONE, 0.1), quality(OTHER, 0.09))
    (row,) = cells(result.report().tables[0])
    (figure,) = result.data()["pairs"][0]["figures"]

    assert (row["Text"], row["Nats"], row["Verdict"]) == ("self", "KL", "B loses less")
    assert figure["is_paired"]
    # The errors of the two by themselves are twenty times the difference.
    assert figure["one"]["se"] > 2 * abs(figure["difference"]["value"])
    assert figure["difference"]["value"] == pytest.approx(figure["other"]["value"] - figure["one"]["value"])
    assert compared(one="three", other="four").data()["pairs"][0]["figures"][0]["verdict"] == "loses more"


def test_equal_loss_is_no_difference() -> None:
    (figure,) = compared(quality(ONE), quality(OTHER)).data()["pairs"][0]["figures"]

    assert (figure["difference"]["value"], figure["verdict"], figure["is_tested"]) == (0, "no difference", True)


def test_without_an_original_nll_is_compared() -> None:
    work = {**QUALITY, "reference": None}
    one, other = (quality(subject, kl, figure="nll_nats", workload=work) for subject, kl in ((ONE, 0.2), (OTHER, 0.1)))
    (figure,) = compared(one, other).data()["pairs"][0]["figures"]

    assert (figure["figure"], figure["is_paired"], figure["verdict"]) == ("nll_nats", True, "loses less")


@pytest.mark.parametrize("other", [{"digest": "e5" * 32}, {"reference": None}], ids=["text", "original"])
def test_other_text_is_not_compared_row_by_row(other: dict[str, Any]) -> None:
    result = compared(quality(ONE, 0.1), quality(OTHER, 0.09, workload={**QUALITY, **other}), allow=("workload",))
    (figure,) = result.data()["pairs"][0]["figures"]

    assert (figure["is_paired"], figure["verdict"]) == (False, "no difference")
    assert figure["difference"]["se"] > figure["one"]["se"]


@pytest.mark.parametrize(
    ("wrong", "verdict"), [((0, 6), "answers fewer"), ((6, 0), "answers more"), ((0, 5), "no difference")]
)
def test_answers_are_compared_question_by_question(wrong: tuple[int, int], verdict: str) -> None:
    result = compared(task(ONE, wrong[0]), task(OTHER, wrong[1]))
    (row,) = cells(result.report().tables[0])

    assert (row["Task"], row["Asked"]) == ("tiny", 20)
    assert (row["A"], row["B"]) == (1 - wrong[0] / 20, 1 - wrong[1] / 20)
    assert (row["only A"], row["only B"]) == (wrong[1], wrong[0])
    assert result.data()["pairs"][0]["figures"][0]["verdict"] == verdict


def test_answers_to_other_questions_are_compared_as_shares() -> None:
    other = task(OTHER, workload={**TASK, "digest": "e5" * 32}, raw={"right": [False] * 15 + [True] * 15})
    (figure,) = compared(task(ONE), other, allow=("workload.digest",)).data()["pairs"][0]["figures"]

    assert "flips" not in figure
    assert (figure["difference"]["value"], figure["verdict"]) == (-0.5, "answers fewer")


def test_figures_of_lm_evaluation_harness() -> None:
    def examined(subject: Subject, flags: list[bool], value: float) -> Measurement:
        names = [{"task": "arc", "metric": "acc", "filter": "none"}, {"task": "wiki", "metric": "ppl", "filter": "raw"}]
        figures = [
            {**names[0], "value": 0.5, "stderr": 0.1, "samples": len(flags), "is_higher_better": True},
            {**names[1], "value": value, "stderr": 0.5, "samples": 60, "is_higher_better": False},
        ]
        raw = {"figures": [{**names[0], "flags": flags}, {**names[1], "flags": []}]}
        work = {"task": "both", "digests": {"arc": "x"}, "limit": None}
        return task(subject, workload=work, summary={"figures": figures}, raw=raw)

    result = compared(examined(ONE, [True] * 8, 12.0), examined(OTHER, [False] * 8, 9.0))

    assert [(row["Task"], row["only A"], row["Verdict"]) for row in cells(result.report().tables[0])] == [
        ("arc: acc", 8, "B answers fewer"),
        ("wiki: ppl, raw", "", "B scores better"),
    ]


def test_peaks_of_memory_are_shown() -> None:
    one, other = (
        measurement(subject, kind="memory", workload={}, summary={"peak_memory_bytes": size}, raw={})
        for subject, size in ((ONE, 1000), (OTHER, 3000))
    )
    (figure,) = compared(one, other).data()["pairs"][0]["figures"]

    assert (figure["figure"], figure["ratio"]["value"], figure["is_tested"]) == ("peak_memory_bytes", 3, False)


def test_each_kind_has_its_table() -> None:
    result = compared(*(make(subject) for subject in (ONE, OTHER) for make in MADE.values()))

    assert [table.title for table in result.report().tables] == ["What was lost", "Questions", "Speed"]
    assert [pair["kind"] for pair in compared(kind="task").data()["pairs"]] == ["task"]


def test_work_stands_beside_the_same_work() -> None:
    grid = [{**SPEED, "depth": depth, "batch": batch} for depth in (0, 64) for batch in (1, 4)]
    made = [speed(subject, workload=work) for subject in (ONE, OTHER) for work in grid]

    pairs = compared(*made).data()["pairs"]

    by_id = {one.id: one for one in made}
    assert len(pairs) == 4
    for pair in pairs:
        assert by_id[pair["one"]].workload == by_id[pair["other"]].workload
    assert {pair["work"] for pair in pairs} == {
        "100 + 11", "100 + 11, batch 4", "100 + 11, depth 64", "100 + 11, depth 64, batch 4",
    }  # fmt: skip


def test_the_newest_of_each_work_is_compared() -> None:
    old, new = quality(ONE, 0.5), later(quality(ONE, 0.1))

    (pair,) = compared(new, old, quality(OTHER)).data()["pairs"]

    assert pair["one"] == new.id


def test_work_that_is_equal_goes_before_newer_work() -> None:
    newer = later(quality(ONE, workload={**QUALITY, "seed": 1}))
    result = compared(quality(ONE), newer, quality(OTHER))

    (pair,) = result.data()["pairs"]
    assert pair["one"] == quality(ONE).id
    assert notes(result) == [f"Nothing of B was measured like quality self ({newer.id[:12]})."]


def test_what_has_no_partner_is_said_of_each_side() -> None:
    mine = {**QUALITY, "text": "mine.txt"}
    result = compared(quality(ONE), quality(ONE, workload=mine), quality(OTHER), task(OTHER))

    assert notes(result) == [
        f"Nothing of B was measured like quality mine.txt ({quality(ONE, workload=mine).id[:12]}).",
        f"Nothing of A was measured like task tiny ({task(OTHER).id[:12]}).",
    ]


def test_nothing_in_common_says_how_to_fill_it() -> None:
    with pytest.raises(
        NotFoundError, match="Nothing was measured of both: 'four' has quality self, task tiny"
    ) as error:
        compared(quality(ONE), later(task(ONE)), speed(OTHER))
    assert error.value.hint == "mlxkit bench four three"


@pytest.mark.parametrize(
    ("kind", "hint"),
    [(None, "mlxkit bench 'a b' three"), ("quality", "mlxkit eval of each, with the same options")],
)
def test_a_model_that_was_never_measured(kind: Any, hint: str) -> None:
    with pytest.raises(NotFoundError, match="of 'a b' is recorded") as error:
        compared(quality(OTHER), one="a b", kind=kind)
    assert error.value.hint == hint


def test_marks_and_interruptions_are_warned_of() -> None:
    result = compared(
        speed(ONE, summary={"marks": ["It was taken on battery."]}, is_complete=False),
        speed(OTHER, is_complete=False),
    )

    assert [note.text for note in result.report().notes if note.level == "warning"] == [
        "A, 100 + 11: it was interrupted, and has what it had by then.",
        "A, 100 + 11: It was taken on battery.",
        "B, 100 + 11: it was interrupted, and has what it had by then.",
    ]


def test_calibration_text_is_marked() -> None:
    work = {**QUALITY, "is_calibration_text": True}
    result = compared(quality(ONE, workload=work), quality(OTHER, workload=work))

    assert cells(result.report().tables[0])[0]["Text"] == "self (calibration text)"


@pytest.mark.parametrize("name", ["four", "~/models/four", "1a1a", "1A1A1A"])
def test_a_model_has_several_names(name: str) -> None:
    assert compared(quality(ONE), quality(OTHER), one=name).one.subject == ONE


def test_a_folder_is_found_however_it_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cafe").mkdir()
    monkeypatch.chdir(tmp_path)
    here = replace(ONE, name=str(tmp_path / "cafe"))

    for name in ("cafe", "./cafe", str(tmp_path / "cafe")):
        assert compared(quality(here), quality(OTHER), one=name, other="mine/three").one.asked == name


def test_a_measurement_is_named_by_its_id() -> None:
    made = [later(quality(ONE, number / 10), number) for number in (1, 2)]
    result = compared(*made, one=made[0].id[:12], other=made[1].id[:12].upper())

    assert [(pair["one"], pair["other"]) for pair in result.data()["pairs"]] == [(made[0].id, made[1].id)]


def test_a_folder_is_never_taken_for_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = quality(ONE).id[:4]
    (tmp_path / prefix).mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotFoundError, match="is recorded"):
        compared(quality(ONE), quality(OTHER), one=prefix)
    with pytest.raises(NotFoundError, match="is recorded"):
        compare(ComparePlan(prefix[:3], "three"))


def test_a_file_is_a_side(tmp_path: Path) -> None:
    file = tmp_path / "theirs.jsonl"
    file.write_text(f"{exchange.line(quality(OTHER))}\n\n{exchange.line(task(OTHER))}\n")

    result = compared(quality(ONE), later(task(ONE)), other=str(file))

    assert [pair["kind"] for pair in result.data()["pairs"]] == ["quality", "task"]
    assert len(ledger.find()) == 2


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "theirs.jsonl"
    with pytest.raises(NotFoundError, match="cannot be read"):
        compared(quality(ONE), other=str(file))
    file.write_text("")
    with pytest.raises(NotFoundError, match="no measurement in"):
        compared(other=str(file))
    file.write_text(f"{exchange.line(quality(OTHER))}\nno JSON\n")
    with pytest.raises(IntegrityError, match="line 2: This is not JSON"):
        compared(other=str(file))
    file.write_text(f"{exchange.line(quality(OTHER))}\n{exchange.line(quality(ONE))}\n")
    with pytest.raises(PlanError, match="of 2 checkpoints"):
        compared(other=str(file))


def test_two_sides_that_are_one() -> None:
    with pytest.raises(PlanError, match="the same measurements"):
        compared(quality(ONE), other="1a1a")
    with pytest.raises(PlanError, match="stdin"):
        ComparePlan("-", "-")


def test_a_name_of_other_weights_too_stands_for_the_newest() -> None:
    before = quality(replace(ONE, digest="3c" * 32), 0.5, taken_at=1_600_000_000.0)
    result = compared(before, task(before.subject, taken_at=1_600_000_000.0), quality(ONE), quality(OTHER), task(OTHER))

    assert result.one.measurements == (quality(ONE),)
    assert "'four' was measured with other weights too: those of 1a1a1a1a1a1a, the newest, are compared." in notes(
        result
    )


@pytest.mark.parametrize(
    ("make", "raw"),
    [
        (quality, {}),
        (quality, {"rows": []}),
        (quality, {"rows": [{"cluster": 0}]}),
        (quality, {"rows": "many"}),
        (speed, {}),
        (speed, {"trials": []}),
        (speed, {"trials": [{"seconds": 1}]}),
        (speed, {"trials": [trial(1) | {"prefilled_seconds": 0}]}),
        (speed, {"trials": [trial(1) | {"first_seconds": "early"}]}),
        (speed, {"starts": [{}]}),
        (task, {}),
        (task, {"right": []}),
        (task, {"right": [True]}),
    ],
)
def test_a_measurement_without_what_its_kind_has_is_refused(make: Any, raw: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="does not hold what a"):
        compared(make(ONE), make(OTHER, raw=raw))
