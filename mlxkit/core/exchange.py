"""Measurements as they travel: JSON Lines, one measurement in each, with the id that proves its content."""

import json
from typing import Any

from mlxkit.core.errors import IntegrityError
from mlxkit.core.measurement import Measurement, canonical

SCHEMA = "mlxkit-measurement/1"

_ELSEWHERE = "export it again where it came from"


def exported(measurement: Measurement) -> dict[str, Any]:
    """Return a measurement as a JSON object with its schema and its id."""
    return {"schema": SCHEMA, "id": measurement.id, **measurement.as_json()}


def line(measurement: Measurement) -> str:
    """Return a measurement as one line, without its end: the same measurement gives the same bytes."""
    return canonical(exported(measurement))


def parse(text: str | bytes) -> Measurement:
    """Return the measurement that a line holds.

    Raises:
        IntegrityError: it holds none, or one whose content is not what its id says.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"This is not JSON: {error}.", hint=_ELSEWHERE) from error
    schema = value.pop("schema", None) if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise IntegrityError(
            f"This is no measurement: its schema is {schema!r}, expected {SCHEMA!r}.",
            hint="mlxkit ledger export writes such lines; a newer mlxkit may write newer ones",
        )
    said = value.pop("id", None)
    measurement = Measurement.from_json(value)
    if said != measurement.id:
        raise IntegrityError(
            f"The content was changed: it gives the id {measurement.short_id}, and the line says {str(said)[:12]}.",
            hint=_ELSEWHERE,
        )
    return measurement


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found
