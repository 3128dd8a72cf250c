"""What to look at."""

from dataclasses import dataclass

from mlxkit.core.codes import FAMILIES
from mlxkit.core.findings import Family

MAX_TOKENS = 256
"""Bound of each answer: enough for three short ones, unless they are thought about at length."""


@dataclass(frozen=True)
class CheckPlan:
    """What to look at.

    Attributes:
        model: what `locate` knows: a folder, a repo or ``tiny``.
        only: the families that are looked at; none means all.
        run: load it in a fresh process and let it answer.
        published_as: the repo's name to be, when it is not the folder's.
        timeout_seconds: what the fresh process may take, above 0.
        max_tokens: bound of each answer, at least 1.
    """

    model: str
    only: tuple[Family, ...] = ()
    run: bool = True
    published_as: str | None = None
    timeout_seconds: float = 1800.0
    max_tokens: int = MAX_TOKENS

    def wants(self, family: Family) -> bool:
        """Whether a family is looked at."""
        return family in (self.only or FAMILIES)
