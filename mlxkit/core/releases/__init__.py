"""Releases: which runs make the variants of a recipe, what each step depends on, and what a build writes down."""

from mlxkit.core.releases.efforts import Effort, expected
from mlxkit.core.releases.keys import Batch, batches, folder_name, key, needs_text, wishes
from mlxkit.core.releases.lock import FILE_NAME, Done, Entry, Lock, Pinned, PinnedTokenizer, parse_lock

__all__ = [
    "FILE_NAME",
    "Batch",
    "Done",
    "Effort",
    "Entry",
    "Lock",
    "Pinned",
    "PinnedTokenizer",
    "batches",
    "expected",
    "folder_name",
    "key",
    "needs_text",
    "parse_lock",
    "wishes",
]
