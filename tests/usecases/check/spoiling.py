"""What spoils a folder: one function for each way, named after what it brings about."""

import json
import os
import pickle
import shutil
import struct
from pathlib import Path

import mlx.core as mx

from mlxkit.engines import store
from tests.usecases.check.world import INDEX, WEIGHTS, World

BLOCK = "model.layers.0.mlp.down_proj"


def header(entries: dict, body: bytes = b"") -> bytes:
    """A safetensors file as it would be written by hand."""
    text = json.dumps(entries, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + body


def index(world: World, metadata: dict | None = None, add: dict | None = None, take: tuple = ()) -> None:
    value = json.loads((world.folder / INDEX).read_text())
    names = {**value["weight_map"], **(add or {})}
    value = {
        "metadata": {**value["metadata"], **(metadata or {})},
        "weight_map": {name: file for name, file in names.items() if name not in take},
    }
    world.write(INDEX, json.dumps(value))


def quantization(world: World, **keys: object) -> None:
    entry = json.loads((world.folder / "config.json").read_text())["quantization"]
    entry = {**entry, **{key.replace("__", "."): value for key, value in keys.items()}}
    world.change("config.json", quantization=entry, quantization_config=entry)


def layer(world: World, value: object) -> None:
    entry = json.loads((world.folder / "config.json").read_text())["quantization"] | {BLOCK: value}
    world.change("config.json", quantization=entry, quantization_config=entry)


def only_metadata(world: World) -> None:
    content = header({"__metadata__": {"format": "mlx"}})
    assert len(content) == 41
    world.write(WEIGHTS, content)


def cut(world: World) -> None:
    world.write(WEIGHTS, (world.folder / WEIGHTS).read_bytes()[:-100])


def overlap(world: World) -> None:
    told = {"dtype": "F32", "shape": [2]}
    entries = {"a": {**told, "data_offsets": [0, 8]}, "b": {**told, "data_offsets": [4, 12]}}
    world.write(WEIGHTS, header(entries, bytes(12)))


def two_shards(world: World) -> None:
    weights = mx.load(str(world.folder / WEIGHTS))
    mx.eval(weights)
    names = sorted(weights)
    for number, chosen in enumerate((names[::2], names[1::2])):
        mx.save_safetensors(str(world.folder / f"model-{number}.safetensors"), {name: weights[name] for name in chosen})
    world.drop(WEIGHTS, INDEX)


def flip(world: World) -> None:
    content = bytearray((world.folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    world.write(WEIGHTS, bytes(content))


def record_other(world: World, **tensors: str | None) -> None:
    from mlxkit.core.record import checkpoint_digest

    value = json.loads((world.folder / "mlxkit.json").read_text())
    known = {name: said for name, said in {**value["tensors"], **tensors}.items() if said}
    world.change("mlxkit.json", tensors=known, digest=checkpoint_digest(known))


def sparse(world: World, file: str, size: int) -> None:
    path = world.write(file, b"")
    os.truncate(path, size)


def link(world: World, file: str, target: str) -> None:
    (world.folder / file).symlink_to(target)


def executable(world: World, file: str, content: str | bytes = "text", *, mode: int = 0o644) -> None:
    world.write(file, content).chmod(mode)


def pickled(world: World, file: str) -> None:
    world.write(file, pickle.dumps({"a": [1, 2]}))


def torch_zip(world: World, file: str) -> None:
    import zipfile

    with zipfile.ZipFile(world.write(file, b""), "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")


def original_tokenizer(world: World) -> None:
    path = world.original / "tokenizer.json"
    path.write_text(path.read_text() + "\n")


def unquantized(world: World) -> None:
    for file in ("model.safetensors", "config.json"):
        shutil.copyfile(store.locate("tiny") / file, world.folder / file)
    world.drop(INDEX, "mlxkit.json")


def claims(world: World) -> None:
    unquantized(world)
    entry = {"bits": 4, "group_size": 64, "mode": "affine"}
    world.change("config.json", quantization=entry, quantization_config=entry)


def duplicate(world: World) -> None:
    text = (world.folder / "config.json").read_text()
    world.write("config.json", text.replace("{", '{"use_cache": true, ', 1))


def no_eos(world: World) -> None:
    world.change("config.json", eos_token_id=...)
    world.change("generation_config.json", eos_token_id=...)
    world.change("tokenizer_config.json", both=True, eos_token=None)


def no_template(world: World) -> None:
    world.plan["published_as"] = "owner/tiny-Instruct-4bit"
    world.drop("chat_template.jinja", both=True)
    world.change("tokenizer_config.json", both=True, chat_template=...)


def said_in(file: str, *pieces: str):
    """What writes a text into a file; its pieces are joined here, so that no file of ours holds it."""

    def write(world: World) -> None:
        world.write(file, "some words\n" + "".join(pieces) + "\nmore words\n")

    return write


def changed_json(file: str, **keys: object):
    def change(folder: Path) -> None:
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | keys))

    return change


def changed_text(file: str, text: str):
    def change(folder: Path) -> None:
        (folder / file).write_text(text)

    return change
