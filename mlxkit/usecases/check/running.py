"""The fresh process in which a checkpoint is loaded by stock mlx-lm; whatever happens to it becomes an `Attempt`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from mlxkit.core.checks.attempts import QUESTIONS, Attempt, attempt

_MODULE = "mlxkit.engines.models.trying"
_TOKENS = frozenset({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"})
_SHOWN = 200  # characters of its last words

Try: TypeAlias = Callable[[Path, float, int], Attempt]
"""Takes the checkpoint's folder, the seconds it may take, and the bound of each answer."""


def in_process(folder: Path, timeout_seconds: float, max_tokens: int) -> Attempt:
    """Load a folder in a process of its own and let it answer. Nothing of its content raises here.

    Args:
        folder: the checkpoint's.
        timeout_seconds: the process is ended after so many seconds.
        max_tokens: of each answer at most.
    """
    with TemporaryDirectory(prefix="mlxkit-check-") as place:
        told = Path(place) / "events.jsonl"
        asked = json.dumps([str(folder), str(told), QUESTIONS, max_tokens])
        # A checkpoint is to load from its own folder alone, and no token is for whatever it brings along.
        environment = {name: value for name, value in os.environ.items() if name not in _TOKENS}
        environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        status: int | None = None
        words = ""
        try:
            done = subprocess.run(  # noqa: S603  a module of our own
                # -P: the current folder may be the checkpoint's, and a module in it is not to be imported.
                [sys.executable, "-P", "-m", _MODULE, asked],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_seconds,
                check=False,
            )
            status, words = done.returncode, _last(done.stderr)
        except subprocess.TimeoutExpired:
            pass
        outcome = {"status": status, "last_words": words, "max_tokens": max_tokens, "seconds": timeout_seconds}
        return attempt(_events(told), **outcome)


def _events(told: Path) -> list[dict[str, Any]]:
    try:
        lines = told.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        try:
            events.append(json.loads(line))
        except ValueError:  # it died in the middle of a line
            break
    return events


def _last(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines() or [""]
    return lines[-1][:_SHOWN].rstrip(".")
