"""The build record: what mlxkit.json says of weights that mlxkit made."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = "mlxkit-build/1"
FILE_NAME = "mlxkit.json"


@dataclass(frozen=True)
class Source:
    """Where the weights came from.

    Attributes:
        name: what the user called it, with the home folder as ``~``.
        repo: Hub repo, when it is known.
        commit: the Hub commit, when it is known.
        license: the identifier on its card.
        tokenizer: the model whose tokenizer is written beside the weights, where it is not the source's own.
    """

    name: str
    repo: str | None = None
    commit: str | None = None
    license: str | None = None
    tokenizer: str | None = None


@dataclass(frozen=True)
class Record:
    """What is needed to make the same bytes again.

    It carries no time and no destination: the same inputs give the same record.

    Attributes:
        command: the verb, ``convert`` or ``quantize``.
        options: its options as used, defaults included.
        source: where the weights came from.
        dtype: of the floating weights; None when there are none.
        digests: tensor name to the sha256 of its bytes, in hexadecimal.
        schemes: unit path to the scheme's short name, for quantized units.
        skipped: unit path to the reason why it is not quantized.
        versions: of mlxkit, mlx, mlx-lm.
        platform: operating system, machine and MLX device.
        notes: sentences on what was done to the config or the weights.
    """

    command: str
    options: Mapping[str, Any]
    source: Source
    dtype: str | None
    digests: Mapping[str, str]
    schemes: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """One digest for the whole checkpoint."""
        return checkpoint_digest(self.digests)

    def as_json(self) -> dict[str, Any]:
        """Return the object that mlxkit.json holds."""
        return {
            "schema": SCHEMA,
            "command": self.command,
            "options": dict(self.options),
            "source": asdict(self.source),
            "dtype": self.dtype,
            "digest": self.digest,
            "schemes": dict(self.schemes),
            "skipped": dict(self.skipped),
            "versions": dict(self.versions),
            "platform": dict(self.platform),
            "notes": list(self.notes),
            "tensors": dict(sorted(self.digests.items())),
        }


def checkpoint_digest(digests: Mapping[str, str]) -> str:
    """Return one digest for a whole checkpoint: sha256 over its tensors' names and digests, sorted by name.

    It does not depend on how the tensors are spread over shards.

    Args:
        digests: tensor name to the sha256 of its bytes, in hexadecimal.
    """
    lines = (f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
