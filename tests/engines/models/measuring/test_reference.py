"""The original's answers are exactly its own, whatever weights the model has that computes them."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx import nn
from mlx.utils import tree_map
from mlx_lm.utils import _get_classes

from mlxkit.core.errors import CheckpointError
from mlxkit.core.progress import Silent
from mlxkit.engines.models.measuring.reference import divergences, head_path, kl, reference, reference_logits
from tests.engines.models.measuring.listening import numbers, random_model, text, units_of
from tests.fakes.architectures import architectures, config_of

ROWS = text(2, 12)


def judged(model, answers):
    """The original's logits as another model gives them, per row."""
    head = units_of(model)[answers.path]
    return [
        reference_logits(model, head, answers, row, hidden)
        for row, hidden in zip(answers.rows, answers.hidden, strict=True)
    ]


def all_equal(found, wanted):
    return all(mx.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("name", architectures())
def test_a_model_does_not_diverge_from_itself(name, tmp_path):
    model, units = random_model(name, tmp_path)
    classes = [type(module) for module in model.modules()]
    answers = reference(model, units, ROWS, Silent())
    head = "model.embed_tokens" if config_of(name)["tie_word_embeddings"] else "lm_head"
    assert answers.path == head
    found = divergences(model, answers, units[head], Silent())
    assert [row.shape for row in found] == [(12,), (12,)]
    assert all((row == 0).all().item() for row in found)
    assert all_equal(judged(model, answers), [model(row[None])[0] for row in ROWS])
    assert [type(module) for module in model.modules()] == classes


# Untied, tied, tied with a softcap, and with multipliers of the logits.
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2", "falcon_h1", "granitemoehybrid"])
@pytest.mark.parametrize("is_in_place", [False, True])
def test_answers_stay_the_originals_in_a_model_with_other_weights(name, is_in_place, tmp_path):
    model, units = random_model(name, tmp_path)
    original = [model(row[None])[0] for row in ROWS]
    mx.eval(original)
    answers = reference(model, units, ROWS, Silent())
    if is_in_place:
        model.update(tree_map(lambda array: array * 0.9, model.parameters()))
    else:
        nn.quantize(
            model, 32, 3, class_predicate=lambda _, m: hasattr(m, "to_quantized") and m.weight.shape[-1] % 32 == 0
        )
        assert hasattr(units_of(model)[answers.path], "scales")
    assert all_equal(judged(model, answers), original)
    found = divergences(model, answers, units_of(model)[answers.path], Silent())
    wanted = [kl(logits, model(row[None])[0]) for row, logits in zip(ROWS, original, strict=True)]
    assert all_equal(found, wanted)
    assert all((row > 0).all().item() for row in found)


def test_a_matrix_as_long_as_the_vocabulary_is_not_taken_for_the_head():
    config = {**config_of("qwen2"), "intermediate_size": 640}
    model_class, arguments = _get_classes(config)
    mx.random.seed(0)
    model = model_class(arguments.from_dict(config))
    model.eval()
    units = units_of(model)
    assert units["model.layers.1.mlp.up_proj"].weight.shape == units["model.embed_tokens"].weight.shape
    assert head_path(model, units) == "model.embed_tokens"


def test_a_model_without_a_head_among_its_units_is_told(tmp_path):
    model, units = random_model("llama", tmp_path)
    del units["lm_head"]
    with pytest.raises(CheckpointError, match="last matrix was not found") as caught:
        reference(model, units, ROWS, Silent())
    assert "--scheme" in caught.value.hint


@given(st.integers(0, 2**32), st.sampled_from([0.01, 1.0, 30.0]), st.sampled_from(["float32", "bfloat16"]))
def test_kl_is_the_divergence(seed, scale, dtype):
    random = np.random.default_rng(seed)
    p, q = (mx.array(random.normal(size=(3, 50)).astype(np.float32) * scale).astype(getattr(mx, dtype)) for _ in "pq")
    logs = []
    for logits in (p, q):
        x = numbers(logits) - numbers(logits).max(-1, keepdims=True)
        logs.append(x - np.log(np.exp(x).sum(-1, keepdims=True)))
    wanted = (np.exp(logs[0]) * (logs[0] - logs[1])).sum(-1)
    assert kl(p, q).dtype == mx.float32
    # float32 keeps a log-probability to one part in 10^7 of the logits' size.
    assert np.allclose(numbers(kl(p, q)), wanted, rtol=1e-5, atol=1e-6 * max(1, scale))
    assert (kl(p, p) == 0).all().item()
