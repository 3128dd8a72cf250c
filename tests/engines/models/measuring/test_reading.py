"""What text says of a model is what its logits say, computed elsewhere in double precision."""

import math
import sys
from contextlib import redirect_stdout

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.perplexity import eval_ppl

from mlxkit.core.errors import CheckpointError, IntegrityError
from mlxkit.core.schemes import parse
from mlxkit.engines import models, store
from mlxkit.engines.models.measuring.reading import Reader, judge, judged, noise
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.engines.models.measuring.listening import numbers
from tests.fakes.architectures import architectures, write

LENGTH = 48
RANDOM = np.random.default_rng(11)
ROWS = RANDOM.integers(0, 96, (6, LENGTH)).tolist()


def reader_of(folder):
    return Reader(store.read("it", folder).sound(), trust_remote_code=False)


def changed(folder, name):
    """The same checkpoint with every matrix a little different: a model that has lost something."""
    reader = reader_of(write(name, folder / "copy"))
    chance = mx.random.key(3)
    for path, array in tree_flatten(reader.model.parameters()):
        if array.ndim > 1:
            chance, key = mx.random.split(chance)
            noisy = array * (1 + 0.02 * mx.random.normal(array.shape, key=key))
            reader.model.update(tree_unflatten([(path, noisy)]))
    return reader


def log_probabilities(logits):
    x = numbers(logits).astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@pytest.mark.parametrize("name", architectures())
def test_a_model_loses_nothing_against_itself(name, tmp_path):
    reader = reader_of(write(name, tmp_path / "it"))
    for row in ROWS:
        answers = reader.answers(models.inputs(row))
        found = judge(row, reader, (reader_of(tmp_path / "it"), answers))
        assert set(found.kl_nats) == {0.0}
        assert all(found.agrees)
        assert found.nll_nats == found.reference_nll_nats


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])  # untied, tied, tied with a softcap
def test_figures_are_those_of_double_precision_from_dumped_logits(name, tmp_path):
    original = reader_of(write(name, tmp_path / "it"))
    model = changed(tmp_path, name)
    nll, kl, agreed = [], [], []
    found = []
    for row in ROWS:
        ours, theirs = (log_probabilities(reader.logits(models.inputs(row))[0]) for reader in (model, original))
        nll.append(-ours[np.arange(LENGTH - 1), row[1:]])
        kl.append((np.exp(theirs) * (theirs - ours)).sum(-1))
        agreed.append(ours.argmax(-1) == theirs.argmax(-1))
        found.append(judge(row, model, (original, original.answers(models.inputs(row)))))
    assert 1e-6 < np.mean(kl) < 1
    assert np.mean([row.kl_nats for row in found]) == pytest.approx(np.mean(kl), rel=1e-6)
    mean = np.mean([row.nll_nats for row in found])
    assert math.exp(mean) == pytest.approx(math.exp(np.mean(nll)), rel=1e-6)
    assert np.mean([row.agrees for row in found]) == np.mean(agreed)


def test_perplexity_is_that_of_mlx_lm(tmp_path):
    reader = reader_of(write("llama", tmp_path / "it"))
    with redirect_stdout(sys.stderr):
        wanted, _ = eval_ppl(reader.model, mx.array(ROWS), batch_size=2)
    found = math.exp(np.mean([judge(row, reader).nll_nats for row in ROWS]))
    assert found == pytest.approx(wanted, rel=1e-4)


def test_what_is_kept_is_as_narrow_as_the_model_and_gives_the_logits_again(tmp_path):
    reader = reader_of(write("llama", tmp_path / "it"))
    answers = reader.answers(models.inputs(ROWS[0]))
    path = tmp_path / "kept.safetensors"
    models.save_arrays(path, answers)
    assert answers["hidden"].shape[:2] == (1, LENGTH - 1)
    other = reader_of(tmp_path / "it")
    assert mx.array_equal(other.recalled(models.load_arrays(path)), reader.logits(models.inputs(ROWS[0]))).item()


def test_logits_that_come_from_nowhere_known_are_kept_themselves(tmp_path):
    reader = reader_of(write("llama", tmp_path / "it"))
    wanted = reader.logits(models.inputs(ROWS[0]))
    reader.head_path = None
    answers = reader.answers(models.inputs(ROWS[0]))
    assert list(answers) == ["logits"]
    assert mx.array_equal(reader.recalled(answers), wanted).item()


def test_quantized_weights_are_judged_as_they_are(tmp_path):
    source = write("llama", tmp_path / "it")
    quantize(QuantizePlan(str(source), tmp_path / "q", schemes=(parse("4bit-g32"),)))
    original, model = reader_of(source), reader_of(tmp_path / "q")
    found = judge(ROWS[0], model, (original, original.answers(models.inputs(ROWS[0]))))
    assert 0 < np.mean(found.kl_nats) < 5


def test_noise_is_of_rounding_only(tmp_path):
    reader = reader_of(write("llama", tmp_path / "it"))
    for rows in (ROWS[:2], ROWS[:1]):
        found = noise(reader, rows, [reader.answers(models.inputs(row)) for row in rows])
        assert len(found) == len(rows) * ((LENGTH - 1) * 7 // 8)
        assert 0 <= max(found) < 1e-8


@pytest.mark.parametrize("time", [1, 127, 128, 129, 300])
def test_pieces_make_no_difference(time):
    a, b = (mx.array(RANDOM.normal(size=(time, 40)).astype(np.float32)) for _ in "ab")
    tokens = mx.array(RANDOM.integers(0, 40, time))
    found = judged(b, tokens, a)
    p, q = log_probabilities(a), log_probabilities(b)
    assert np.allclose(found.kl_nats, (np.exp(p) * (p - q)).sum(-1), rtol=1e-5)
    assert np.allclose(found.nll_nats, -q[np.arange(time), np.array(tokens)], rtol=1e-5)
    assert len(found.agrees) == time


def test_nan_is_told():
    with pytest.raises(IntegrityError, match="NaN"):
        judged(mx.array([[0.0, math.nan]]), mx.array([0]))


def test_two_vocabularies_cannot_be_compared(tmp_path):
    one, other = (reader_of(write("llama", tmp_path / name)) for name in ("one", "other"))
    models.demand_same_vocabulary(one, other, ("a", "b"))
    other.vocabulary += 32
    with pytest.raises(CheckpointError, match=r"logits and 'b' .* cannot be compared") as caught:
        models.demand_same_vocabulary(one, other, ("a", "b"))
    assert "--reference" in caught.value.hint
