import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.allocation import Allocation, Option
from mlxkit.core.budget import CAREFUL_BITS, Target, bounds, candidates, histogram, layout, uniform_rivals
from mlxkit.core.errors import DoesNotFitError, PlanError
from mlxkit.core.quantization import Unit
from mlxkit.core.schemes import Scheme, names, parse
from mlxkit.core.sizes import parse_size

AFFINE = [parse(name) for name in names() if parse(name).mode == "affine"]
WIDTHS = st.sampled_from([32, 64, 80, 96, 128, 704, 4096])
FLOORS = st.sampled_from([None, False, parse("6bit"), parse("8bit-g32")])
UNITS = st.builds(Unit, st.from_regex(r"m\.layers\.[0-3]\.[a-c]", fullmatch=True), WIDTHS, FLOORS, st.integers(1, 9))
MODELS = st.lists(UNITS, min_size=1, max_size=6, unique_by=lambda unit: unit.path)

GATE = Unit("model.layers.3.mlp.gate", 64)
DOWN = Unit("model.layers.3.mlp.down_proj", 128, rows=4)
ODD = Unit("model.layers.3.mlp.up_proj", 80)
KEPT = Unit("model.layers.3.mlp.kept", 64, floor=False)


def offered(units, pins=None, loss=lambda scheme: 4.0**-scheme.bits):
    """Options of units, with losses that fall with bits."""
    return {
        unit.path: tuple(
            Option(scheme, unit.size_bytes(scheme), loss(scheme) if scheme else 0.0)
            for scheme in candidates(unit, pins or {})
        )
        for unit in units
    }


def chosen(units, schemes):
    """An allocation of one scheme each."""
    choices = {
        unit.path: Option(scheme, unit.size_bytes(scheme), 0.0) for unit, scheme in zip(units, schemes, strict=True)
    }
    return Allocation(choices, sum(option.size_bytes for option in choices.values()), 0.0)


@given(UNITS)
def test_candidates_fit_width_and_floor_and_are_affine(unit):
    found = candidates(unit, {})
    assert found[-1] is None
    assert len(set(found)) == len(found)
    for scheme in found[:-1]:
        assert scheme.mode == "affine"
        assert unit.width % scheme.group_size == 0
        assert unit.floor is not False
        assert unit.floor is None or scheme.bits >= unit.floor.bits


@given(UNITS)
def test_candidates_grow(unit):
    sizes = [unit.size_bytes(scheme) for scheme in candidates(unit, {}) if scheme]
    per_bits = [scheme.bits for scheme in candidates(unit, {}) if scheme]
    assert per_bits == sorted(per_bits)
    assert len(set(sizes)) <= len(sizes)


def test_a_router_is_never_narrow():
    assert {scheme.bits for scheme in candidates(GATE, {}) if scheme} == {CAREFUL_BITS}
    assert {scheme.bits for scheme in candidates(DOWN, {}) if scheme} == {2, 3, 4, 5, 6, 8}


@pytest.mark.parametrize("pin", [None, parse("2bit-g32"), parse("mxfp4")])
@pytest.mark.parametrize("unit", [GATE, DOWN, KEPT], ids=lambda unit: unit.path)
def test_a_rule_is_the_only_candidate(unit, pin):
    assert candidates(unit, {unit.path: pin}) == (pin,)


def test_what_no_group_size_divides_stays_unquantized():
    assert candidates(ODD, {}) == (None,)
    assert candidates(KEPT, {}) == (None,)


@given(MODELS, st.sampled_from([2, 4]))
def test_bounds_are_those_of_what_is_offered(units, number_bytes):
    smallest, largest = bounds(units, {}, number_bytes)
    assert smallest <= largest == sum(unit.size_bytes(None, number_bytes) for unit in units)
    assert smallest == sum(
        min(unit.size_bytes(scheme, number_bytes) for scheme in candidates(unit, {})) for unit in units
    )


def test_a_rule_moves_both_bounds():
    pins = {DOWN.path: parse("4bit")}
    assert bounds([DOWN], pins, 2) == (288, 288)


@given(MODELS, st.data())
def test_a_layout_says_what_the_allocation_says(units, data):
    schemes = [data.draw(st.sampled_from(candidates(unit, {}))) for unit in units]
    found = layout(units, chosen(units, schemes), {})
    assert {unit.path: found.schemes.get(unit.path) for unit in units} == dict(
        zip([unit.path for unit in units], schemes, strict=True)
    )
    assert {skip.path for skip in found.skipped} == {unit.path for unit in units} - set(found.schemes)
    if found.schemes:
        weights = dict.fromkeys(found.schemes.values(), 0)
        for unit in units:
            if unit.path in found.schemes:
                weights[found.schemes[unit.path]] += unit.rows * unit.width
        assert weights[found.default] == max(weights.values())


