"""From two names to what is measured of both, side by side; what was not measured alike is refused."""

import shlex

from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.wording import few
from mlxkit.usecases.compare.figures import figures
from mlxkit.usecases.compare.pairs import pairs, refuse, work
from mlxkit.usecases.compare.plan import ComparePlan
from mlxkit.usecases.compare.result import Compared, CompareResult
from mlxkit.usecases.compare.sides import Side, is_file, side


def compare(plan: ComparePlan) -> CompareResult:
    """Compare two sets of measurements.

    Raises:
        NotFoundError: a side has no measurements, or a file cannot be read.
        PlanError: there is nothing that both have measured, it is the same measurement, or it was not measured alike.
        IntegrityError: a measurement was changed, or does not hold what its kind has.
        MlxkitError: the ledger cannot be opened.
    """
    one, other = (side(asked, plan.kind, _filling(plan)) for asked in (plan.one, plan.other))
    found = pairs(one.measurements, other.measurements, plan.allow)
    if not found:
        raise NotFoundError(
            f"Nothing was measured of both: {plan.one!r} has {_all(one)}, and {plan.other!r} has {_all(other)}.",
            hint=_filling(plan),
        )
    if all(pair.one.id == pair.other.id for pair in found):
        raise PlanError(
            f"{plan.one!r} and {plan.other!r} are the same measurements.", hint="mlxkit ledger list has the ids of all"
        )
    refuse(found, plan.allow)
    return CompareResult(plan, one, other, tuple(Compared(pair, figures(pair)) for pair in found))


def _all(one: Side) -> str:
    return few([f"{each.kind} {work(each)}" for each in one.measurements])


def _filling(plan: ComparePlan) -> str:
    """Return the command that measures both alike."""
    if plan.kind in ("quality", "task"):
        return "mlxkit eval of each, with the same options"
    names = plan.one, plan.other
    if any(map(is_file, names)):
        return "mlxkit bench A B, where the models are"
    return f"mlxkit bench {' '.join(map(shlex.quote, names))}"
