"""What was built: a row for each variant, with what it lost, how fast it is and which gates it keeps to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mlxkit.core.errors import GateError, MlxkitError
from mlxkit.core.estimates import Estimate
from mlxkit.core.measurement import SHOWN
from mlxkit.core.recipes import Outcome, Variant
from mlxkit.core.releases import Entry, Pinned
from mlxkit.core.report import Column, Fact, Note, Report, Table, Value
from mlxkit.core.sizes import size_text
from mlxkit.core.wording import few
from mlxkit.usecases.build.plan import BuildPlan


@dataclass(frozen=True)
class Built:
    """What became of one variant.

    Attributes:
        variant: the recipe's.
        entry: what is written down of it.
        folder: where it is; None for one that failed.
        outcomes: of its gates.
        did: what was done to it in this run.
        error: why it could not be built; None for one that was.
    """

    variant: Variant
    entry: Entry
    folder: Path | None
    outcomes: tuple[Outcome, ...]
    did: tuple[str, ...]
    error: MlxkitError | None = None

    @property
    def missed(self) -> tuple[Outcome, ...]:
        """The gates that it does not keep to."""
        return tuple(one for one in self.outcomes if not one.passed)

    def found(self, step: str) -> Mapping[str, Any]:
        """Return what came of a step; empty where it was not done."""
        done = self.entry.steps.get(step)
        return done.found if done is not None else {}

    @property
    def bits_per_weight(self) -> float | None:
        """Stored bits per parameter, scales, biases and unquantized weights included."""
        made = self.found("made")
        return 8 * made["size_bytes"] / made["parameters"] if made else None

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        made = {name: self.found("made").get(name) for name in ("digest", "size_bytes", "parameters")}
        lost = {name: value for name, value in self.found("judged").items() if name != "ids"}
        speed = {name: value for name, value in self.found("timed").items() if name != "ids"}
        return {
            "name": self.variant.name,
            "folder": str(self.folder) if self.folder else None,
            "is_publishable": self.entry.is_publishable and self.error is None,
            **made,
            "bits_per_weight": self.bits_per_weight,
            **lost,
            **speed,
            "measurements": [*self.found("judged").get("ids", ()), *self.found("timed").get("ids", ())],
            "check_errors": self.found("checked").get("errors"),
            "gates": [one.data() for one in self.outcomes],
            "done": list(self.did),
            "error": {"code": self.error.code, "message": self.error.message} if self.error else None,
        }


@dataclass(frozen=True)
class BuildResult:
    """What was built.

    Attributes:
        plan: what was asked.
        name: of the recipe.
        home: the recipe's own folder.
        source: what the variants were made of.
        built: every variant that was asked for, in the recipe's order.
        notes: what the user should know.
    """

    command: ClassVar[str] = "build"
    plan: BuildPlan
    name: str
    home: Path
    source: Pinned
    built: tuple[Built, ...]
    notes: tuple[str, ...]

    @property
    def failure(self) -> MlxkitError | None:
        """The first error of a variant that could not be built; else that gates are missed."""
        for one in self.built:
            if one.error is not None:
                return one.error
        missed = [one.variant.name for one in self.built if one.missed]
        if not missed:
            return None
        verb = "does" if len(missed) == 1 else "do"
        return GateError(
            f"{len(missed)} of {len(self.built)} variants {verb} not keep to the gates: {few(missed)}.",
            hint=f"the table says by how much; held back in {str(self.home / '.held')!r}",
        )

    def data(self) -> dict[str, Any]:
        """Return the result as JSON."""
        source = self.source
        return {
            "recipe": self.name,
            "folder": str(self.home),
            "source": {
                "name": source.name,
                "commit": source.commit,
                "license": source.license,
                "digest": source.digest,
            },
            "variants": [one.data() for one in self.built],
            "notes": list(self.notes),
        }

    def report(self) -> Report:
        """Return what a reader sees."""
        facts = (
            Fact("Source", self.source.name + (f" at {self.source.commit}" if self.source.commit else "")),
            Fact("Weights", self.source.digest[:SHOWN]),
            Fact("Folder", str(self.home)),
        )
        columns = (
            Column("Variant"),
            Column("Size", "bytes"),
            Column("Bits per weight", "bits"),
            Column("KL (nats)", "nats"),
            Column("Same first", "share"),
            Column("Tasks", "share"),
            Column("Decode tok/s", "ratio"),
            Column("Gates"),
            Column("This run"),
            Column("Folder"),
        )
        rows = tuple(self._row(one) for one in self.built)
        return Report(
            f"{self.name}, built", facts, (Table("Variants", columns, rows),), tuple(Note(text) for text in self.notes)
        )

    def _row(self, one: Built) -> tuple[Value, ...]:
        lost = one.found("judged")
        return (
            one.variant.name,
            one.found("made").get("size_bytes"),
            one.bits_per_weight,
            _estimate(lost, "kl_nats"),
            _estimate(lost, "top1_agreement"),
            lost.get("task_accuracy"),
            _speed(one.found("timed")),
            _gates(one),
            ", ".join(one.did) or "is there",
            one.folder.relative_to(self.home).as_posix() if one.folder else "",
        )


def _estimate(found: Mapping[str, Any], name: str) -> Value:
    value = found.get(name)
    return None if value is None else Estimate(value, found.get(f"{name}_se"), 0)


def _speed(found: Mapping[str, Any]) -> Value:
    value = found.get("decode_tps")
    return None if value is None else Estimate(value, found.get("decode_tps_sd"), 0)


def _gates(one: Built) -> str:
    if one.error is not None:
        return f"not built: {one.error.message}"
    if not one.outcomes:
        return "none asked"
    errors: Sequence[str] = one.found("checked").get("errors", ())
    return "; ".join(said(missed, errors) for missed in one.missed) or "ok"


def said(outcome: Outcome, errors: Sequence[str] = ()) -> str:
    """Return in a few words by how much a gate is missed.

    Args:
        outcome: of the gate.
        errors: that the check found, a phrase each.
    """
    if outcome.measured is None or outcome.margin is None or outcome.threshold is None:
        return f"{outcome.name}: not measured"
    if outcome.unit == "errors":
        return f"{outcome.name}: {few(errors)}"
    if outcome.unit == "bytes":
        return f"{outcome.name}: {size_text(int(-outcome.margin))} above {size_text(int(outcome.threshold))}"
    where = "above" if outcome.name.startswith("max") else "below"
    return f"{outcome.name}: {-outcome.margin:.3g} {where} {outcome.threshold:g}"
