"""The scale-down frontier of what was measured, and the weights to choose for each device."""

from mlxkit.usecases.report.plan import USUAL_DEVICES, ReportPlan
from mlxkit.usecases.report.result import ReportResult
from mlxkit.usecases.report.verb import report

__all__ = ["USUAL_DEVICES", "ReportPlan", "ReportResult", "report"]
