import math

import numpy as np
import pytest

from mlxkit.core.quality import Judged, Quality
from mlxkit.core.text import Text

RANDOM = np.random.default_rng(3)
ROWS = tuple(
    Judged(
        tuple(RANDOM.exponential(2, 9).tolist()),
        tuple(RANDOM.exponential(0.01, 9).tolist()),
        tuple(RANDOM.exponential(2, 9).tolist()),
        tuple((RANDOM.random(9) < 0.9).tolist()),
    )
    for _ in range(6)
)
DOCUMENTS = (("a",), ("a", "b"), ("b",), ("c",), ("c", "d"), ("e",))
TEXT = Text(((0,) * 10,) * 6, "text of some.txt", DOCUMENTS)
SIZES = (30, 31, 32, 33, 34, 35)


def column(name):
    return np.array([getattr(row, name) for row in ROWS], dtype=float)


def linearized(sums, counts):
    """Mean and standard error of a ratio, from clusters: a, b, c and e, where each row begins."""
    members = [[0, 1], [2], [3, 4], [5]]
    s, c = (np.array([sum(values[row] for row in rows) for rows in members]) for values in (sums, counts))
    mean = s.sum() / c.sum()
    return mean, math.sqrt(4 / 3 * ((s - mean * c) ** 2).sum()) / c.sum()


@pytest.fixture
def quality():
    return Quality.of(ROWS, TEXT, SIZES)


def test_figures_are_means_over_tokens_clustered_by_the_document_that_a_row_begins_in(quality):
    nines = [9] * 6
    for found, sums in (
        (quality.nll, column("nll_nats").sum(1)),
        (quality.kl, column("kl_nats").sum(1)),
        (quality.top1_agreement, column("agrees").sum(1)),
    ):
        assert (found.value, found.se) == pytest.approx(linearized(sums, nines))
        assert found.clusters == 4
    assert quality.clustered_by == "document"
    bits, error = linearized(column("nll_nats").sum(1), SIZES)
    assert quality.bits_per_byte.value == pytest.approx(bits / math.log(2))
    assert quality.bits_per_byte.se == pytest.approx(error / math.log(2))


def test_perplexities_are_exponentials_and_their_ratio_is_paired(quality):
    nll, reference = column("nll_nats"), column("reference_nll_nats")
    assert quality.perplexity.value == pytest.approx(np.exp(nll.mean()))
    assert quality.reference_perplexity.value == pytest.approx(np.exp(reference.mean()))
    mean, error = linearized((nll - reference).sum(1), [9] * 6)
    assert quality.perplexity_ratio.value == pytest.approx(np.exp(mean))
    assert quality.perplexity_ratio.se == pytest.approx(np.exp(mean) * error)


def test_against_itself_a_ratio_has_no_error():
    same = tuple(Judged(row.nll_nats, (0.0,) * 9, row.nll_nats, (True,) * 9) for row in ROWS)
    found = Quality.of(same, TEXT, SIZES)
    assert (found.perplexity_ratio.value, found.perplexity_ratio.se) == (1, 0)
    assert (found.kl.value, found.kl.se, found.top1_agreement.value) == (0, 0, 1)


def test_quantiles_are_over_tokens(quality):
    ordered = np.sort(column("kl_nats").ravel())
    summary = quality.summary()
    assert summary["kl_nats_median"] == ordered[26]
    assert summary["kl_nats_max"] == summary["kl_nats_p999"] == ordered[-1]
    assert quality.raw()["kl_nats_quantiles"]["0.9"] == ordered[48]


def test_text_of_one_document_is_clustered_by_row():
    one = Text(TEXT.rows, "text of one.txt", (("a",),) * 6)
    found = Quality.of(ROWS, one, SIZES)
    assert found.clustered_by == "row"
    assert found.kl.clusters == 6


def test_rows_that_were_written_for_themselves_are_documents():
    found = Quality.of(ROWS, Text(TEXT.rows, "self-generated, seed 0"), SIZES)
    assert found.clustered_by == "document"
    assert found.kl.clusters == 6


def test_without_an_original_there_is_nothing_to_compare():
    alone = Quality.of([Judged(row.nll_nats) for row in ROWS], TEXT, SIZES)
    assert not {key for key in alone.summary() if key.startswith(("kl", "top1", "perplexity_ratio", "reference"))}
    assert alone.chief == alone.nll
    assert "kl_nats" not in alone.raw()["rows"][0]


def test_the_figures_can_be_made_again_from_the_raw_rows(quality):
    rows = quality.raw()["rows"]
    assert sum(row["kl_nats"] for row in rows) / sum(row["tokens"] for row in rows) == pytest.approx(quality.kl.value)
    assert [row["cluster"] for row in rows] == [0, 0, 1, 2, 2, 3]
    assert [row["size_bytes"] for row in rows] == list(SIZES)


def test_fewer_rows_are_the_first_ones():
    found = Quality.of(ROWS[:2], TEXT, SIZES)
    assert found.sizes_bytes == SIZES[:2]
    assert found.tokens == 18


def test_tokens_that_stand_for_no_text_have_no_bits_per_byte():
    found = Quality.of(ROWS, TEXT, [0] * 6)
    assert found.bits_per_byte is None
    assert found.summary()["bits_per_byte"] is None


def test_a_row_is_the_same_after_it_was_written_down():
    assert Judged.from_json(ROWS[0].as_json()) == ROWS[0]
