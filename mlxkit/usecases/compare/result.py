"""What a comparison found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from mlxkit.core.comparing import ENOUGH, Differences
from mlxkit.core.errors import MlxkitError
from mlxkit.core.measurement import KINDS, SHOWN, Kind, Measurement
from mlxkit.core.report import Fact, Note, Report
from mlxkit.core.wording import few
from mlxkit.usecases.compare.figures import Figure
from mlxkit.usecases.compare.pairs import Pair, described, merged, work
from mlxkit.usecases.compare.plan import ComparePlan
from mlxkit.usecases.compare.sides import Side
from mlxkit.usecases.compare.tables import table


@dataclass(frozen=True)
class Compared:
    """Two measurements and what came of comparing them."""

    pair: Pair
    figures: tuple[Figure, ...]

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "kind": self.pair.one.kind,
            "work": self.pair.work,
            "one": self.pair.one.id,
            "other": self.pair.other.id,
            "differences": _json(self.pair.differences),
            "figures": [figure.data() for figure in self.figures],
        }


@dataclass(frozen=True)
class CompareResult:
    """Two sides, compared.

    Attributes:
        plan: what was asked for.
        one: the first side.
        other: the second.
        compared: every pair, at least one.
    """

    command: ClassVar[str] = "compare"
    plan: ComparePlan
    one: Side
    other: Side
    compared: tuple[Compared, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """None: what cannot be compared raises."""
        return None

    @property
    def _sides(self) -> tuple[tuple[str, Side], tuple[str, Side]]:
        return ("A", self.one), ("B", self.other)

    def data(self) -> dict[str, Any]:
        """Return the result as JSON: the second figure by the first, or less the first."""
        return {
            "one": _side(self.one),
            "other": _side(self.other),
            "pairs": [each.data() for each in self.compared],
            "allowed": _json(self._allowed),
            "warnings": list(self._warnings()),
            "notes": list(self._notes()),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = tuple(fact for letter, side in self._sides for fact in _facts(letter, side))
        tables = tuple(
            table(kind, [(each.pair.work, figure) for each in of_kind for figure in each.figures])
            for kind, of_kind in ((kind, self._of_kind(kind)) for kind in KINDS)
            if of_kind
        )
        warnings = tuple(Note(text, "warning") for text in self._warnings())
        title = f"{self.plan.one} and {self.plan.other}, compared"
        return Report(title, facts, tables, (*warnings, *map(Note, self._notes())))

    def _of_kind(self, kind: Kind) -> list[Compared]:
        return [each for each in self.compared if each.pair.one.kind == kind]

    @property
    def _allowed(self) -> Differences:
        return merged(each.pair for each in self.compared)

    def _warnings(self) -> Iterator[str]:
        if self._allowed:
            yield f"Not measured alike, as was allowed: {few(list(described(self._allowed)))}."
        sides = [("A", [each.pair.one for each in self.compared]), ("B", [each.pair.other for each in self.compared])]
        for letter, used in sides:
            marks: dict[str, list[str]] = {}
            for each in used:
                if not each.is_complete:
                    marks.setdefault("it was interrupted, and has what it had by then.", []).append(work(each))
                for mark in each.summary.get("marks") or ():
                    marks.setdefault(str(mark), []).append(work(each))
            for mark, where in marks.items():
                yield f"{letter}, {few(where)}: {mark}"

    def _notes(self) -> Iterator[str]:
        for side, another in ((self.one, "B"), (self.other, "A")):
            yield from side.notes
            alone = [f"{one.kind} {work(one)} ({one.short_id})" for one in self._alone(side)]
            if alone:
                yield f"Nothing of {another} was measured like {few(alone)}."
        untested = list(
            dict.fromkeys(each.pair.work for each in self.compared if not all(one.is_tested for one in each.figures))
        )
        if untested:
            yield f"{few(untested)}: too few values to tell a difference from chance; of trials it takes {ENOUGH}."

    def _alone(self, side: Side) -> list[Measurement]:
        used = {one.id for each in self.compared for one in (each.pair.one, each.pair.other)}
        return [one for one in side.measurements if one.id not in used]


def _facts(letter: str, side: Side) -> Iterator[Fact]:
    yield Fact(letter, side.subject.name)
    yield Fact("  weights", side.subject.digest[:SHOWN])
    if side.size_bytes is not None:
        yield Fact("  size", side.size_bytes, "bytes")


def _side(side: Side) -> dict[str, Any]:
    subject = side.subject
    return {
        "asked": side.asked,
        "name": subject.name,
        "digest": subject.digest,
        "repo": subject.repo,
        "commit": subject.commit,
        "size_bytes": side.size_bytes,
    }


def _json(fields: Differences) -> dict[str, Any]:
    return {field: list(values) for field, values in fields.items()}
