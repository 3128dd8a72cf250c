"""Every kind of finding that `mlxkit check` knows, by its stable name: a name that was published keeps its meaning."""

from collections.abc import Mapping
from types import MappingProxyType

from mlxkit.core.findings import Code, Family, Finding, Severity, finding

FAMILIES: tuple[Family, ...] = ("loads", "files", "config", "secrets", "license", "upstream")
"""All families, in the order in which they are looked at and listed."""

_ORIGINAL = "compare it with the original's, or fetch it again"
_UPLOAD = "do not publish it; make these weights again"
_REVOKE = "revoke it where it was issued, then take it out: who has read it can still use it"

_LOADS: dict[str, tuple[Severity, str, str]] = {
    "remote_code": ("error", "wants Python code of its own to be run", "publish weights that mlx-lm's classes load"),
    "architecture": ("error", "mlx-lm has no class for it", "`pip install -U mlx-lm` brings newer ones"),
    "room": (
        "warning",
        "it does not fit this machine, and was not loaded",
        "check it where it fits",
    ),
    "failed": ("error", "stock mlx-lm does not load it", "compare config.json and index with the original's"),
    "crashed": ("error", "the process that loaded it died", "watch its memory, or leave it out with --no-run"),
    "timeout": ("error", "loading and answering took too long", "allow more: --timeout; or leave it out: --no-run"),
    "generation": ("error", "it loads and then fails to compute", "compare config.json with the original's"),
    "logits": ("error", "it computes numbers that are not finite", "make the weights again, in bfloat16 or float32"),
    "template": ("error", "the chat template fails", "take the original's chat template"),
    "template_system": ("note", "the chat template refuses a system turn", "say so on the card"),
    "template_tools": ("note", "the chat template refuses tools", "say so on the card"),
    "silent": ("warning", "an answer is empty", "compare EOS ids and chat template with the original's"),
    "repeats": ("warning", "an answer is one token over and over", "measure it: mlxkit eval; try more bits"),
    "endless": ("warning", "no answer comes to an end", "compare EOS ids and chat template with the original's"),
}

_FILES: dict[str, tuple[Severity, str, str]] = {
    "config_missing": ("error", "there is no config.json", "copy it from the original"),
    "tokenizer_missing": ("error", "there is no tokenizer", "copy the tokenizer files of the original"),
    "weights_missing": ("error", "there are no weights in safetensors", "convert them: mlxkit convert"),
    "weights_empty": ("error", "a weight file holds no tensor", _UPLOAD),
    "truncated": ("error", "a weight file is shorter or longer than its header says", "fetch or write it again"),
    "offsets": ("error", "tensors of a weight file overlap or leave holes", _UPLOAD),
    "header": ("error", "a weight file's header cannot be read", _UPLOAD),
    "index": ("error", "the index cannot be read, or leads out of the folder", _ORIGINAL),
    "shard_missing": ("error", "the index names a shard that is not there", "fetch or write that shard again"),
    "tensor_missing": ("error", "the index names a tensor that its shard lacks", "fetch shards and index again"),
    "tensor_unindexed": ("warning", "a shard holds a tensor that the index does not name", "write the index again"),
    "stray_shard": ("warning", "a weight file is not in the index", "remove it: stock mlx-lm would load it"),
    "index_missing": ("warning", "several shards and no index", "write it: some readers load nothing without"),
    "total_size": ("warning", "the index's total_size is not the size of the tensors", "write the index again"),
    "digest": ("error", "a tensor is not the one that mlxkit.json records", "fetch it, or make the weights, again"),
    "record": ("warning", "mlxkit.json is no build record", "make the weights again, or leave it out"),
    "record_missing": ("note", "there is no mlxkit.json", "what mlxkit writes has one, to hold it against"),
    "json": ("error", "a JSON file is not JSON", _ORIGINAL),
    "pickle": ("error", "a pickle: loading it can run code", "remove it, or convert it to safetensors"),
    "executable": ("error", "a program or script", "remove it, or take its executable bit away: chmod -x"),
    "link": ("error", "a link that leads out of the folder or nowhere", "put the file itself in its place"),
    "too_large": ("error", "larger than the Hub takes", "split it: mlxkit convert --shard-size 5GB"),
    "large_shard": ("warning", "a weight file above 5 GB", "split it: mlxkit convert --shard-size 5GB"),
    "empty": ("warning", "an empty file", "remove it, or fetch it again"),
    "name": ("error", "a name that the Hub refuses", "rename it"),
    "name_clash": ("warning", "names that differ in case only", "rename one: a Mac keeps only one of them"),
    "tokenizer_changed": ("warning", "tokenizer files differ from the original's", "copy them from the original"),
    "source_unreachable": ("note", "the original is not at hand", "fetch it to have the tokenizer compared"),
}

