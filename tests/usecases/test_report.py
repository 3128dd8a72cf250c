"""From the ledger to the frontier: which names mean what, what is at hand, and what devices leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlxkit.core.devices import Device, Figure
from mlxkit.core.errors import CheckpointError, NotFoundError
from mlxkit.core.measurement import Subject
from mlxkit.engines import store
from mlxkit.usecases.report import USUAL_DEVICES, ReportPlan, ReportResult, report
from mlxkit.usecases.report.gathering import chosen_devices
from mlxkit.usecases.report.verb import Surroundings
from tests.fakes.cards import ORIGINAL, judged
from tests.fakes.frontiers import SMALL, measurements

RECIPE = """
name = "S"
[source]
repo = "acme/Small"
[[variant]]
bits_per_weight = 2.5
[[variant]]
scheme = "3bit"
[gates]
must_fit = ["board@1024"]
"""


def board(name: str, limit_bytes: int) -> Device:
    limit = Figure(limit_bytes, "assumed", "a test")
    return Device(name, name, (), "iphone", "none", Figure(2**30, "assumed", "a test"), limit)


@dataclass(frozen=True)
class Left:
    device: str
    context: int
    budget_bytes: int | None


def rooms(model: str, devices: tuple[str, ...]) -> Sequence[Left]:
    assert model == "acme/Small@0123456789abcdef0123456789abcdef01234567"
    return [Left(name, 4096, 160_000) for name in devices]


def blind(model: str, devices: tuple[str, ...]) -> Sequence[Left]:
    raise CheckpointError("Nothing is known of it.")


def drawn(*names: str, told=rooms, **wishes) -> ReportResult:
    around = Surroundings(measurements, lambda: (board("board", 400_000), board("other", 9_000)))
    plan = ReportPlan(names, **({"devices": ("board",)} | wishes))
    return report(plan, rooms=told, around=around)


def names(result: ReportResult) -> list[str]:
    return [point.name for point in result.frontier.points]


def test_without_names_all_that_most_were_judged_on_is_reported() -> None:
    result = drawn()

    assert names(result) == ["S-2.5bpw", "S-3.5bpw", "S-3bit", "S-4.5bpw", "acme/Small"]
    assert result.frontier.limits[0].size_bytes == 160_000
    assert any("4,096 tokens" in note for note in result.frontier.notes)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("S-3bit", SMALL.digest[:12]), ["S-2.5bpw", "S-3bit", "acme/Small"]),
        (("acme/Small",), ["S-2.5bpw", "S-3.5bpw", "S-3bit", "S-4.5bpw", "acme/Small"]),
        ((ORIGINAL[:8],), ["S-2.5bpw", "S-3.5bpw", "S-3bit", "S-4.5bpw", "acme/Small"]),
        (("stranger",), ["stranger"]),
    ],
)
def test_a_name_means_weights_or_all_that_an_original_judged(asked: tuple[str, ...], found: list[str]) -> None:
    told = rooms if asked != ("stranger",) else blind

    assert names(drawn(*asked, told=told)) == found


def test_a_recipe_means_its_variants_their_kinds_and_its_devices(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(RECIPE)

    result = drawn(str(path), devices=())

    assert {point.name: point.weights.kind for point in result.frontier.points} == {
        "S-2.5bpw": "mixed",
        "S-3bit": "uniform",
        "acme/Small": "original",
    }
    assert [limit.device for limit in result.frontier.limits] == ["board"]


def test_without_headers_a_devices_whole_limit_stands_and_is_said_to() -> None:
    result = drawn(told=blind)

    (limit,) = result.frontier.limits
    assert (limit.size_bytes, limit.context) == (400_000, None)
    assert any("nothing is taken off" in note for note in result.frontier.notes)


@pytest.mark.parametrize(
    ("asked", "wishes", "words"),
    [
        (("nobody",), {}, "Nothing was measured of 'nobody'"),
        (("none.toml",), {}, "cannot be read"),
        ((), {"devices": ("toaster",)}, "There is no device 'toaster'"),
        (("stranger",), {"metric": "speed", "told": blind}, "No speed was measured"),
    ],
)
def test_what_is_not_there_is_named(asked: tuple[str, ...], wishes: dict, words: str) -> None:
    with pytest.raises(NotFoundError, match=words):
        drawn(*asked, **wishes)


def test_an_empty_ledger_says_how_to_fill_it() -> None:
    with pytest.raises(NotFoundError, match="No weights were measured") as raised:
        report(ReportPlan(), rooms=rooms, around=Surroundings(tuple))

    assert raised.value.hint is not None
    assert raised.value.hint.startswith("mlxkit eval")


def test_a_reader_sees_every_figure_with_its_measurement_and_the_choice() -> None:
    told = drawn().report()

    weights, choices = told.tables
    assert [column.heading for column in weights.columns][-5:-1] == [
        "KL (nats)",
        "Same first",
        "Answered",
        "Decode tok/s",
    ]
    first = next(one for one in measurements() if one.subject == SMALL and one.kind == "quality")
    assert first.short_id in str(weights.rows[0][-1])
    assert weights.rows[-1][4] == "is the original"
    assert choices.rows[0][:4] == ("board", 160_000, "S-3.5bpw", 150_000)


def test_the_picture_has_the_edge_the_rivals_and_the_devices(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(RECIPE)
    picture = drawn().picture()

    assert [one.label for one in picture.series] == ["best at its size", "S-3bit"]
    assert [one.label for one in drawn(str(path)).picture().series] == ["best at its size", "uniform"]
    assert picture.series[0].points[0] == (110_000, 0.21)
    assert [(one.label, one.x) for one in picture.uprights] == [("board", 160_000)]
    assert "Room for far more" in drawn(told=lambda *_: [Left("board", 64, 10**9)]).picture().note


def test_weights_at_hand_tell_what_they_are(tmp_path: Path) -> None:
    tiny = Subject(ORIGINAL, "tiny")
    own = judged(1, 0.1, workload={"reference": {"digest": ORIGINAL, "name": "tiny", "repo": None, "commit": None}})

    result = report(
        ReportPlan(devices=("board",)),
        rooms=lambda *_: [Left("board", 1024, 9)],
        around=Surroundings(lambda: (own,), lambda: (board("board", 9),)),
    )

    (point,) = result.frontier.points
    assert point.bits_per_weight == pytest.approx(8 * point.size_bytes / 1_969_536)
    assert tiny.name == result.frontier.original


def test_the_usual_devices_are_known() -> None:
    assert len(chosen_devices(USUAL_DEVICES, store.known_devices())) == len(USUAL_DEVICES)
