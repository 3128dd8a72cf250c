"""Auditing weights before they are published, or after: findings with stable codes, and what to do about each."""

from mlxkit.usecases.check.codes import CodesResult, list_codes
from mlxkit.usecases.check.plan import CheckPlan
from mlxkit.usecases.check.result import CheckResult
from mlxkit.usecases.check.running import Try, in_process
from mlxkit.usecases.check.sources import from_hub, nowhere
from mlxkit.usecases.check.verb import check

__all__ = [
    "CheckPlan",
    "CheckResult",
    "CodesResult",
    "Try",
    "check",
    "from_hub",
    "in_process",
    "list_codes",
    "nowhere",
]
