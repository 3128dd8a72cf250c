"""For each code at least one way to bring it about, and what comes with it by necessity."""

from collections.abc import Callable
from dataclasses import dataclass

from mlxkit.core.checks.attempts import QUESTIONS, Answer
from tests.usecases.check import spoiling as spoil
from tests.usecases.check.world import COMMIT, INDEX, WEIGHTS, World

LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdEfGhIjKlMnOpQrStUvWx"


@dataclass(frozen=True)
class Case:
    """A folder that is spoiled.

    Attributes:
        code: what is to be found.
        spoil: what is done to it.
        also: other errors and warnings that are as right.
    """

    code: str
    spoil: Callable[[World], object]
    also: tuple[str, ...] = ()


def answers(tokens: tuple[int, ...], *, is_ended: bool = True) -> dict[str, object]:
    return {"answers": tuple(Answer(question, tokens, is_ended) for question in QUESTIONS)}


def failed(kind: str, said: str, **more: object) -> dict[str, object]:
    return {"is_loaded": False, "answers": (), "is_finite": None, "error": (kind, said), **more}


LOADS = [
    Case("loads.remote_code", lambda w: w.change("config.json", model_file="own.py")),
    Case("loads.remote_code", lambda w: w.try_with(**failed("ValueError", "Pass trust_remote_code=True"))),
    Case("loads.architecture", lambda w: w.try_with(**failed("ValueError", "Model type perceptron not supported"))),
    Case("loads.room", lambda w: setattr(w, "room", 1000)),
    Case("loads.failed", lambda w: w.try_with(**failed("ValueError", "Missing 3 parameters"))),
    Case("loads.failed", lambda w: w.try_with(**failed("KeyError", ""))),
    Case("loads.crashed", lambda w: w.try_with(is_loaded=False, answers=(), is_done=False, status=-9)),
    Case("loads.crashed", lambda w: w.try_with(status=3, last_words="no memory")),
    Case("loads.crashed", lambda w: w.try_with(is_done=False, status=-200)),
    Case("loads.timeout", lambda w: w.try_with(is_loaded=False, answers=(), is_done=False, status=None)),
    Case("loads.generation", lambda w: w.try_with(error=("RuntimeError", "shapes"), answers=())),
    Case("loads.logits", lambda w: w.try_with(is_finite=False)),
    Case("loads.template", lambda w: w.try_with(refused={"user": "no", "system": "no"})),
    Case("loads.template_system", lambda w: w.try_with(refused={"system": "no"})),
    Case("loads.template_tools", lambda w: w.try_with(refused={"tools": "no"})),
    Case("loads.silent", lambda w: w.try_with(**answers(()))),
    Case("loads.repeats", lambda w: w.try_with(**answers((5,) * 9))),
    Case("loads.endless", lambda w: w.try_with(**answers((1, 2, 3), is_ended=False))),
]

