"""Checkpoints on this disk: reading them by their headers, writing them whole or not at all.

The door to safetensors, YAML and file locks. It knows no MLX: weights pass through it as bytes.
"""

from mlxkit.core.names import TINY
from mlxkit.engines.store.checkpoints import Written, write_checkpoint
from mlxkit.engines.store.folders import is_same_disk, refuse_existing, replacing
from mlxkit.engines.store.kept import drop, fingerprint, keep, kept, recalled, tidy
from mlxkit.engines.store.locating import is_local, local, locate, shown
from mlxkit.engines.store.made import Made, made_below
from mlxkit.engines.store.prompts import prompts
from mlxkit.engines.store.reading import read

__all__ = [
    "TINY",
    "Made",
    "Written",
    "drop",
    "fingerprint",
    "is_local",
    "is_same_disk",
    "keep",
    "kept",
    "local",
    "locate",
    "made_below",
    "prompts",
    "read",
    "recalled",
    "refuse_existing",
    "replacing",
    "shown",
    "tidy",
    "write_checkpoint",
]
