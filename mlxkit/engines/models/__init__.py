"""Models: the door to mlx and mlx-lm, where weights are loaded, cast, quantized and run.

Importing it costs about a second, because mlx-lm imports transformers: only use-cases that need a model do.
"""

import contextlib
import resource

_LIMITS = resource.getrlimit(resource.RLIMIT_NOFILE)
_set_limit = resource.setrlimit


def _keep_limit(which: int, limits: tuple[int, int]) -> None:
    """Stand in for `resource.setrlimit` while mlx-lm is imported.

    mlx-lm cuts the number of open files to (2048, 4096), and dies where the hard limit is lower
    (ml-explore/mlx-lm#1589). The limit is the user's.
    """


resource.setrlimit = _keep_limit
try:
    import mlx_lm  # noqa: F401  the one place where its package is first imported
finally:
    resource.setrlimit = _set_limit
with contextlib.suppress(ValueError, OSError):
    # Large checkpoints have hundreds of shards, and macOS starts processes with a soft limit of 256.
    _set_limit(resource.RLIMIT_NOFILE, (max(_LIMITS[0], min(4096, _LIMITS[1])), _LIMITS[1]))

from mlxkit.engines.models.generating import Loaded, load  # noqa: E402
from mlxkit.engines.models.loading import Opened, open_model  # noqa: E402
from mlxkit.engines.models.probing import largest_difference, probe  # noqa: E402
from mlxkit.engines.models.quantizing import apply, dequantize, units  # noqa: E402
from mlxkit.engines.models.streaming import Stream, cast, drain, finite_sums, parameters, small_cache  # noqa: E402
from mlxkit.engines.models.versions import platform, versions  # noqa: E402

__all__ = [
    "Loaded",
    "Opened",
    "Stream",
    "apply",
    "cast",
    "dequantize",
    "drain",
    "finite_sums",
    "largest_difference",
    "load",
    "open_model",
    "parameters",
    "platform",
    "probe",
    "small_cache",
    "units",
    "versions",
]
