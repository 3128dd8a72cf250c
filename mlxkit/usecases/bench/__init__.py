"""Timing models, next to the machine's own limit."""

from mlxkit.usecases.bench.plan import BenchPlan
from mlxkit.usecases.bench.result import BenchResult
from mlxkit.usecases.bench.verb import bench

__all__ = ["BenchPlan", "BenchResult", "bench"]
