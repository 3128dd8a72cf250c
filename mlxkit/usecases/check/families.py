"""One function for each family: from what was read to findings, and to a line about what was looked at."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mlxkit.core.checkpoint import Tensor, remote_code
from mlxkit.core.checks import attempts, configs, jsons, licenses, listing, origins, quantized, records, secrets, shards
from mlxkit.core.checks.origins import Origin
from mlxkit.core.codes import found
from mlxkit.core.errors import MlxkitError
from mlxkit.core.fetching import INDEX
from mlxkit.core.findings import Family, Finding
from mlxkit.core.progress import Progress
from mlxkit.core.record import FILE_NAME as RECORD
from mlxkit.core.sizes import size_text
from mlxkit.engines import store
from mlxkit.usecases.check.gathering import Examined
from mlxkit.usecases.check.plan import CheckPlan
from mlxkit.usecases.check.running import Try

_CONFIGS = ("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", INDEX, RECORD)
_LARGEST_TEXT_BYTES = 256 * 2**20
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tiktoken.model")

Room: TypeAlias = Callable[[], int | None]
"""Tells how many bytes there are for a model; None when that is not known."""


@dataclass
class Work:
    """What a family works with, and what it says of its work.

    Attributes:
        plan: what was asked.
        examined: the folder, read.
        origin: where it comes from.
        attempt: loads it in a fresh process.
        room: tells the bytes that there are for a model; None when they are not known.
        progress: told the work.
        said: what was looked at, by family.
    """

    plan: CheckPlan
    examined: Examined
    origin: Origin
    attempt: Try
    room: Room
    progress: Progress
    said: dict[str, str] = field(default_factory=dict)


Look: TypeAlias = Callable[[Work], Iterator[Finding]]


def loads(work: Work) -> Iterator[Finding]:
    """Load it in a fresh process, unless it wants code to be run or nothing is to be run."""
    checkpoint = work.examined.checkpoint
    asked = remote_code(checkpoint) if checkpoint is not None else ()
    for where in asked:
        yield found("loads.remote_code", where, "It wants its own Python code to be run.")
    if asked or not work.plan.run:
        work.said["loads"] = "not run: it wants its own code" if asked else "not run, as was asked"
        return
    needed, limit = sum(shard.size_bytes for shard in work.examined.shards), work.room()
    if limit is not None and needed > limit:
        said = f"Its weights have {size_text(needed)}, and there are {size_text(limit)} for a model."
        yield found("loads.room", "*.safetensors", said)
        work.said["loads"] = "not run: it does not fit"
        return
    with work.progress.phase("Loading and asking in a fresh process", None, "count"):
        tried = work.attempt(work.examined.folder, work.plan.timeout_seconds, work.plan.max_tokens)
    yield from attempts.look(tried)
    ended = sum(answer.is_ended for answer in tried.answers)
    done = f"{len(tried.answers)} answers, {ended} of them ended" if tried.is_loaded else "it did not load"
    work.said["loads"] = f"stock mlx-lm {tried.version or ''} in a fresh process: {done}".replace("  ", " ")


def files(work: Work) -> Iterator[Finding]:
    """Look at every entry, at the headers and the index of the weights, and at every byte that is recorded."""
    examined = work.examined
    yield from listing.look(examined.entries)
    if "config.json" not in examined.files:
        yield found("files.config_missing", "config.json", "It is not there: no reader takes the folder for a model.")
    names = {path for path in examined.files if "/" not in path}
    if not any(name in _TOKENIZERS or name.endswith(".tiktoken") for name in names):
        yield found("files.tokenizer_missing", "tokenizer.json", "There is no file that makes a tokenizer.")
    for name, parsed in examined.jsons.items():
        if name != INDEX:  # whose faults are told with the shards
            yield from jsons.broken(parsed)
    header_findings = list(shards.look(examined.shards, examined.index))
    yield from header_findings
    is_sound = not any(finding.severity == "error" for finding in header_findings)
    recorded = yield from _recorded(work, is_sound=is_sound)
    yield from origins.kept(work.origin, examined.files, examined.read)
    count, size = len(examined.files), sum(entry.size_bytes for entry in examined.entries)
    tensors = sum(len(shard.tensors) for shard in examined.shards)
    held = f", {recorded} held against {RECORD}" if recorded else ""
    work.said["files"] = f"{count} files, {size_text(size)}; {tensors} tensors{held}"


def _recorded(work: Work, *, is_sound: bool) -> Generator[Finding, None, int]:
    """Hold the weights against the record; return how many tensors were."""
    examined = work.examined
    if examined.record is None:
        yield found("files.record_missing", RECORD, "Who made these weights, and how, is not recorded.")
        return 0
    if examined.record.fault is not None:
        return 0
    recorded = records.digests_of(examined.record.value)
    if recorded is None:
        yield found("files.record", RECORD, "It has not the schema, the tensors or the digest of a build record.")
        return 0
    if not is_sound or examined.checkpoint is None or not examined.located.has_weights:
        return 0
    try:
        present = store.tensor_digests(examined.checkpoint, work.progress)
    except MlxkitError as error:
        yield found("files.truncated", "*.safetensors", error.message)
        return 0
    yield from records.look(recorded, present)
    return len(present)


def config(work: Work) -> Iterator[Finding]:
    """Hold the JSON files against each other and against the headers of the weights."""
    examined = work.examined
    for name in _CONFIGS:
        if name in examined.jsons:
            yield from jsons.look(examined.jsons[name])
    checkpoint = examined.checkpoint
    work.said["config"] = f"{sum(name in examined.jsons for name in _CONFIGS)} JSON files, against each other"
    parsed = examined.jsons.get("config.json")
    if checkpoint is None or parsed is None:
        if examined.fault is not None and parsed is not None and parsed.fault is None:
            yield configs.invalid(examined.fault.message)
        return
    template = examined.read("chat_template.jinja")
    texts = configs.Texts(
        name=examined.name,
        config=parsed.value,
        generation=examined.value("generation_config.json"),
        tokenizer=examined.value("tokenizer_config.json"),
        template_file=template.decode("utf-8", "replace") if template is not None else None,
        checkpoint=checkpoint,
    )
    yield from configs.look(texts)
    is_readable = bool(examined.shards) and all(shard.tensors for shard in examined.shards)
    tensors = _tensors(examined) if is_readable else {}
    yield from quantized.look(parsed.value, tensors)
    if tensors:
        yield from quantized.name_bits(examined.name, checkpoint)
        work.said["config"] += " and against the arrays"


def _tensors(examined: Examined) -> Mapping[str, Tensor]:
    return {tensor.name: tensor for shard in examined.shards for tensor in shard.tensors}


def secret(work: Work) -> Iterator[Finding]:
    """Search every text for keys and private paths."""
    examined = work.examined
    yield from listing.leftovers(examined.entries)
    texts = [entry for entry in examined.entries if entry.is_text and entry.size_bytes <= _LARGEST_TEXT_BYTES]
    total = sum(entry.size_bytes for entry in texts)
    with work.progress.phase("Searching for secrets", total, "bytes") as advance:
        for entry in texts:
            content = store.content(examined.folder, entry.path)
            if content is not None:
                yield from secrets.look(entry.path, content.decode("utf-8", "replace"))
            advance(entry.size_bytes)
    work.said["secrets"] = f"{len(texts)} texts, {size_text(total)}"


def license_(work: Work) -> Iterator[Finding]:
    """Hold the license against the original's, and against what it allows."""
    examined = work.examined
    source = examined.value(RECORD).get("source")
    recorded = source.get("license") if isinstance(source, Mapping) else None
    recorded = recorded if isinstance(recorded, str) else None
    yield from licenses.look(examined.card, recorded, examined.files, work.origin)
    best = work.origin.best
    against = f", against {best.name}" if best is not None else ""
    work.said["license"] = f"{licenses.identifier(examined.card) or recorded or 'none'}{against}"


def upstream(work: Work) -> Iterator[Finding]:
    """Ask what has become of the original."""
    yield from origins.drift(work.origin, work.examined.own)
    origin = work.origin
    if origin.repo is not None:
        now = f"now at {(origin.now.commit or '')[:12]}" if origin.now is not None else "not reached"
        work.said["upstream"] = f"{origin.repo}, {now}"
    else:
        work.said["upstream"] = f"a folder, {origin.then.name}" if origin.then is not None else "not known"


LOOKS: Mapping[Family, Look] = {
    "loads": loads,
    "files": files,
    "config": config,
    "secrets": secret,
    "license": license_,
    "upstream": upstream,
}
"""What looks at each family."""
