"""A remote checkpoint looked at by its headers: the same tensors, and hardly a byte of weights."""

import json
from pathlib import Path

import pytest

from mlxkit.core.checkpoint import Tensor
from mlxkit.core.errors import IntegrityError
from mlxkit.core.fetching import choose
from mlxkit.engines.hub import Hub, api, headers
from mlxkit.engines.store.reading import read
from tests.fakes.checkpoints import write_checkpoint
from tests.fakes.fetching import NAME, no_sleep
from tests.hub import TestHub


def shard(entries: dict[str, object], data: int, padding: int = 0) -> bytes:
    text = json.dumps(entries).encode() + b" " * padding
    return len(text).to_bytes(8, "little") + text + b"\0" * data


def look(hub: Hub) -> dict[str, tuple[Tensor, ...]]:
    found = api.resolve(hub, NAME, sleep=no_sleep)
    return dict(headers.read_headers(hub, found, [file for file in found.files if file.path.endswith(".safetensors")]))


def test_the_tensors_of_every_shard(server: TestHub, hub: Hub) -> None:
    x = {"x": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}, "__metadata__": {"format": "mlx"}}
    y = {"y": {"dtype": "U32", "shape": [], "data_offsets": [0, 4]}}
    server.add(NAME, {"model-1.safetensors": shard(x, 12), "model-2.safetensors": shard(y, 4)})

    assert look(hub) == {
        "model-1.safetensors": (Tensor("x", "F16", (2, 3), "model-1.safetensors"),),
        "model-2.safetensors": (Tensor("y", "U32", (), "model-2.safetensors"),),
    }


@pytest.mark.parametrize("padding", [0, 99_900, 100_000, 3_000_000])
def test_of_a_large_file_only_the_header_is_sent(server: TestHub, hub: Hub, padding: int) -> None:
    size = 20_000_000
    entries = {"x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    server.add(NAME, {"model.safetensors": shard(entries, size, padding)})

    assert look(hub)["model.safetensors"][0].shape == (size,)
    assert server.bytes_sent("model.safetensors") < padding + 110_000


@pytest.mark.parametrize("kind", ["drop", "status", "ignore_range"])
def test_a_network_that_fails_is_put_up_with(server: TestHub, hub: Hub, kind: str) -> None:
    entries = {"x": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}
    server.add(NAME, {"model.safetensors": shard(entries, 9)})
    server.faults.add("model.safetensors", kind)  # type: ignore[arg-type]

    assert look(hub)["model.safetensors"][0].name == "x"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\1",
        b"\0" * 8,
        b"\xff" * 64,
        (99).to_bytes(8, "little") + b"{}",
        shard({"x": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, 4),
        shard({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, 4),
        shard({"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, 4),
        shard({"x": {"dtype": "F32"}}, 4),
        shard({"x": 3}, 4),
        (4).to_bytes(8, "little") + b"[[]]",
        (4).to_bytes(8, "little") + b"\xff\xff\xff\xff",
    ],
    ids=range(12),
)
def test_what_is_no_header_is_refused(server: TestHub, hub: Hub, content: bytes) -> None:
    server.add(NAME, {"model.safetensors": content})

    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        look(hub)


def test_a_sketch_reads_like_the_checkpoint(server: TestHub, hub: Hub, tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "source", shards=3)
    server.add(NAME, {path.name: path.read_bytes() for path in source.iterdir()})
    found = api.resolve(hub, NAME)
    folder = tmp_path / "sketch"
    folder.mkdir()

    headers.sketch(hub, found, choose(found.files, api.weight_map(hub, found)), folder)

    whole, sketched = read(NAME, source), read(NAME, folder)
    assert sketched.tensors == whole.tensors
    assert sketched.config == whole.config
    assert not sketched.problems