def test_each_unquantized_layer_is_told_its_own_reason():
    units = (GATE, DOWN, ODD, KEPT)
    found = layout(units, chosen(units, [None] * 4), {GATE.path: None})
    assert [skip.reason for skip in found.skipped] == [
        "a rule keeps it unquantized",
        "unquantized is what serves the budget best",
        "its width 80 divides by no group size of affine",
        "the model's class keeps it unquantized",
    ]


@given(MODELS)
def test_a_uniform_rival_gives_its_scheme_wherever_it_may(units):
    options = offered(units)
    rivals = uniform_rivals(units, options)
    assert list(rivals) == [scheme.name for scheme in AFFINE]
    for name, rival in rivals.items():
        wanted = parse(name)
        assert rival.size_bytes == sum(option.size_bytes for option in rival.choices.values())
        for unit in units:
            scheme = rival.choices[unit.path].scheme
            allowed = [option.scheme for option in options[unit.path]]
            assert scheme in allowed
            if wanted.fitted(unit.width) in allowed:
                assert scheme == wanted.fitted(unit.width)
            elif scheme is not None:
                assert scheme.bits >= wanted.bits
                assert all(other is None or other.bits >= scheme.bits for other in allowed if other not in {scheme})


def test_a_rule_holds_in_the_uniform_rivals_too():
    pins = {DOWN.path: parse("8bit-g32")}
    rivals = uniform_rivals([GATE, DOWN], offered([GATE, DOWN], pins))
    assert {rival.choices[DOWN.path].scheme for rival in rivals.values()} == {parse("8bit-g32")}


def test_a_histogram_counts_each_unit_once():
    units = [Unit(f"model.layers.{layer}.mlp.down_proj", 128) for layer in range(3)]
    found = layout(units, chosen(units, [parse("4bit"), parse("4bit"), None]), {})
    assert histogram(units, found) == {"mlp.down_proj": {"4bit-g64": 2, "unquantized": 1}}


@given(st.floats(1, 32), st.integers(1, 10**12))
def test_a_target_never_exceeds_the_bits_that_were_asked_for(bits, parameters):
    target = Target.of_bits(bits, parameters)
    assert 8 * target.size_bytes <= bits * parameters
    assert bits * parameters < 8 * (target.size_bytes + 1) or bits * parameters > 2**53


@given(st.lists(st.floats(1, 32), min_size=2, max_size=8, unique=True))
def test_budgets_that_differ_have_folders_that_differ(budgets):
    rounded = {f"{bits:.15g}" for bits in budgets}
    assert len({Target.of_bits(bits, 100).name for bits in budgets}) == len(rounded)


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(1, 10**12))
def test_what_is_told_to_be_possible_is_possible(size, smallest, parameters):
    target = Target.of_bytes(size, parameters)
    try:
        target.demand(smallest)
    except DoesNotFitError as error:
        assert size < smallest
        _, _, bits, _, _, enough = error.hint.replace(",", "").split()
        Target.of_bits(float(bits) + 1e-9, parameters).demand(smallest)
        Target.of_bytes(parse_size(enough), parameters).demand(smallest)
    else:
        assert size >= smallest


def test_a_refusal_speaks_as_the_user_did():
    with pytest.raises(DoesNotFitError) as small:
        Target.of_bits(2, 10**9).demand(281_250_000)
    assert small.value.message == (
        "2 bits per weight cannot be met: with every layer as narrow as it may be, the weights take "
        "2.25 bits per weight, 281 MB."
    )
    assert small.value.hint == "allow --bits-per-weight 2.25, or --max-size 282MB"
    with pytest.raises(PlanError) as large:
        Target.of_bytes(3 * 10**9, 10**9).demand_less_than(2 * 10**9, "bfloat16")
    assert large.value.message == (
        "3.00 GB leaves nothing to quantize: unquantized, in bfloat16, the weights take 16 bits per weight, 2.00 GB."
    )
    assert large.value.hint == "mlxkit convert SRC DEST --dtype bfloat16"


def test_a_budget_just_below_the_unquantized_size_is_one():
    Target.of_bytes(1_999_999_999, 10**9).demand_less_than(2 * 10**9, "bfloat16")


def test_default_of_a_layout_with_nothing_quantized_is_a_scheme():
    assert layout([ODD], chosen([ODD], [None]), {}).default == Scheme("affine", 8, 64)
