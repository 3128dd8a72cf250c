"""The guard before a model is loaded: what does not fit is refused with what would."""

import pytest

from mlxkit.core.errors import DoesNotFitError
from mlxkit.core.schemes import parse
from mlxkit.engines import models, store
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.architectures import write
from tests.fakes.sparse import write_qwen3_4b


def read(folder):
    return store.read(str(folder), folder).sound()


def needed(checkpoint, context=64):
    return models.needed(checkpoint, context=context, batch=1, on_cpu=True, trust_remote_code=False).total_bytes


def demand(checkpoint, limit, **words):
    models.demand_room(checkpoint, limit, **{"context": 64, "on_cpu": True, **words})


def test_what_just_fits_is_let_in_and_a_byte_more_is_not(tmp_path):
    checkpoint = read(write("llama", tmp_path / "it"))
    total = needed(checkpoint)
    demand(checkpoint, total)
    demand(checkpoint, None)
    with pytest.raises(DoesNotFitError, match=r"of weights.* of cache"):
        demand(checkpoint, total - 1)


def test_a_shorter_context_is_offered_first(tmp_path):
    checkpoint = read(write("llama", tmp_path / "it"))
    limit = needed(checkpoint, context=16)
    with pytest.raises(DoesNotFitError) as caught:
        demand(checkpoint, limit)
    assert "a context of 16 tokens fits" in caught.value.hint
    assert "--force" in caught.value.hint
    demand(checkpoint, limit, context=16)


def test_a_scheme_that_fits_is_offered_where_no_context_does(tmp_path):
    checkpoint = read(write_qwen3_4b(tmp_path / "it"))
    with pytest.raises(DoesNotFitError, match=r"8\.04 GB of weights") as caught:
        models.demand_room(checkpoint, 5 * 10**9)
    assert "--scheme 6bit` would fit" in caught.value.hint


def test_what_is_quantized_is_not_to_be_quantized_again(tmp_path):
    quantize(QuantizePlan(str(write("llama", tmp_path / "it")), tmp_path / "q", schemes=(parse("8bit-g32"),)))
    with pytest.raises(DoesNotFitError) as caught:
        demand(read(tmp_path / "q"), 1000)
    assert caught.value.hint.startswith("use a smaller model")


def test_plain_weights_take_four_bytes_a_number(tmp_path):
    checkpoint = read(write_qwen3_4b(tmp_path / "it"))
    with pytest.raises(DoesNotFitError, match=r"16\.\d+ GB of weights"):
        demand(checkpoint, needed(checkpoint), is_plain=True)


def test_what_cannot_be_traced_is_for_the_loader_to_tell(tmp_path):
    folder = write("llama", tmp_path / "it")
    (folder / "config.json").write_text((folder / "config.json").read_text().replace('"llama"', '"perceptron"'))
    demand(read(folder), 1)