_CONFIG: dict[str, tuple[Severity, str, str]] = {
    "invalid": ("error", "config.json is not understood", _ORIGINAL),
    "nonfinite": ("error", "NaN or Infinity, which no JSON has", "write a number: Swift's readers refuse it"),
    "duplicate_key": ("warning", "a key stands twice", "leave one: readers disagree which one counts"),
    "quantization_shapes": ("error", "bits and group size do not fit the arrays", "make the weights again"),
    "quantization_differs": ("warning", "quantization and quantization_config differ", "write the same into both"),
    "quantization_unfounded": ("error", "claims quantization, and no tensor has scales", "remove the claim"),
    "quantization_unsaid": ("error", "tensors have scales, and config.json says nothing", "write `quantization`"),
    "quantization_keys": (
        "warning",
        "a layer's quantization that mlx-swift-lm would reject",
        "write false, or bits, group_size and mode",
    ),
    "name_bits": ("warning", "the name promises other bits", "rename it, or make the weights again"),
    "eos_missing": ("warning", "no EOS token is named", "name one in generation_config.json"),
    "eos_differs": ("warning", "the files name different EOS tokens", "write the same ids into all of them"),
    "eos_range": ("error", "an EOS id beyond the vocabulary", "compare it with the original's"),
    "context_missing": ("warning", "no context length", "write max_position_embeddings"),
    "context_differs": ("note", "the tokenizer tells another context length", "say on the card which one holds"),
    "template_missing": ("warning", "named a chat model, and there is no chat template", "copy the original's"),
    "template_differs": ("warning", "two chat templates that differ", "leave one: readers disagree which one counts"),
    "vocabulary": ("error", "vocab_size is not the number of embeddings", "compare config.json with the original's"),
    "private_path": ("warning", "a key that names a folder on somebody's machine", "remove the key"),
    "spelling": ("note", "keys in a spelling that some readers do not know", "mlxkit convert writes both spellings"),
    "computed": ("note", "mlx-lm's class computes something else than the config says", "say so on the card"),
}

_SECRETS: dict[str, tuple[Severity, str, str]] = {
    "hf_token": ("error", "a token of the Hugging Face Hub", _REVOKE),
    "aws_key": ("error", "an access key of AWS", _REVOKE),
    "github_token": ("error", "a token of GitHub", _REVOKE),
    "api_key": ("error", "a key of a paid service", _REVOKE),
    "private_key": ("error", "a private key", _REVOKE),
    "home_path": ("warning", "a path in somebody's home folder", "write ~ in its place, or take it out"),
    "env_file": ("error", "a file of environment variables", "remove it: that is where keys are kept"),
    "git_folder": ("error", "a .git folder: all that was ever committed", "publish from a copy without it"),
    "notebook": ("warning", "a notebook: its outputs tell about whoever ran it", "clear its outputs, or remove it"),
    "leftover": ("warning", "what an editor or the system left", "remove it"),
}

_LICENSE: dict[str, tuple[Severity, str, str]] = {
    "missing": ("warning", "no license is named", "write `license:` into the card, the same as the original's"),
    "differs": ("error", "another license than the original's", "write the original's license into the card"),
    "forbidden": ("error", "the license forbids to pass on what was changed", "ask the licensor, or do not publish"),
    "noncommercial": ("warning", "the license forbids commercial use", "say so on the card"),
    "conditions": ("warning", "the license has conditions that are not met", "add name, link and text of the license"),
    "unknown": ("note", "a license that mlxkit does not know", "read whether it allows to pass on what was changed"),
    "file_missing": ("warning", "the original's license text is not here", "copy it: most licenses ask for it"),
    "notice_missing": ("warning", "the original's notice is not here", "copy it: the license asks for it"),
    "gated": ("note", "the original asks who fetches it to agree to terms", "gate your repo too, or link to the terms"),
}

_UPSTREAM: dict[str, tuple[Severity, str, str]] = {
    "unknown": ("note", "what it was made from is not told", "write `base_model:` into the card"),
    "unreachable": ("note", "the original cannot be asked", "run the same command with a network"),
    "commit_gone": ("warning", "the commit that it was made from is gone", "make it again from what is there"),
    "renamed": ("note", "the original goes by another name", "write the new name into the card"),
    "template": ("warning", "the original's chat template is another one now", "read what changed; make it again"),
    "tokenizer": ("warning", "the original's tokenizer is another one now", "read what changed; make it again"),
    "config": ("warning", "the original's config is another one now", "read what changed; make it again"),
}


def _all() -> dict[str, Code]:
    tables = (_LOADS, _FILES, _CONFIG, _SECRETS, _LICENSE, _UPSTREAM)
    return {
        f"{family}.{name}": Code(family, *said)
        for family, table in zip(FAMILIES, tables, strict=True)
        for name, said in table.items()
    }


CODES: Mapping[str, Code] = MappingProxyType(_all())
"""Name to what it stands for, by family."""


def found(code: str, where: str, said: str) -> Finding:
    """Return a finding.

    Args:
        code: one of `CODES`.
        where: the file, key or tensor.
        said: one sentence: what was expected and what is there.
    """
    return finding(CODES, code, where, said)
