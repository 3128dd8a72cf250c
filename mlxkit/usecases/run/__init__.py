"""Talking with a model: one answer, or a conversation whose turns build on what was computed before."""

from mlxkit.usecases.run.conversation import Conversation
from mlxkit.usecases.run.plan import RunPlan
from mlxkit.usecases.run.result import RunResult
from mlxkit.usecases.run.verb import converse

__all__ = ["Conversation", "RunPlan", "RunResult", "converse"]