FILES = [
    Case("files.config_missing", lambda w: w.drop("config.json")),
    Case("files.tokenizer_missing", lambda w: w.drop("tokenizer.json", both=True)),
    Case("files.weights_missing", lambda w: w.drop(WEIGHTS, INDEX)),
    Case("files.weights_empty", spoil.only_metadata),
    Case("files.weights_empty", lambda w: w.write(WEIGHTS, b"")),
    Case("files.weights_empty", lambda w: w.write(WEIGHTS, b"abc")),
    Case("files.truncated", spoil.cut),
    Case("files.offsets", spoil.overlap),
    Case("files.header", lambda w: w.write(WEIGHTS, b"\x04" + bytes(7) + b"abcd")),
    Case("files.header", lambda w: w.write(WEIGHTS, b"\xff" * 16)),
    Case("files.index", lambda w: w.write(INDEX, "{")),
    Case("files.index", lambda w: w.write(INDEX, "{}")),
    Case("files.index", lambda w: spoil.index(w, add={"x": "../model.safetensors"})),
    Case("files.shard_missing", lambda w: spoil.index(w, add={"x": "model-2.safetensors"})),
    Case("files.tensor_missing", lambda w: spoil.index(w, add={"x": WEIGHTS})),
    Case("files.tensor_unindexed", lambda w: spoil.index(w, take=("model.norm.weight",)), ("files.digest",)),
    Case("files.stray_shard", lambda w: (w.folder / "model-x.safetensors").write_bytes(STRAY)),
    Case("files.index_missing", spoil.two_shards),
    Case("files.total_size", lambda w: spoil.index(w, metadata={"total_size": 1})),
    Case("files.digest", spoil.flip),
    Case("files.digest", lambda w: spoil.record_other(w, extra="0" * 64)),
    Case("files.digest", lambda w: spoil.record_other(w, **{"model.norm.weight": None})),
    Case("files.record", lambda w: w.write("mlxkit.json", '{"schema": "x"}')),
    Case("files.record", lambda w: w.change("mlxkit.json", digest="0" * 64)),
    Case("files.record_missing", lambda w: w.drop("mlxkit.json")),
    Case("files.json", lambda w: w.write("special_tokens_map.json", "{'a': 1}")),
    Case("files.json", lambda w: w.write("more.json", "[" * 100_000)),
    Case("files.json", lambda w: w.write("more.json", b"\xff\xfe")),
    Case("files.json", lambda w: w.write("more.json", "[]")),
    Case("files.pickle", lambda w: spoil.pickled(w, "training_args.bin")),
    Case("files.pickle", lambda w: spoil.pickled(w, "innocent.txt")),
    Case("files.pickle", lambda w: spoil.torch_zip(w, "innocent.zip")),
    Case("files.pickle", lambda w: w.write("old/model.pt", "text")),
    Case("files.executable", lambda w: spoil.executable(w, "start", mode=0o755)),
    Case("files.executable", lambda w: spoil.executable(w, "start.sh")),
    Case("files.executable", lambda w: spoil.executable(w, "start", "#!/bin/sh\n")),
    Case("files.executable", lambda w: spoil.executable(w, "start", b"\x7fELF" + bytes(20))),
    Case("files.executable", lambda w: spoil.executable(w, "start", b"\xcf\xfa\xed\xfe" + bytes(20))),
    Case("files.executable", lambda w: spoil.executable(w, "start", b"MZ" + bytes(20))),
    Case("files.link", lambda w: spoil.link(w, "passwords", "/etc/hostname")),
    Case("files.link", lambda w: spoil.link(w, "gone", "nothing-there")),
    Case("files.link", lambda w: spoil.link(w, "loop", "loop")),
    Case("files.link", lambda w: spoil.link(w, "folder", "..")),
    Case("files.too_large", lambda w: spoil.sparse(w, "model.gguf", 50 * 10**9 + 1)),
    Case("files.large_shard", lambda w: spoil.sparse(w, "original/model.safetensors", 5 * 10**9 + 1)),
    Case("files.empty", lambda w: w.write("notes.txt", "")),
    Case("files.name", lambda w: w.write("a\\b.txt", "text")),
    Case("files.name", lambda w: w.write("a\nb.txt", "text")),
    Case("files.name", lambda w: w.write("name .txt ", "text")),
    Case("files.name", lambda w: w.write(".cache/x.txt", "text"), ("secrets.leftover",)),
    Case("files.name_clash", lambda w: w.write("readme.md", "text")),
    Case("files.tokenizer_changed", spoil.original_tokenizer),
    Case("files.source_unreachable", lambda w: w.reaches.clear()),
]

CONFIG = [
    Case("config.invalid", lambda w: w.change("config.json", model_type=...)),
    Case("config.nonfinite", lambda w: w.change("config.json", limit=float("nan"))),
    Case("config.nonfinite", lambda w: w.write("special_tokens_map.json", '{"a": 1e999}')),
    Case("config.duplicate_key", spoil.duplicate),
    Case("config.quantization_shapes", lambda w: spoil.quantization(w, group_size=32)),
    Case("config.quantization_shapes", lambda w: spoil.layer(w, {"bits": 8, "group_size": 64, "mode": "affine"})),
    Case("config.quantization_shapes", lambda w: spoil.layer(w, False)),
    Case(
        "config.quantization_shapes",
        lambda w: spoil.quantization(w, nowhere={"bits": 4, "group_size": 64, "mode": "affine"}),
    ),
    Case("config.quantization_differs", lambda w: w.change("config.json", quantization_config={"bits": 8})),
    Case("config.quantization_unfounded", spoil.claims),
    Case(
        "config.quantization_unsaid",
        lambda w: w.change("config.json", quantization=..., quantization_config=...),
    ),
    Case("config.quantization_keys", lambda w: spoil.layer(w, {"bits": 4, "group_size": 64})),
    Case("config.quantization_keys", lambda w: spoil.layer(w, True)),
    Case("config.name_bits", lambda w: w.plan.update(published_as="owner/tiny-8bit")),
    Case("config.name_bits", lambda w: w.plan.update(published_as="owner/tiny-2.5bpw")),
    Case("config.name_bits", lambda w: w.plan.update(published_as="owner/tiny-bf16")),
    Case("config.eos_missing", spoil.no_eos),
    Case("config.eos_differs", lambda w: w.change("generation_config.json", eos_token_id=[1])),
    Case("config.eos_range", lambda w: w.change("generation_config.json", eos_token_id=[2, 0, 99999])),
    Case("config.context_missing", lambda w: w.change("config.json", max_position_embeddings=...)),
    Case(
        "config.context_differs",
        lambda w: w.change("tokenizer_config.json", both=True, model_max_length=4096),
    ),
    Case("config.template_missing", spoil.no_template),
    Case("config.template_differs", lambda w: w.write("chat_template.jinja", "{{ messages }}")),
    Case("config.vocabulary", lambda w: w.change("config.json", vocab_size=700)),
    Case("config.private_path", lambda w: w.change("config.json", _name_or_path="/data/models/tiny")),
    Case("config.spelling", lambda w: w.change("config.json", rope_parameters=...)),
    Case("config.computed", lambda w: w.change("config.json", hidden_act="gelu")),
]

