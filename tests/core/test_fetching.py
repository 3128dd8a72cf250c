"""What makes a checkpoint, and what is refused."""

import pytest

from mlxkit.core.errors import IntegrityError
from mlxkit.core.fetching import (
    INDEX,
    FetchPlan,
    PlannedFile,
    RemoteFile,
    check,
    choose,
    other_weights,
)

SHA1, SHA256 = "a" * 40, "b" * 64


def files(*paths: str) -> list[RemoteFile]:
    return [RemoteFile(path, 10, None, SHA1) for path in paths]


def chosen(*paths: str, weight_map: dict[str, str] | None = None, **words: list[str]) -> set[str]:
    return {file.path for file in choose(files(*paths), weight_map, **words)}  # type: ignore[arg-type]


def test_a_checkpoint_is_its_weights_and_what_stands_beside_them() -> None:
    wanted = {
        "README.md", "LICENSE", "NOTICE.txt", "USE_POLICY.md", "config.json", "generation_config.json",
        "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "merges.txt", "vocab.json",
        "chat_template.jinja", "additional_chat_templates/tools.jinja", "modeling_x.py", "model.safetensors",
    }  # fmt: skip
    left = {
        ".gitattributes", "pytorch_model.bin", "pytorch_model.bin.index.json", "model.gguf", "onnx/model.onnx",
        "consolidated.safetensors", "consolidated.safetensors.index.json", "original/params.json",
        "original/consolidated.00.pth", "unet/diffusion.safetensors", "assets/picture.png", "adapter_model.safetensors",
    }  # fmt: skip

    assert chosen(*wanted, *left) == wanted


def test_the_index_decides_which_weights() -> None:
    weight_map = {"x": "model-00001-of-00002.safetensors", "y": "model-00002-of-00002.safetensors"}
    extra = "model-extra.safetensors"

    assert chosen(*weight_map.values(), extra, INDEX, weight_map=weight_map) == {*weight_map.values(), INDEX}


def test_an_index_of_shards_that_are_not_there_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"model-2\.safetensors"):
        choose(files("model-1.safetensors", INDEX), {"x": "model-1.safetensors", "y": "model-2.safetensors"})


def test_consolidated_weights_are_taken_when_there_are_no_others() -> None:
    assert chosen("consolidated.safetensors", "a.bin") == {"consolidated.safetensors"}
    assert chosen("weights.safetensors", "consolidated.safetensors") == {"weights.safetensors"}


def test_small_files_come_first() -> None:
    ordered = choose(files("a.safetensors", "tokenizer.json", "config.json"), None)

    assert [file.path for file in ordered] == ["config.json", "tokenizer.json", "a.safetensors"]


def test_include_replaces_the_choice_and_exclude_narrows_it() -> None:
    paths = ("a.gguf", "b.gguf", "config.json", "original/x.pth")

    assert chosen(*paths, include=["*.gguf"]) == {"a.gguf", "b.gguf"}
    assert chosen(*paths, include=["*.gguf"], exclude=["b*"]) == {"a.gguf"}
    assert chosen(*paths, include=["original/"]) == {"original/x.pth"}
    assert chosen("config.json", "README.md", exclude=["*.md"]) == {"config.json"}


def test_what_there_is_instead_of_safetensors() -> None:
    assert other_weights(["x/model.gguf", "a.bin", "config.json"]) == ("a.bin", "x/model.gguf")


@pytest.mark.parametrize("path", ["../x", "/x", "a/../b", "a//b", "a\\b", "", ".", "a/./b", "x\0"])
def test_a_path_that_leads_out_of_the_repo_is_refused(path: str) -> None:
    with pytest.raises(IntegrityError):
        check(files(path))


@pytest.mark.parametrize(("sha256", "sha1"), [("../../x", SHA1), (None, "../x"), ("B" * 64, SHA1), (None, SHA256)])
def test_a_digest_that_is_none_is_refused(sha256: str | None, sha1: str) -> None:
    with pytest.raises(IntegrityError):
        check([RemoteFile("x", 1, sha256, sha1)])


def test_a_listing_in_order_is_accepted() -> None:
    check([RemoteFile("a/b.safetensors", 1, SHA256, SHA1), *files("config.json", "..x")])


def test_a_plan_counts_a_shared_content_once() -> None:
    one, two = files("a.json", "b.json")
    plan = FetchPlan("o/n", "main", SHA1, (PlannedFile(one, 0), PlannedFile(two, 0)))

    assert (plan.total_bytes, plan.fetch_bytes, plan.present_bytes) == (20, 10, 0)
