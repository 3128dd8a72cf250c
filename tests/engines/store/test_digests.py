import os

import pytest

from mlxkit.core.errors import NotFoundError
from mlxkit.core.progress import Silent
from mlxkit.core.record import checkpoint_digest
from mlxkit.core.schemes import parse
from mlxkit.engines import store
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.checkpoints import write_checkpoint
from tests.fakes.phases import Phases


def digest(folder, progress=None):
    return store.weights_digest(store.read("it", folder).sound(), progress or Silent())


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))


def test_it_is_what_the_build_record_says(source, tmp_path):
    made = convert(ConvertPlan(str(source), tmp_path / "made", dtype="float16", shard_bytes=50_000))
    written = store.read("it", tmp_path / "made").sound()
    assert checkpoint_digest(store.tensor_digests(written, Silent())) == made.digest


@pytest.mark.parametrize("make", ["convert", "quantize"])
def test_what_was_written_a_moment_ago_is_not_read_for_its_digest(source, tmp_path, make):
    if make == "convert":
        convert(ConvertPlan(str(source), tmp_path / "made"))
    else:
        quantize(QuantizePlan(str(source), tmp_path / "made", (parse("4bit"),)))
    (tmp_path / "made").rename(tmp_path / "moved")
    progress = Phases()
    assert digest(tmp_path / "moved", progress) == store.read("it", tmp_path / "moved").sound().record["digest"]
    assert progress.names == []


def test_shards_do_not_matter_and_weights_do(tmp_path):
    one, three = (write_checkpoint(tmp_path / str(shards), shards=shards) for shards in (1, 3))
    assert digest(one) == digest(three)
    before = digest(three)
    (shard, *_) = sorted(three.glob("*.safetensors"))
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    assert digest(three) != before


def test_weights_are_read_once(source):
    first, second = Phases(), Phases()
    assert digest(source, first) == digest(source, second)
    assert first.names == ["Reading it"]
    assert second.names == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_one_sentence(source):
    checkpoint = store.read("it", source).sound()
    (source / checkpoint.shards[0]).chmod(0)
    with pytest.raises(NotFoundError, match="cannot be read"):
        store.weights_digest(checkpoint, Silent())
