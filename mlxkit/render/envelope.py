"""The JSON envelope: one shape for every command, errors included."""

import json
import math
from collections.abc import Mapping
from typing import Any

from mlxkit.core.errors import MlxkitError
from mlxkit.core.report import Result

SCHEMA = "mlxkit/1"


def result_envelope(result: Result) -> str:
    """Return a result as JSON; a result that fails carries its data and its error."""
    return _envelope(result.command, result.data(), error_entry(result.failure) if result.failure else None)


def error_envelope(command: str | None, error: Mapping[str, Any]) -> str:
    """Return an error as JSON.

    Args:
        command: the command that failed; None when there was none.
        error: its ``code``, ``message`` and ``hint``.
    """
    return _envelope(command, None, error)


def error_entry(error: MlxkitError) -> dict[str, Any]:
    """Return the `error` object of the envelope."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _envelope(command: str | None, data: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> str:
    envelope = {
        "schema": SCHEMA,
        "command": command,
        "status": "error" if error else "ok",
        "data": data,
        "error": error,
    }
    return json.dumps(_standard(envelope), ensure_ascii=False, indent=2, allow_nan=False)


def _standard(value: Any) -> Any:
    """JSON has no NaN and no infinity: such a value was not measured."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _standard(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_standard(entry) for entry in value]
    return value
