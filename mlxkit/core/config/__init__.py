"""A checkpoint's config.json, made to mean the same to every reader.

transformers 5 renamed keys (`rope_theta` moved into `rope_parameters`, `num_experts` became `num_local_experts`), while
mlx-lm's model classes read the older names and fall back to a default without a word: the weights load, the logits are
wrong. `normalize` fills each name from the other, so that old readers, new readers and mlx-lm compute the same
function; `unread` and `caveats` say what no renaming mends. Where keys contradict each other, the value that
transformers 5 uses wins. The tables are proved by the goldens in tests/golden/parity.

This module knows JSON values only: no files, no MLX, no model classes.
"""

from mlxkit.core.config.caveats import caveats, unread
from mlxkit.core.config.normalizing import Normalized, normalize

__all__ = ["Normalized", "caveats", "normalize", "unread"]
