"""What a use-case finds before it is a measurement: figures, and what they are of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlxkit.core.measurement import Kind
from mlxkit.engines import store
from mlxkit.usecases.eval.sides import Side


@dataclass(frozen=True)
class Found:
    """Figures that are to be recorded.

    Attributes:
        kind: what was measured.
        side: of whom.
        workload: all that decides about the figures, besides the weights, as JSON.
        summary: the figures.
        raw: what they were made from.
        journals: where the work was written down until now.
        versions: of libraries besides those of every measurement.
        notes: what the user should know.
        peak_memory_bytes: the most that was held for it; None where that was not watched.
    """

    kind: Kind
    side: Side
    workload: Mapping[str, Any]
    summary: Mapping[str, Any]
    raw: Mapping[str, Any]
    journals: tuple[store.Journal, ...] = ()
    versions: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()
    peak_memory_bytes: int | None = None
