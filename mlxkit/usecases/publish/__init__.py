"""Putting a folder of weights into a repo on the Hub, once nothing is wrong with it, and looking whether it arrived."""

from mlxkit.usecases.publish.plan import PublishPlan
from mlxkit.usecases.publish.release import ReleasePlan, ReleaseResult, is_build, release
from mlxkit.usecases.publish.result import PublishResult
from mlxkit.usecases.publish.verb import publish

__all__ = ["PublishPlan", "PublishResult", "ReleasePlan", "ReleaseResult", "is_build", "publish", "release"]