KEY_BLOCK = ("-----BEGIN OPENSSH PRIV", "ATE KEY-----\n", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU")
SECRETS = [
    Case("secrets.hf_token", spoil.said_in("notes.md", "login with hf", "_", LETTERS[:34])),
    Case("secrets.aws_key", spoil.said_in("run.yaml", "id: AKI", "A7Q2MZ5RWD8KX4TNB")),
    Case("secrets.aws_key", spoil.said_in("run.yaml", "aws_secret_access", "_key = ", LETTERS[:40])),
    Case("secrets.github_token", spoil.said_in("notes.md", "gh", "p_", LETTERS[:36])),
    Case("secrets.api_key", spoil.said_in("notes.md", "OPENAI_API_KEY=s", "k-proj-", LETTERS[:48])),
    Case("secrets.api_key", spoil.said_in("notes.md", "s", "k-ant-api03-", LETTERS[:48])),
    Case("secrets.private_key", spoil.said_in("id_key", *KEY_BLOCK)),
    Case("secrets.home_path", spoil.said_in("notes.md", "made in /Us", "ers/ada/models")),
    Case("secrets.env_file", lambda w: w.write(".env", "A=1")),
    Case("secrets.git_folder", lambda w: w.write(".git/HEAD", "ref: refs/heads/main")),
    Case("secrets.notebook", lambda w: w.write("play.ipynb", '{"cells": []}')),
    Case("secrets.leftover", lambda w: w.write(".DS_Store", "x")),
    Case("secrets.leftover", lambda w: w.write("config.json~", "x")),
    Case("secrets.leftover", lambda w: w.write("__pycache__/x.txt", "x")),
]

LICENSE = [
    Case("license.missing", lambda w: (w.card(), w.original_card(), w.change("mlxkit.json", source=source(None)))),
    Case("license.differs", lambda w: w.card(license="apache-2.0")),
    Case("license.forbidden", lambda w: licensed(w, "cc-by-nd-4.0")),
    Case("license.noncommercial", lambda w: licensed(w, "cc-by-nc-4.0")),
    Case("license.conditions", lambda w: licensed(w, "llama3.1")),
    Case("license.unknown", lambda w: licensed(w, "mine")),
    Case("license.file_missing", lambda w: w.drop("LICENSE")),
    Case("license.notice_missing", lambda w: (w.original / "NOTICE").write_text("Thanks.")),
    Case("license.gated", lambda w: w.original_card(license="mit", extra_gated_prompt="Agree?")),
]

UPSTREAM = [
    Case("upstream.unknown", lambda w: (w.drop("mlxkit.json"), w.card(license="mit"))),
    Case("upstream.unreachable", lambda w: w.reaches.discard(None)),
    Case("upstream.commit_gone", lambda w: (w.later(lambda _: None), w.reaches.discard(COMMIT))),
    Case("upstream.renamed", lambda w: w.later(lambda _: None, name="owner/new")),
    Case("upstream.template", lambda w: w.later(spoil.changed_text("chat_template.jinja", "{{ 1 }}"))),
    Case("upstream.tokenizer", lambda w: w.later(spoil.changed_json("tokenizer.json", version="2.0"))),
    Case("upstream.config", lambda w: w.later(spoil.changed_json("config.json", rope_theta=1e6))),
    Case(
        "upstream.template",
        lambda w: (w.drop("mlxkit.json"), w.later(spoil.changed_text("chat_template.jinja", "{{ 1 }}"))),
    ),
]

CASES = [*LOADS, *FILES, *CONFIG, *SECRETS, *LICENSE, *UPSTREAM]

STRAY = spoil.header({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}, b"1234")


def source(license_: str | None) -> dict[str, object]:
    return {"name": "owner/tiny", "repo": "owner/tiny", "commit": COMMIT, "license": license_}


def licensed(world: World, name: str) -> None:
    """Both under the same license."""
    world.card(license=name, base_model="owner/tiny")
    world.original_card(license=name)
    world.change("mlxkit.json", source=source(name))
