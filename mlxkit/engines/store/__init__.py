"""Checkpoints on this disk: reading them by their headers, writing them whole or not at all.

The door to safetensors, YAML and file locks. It knows no MLX: weights pass through it as bytes.
"""

from mlxkit.engines.store.checkpoints import Written, write_checkpoint
from mlxkit.engines.store.folders import replacing
from mlxkit.engines.store.locating import TINY, locate, shown
from mlxkit.engines.store.reading import read

__all__ = ["TINY", "Written", "locate", "read", "replacing", "shown", "write_checkpoint"]
