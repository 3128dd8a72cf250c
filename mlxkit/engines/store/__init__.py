"""Checkpoints on this disk: reading them by their headers, writing them whole or not at all.

The door to safetensors, YAML and file locks. It knows no MLX: weights pass through it as bytes.
"""

from mlxkit.core.names import TINY
from mlxkit.engines.store.checkpoints import Draft, Written, write_checkpoints
from mlxkit.engines.store.devices import known_devices
from mlxkit.engines.store.digests import form_digest, keep_digest, subject, tensor_digests, weights_digest
from mlxkit.engines.store.folders import LOCK, alone, is_same_disk, refuse_existing, replacing
from mlxkit.engines.store.joining import joined, links
from mlxkit.engines.store.journal import Journal
from mlxkit.engines.store.kept import drop, fingerprint, keep, keep_json, kept, place_of, recalled, tidy
from mlxkit.engines.store.listing import content, entries, file_names, read_shards
from mlxkit.engines.store.locating import is_local, local, locate, shown
from mlxkit.engines.store.made import Made, made_below
from mlxkit.engines.store.prompts import evaluation_prompts, prompts
from mlxkit.engines.store.questions import is_of_harness, task_questions
from mlxkit.engines.store.reading import front_matter, has_tokenizer, read
from mlxkit.engines.store.recipes import read_recipe, shipped
from mlxkit.engines.store.texts import keep_text, read_documents, recalled_text

__all__ = [
    "LOCK",
    "TINY",
    "Draft",
    "Journal",
    "Made",
    "Written",
    "alone",
    "content",
    "drop",
    "entries",
    "evaluation_prompts",
    "file_names",
    "fingerprint",
    "form_digest",
    "front_matter",
    "has_tokenizer",
    "is_local",
    "is_of_harness",
    "is_same_disk",
    "joined",
    "keep",
    "keep_digest",
    "keep_json",
    "keep_text",
    "kept",
    "known_devices",
    "links",
    "local",
    "locate",
    "made_below",
    "place_of",
    "prompts",
    "read",
    "read_documents",
    "read_recipe",
    "read_shards",
    "recalled",
    "recalled_text",
    "refuse_existing",
    "replacing",
    "shipped",
    "shown",
    "subject",
    "task_questions",
    "tensor_digests",
    "tidy",
    "weights_digest",
    "write_checkpoints",
]
