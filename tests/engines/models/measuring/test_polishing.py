"""Polish, on random models of each kind of unit: matrices, embeddings, experts and one matrix per head."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from mlxkit.core.progress import Silent
from mlxkit.core.schemes import Scheme
from mlxkit.engines import models, store
from mlxkit.engines.models.encoding import Encoded, encode
from mlxkit.engines.models.measuring.polishing import Polished, Schedule, polish
from mlxkit.engines.models.measuring.workbench import Workbench
from tests.fakes.architectures import write

TEXT = mx.random.randint(0, 640, (6, 16), key=mx.random.key(1))
ROWS, HELD_OUT = TEXT[:4], TEXT[4:]
SHORT = Schedule(epochs=2, batch=2, warm_steps=1)

Stand = tuple[Workbench, dict[str, Encoded]]


def stand(name: str, folder: Path, *, is_reduced: bool = False) -> Stand:
    """A bench, and all of its weights in a few bits; one of them in a mode that has no biases."""
    checkpoint = store.read(name, write(name, folder)).sound()
    bench = Workbench(checkpoint, "bfloat16", is_reduced=is_reduced, trust_remote_code=False)
    units = models.units(models.open_model(checkpoint).model)
    encoded = {}
    for index, (path, weight) in enumerate(bench.weights([unit.path for unit in units])):
        wanted = Scheme("mxfp4", 4, 32) if index == 2 else Scheme("affine", 2 + index % 3, 64)
        scheme = wanted.fitted(weight.shape[-1])
        if scheme is not None:
            encoded[path] = encode(weight, scheme, "minmax")
    return bench, encoded


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Stand:
    return stand("llama", tmp_path_factory.mktemp("llama") / "it")


def polished(
    at: Stand, state: Path, schedule: Schedule = SHORT, progress: Any = None, rows: mx.array = ROWS
) -> Polished:
    bench, encoded = at
    return polish(bench, encoded, rows, HELD_OUT, state=state, progress=progress or Silent(), schedule=schedule)


def divergence(bench: Workbench, encoded: dict[str, Encoded]) -> float:
    bench.ask(HELD_OUT, Silent())
    with bench.trying(encoded.items()):
        found = bench.divergences(Silent())
    return sum(found) / len(found)


def same(one: Polished, other: Polished) -> bool:
    arrays = [(one.encoded[path].arrays(), other.encoded[path].arrays()) for path in one.encoded]
    is_same = all(mx.array_equal(a[name], b[name]).item() for a, b in arrays for name in a)
    return is_same and one.epoch_nats == other.epoch_nats and one.steps == other.steps


@pytest.mark.parametrize("name", ["llama", "mixtral", "deepseek_v3"])
def test_what_is_stored_is_what_was_measured_and_no_unit_is_left_out(name: str, tmp_path: Path) -> None:
    bench, encoded = stand(name, tmp_path / name)
    # On the very text that it is judged by: a random model's answers to other text have little in common.
    found = polished(
        (bench, encoded), tmp_path / "state.safetensors", Schedule(epochs=4, batch=1, warm_steps=1), rows=HELD_OUT
    )
    assert found.after_nats < found.before_nats
    assert found.before_nats == pytest.approx(divergence(bench, encoded), rel=1e-4)
    assert found.after_nats == pytest.approx(divergence(bench, found.encoded), rel=1e-4)
    for path, given in encoded.items():
        weights = found.encoded[path]
        if given.biases is None:
            assert weights is given
        else:
            assert weights.weight is given.weight
            assert weights.scales.dtype == weights.biases.dtype == mx.bfloat16
            assert not mx.array_equal(weights.biases, given.biases), path


def test_the_originals_are_on_the_bench_again(llama: Stand, tmp_path: Path) -> None:
    bench, _ = llama
    bench.ask(HELD_OUT, Silent())
    polished(llama, tmp_path / "state.safetensors")
    assert bench.divergences(Silent()) == [0.0, 0.0]


@pytest.mark.parametrize("rate", [0.0, 1e4])
def test_what_held_out_text_does_not_confirm_is_not_kept(rate: float, llama: Stand, tmp_path: Path) -> None:
    found = polished(llama, tmp_path / "state.safetensors", Schedule(epochs=4, batch=4, rate=rate, patience=2))
    assert all(found.encoded[path] is given for path, given in llama[1].items())
    assert found.after_nats == found.before_nats
    assert len(found.epoch_nats) == 2  # no epoch beyond its patience


def test_nothing_to_train(llama: Stand, tmp_path: Path) -> None:
    bench, encoded = llama
    without = {path: weights for path, weights in encoded.items() if weights.biases is None}
    found = polished((bench, without), tmp_path / "state.safetensors")
    assert found == Polished(without, found.before_nats, found.before_nats, (), 0)
    assert found.before_nats > 0


class Interrupting(Silent):
    """Progress that is interrupted after some tokens."""

    def __init__(self, after: int) -> None:
        self.after = after

    @contextmanager
    def phase(self, name: str, *_: Any) -> Iterator[Any]:
        calls = count()

        def advance(_done: int) -> None:
            if name.startswith("Polishing") and next(calls) == self.after:
                raise KeyboardInterrupt

        yield advance


def test_an_interrupted_run_ends_as_one_that_was_not(llama: Stand, tmp_path: Path) -> None:
    whole = polished(llama, tmp_path / "whole.safetensors")
    for after in (3, 6):  # within the first epoch; within the second
        with pytest.raises(KeyboardInterrupt):
            polished(llama, tmp_path / "parts.safetensors", progress=Interrupting(after))
    bench, _ = llama
    bench.ask(HELD_OUT, Silent())
    assert bench.divergences(Silent()) == [0.0, 0.0]
    resumed = polished(llama, tmp_path / "parts.safetensors")
    assert same(whole, resumed)
    assert same(whole, polished(llama, tmp_path / "parts.safetensors"))  # what is finished is only read
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.safetensors", "whole.safetensors"]


def test_an_original_too_large_for_the_memory(tmp_path: Path) -> None:
    at = stand("llama", tmp_path / "it", is_reduced=True)
    found = polished(at, tmp_path / "state.safetensors", Schedule(epochs=2, batch=1, warm_steps=1), rows=HELD_OUT)
    assert found.after_nats < found.before_nats
