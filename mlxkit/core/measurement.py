"""A measurement: a figure with all that is needed to trust it, and what makes it the same one everywhere."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

from mlxkit.core.errors import IntegrityError
from mlxkit.core.estimates import Estimate

Kind: TypeAlias = Literal["quality", "task", "throughput", "memory", "publication"]
"""What was measured; of a publication, that every digest of a commit is that of a file here."""

SHOWN = 12
"""Characters of a digest that are shown of it."""

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Subject:
    """What was measured.

    Attributes:
        digest: of the checkpoint, as `core.record.checkpoint_digest` gives it: the same weights have the same one,
            whatever they are called. Of a measurement of memory alone: of their names, dtypes and shapes.
        name: what the user called it, with the home folder as ``~``.
        repo: Hub repo, when it is known.
        commit: the Hub commit, when it is known.
    """

    digest: str
    name: str
    repo: str | None = None
    commit: str | None = None


@dataclass(frozen=True)
class Measurement:
    """What was found, on what, how, where and with which software.

    All mappings are JSON: their keys are strings, their numbers finite.

    Attributes:
        kind: what was measured.
        subject: the checkpoint.
        workload: what it was given: every parameter that can change the result, digests of text, the seed.
        machine: where it ran.
        versions: name of a program or library to its version.
        summary: the figures, with units in their names and their errors beside them.
        raw: the values that the summary was made from.
        taken_at: when it was done, in seconds since 1970.
        is_complete: it ran to its end; else it was interrupted, and says what it had by then.
    """

    kind: Kind
    subject: Subject
    workload: Mapping[str, Any]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    summary: Mapping[str, Any]
    raw: Mapping[str, Any]
    taken_at: float
    is_complete: bool = field(default=True)

    @cached_property
    def id(self) -> str:
        """SHA-256, in hex, of all that it says: two ledgers that hold the same measurement call it the same."""
        return hashlib.sha256(canonical(self.as_json()).encode()).hexdigest()

    @property
    def short_id(self) -> str:
        """As much of the id as a reader needs to tell it from any other."""
        return self.id[:SHOWN]

    def estimate(self, name: str) -> Estimate | None:
        """Return a figure of the summary with its standard error, if it has one; None where it was not measured."""
        value, error = self.summary.get(name), self.summary.get(f"{name}_se")
        if not isinstance(value, int | float):
            return None
        return Estimate(value, error if isinstance(error, int | float) else None, self.summary.get("clusters", 0))

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object, without its id."""
        return {
            "kind": self.kind,
            "subject": asdict(self.subject),
            "workload": dict(self.workload),
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "summary": dict(self.summary),
            "raw": dict(self.raw),
            "taken_at": self.taken_at,
            "is_complete": self.is_complete,
        }

    @classmethod
    def from_json(cls, value: Any) -> "Measurement":
        """Return what `as_json` gave, read back.

        Raises:
            IntegrityError: it is no measurement; the message names what is wrong.
        """
        found = _checked(value, "the measurement", _FIELDS)
        subject = _checked(found["subject"], "subject", _SUBJECT_FIELDS)
        if found["kind"] not in KINDS:
            raise IntegrityError(f"kind is {found['kind']!r}, expected one of {', '.join(KINDS)}.")
        if not all(isinstance(version, str) for version in found["versions"].values()):
            raise IntegrityError("versions holds something that is not text.")
        if not 0 <= found["taken_at"] < _END_OF_TIME:
            raise IntegrityError(f"taken_at is {found['taken_at']!r}, expected seconds since 1970.")
        try:
            canonical(value)
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise IntegrityError("It holds text that is not Unicode: half of a surrogate pair.") from error
        except (ValueError, RecursionError) as error:
            raise IntegrityError("It holds a number that is not finite, or is too deep.") from error
        return cls(**{**found, "subject": Subject(**subject)})


_END_OF_TIME = 253_402_300_800
"""The year 10000, which no calendar of Python's reaches."""

_Types: TypeAlias = tuple[type, ...]

_FIELDS: dict[str, _Types] = {
    "kind": (str,),
    "subject": (dict,),
    "workload": (dict,),
    "machine": (dict,),
    "versions": (dict,),
    "summary": (dict,),
    "raw": (dict,),
    "taken_at": (int, float),
    "is_complete": (bool,),
}

_SUBJECT_FIELDS: dict[str, _Types] = {
    "digest": (str,),
    "name": (str,),
    "repo": (str, type(None)),
    "commit": (str, type(None)),
}


def _checked(value: Any, what: str, fields: Mapping[str, _Types]) -> dict[str, Any]:
    """Return an object that has these fields and no others, each of its type."""
    if not isinstance(value, dict):
        raise IntegrityError(f"{what.capitalize()} is no JSON object.")
    for difference, said in ((fields.keys() - value.keys(), "has no"), (value.keys() - fields.keys(), "knows no")):
        if difference:
            raise IntegrityError(f"{what.capitalize()} {said} {min(map(str, difference))!r}.")
    for name, types in fields.items():
        if not isinstance(value[name], types) or (isinstance(value[name], bool) and bool not in types):
            raise IntegrityError(f"{name} is {type(value[name]).__name__}, expected {_NAMES[types[0]]}.")
    return value


_NAMES = {str: "text", dict: "an object", int: "a number", bool: "true or false"}


def canonical(value: Any) -> str:
    """Return JSON in one spelling: keys sorted, no spaces, ASCII, numbers as Python writes them back exactly.

    >>> canonical({"b": 0.1, "a": None})
    '{"a":null,"b":0.1}'

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
