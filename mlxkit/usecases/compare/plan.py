"""What is to be compared, and what may differ."""

from dataclasses import dataclass

from mlxkit.core.errors import PlanError
from mlxkit.core.measurement import Kind

_DEMANDED = ("machine", "versions", "workload", "is_complete")
"""What must be equal unless it is allowed to differ."""


@dataclass(frozen=True)
class ComparePlan:
    """Two sides, and what may differ between them.

    Attributes:
        one: a model (name, folder, repo or the beginning of a digest), the beginning of a measurement's id, or a file
            of JSON Lines as `mlxkit ledger export` writes it; ``-`` is stdin.
        other: the same.
        allow: fields that may differ, such as ``versions.mlx``, or what they are a part of, such as ``versions``.
        kind: only measurements of this kind; None for all.

    Raises:
        PlanError: both sides are stdin, or something is to be allowed that is no field.
    """

    one: str
    other: str
    allow: tuple[str, ...] = ()
    kind: Kind | None = None

    def __post_init__(self) -> None:
        if self.one == self.other == "-":
            raise PlanError("Both sides cannot be stdin.", hint="export one of them to a file")
        if "kind" in self.allow:
            raise PlanError("Measurements of different kinds have no figure in common.", hint="leave out --allow kind")
        for field in self.allow:
            if field.partition(".")[0] not in _DEMANDED:
                raise PlanError(
                    f"There is no field {field!r} to allow: fields begin with {', '.join(_DEMANDED)}.",
                    hint="the message that refuses a comparison names them",
                )
