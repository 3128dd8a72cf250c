"""Rules of the command line: `--rule 'GLOB=SCHEME'` says what some units get, whatever else is planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mlxkit.core import schemes
from mlxkit.core.errors import PlanError
from mlxkit.core.quantization import Layout, Skipped, Unit
from mlxkit.core.schemes import Scheme
from mlxkit.core.wording import few

_UNQUANTIZED = "none"


@dataclass(frozen=True, slots=True)
class Rule:
    """What the units that a pattern matches get.

    Attributes:
        pattern: a shell glob over the whole unit path, case-sensitive; `*` crosses dots.
        scheme: what they are quantized to, None to leave them unquantized.
    """

    pattern: str
    scheme: Scheme | None

    def __str__(self) -> str:
        return f"{self.pattern}={self.scheme.name if self.scheme else _UNQUANTIZED}"


def parse(text: str) -> Rule:
    """Return the rule that is written as ``GLOB=SCHEME``.

    Args:
        text: such as ``model.layers.0.*=8bit``, ``*.v_proj=6bit-g32`` or ``lm_head=none``.

    Raises:
        PlanError: it has no pattern, or no scheme that there is.

    >>> str(parse("*.v_proj=6bit")), parse("lm_head=none").scheme
    ('*.v_proj=6bit-g64', None)
    """
    pattern, _, name = text.rpartition("=")
    if not pattern:
        raise PlanError(f"{text!r} is no rule: expected GLOB=SCHEME.", hint="write it like '*.v_proj=6bit-g32'")
    if name == _UNQUANTIZED:
        return Rule(pattern, None)
    try:
        return Rule(pattern, schemes.parse(name))
    except PlanError as error:
        raise PlanError(
            f"Rule {text!r} asks for {name!r}, which is no scheme.",
            hint=f"write it like '{pattern}=4bit'; schemes are: {', '.join((*schemes.names(), _UNQUANTIZED))}",
        ) from error


def ruled(layout: Layout, units: Sequence[Unit], rules: Sequence[Rule]) -> Layout:
    """Return a layout changed to what the rules say; what they do not speak of stays as it is.

    Args:
        layout: of the same units.
        units: of the model.
        rules: the first that matches a unit counts.

    Raises:
        PlanError: as `pinned` raises it.
    """
    pins = pinned(units, rules)
    chosen = {**layout.schemes, **pins}
    kept = [skip for skip in layout.skipped if skip.path not in pins]
    excluded = [Skipped(path, "a rule keeps it unquantized") for path, scheme in pins.items() if scheme is None]
    return Layout(
        layout.default,
        {path: scheme for path, scheme in chosen.items() if scheme is not None},
        (*kept, *excluded),
    )


def pinned(units: Sequence[Unit], rules: Sequence[Rule]) -> dict[str, Scheme | None]:
    """Return what the rules say of units: path to scheme, with a group size that divides its width, or None.

    A rule goes below a width that the model's own class demands. It does not quantize what the class keeps unquantized:
    a pattern with a wildcard passes over it, and one that is its very path contradicts it.

    Args:
        units: of the model.
        rules: the first that matches a unit counts; one that earlier ones leave nothing to is fine.

    Raises:
        PlanError: a rule matches no unit, quantizes what the model's class keeps unquantized, or asks for a scheme of
            which no group size divides a unit's width.
    """
    for rule in rules:
        if not any(fnmatchcase(unit.path, rule.pattern) for unit in units):
            known = few([unit.path for unit in units])
            raise PlanError(f"Rule {str(rule)!r} matches no layer.", hint=f"layers are: {known}")
    pins: dict[str, Scheme | None] = {}
    for unit in units:
        first = next((rule for rule in rules if fnmatchcase(unit.path, rule.pattern)), None)
        if first is not None and _speaks_of(first, unit):
            pins[unit.path] = _fitted(first, unit)
    return pins


def _speaks_of(rule: Rule, unit: Unit) -> bool:
    if unit.floor is not False or rule.scheme is None:
        return True
    if rule.pattern == unit.path:
        raise PlanError(
            f"The model's own class keeps {unit.path!r} unquantized, and rule {str(rule)!r} would quantize it.",
            hint=f"leave the rule out, or write '{unit.path}={_UNQUANTIZED}'",
        )
    return False


def _fitted(rule: Rule, unit: Unit) -> Scheme | None:
    if rule.scheme is None:
        return None
    fitted = rule.scheme.fitted(unit.width)
    if fitted is None:
        raise PlanError(
            f"Rule {str(rule)!r} cannot hold for {unit.path!r}: "
            f"no group size of {rule.scheme.group_size} or less divides its width {unit.width}.",
            hint=f"put another rule before it: '{unit.path}={_UNQUANTIZED}'",
        )
    return fitted
