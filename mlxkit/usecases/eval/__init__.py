"""Measuring what a model lost, and how well it expects text."""

from mlxkit.usecases.eval.plan import EvalPlan
from mlxkit.usecases.eval.result import EvalResult
from mlxkit.usecases.eval.verb import evaluate

__all__ = ["EvalPlan", "EvalResult", "evaluate"]
