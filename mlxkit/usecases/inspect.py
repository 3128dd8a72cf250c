"""What a checkpoint is, told from its headers and JSON: no weight is loaded."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from mlxkit.core.anatomy import Part, active_parameters, parts
from mlxkit.core.checkpoint import Checkpoint, eos_ids, remote_code
from mlxkit.core.config import caveats
from mlxkit.core.errors import MlxkitError
from mlxkit.core.located import Locate, Located
from mlxkit.core.output import source_license
from mlxkit.core.quantization import describe
from mlxkit.core.report import Column, Fact, Note, Report, Table
from mlxkit.engines import store


@dataclass(frozen=True)
class InspectPlan:
    """What to look at: what `locate` knows, which is a folder, a repo or ``tiny``."""

    model: str


@dataclass(frozen=True)
class Share:
    """What one kind of layer, one dtype or one scheme takes.

    Attributes:
        name: of the kind, dtype or scheme.
        tensors: how many weights, scales and biases not counted apart.
        parameters: how many numbers they stand for.
        size_bytes: what they take, scales and biases included.
    """

    name: str
    tensors: int
    parameters: int
    size_bytes: int

    @property
    def bits_per_weight(self) -> float:
        """Stored bits per parameter."""
        return 8 * self.size_bytes / self.parameters if self.parameters else 0.0


@dataclass(frozen=True)
class InspectResult:
    """What was found.

    Attributes:
        located: where it was read.
        checkpoint: as it was read.
        total: everything together.
        active: parameters that one token passes through; None for a dense model.
        kinds: per kind of layer.
        dtypes: per stored dtype.
        schemes: per scheme; empty when nothing is quantized.
    """

    command: ClassVar[str] = "inspect"
    located: Located
    checkpoint: Checkpoint
    total: Share
    active: int | None
    kinds: tuple[Share, ...]
    dtypes: tuple[Share, ...]
    schemes: tuple[Share, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """The gravest problem of the checkpoint."""
        return self.checkpoint.problems[0] if self.checkpoint.problems else None

    @property
    def tokenizer_class(self) -> str | None:
        """What the tokenizer calls itself, or the file that holds it."""
        name = self.checkpoint.tokenizer.get("tokenizer_class")
        files = (file for file in ("tokenizer.json", "tokenizer.model") if file in self.checkpoint.files)
        return name if isinstance(name, str) else next(files, None)

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        checkpoint = self.checkpoint
        return {
            "model": checkpoint.name,
            "repo": self.located.repo,
            "commit": self.located.commit,
            "folder": str(checkpoint.folder) if self.located.has_weights else None,
            "architecture": checkpoint.architecture,
            "architectures": checkpoint.config.get("architectures"),
            "parameters": self.total.parameters,
            "active_parameters": self.active,
            "tensors": len(checkpoint.tensors),
            "shards": list(checkpoint.shards),
            "size_bytes": self.total.size_bytes,
            "bits_per_weight": self.total.bits_per_weight,
            "quantization": describe(checkpoint.config),
            "context": checkpoint.context,
            "tokenizer": self.tokenizer_class,
            "has_chat_template": checkpoint.template is not None,
            "eos_token_ids": list(eos_ids(checkpoint)),
            "license": source_license(checkpoint),
            "wants_remote_code": list(remote_code(checkpoint)),
            "kinds": [_share_data(share) for share in self.kinds],
            "dtypes": [_share_data(share) for share in self.dtypes],
            "schemes": [_share_data(share) for share in self.schemes],
            "config_changes": list(checkpoint.config_changes),
            "warnings": [note.text for note in self._warnings()],
            "problems": [
                {"code": problem.code, "message": problem.message, "hint": problem.hint}
                for problem in checkpoint.problems
            ],
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        checkpoint = self.checkpoint
        facts = [
            *([Fact("Commit", self.located.commit)] if self.located.commit else []),
            Fact("Architecture", checkpoint.architecture),
            Fact("Parameters", self.total.parameters, "count"),
            *([Fact("  active per token", self.active, "count")] if self.active is not None else []),
            Fact("Size", self.total.size_bytes, "bytes"),
            Fact("Bits per weight", self.total.bits_per_weight, "bits"),
            Fact("Quantization", describe(checkpoint.config) or "none"),
            Fact("Context", checkpoint.context, "tokens"),
            Fact("Tokenizer", self.tokenizer_class),
            Fact("Chat template", checkpoint.template is not None, "flag"),
            Fact("EOS ids", tuple(str(token) for token in eos_ids(checkpoint))),
            Fact("License", source_license(checkpoint)),
        ]
        columns = (Column("Tensors", "count"), Column("Parameters", "count"), Column("Size", "bytes"))
        bits = Column("Bits per weight", "bits")
        tables = (
            Table("Layers", (Column("Kind"), *columns, bits), _rows(self.kinds)),
            Table("Storage", (Column("Scheme or dtype"), *columns, bits), _rows((*self.schemes, *self.dtypes))),
        )
        remote = () if self.located.has_weights else ("Read from its headers on the Hub: no weights were fetched.",)
        notes = tuple(Note(text) for text in (*checkpoint.config_notes, *remote))
        problems = tuple(Note(problem.message, "warning") for problem in checkpoint.problems[1:])
        return Report(checkpoint.name, tuple(facts), tables, (*problems, *self._warnings(), *notes))

    def _warnings(self) -> tuple[Note, ...]:
        checkpoint = self.checkpoint
        missing = () if checkpoint.template is not None else ("It has no chat template: `run` needs --raw.",)
        code = tuple(f"It wants its own code to be run: {place}." for place in remote_code(checkpoint))
        silent = () if eos_ids(checkpoint) else ("It names no EOS token: an answer ends only at --max-tokens.",)
        texts = (*checkpoint.warnings, *code, *missing, *silent, *caveats(checkpoint.config))
        return tuple(Note(text, "warning") for text in texts)


def inspect(plan: InspectPlan, *, locate: Locate = store.local) -> InspectResult:
    """Describe a checkpoint.

    Args:
        plan: which one.
        locate: leads to its folder; headers are enough.

    Raises:
        MlxkitError: there is nothing that could be described.
    """
    located = locate(plan.model)
    checkpoint = store.read(plan.model, located.folder)
    found = list(parts(checkpoint))
    return InspectResult(
        located=located,
        checkpoint=checkpoint,
        total=_share("total", found),
        active=active_parameters(checkpoint.config, found),
        kinds=_shares(found, [part.kind for part in found]),
        dtypes=_shares_of_rest(found),
        schemes=_shares(
            [part for part in found if part.scheme], [part.scheme.name for part in found if part.scheme is not None]
        ),
    )


def _shares_of_rest(found: list[Part]) -> tuple[Share, ...]:
    rest = [part for part in found if part.scheme is None]
    return _shares(rest, [part.dtype for part in rest])


def _shares(found: list[Part], names: list[str]) -> tuple[Share, ...]:
    sizes: Counter[str] = Counter()
    members: dict[str, list[Part]] = {}
    for name, part in zip(names, found, strict=True):
        members.setdefault(name, []).append(part)
        sizes[name] += part.size_bytes
    return tuple(_share(name, members[name]) for name, _ in sizes.most_common())


def _share(name: str, found: Iterable[Part]) -> Share:
    found = list(found)
    return Share(name, len(found), sum(part.parameters for part in found), sum(part.size_bytes for part in found))


def _share_data(share: Share) -> dict[str, Any]:
    return {**asdict(share), "bits_per_weight": share.bits_per_weight}


def _rows(shares: Iterable[Share]) -> tuple[tuple[str | int | float, ...], ...]:
    return tuple(
        (share.name, share.tensors, share.parameters, share.size_bytes, share.bits_per_weight) for share in shares
    )
