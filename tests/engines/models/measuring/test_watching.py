"""What is watched computes as before, and is as before when nobody watches any more."""

import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx import nn

from mlxkit.engines.models.measuring.watching import BLOCK, block_of, watched, zeros
from tests.engines.models.measuring.listening import measured, random_model, text
from tests.fakes.architectures import architectures

ROWS = text(2, 16)


class BrokenError(Exception):
    """What a layer may raise."""


def classes(model):
    return [type(module) for module in model.modules()]


@given(st.integers(1, 40_000))
def test_blocks_tile_a_width_and_hold_whole_groups(width):
    block = block_of(width)
    assert block <= BLOCK
    assert width % block == 0
    assert all(block % size == 0 for size in (32, 64, 128) if width % size == 0)


@pytest.mark.parametrize("name", architectures())
def test_nothing_changes_for_the_model_while_it_is_watched_and_after(name, tmp_path):
    model, units = random_model(name, tmp_path)
    before, known = model(ROWS), classes(model)
    taps = {path: zeros(unit, unit.weight.shape[-1]) for path, unit in units.items()}
    with watched(model, units) as into:
        into(taps)
        assert mx.array_equal(model(ROWS), before)
        assert classes(model) != known
    assert classes(model) == known
    assert mx.array_equal(model(ROWS), before)


def test_after_a_failure_all_is_as_before(tmp_path):
    model, units = random_model("llama", tmp_path)
    before, known, attention = model(ROWS), classes(model), model.layers[1].self_attn

    class Failing(type(attention)):
        def __call__(self, *args, **options):
            raise BrokenError

    attention.__class__ = Failing
    with pytest.raises(BrokenError):
        measured(model, units, ROWS)
    attention.__class__ = Failing.__base__
    assert classes(model) == known
    assert not any(module.training for module in model.modules())
    assert mx.array_equal(model(ROWS), before)


def test_empty_taps_take_no_memory():
    unit = nn.Linear(8192, 4)
    before = mx.get_active_memory()
    taps = zeros(unit, 8192)
    mx.eval(taps)
    assert taps["linear"]["moments"].shape == (8, 1024, 1024)
    assert mx.get_active_memory() - before < 2**16
