"""What can be wrong with weights that are to be published: a stable code, how grave it is, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]
"""An error keeps weights from being published; a warning is for their maintainer to judge; a note is good to know."""

Family: TypeAlias = Literal["loads", "files", "config", "secrets", "license", "upstream"]
"""What was looked at."""


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding.

    Attributes:
        family: what is looked at.
        severity: how grave it is.
        meaning: what it says, in a few words, for the list of all codes.
        hint: what to do.
    """

    family: Family
    severity: Severity
    meaning: str
    hint: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found.

    Attributes:
        code: its stable name, such as ``files.pickle``.
        where: the file, key or tensor.
        said: one sentence: what was expected and what is there.
        kind: what the code stands for.
    """

    code: str
    where: str
    said: str
    kind: Code

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.kind.severity

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "where": self.where,
            "said": self.said,
            "hint": self.kind.hint,
        }


def finding(codes: Mapping[str, Code], code: str, where: str, said: str) -> Finding:
    """Return a finding of a code that is known."""
    return Finding(code, where, said, codes[code])
