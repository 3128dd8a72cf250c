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

from mlxkit.engines.models.answering import WINDOW, Respondent, respondent  # noqa: E402
from mlxkit.engines.models.bandwidth import read_bandwidth  # noqa: E402
from mlxkit.engines.models.differing import differences  # noqa: E402
from mlxkit.engines.models.encoding import Encoded, Spool, encode  # noqa: E402
from mlxkit.engines.models.examining import Examinee  # noqa: E402
from mlxkit.engines.models.generating import Loaded, load  # noqa: E402
from mlxkit.engines.models.loading import Opened, computing_dtype, open_model  # noqa: E402
from mlxkit.engines.models.measuring.polishing import polish  # noqa: E402
from mlxkit.engines.models.measuring.prediction import array, predicted  # noqa: E402
from mlxkit.engines.models.measuring.reading import (  # noqa: E402
    Open,
    Reader,
    demand_same_vocabulary,
    inputs,
    judge,
    noise,
    release,
    watch_memory,
)
from mlxkit.engines.models.measuring.statistics import Sensitivity  # noqa: E402
from mlxkit.engines.models.measuring.statistics import load as load_sensitivities  # noqa: E402
from mlxkit.engines.models.measuring.statistics import save as save_sensitivities  # noqa: E402
from mlxkit.engines.models.measuring.workbench import Workbench  # noqa: E402
from mlxkit.engines.models.methods import by_method, refusal  # noqa: E402
from mlxkit.engines.models.probing import largest_difference, probe  # noqa: E402
from mlxkit.engines.models.quantizing import apply, dequantize, units  # noqa: E402
from mlxkit.engines.models.room import demand_room, needed  # noqa: E402
from mlxkit.engines.models.saving import load as load_arrays  # noqa: E402
from mlxkit.engines.models.saving import save as save_arrays  # noqa: E402
from mlxkit.engines.models.streaming import (  # noqa: E402
    Stream,
    cast,
    demand_finite,
    drain,
    finite_sums,
    lane,
    parameters,
    side_by_side,
    size_bytes,
    small_cache,
)
from mlxkit.engines.models.texts import sampled, tokenized  # noqa: E402
from mlxkit.engines.models.timing import Timed, Timing, load_for_timing  # noqa: E402
from mlxkit.engines.models.tokenizing import Tokenizer, load_tokenizer  # noqa: E402
from mlxkit.engines.models.tracing import Traced, trace, weights  # noqa: E402
from mlxkit.engines.models.versions import platform, versions  # noqa: E402

__all__ = [
    "WINDOW",
    "Encoded",
    "Examinee",
    "Loaded",
    "Open",
    "Opened",
    "Reader",
    "Respondent",
    "Sensitivity",
    "Spool",
    "Stream",
    "Timed",
    "Timing",
    "Tokenizer",
    "Traced",
    "Workbench",
    "apply",
    "array",
    "by_method",
    "cast",
    "computing_dtype",
    "demand_finite",
    "demand_room",
    "demand_same_vocabulary",
    "dequantize",
    "differences",
    "drain",
    "encode",
    "finite_sums",
    "inputs",
    "judge",
    "lane",
    "largest_difference",
    "load",
    "load_arrays",
    "load_for_timing",
    "load_sensitivities",
    "load_tokenizer",
    "needed",
    "noise",
    "open_model",
    "parameters",
    "platform",
    "polish",
    "predicted",
    "probe",
    "read_bandwidth",
    "refusal",
    "release",
    "respondent",
    "sampled",
    "save_arrays",
    "save_sensitivities",
    "side_by_side",
    "size_bytes",
    "small_cache",
    "tokenized",
    "trace",
    "units",
    "versions",
    "watch_memory",
    "weights",
]
