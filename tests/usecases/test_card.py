"""What goes beside weights, from a folder and a ledger."""

from dataclasses import replace

import pytest

from mlxkit.core.errors import IntegrityError
from mlxkit.core.exchange import parse
from mlxkit.core.located import Located
from mlxkit.core.schemes import parse as scheme
from mlxkit.engines import store
from mlxkit.usecases.card import CARD, MEASUREMENTS, CardPlan, card
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.measurements import measurement

REPO = "alice/tiny-4bit"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card") / "made"
    quantize(QuantizePlan("tiny", folder, schemes=(scheme("4bit"),), encoder="minmax"))
    return folder


def written(folder, found=()):
    return card(CardPlan(folder, REPO), draw=lambda _picture, suffix: suffix.encode(), find=lambda: found)


def own(folder, number=0, **summary):
    """A measurement of these weights."""
    one = measurement(number)
    digest = store.read("it", folder).record["digest"]
    workload = {**one.workload, "reference": {"digest": "ab" * 32, "name": "tiny", "repo": None, "commit": None}}
    subject = replace(one.subject, digest=digest)
    return replace(one, subject=subject, workload=workload, summary={**one.summary, **summary})


def test_its_figures_are_those_of_these_weights(made):
    found = own(made, kl_nats=0.0345, kl_nats_se=0.0012)
    result = written(made, [found, measurement(1, summary={"kl_nats": 0.987})])
    text = result.files[CARD].decode()
    assert "0.0345 ± 0.0012" in text
    assert "0.987" not in text
    (kept,) = result.files[MEASUREMENTS].decode().splitlines()
    assert parse(kept) == found
    assert result.data().keys() == result.files.keys()


def test_its_source_gives_license_and_language(made):
    text = written(made).files[CARD].decode()
    assert "license: mit" in text
    assert "not measured" in text.lower()


def test_a_tokenizer_of_another_model_is_told_of(tmp_path, source):
    there = Located(source, tokenizer="owner/other@abc")
    plan = QuantizePlan(str(source), tmp_path / "made", (scheme("4bit"),))
    quantize(plan, locate=lambda _name: there)
    assert store.read("it", tmp_path / "made").record["source"]["tokenizer"] == "owner/other@abc"
    assert "| Tokenizer of | owner/other@abc |" in written(tmp_path / "made").files[CARD].decode()


def test_weights_that_were_changed_get_no_card(made, tmp_path):
    from shutil import copytree

    changed = copytree(made, tmp_path / "changed")
    path = changed / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="other weights"):
        written(changed)


def test_weights_of_others_get_none(source):
    assert written(source).files == {}
