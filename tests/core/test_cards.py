"""What a card says: the right measurements, in order, and words for what nobody measured."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.cards import Facts, made, picture
from mlxkit.core.cards.figures import NOT_MEASURED, Figure, Grid, last_part, line, written
from mlxkit.core.cards.markdown import cells, escaped, plain, table
from mlxkit.core.cards.tables import machine_name
from mlxkit.core.checkpoint import Checkpoint, Tensor
from mlxkit.core.errors import IntegrityError, PlanError
from mlxkit.core.measurement import Subject
from mlxkit.core.numbers import number
from mlxkit.render.picture import draw
from tests.fakes.cards import LEDGERS, LINUX, ORIGINAL, OWN, facts, judged, ledger, taken, timed

MEASURED = ("losses", "perplexities", "tasks", "speeds", "starts", "memory")
FOREIGN = ("frontier", "originals")


def grids(card, names=(*MEASURED, *FOREIGN)) -> list[Grid]:
    return [getattr(card, name) for name in names]


def at(summary, key: str):
    """What a summary holds under `figures.0.value`."""
    for part in key.split("."):
        summary = summary[int(part)] if isinstance(summary, list) else summary[part]
    return summary


def test_the_newest_complete_measurement_of_a_work_is_shown() -> None:
    card = made(facts(), ledger())

    assert [row.figures[0].value for row in card.losses.rows] == [0.0461, 0.0329]
    assert [row.words for row in card.losses.rows] == [("self-written text (by the original)",), ("news.jsonl",)]


def test_the_order_of_the_ledger_does_not_count() -> None:
    assert made(facts(), reversed(ledger())) == made(facts(), ledger())


def test_a_frontier_has_what_was_judged_on_the_same_text_by_the_same_original() -> None:
    card = made(facts(), ledger())

    assert [(row.words[0], row.figures[1].value) for row in card.frontier.rows] == [
        ("Small-3bit", 0.2071),
        ("me/Small-4bit (this repo)", 0.0329),
        ("mlx-community/Small-4bit", 0.0402),
    ]
    assert card.frontier_text == "news.jsonl"
    assert {row.measurement_id for row in card.frontier.rows} <= {one.id for one in card.measurements}


def test_the_originals_speed_is_shown_for_the_same_work_on_the_same_machine() -> None:
    card = made(facts(), ledger())

    assert [row.figures[1].value for row in card.originals.rows] == [71.4]
    assert [row.figures[1].value for row in card.speeds.rows] == [143.2, 3.1]


def test_an_original_that_no_text_names_is_known_by_its_commit() -> None:
    (found,) = made(facts(), [one for one in ledger() if one.kind == "throughput"]).originals.rows

    assert found.figures[1].value == 71.4


def test_a_frontier_is_drawn_and_needs_two_points() -> None:
    card = made(facts(), ledger())
    seen = picture(card)

    assert seen is not None
    assert [one.label for one in seen.series] == [
        "least loss at its size", "me/Small-4bit", "mlx-community/Small-4bit",
    ]  # fmt: skip
    assert draw(seen, ".svg").startswith(b"<?xml")
    alone = made(facts(), [one for one in ledger() if one.subject.digest == OWN])
    assert picture(alone) is None
    assert not alone.frontier.rows


def test_a_loss_of_nothing_has_a_row_and_no_place_on_a_logarithmic_axis() -> None:
    card = made(facts(), [judged(1, 0.0), judged(2, 0.1, subject=Subject("b2" * 32, "other"))])

    assert [row.figures[1].text for row in card.frontier.rows] == ["0", "0.1000 ± 0.0050"]
    assert picture(card) is None


@given(LEDGERS)
def test_every_figure_is_in_the_measurement_that_it_names(measurements) -> None:
    card = made(facts(), measurements)
    by_id = {one.id: one for one in measurements}

    for grid in grids(card):
        for row in grid.rows:
            for figure in row.figures:
                assert len(row.figures) == len(grid.headings)
                if figure.measurement_id is None:
                    assert (figure.value, figure.text) == (None, NOT_MEASURED)
                else:
                    assert figure.measurement_id == row.measurement_id
                    assert at(by_id[figure.measurement_id].summary, figure.key) == figure.value
    assert {one.id for one in card.measurements} == {row.measurement_id for grid in grids(card) for row in grid.rows}


@given(LEDGERS)
def test_only_two_tables_are_of_other_weights(measurements) -> None:
    card = made(facts(), measurements)
    by_id = {one.id: one for one in measurements}

    own = [by_id[row.measurement_id] for grid in grids(card, MEASURED) for row in grid.rows]
    assert {one.subject.digest for one in own} <= {OWN}
    assert {by_id[one.measurement_id].subject.digest for one in card.results} <= {OWN}
    assert all(one.is_complete for one in card.measurements)
    assert sum(point.is_own for point in card.points) <= 1


@given(LEDGERS)
def test_a_result_of_the_front_matter_is_in_its_measurement(measurements) -> None:
    by_id = {one.id: one for one in measurements}

    for result in made(facts(), measurements).results:
        assert at(by_id[result.measurement_id].summary, result.key) == result.value


def test_a_task_has_its_error_beside_its_score_alone() -> None:
    asked, harness = made(facts(), ledger()).tasks.rows

    assert [figure.text for figure in asked.figures] == ["500", "96.2 %", "94.1 %", "97.6 %", "9", "3", "0.146"]
    assert harness.words == ("arc_easy: acc_norm",)
    assert [figure.text for figure in harness.figures] == ["570", "61.0 ± 2.0 %", *[NOT_MEASURED] * 5]


def test_nothing_measured_says_so() -> None:
    card = made(facts(), ())

    assert not any(grid.rows for grid in grids(card))
    assert not card.results
    assert not card.measurements
    assert {table(grid) for grid in grids(card)} == {"Not measured."}
    assert "What was lost against the original was not measured." in card.weaknesses
    assert "Speed was not measured." in card.weaknesses


def test_what_misses_a_figure_says_so() -> None:
    (row,) = made(facts(), [judged(1, 0.1, summary={"perplexity": None, "noise_floor_kl_nats": True})]).losses.rows

    assert [figure.text for figure in row.figures][-1] == NOT_MEASURED


def test_a_processor_is_no_mac() -> None:
    card = made(facts(), [timed(1, 3.1, machine=LINUX)])

    assert card.speeds.rows[0].words[0] == "AMD EPYC 9354, on its CPU, 2 cores, 16.0 GB, Debian GNU/Linux 12"
    assert any("not measured on a Mac's GPU" in said for said in card.weaknesses)
    assert machine_name(timed(2, 1.0)) == (
        "Apple M4 Max, on its GPU, 40 GPU cores, 68.7 GB, macOS 26.1, on mains power"
    )  # fmt: skip


def test_weaknesses_are_facts() -> None:
    said = made(facts(), ledger()).weaknesses

    assert "On news.jsonl, the KL lies above the noise floor: its answers differ from the original's." in said
    assert "The fewest bits, 3, are in 1 of the weights: model.layers.0.mlp.up_proj." in said
    assert "rope_scaling was written as newer readers expect it." in said
    assert any(one.endswith("The load at the start was 4.1 on 2 cores: the machine was not idle.") for one in said)
    assert not any("Mac" in one for one in said)


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        ({"noise_floor_kl_nats": 0.1}, "does not lie clearly above"),
        ({"kl_nats_se": None}, "no standard error"),
        ({"noise_floor_kl_nats": None}, "noise floor was not measured"),
        ({"clustered_by": "row"}, "is a single document"),
    ],
)
def test_what_weakens_a_loss_is_told(summary, words) -> None:
    assert any(words in said for said in made(facts(), [judged(1, 0.01, summary=summary)]).weaknesses)


def test_text_that_it_was_made_with_is_marked() -> None:
    card = made(facts(), [judged(1, 0.01, workload={"is_calibration_text": True})])

    assert card.losses.rows[0].words == ("news.jsonl (calibration text)",)
    assert any("less seems lost than is" in said for said in card.weaknesses)


def test_a_private_place_is_not_told() -> None:
    record = {**facts().record, "source": {"name": "~/private/base"}}
    card = made(facts(record=record), ledger())

    assert card.facts.source_name == "base"
    assert "private" not in str((card.frontier, card.provenance, card.steps))


def test_a_record_of_other_weights_makes_no_card() -> None:
    with pytest.raises(IntegrityError, match="other weights"):
        facts(digest=ORIGINAL)
    with pytest.raises(IntegrityError, match="other weights"):
        facts(record={})
    with pytest.raises(PlanError):
        facts(repo="no repo/at all/`")


def test_a_checkpoint_gives_its_facts() -> None:
    tensors = {"model.norm.weight": Tensor("model.norm.weight", "BF16", (64,))}
    config = {"model_type": "qwen3"}
    found = Facts.of(Checkpoint("x", Path(), config, tensors, record={"digest": OWN}), "me/x", OWN, export="all.jsonl")

    assert (found.size_bytes, found.parameters, found.bits_per_weight) == (128, 64, 16)
    assert (found.architecture, found.source_name, found.export) == ("qwen3", "a source without a name", "all.jsonl")


@pytest.mark.parametrize(("kl", "is_drawn"), [(5e-324, False), (1e-17, True), (1e5, True), (1e300, False)])
def test_a_frontier_of_odd_losses(kl: float, is_drawn: bool) -> None:
    seen = picture(made(facts(), [judged(1, kl), judged(2, 0.1, subject=Subject("b2" * 32, "other"))]))

    assert (seen is not None) == is_drawn
    assert seen is None or b"</svg>" in draw(seen, ".svg")


def test_a_license_file_of_the_source_is_linked_there() -> None:
    assert facts().license_link == f"https://huggingface.co/acme/Small/blob/{facts().source_commit}/LICENSE"
    assert facts(source_card={"license_link": "javascript:alert(1)"}).license_link is None
    assert facts(source_card={}).license == "apache-2.0"


@given(
    st.dictionaries(st.sampled_from(["license", "license_link", "language", "pipeline_tag", "license_name"]), st.text())
)
def test_an_odd_source_card_breaks_nothing(source_card) -> None:
    found: Facts = facts(source_card=source_card)

    assert found.pipeline_tag
    assert all(code.isascii() for code in found.languages)


def test_weights_without_a_scheme_are_not_called_quantized() -> None:
    plain_parts = tuple(replace(part, scheme=None) for part in facts().parts)

    assert facts(parts=plain_parts).tags == ("mlx", "mlxkit")
    assert dict(made(facts(parts=plain_parts), ()).summary)["Quantization"] == "none"


@given(st.text())
def test_escaped_text_reads_as_it_was(text: str) -> None:
    said = line(text)

    assert plain(escaped(said)) == said
    (read,) = cells(f"| a | b |\n| --- | --- |\n| {escaped(said)} | x |")
    assert (read.row, read.text) == (said, "x")


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e308) | st.none())
def test_a_number_is_written_short_whatever_it_is(value: float, se: float | None) -> None:
    for unit in ("bytes", "share", "seconds", "tps", "nats", "count", "ratio"):
        assert len(written(value, unit, se)) < 60


def test_a_figure_without_a_number_is_not_measured() -> None:
    found = taken("quality", 1, summary={"kl_nats": "0.1"})

    assert number(found.summary["kl_nats"]) is None
    assert Figure(None, "ratio", NOT_MEASURED) in made(facts(), [found]).perplexities.rows[0].figures
    assert last_part("C:\\x\\y") == "y"
