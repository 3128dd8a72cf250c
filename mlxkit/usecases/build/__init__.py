"""A release from one pinned recipe: made, measured, checked, held against its gates, staged; a rerun does what is left.

It is a sentence made of the other use-cases' sentences. They cost seconds to import, and a rerun with nothing to do
needs none of them: `engaging` alone imports them, and whoever builds hands over what calls it.
"""

from mlxkit.usecases.build.opening import Ways
from mlxkit.usecases.build.plan import BuildPlan
from mlxkit.usecases.build.result import BuildResult
from mlxkit.usecases.build.verb import build
from mlxkit.usecases.build.work import Engage, Hands, Told

__all__ = ["BuildPlan", "BuildResult", "Engage", "Hands", "Told", "Ways", "build"]
