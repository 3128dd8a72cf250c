"""Two sets of measurements side by side, and only those that were taken alike."""

from mlxkit.usecases.compare.plan import ComparePlan
from mlxkit.usecases.compare.result import CompareResult
from mlxkit.usecases.compare.verb import compare

__all__ = ["ComparePlan", "CompareResult", "compare"]
