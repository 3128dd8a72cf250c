"""What a card is made of besides measurements: facts of the weights, of their making and of their source."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlxkit.core.anatomy import Part, parts
from mlxkit.core.cards.figures import NOT_KNOWN, last_part, line
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import IntegrityError, PlanError
from mlxkit.core.fitting import Verdict
from mlxkit.core.names import is_commit, is_repo_id

HUB = "https://huggingface.co"
_LICENSE_FILE = re.compile(r"[\w.-]+")
_URL = re.compile(r"https?://[^\s\"'<>\\^`{|}]+")
_SLUG = re.compile(r"[a-z0-9][a-z0-9.+_-]*")


@dataclass(frozen=True, slots=True)
class Fit:
    """What is predicted of one device at one context.

    Attributes:
        device: its name.
        context: tokens.
        total_bytes: weights, cache and workspace.
        limit_bytes: what the device has for it; None when that is not known.
        verdict: whether it fits; None when that cannot be told.
        longest: the longest context that fits, in tokens; None when there is no limit to hold it against.
        decode_tps: about how many tokens per second; None when that cannot be told.
        decode_band: how far that may be off, as a share of it.
    """

    device: str
    context: int
    total_bytes: int
    limit_bytes: int | None
    verdict: Verdict | None
    longest: int | None = None
    decode_tps: float | None = None
    decode_band: float | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a folder of weights without measuring.

    Attributes:
        repo: what it is to be called on the Hub, `owner/name`.
        digest: of the weights, as `engines.store.weights_digest` reads it from them.
        record: mlxkit.json of the folder.
        config: config.json of the folder.
        parts: what the weights are made of.
        source_card: the front matter of the source's model card; empty when there is none.
        fits: predictions for devices.
        export: name of a file of the repo that holds the measurements as JSON Lines; None for none.
    """

    repo: str
    digest: str
    record: Mapping[str, Any]
    config: Mapping[str, Any]
    parts: tuple[Part, ...]
    source_card: Mapping[str, Any] = field(default_factory=dict)
    fits: tuple[Fit, ...] = ()
    export: str | None = None

    def __post_init__(self) -> None:
        if not is_repo_id(self.repo):
            raise PlanError(f"{self.repo!r} is no name that the Hub allows.", hint="owner/name")
        if self.record.get("digest") != self.digest:
            raise IntegrityError(
                f"mlxkit.json tells of other weights than those of {self.repo!r}: they were changed since.",
                hint="make them again with mlxkit quantize or mlxkit convert",
            )

    @classmethod
    def of(cls, checkpoint: Checkpoint, repo: str, digest: str, **others: Any) -> "Facts":
        """Return the facts of a checkpoint.

        Args:
            checkpoint: sound, made by mlxkit.
            repo: as in `Facts`.
            digest: as in `Facts`.
            others: `source_card`, `fits` and `export`.

        Raises:
            PlanError: the repo's name is none that the Hub allows.
            IntegrityError: the build record is missing, or tells of other weights.
        """
        return cls(repo, digest, checkpoint.record, checkpoint.config, tuple(parts(checkpoint)), **others)

    @property
    def name(self) -> str:
        """The repo's name without its owner."""
        return self.repo.partition("/")[2]

    @property
    def size_bytes(self) -> int:
        """Of all tensors."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def parameters(self) -> int:
        """How many numbers the weights stand for."""
        return sum(part.parameters for part in self.parts)

    @property
    def bits_per_weight(self) -> float | None:
        """Stored bits of a parameter, scales, biases and unquantized weights included."""
        return 8 * self.size_bytes / self.parameters if self.parameters else None

    @property
    def is_quantized(self) -> bool:
        """Whether any weight is."""
        return any(part.scheme for part in self.parts)

    @property
    def source_repo(self) -> str | None:
        """The Hub repo that the weights were made from, when the record names one."""
        repo = self.section("source").get("repo")
        return repo if isinstance(repo, str) and is_repo_id(repo) else None

    @property
    def source_commit(self) -> str | None:
        """Its commit, when the record names one."""
        commit = self.section("source").get("commit")
        return commit if isinstance(commit, str) and is_commit(commit) else None

    @property
    def source_url(self) -> str | None:
        """Where the source is on the Hub, at its commit."""
        at = f"/tree/{self.source_commit}" if self.source_commit else ""
        return f"{HUB}/{self.source_repo}{at}" if self.source_repo else None

    @property
    def source_name(self) -> str:
        """What the source is called: its repo, else the last part of its folder's name."""
        return self.source_repo or last_part(self.section("source").get("name")) or "a source without a name"

    @property
    def options(self) -> Mapping[str, Any]:
        """Of the command that made the weights, as the record has them."""
        return self.section("options")

    def section(self, name: str) -> Mapping[str, Any]:
        """Return an object of the record; empty when it is none."""
        return mapping(self.record.get(name))

    @property
    def architecture(self) -> str:
        """Config's `model_type`."""
        return line(self.config.get("model_type")) or NOT_KNOWN

    @property
    def license(self) -> str | None:
        """Its identifier, as the source's card has it, else as the record has it."""
        for origin in (self.source_card, self.section("source")):
            told = line(origin.get("license"))
            if _SLUG.fullmatch(told):
                return told
        return None

    @property
    def license_name(self) -> str | None:
        """What a license without an identifier is called."""
        return line(self.source_card.get("license_name")) or None

    @property
    def license_link(self) -> str | None:
        """Where the license is; what the source names in its own repo is named there."""
        told = self.source_card.get("license_link")
        if not isinstance(told, str):
            return None
        if _URL.fullmatch(told):
            return told
        if self.source_repo and _LICENSE_FILE.fullmatch(told):
            return f"{HUB}/{self.source_repo}/blob/{self.source_commit or 'main'}/{told}"
        return None

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that the source's card names."""
        told = self.source_card.get("language")
        codes = told if isinstance(told, list) else [told]
        return tuple(dict.fromkeys(code for code in codes if isinstance(code, str) and _SLUG.fullmatch(code.lower())))

    @property
    def pipeline_tag(self) -> str:
        """What the model is for, as the source's card has it; else text, which is what mlx-lm's models write."""
        told = self.source_card.get("pipeline_tag")
        return told if isinstance(told, str) and _SLUG.fullmatch(told) else "text-generation"

    @property
    def tags(self) -> tuple[str, ...]:
        """What the Hub finds it by: the library, and how wide the quantized weights are."""
        schemes = {part.scheme for part in self.parts if part.scheme}
        bits = {scheme.bits for scheme in schemes}
        width = (f"{bits.pop()}-bit",) if len(bits) == 1 else ("mixed-precision",) if bits else ()
        modes = sorted({scheme.mode for scheme in schemes} - {"affine"})
        return ("mlx", "mlxkit", *(("quantized",) if schemes else ()), *width, *modes)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON value that is an object; an empty one for any other."""
    return value if isinstance(value, Mapping) else {}
