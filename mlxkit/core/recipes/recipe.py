"""A recipe: from which source which variants are made, on what they are measured, and what they have to keep to."""

from dataclasses import asdict, dataclass, field
from typing import Any

from mlxkit.core.names import is_remote
from mlxkit.core.recipes.gates import Gates
from mlxkit.core.rules import Rule
from mlxkit.core.schemes import Scheme
from mlxkit.core.sizes import size_text
from mlxkit.core.trials import Workload, grid

SELF = "self"
"""Names the text that the original writes itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the variants are made of.

    Attributes:
        repo: ``owner/name``, a folder or ``tiny``.
        revision: a commit; None to take the newest at the first build and keep to it.
        license: the identifier that its card must have; None to take any.
        tokenizer: what has its tokenizer, where it has none of its own: a repo, a folder or ``tiny``; else None.
        requantize: it is quantized already, and is dequantized first.
    """

    repo: str
    revision: str | None = None
    license: str | None = None
    tokenizer: str | None = None
    requantize: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether it is a repo on the Hub."""
        return is_remote(self.repo)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the checkpoints that a recipe makes. Exactly one of the first five goals is given.

    Attributes:
        name: of its folder and of its repo; none of the recipe's others has it, whatever the case of its letters.
        scheme: of every layer that its width and the model's own class allow.
        bits_per_weight: a budget of all tensors together over all parameters, 1 to 32 bits.
        max_bytes: a budget of all tensors together.
        device: the budget is what this device leaves for weights; named as `device_of` matches it.
        dtype: a plain conversion to it.
        context: tokens that the device is to hold besides, 1 to 2^24; None without a device.
        encoder: ``minmax``, ``lsq`` or ``feedback``; None for the best that there are statistics for.
        polish: train scales and biases on the answers of the original afterwards.
        rules: what single layers get, whatever else is asked; the first that matches wins.
        gates: what it has to keep to: the recipe's, with its own in their place.
    """

    name: str
    scheme: Scheme | None = None
    bits_per_weight: float | None = None
    max_bytes: int | None = None
    device: str | None = None
    dtype: str | None = None
    context: int | None = None
    encoder: str | None = None
    polish: bool = False
    rules: tuple[Rule, ...] = ()
    gates: Gates = field(default_factory=Gates)

    @property
    def goal(self) -> str:
        """What it is to be, in a few words."""
        if self.scheme is not None:
            return f"{self.scheme.name} throughout"
        if self.bits_per_weight is not None:
            return f"{self.bits_per_weight:g} bits per weight"
        if self.device is not None:
            return f"{self.device} at {self.context:,} tokens"
        return f"at most {size_text(self.max_bytes)}" if self.max_bytes is not None else f"{self.dtype}"

    def data(self) -> dict[str, Any]:
        """Return it as JSON, as a recipe writes it."""
        said = {
            "name": self.name,
            "scheme": self.scheme.name if self.scheme else None,
            "bits_per_weight": self.bits_per_weight,
            "max_size": None if self.max_bytes is None else str(self.max_bytes),
            "device": self.device,
            "dtype": self.dtype,
            "context": self.context,
            "encoder": self.encoder,
            "polish": self.polish,
            "rules": [str(rule) for rule in self.rules],
            "gates": self.gates.data(),
        }
        return _without_none(said)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The text that sensitivities are measured on.

    Attributes:
        text: a file, relative to the recipe's folder, or ``self`` for what the original writes.
        tokens: how much of it, at least 64.
        seed: of the text that is written, 0 to 2^31.
    """

    text: str = SELF
    tokens: int = 16384
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What variants are judged on.

    Attributes:
        texts: files, relative to the recipe's folder, or ``self``; empty for no text.
        tokens: of each text, at least one row.
        context: tokens of a row, at least 2.
        seed: of the text that is written, 0 to 2^31.
        tasks: ``tiny``, files of questions or names of lm-evaluation-harness; empty for none.
        limit: questions of each task, the first ones; None for all.
    """

    texts: tuple[str, ...] = (SELF,)
    tokens: int = 16384
    context: int = 512
    seed: int = 0
    tasks: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What variants are timed on: every combination.

    Attributes:
        prompt_tokens: that are prefilled, each at least 1.
        generated_tokens: each at least 1.
        depth: tokens that are in the cache before, each at least 0.
        batch: rows side by side, each at least 1.
        repeats: trials that count, 1 to 1,000.
    """

    prompt_tokens: tuple[int, ...] = (512,)
    generated_tokens: tuple[int, ...] = (128,)
    depth: tuple[int, ...] = (0,)
    batch: tuple[int, ...] = (1,)
    repeats: int = 5

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Every combination, each once."""
        return grid(self.prompt_tokens, self.generated_tokens, self.depth, self.batch)


@dataclass(frozen=True, slots=True)
class Publish:
    """Where variants go, once they are built and asked to be published.

    Attributes:
        owner: a user or an organization on the Hub; None for whoever is signed in, and with `repo`.
        repo: ``owner/name`` with ``{variant}`` for the variant's name; None for a repo of the variant's name.
        collection: the title of a collection that they are put into; None for none.
        public: all may see them.
    """

    owner: str | None = None
    repo: str | None = None
    collection: str | None = None
    public: bool = False

    def repo_of(self, variant: str, account: str) -> str:
        """Return the repo of a variant.

        Args:
            variant: its name.
            account: who is signed in.

        >>> Publish(repo="me/{variant}-mlx").repo_of("m-4bit", "you"), Publish().repo_of("m-4bit", "you")
        ('me/m-4bit-mlx', 'you/m-4bit')
        """
        return self.repo.replace("{variant}", variant) if self.repo else f"{self.owner or account}/{variant}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that makes a release.

    Attributes:
        name: of the model, which the variants' names begin with unless they say otherwise.
        description: what it is for; may be empty, may have several lines.
        source: what the variants are made of.
        variants: at least one, at most 64.
        calibration: the text that sensitivities are measured on.
        evaluation: what variants are judged on.
        bench: what variants are timed on; None for nothing.
        gates: what variants have to keep to that say nothing else themselves.
        publish: where variants go; None for nowhere.
    """

    name: str
    description: str
    source: Source
    variants: tuple[Variant, ...]
    calibration: Calibration = Calibration()
    evaluation: Evaluation = Evaluation()
    bench: Bench | None = None
    gates: Gates = field(default_factory=Gates)
    publish: Publish | None = None

    def data(self) -> dict[str, Any]:
        """Return it as JSON, as a recipe writes it, with everything said: `parse` makes the same recipe of it."""
        said = {
            "name": self.name,
            "description": self.description,
            "source": _without_none(asdict(self.source)),
            "variant": [variant.data() for variant in self.variants],
            "calibration": asdict(self.calibration),
            "evaluation": _without_none(_listed(asdict(self.evaluation))),
            "bench": _listed(asdict(self.bench)) if self.bench else None,
            "gates": self.gates.data(),
            "publish": _without_none(asdict(self.publish)) if self.publish else None,
        }
        return _without_none(said)


def _without_none(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}


def _listed(said: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}
