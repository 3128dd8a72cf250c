import math
import random
from itertools import pairwise, product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlxkit.core.allocation import Option, allocate, rescaled, undominated
from mlxkit.core.errors import DoesNotFitError, PlanError
from mlxkit.core.schemes import names, parse

SCHEMES = st.none() | st.sampled_from([parse(name) for name in names()])
# Few different values, so that options and sums tie; and any values, so that they do not.
SMALL = st.builds(Option, SCHEMES, st.integers(0, 12), st.integers(0, 12).map(lambda loss: loss / 4))
WIDE = st.builds(Option, SCHEMES, st.integers(0, 600), st.floats(0, 10))
UNITS = st.one_of(
    st.dictionaries(st.text("abc.", min_size=1, max_size=4), st.lists(options, min_size=1, max_size=6), max_size=9)
    for options in (SMALL, WIDE)
)
SPARE = st.floats(0, 1.1)


def smallest(units):
    return sum(min(option.size_bytes for option in options) for options in units.values())


def budget_of(units, spare):
    """A budget between the smallest and more than the largest total."""
    largest = sum(max(option.size_bytes for option in options) for options in units.values())
    return smallest(units) + int(spare * (largest - smallest(units)))


def optimum(units, budget):
    """The least loss within a budget, by going through every sum of bytes."""
    least = {0: 0.0}
    for options in units.values():
        grown = {}
        for (size, loss), option in product(least.items(), options):
            total = size + option.size_bytes
            if total <= budget:
                grown[total] = min(grown.get(total, math.inf), loss + option.loss_nats)
        least = grown
    return min(least.values())


def lower_bound(units, budget):
    """A loss that nothing within a budget is below: the best Lagrangian bound over prices of a byte, by bisection."""
    low, high, bound = 1e-20, 1e3, 0.0
    for _ in range(100):
        price = math.sqrt(low * high)
        cheapest = [min(options, key=lambda one: one.loss_nats + price * one.size_bytes) for options in units.values()]
        beyond = sum(option.size_bytes for option in cheapest) - budget
        bound = max(bound, math.fsum(option.loss_nats for option in cheapest) + price * beyond)
        low, high = (price, high) if beyond > 0 else (low, price)
    return bound


def transformer(layers, hidden, middle, vocabulary):
    """Units shaped as a model's, with losses that fall fourfold a bit."""
    generator = random.Random(0)
    shapes = {"model.embed_tokens": (vocabulary, hidden)}
    for layer in range(layers):
        attention = dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), (hidden, hidden))
        mlp = {"gate_proj": (middle, hidden), "up_proj": (middle, hidden), "down_proj": (hidden, middle)}
        shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in (attention | mlp).items()}
    units = {}
    for path, (rows, columns) in shapes.items():
        sensitivity = rows * columns * generator.lognormvariate(-14, 1)
        units[path] = [Option(None, 2 * rows * columns, 0.0)]
        for scheme in map(parse, names()):
            size = int(rows * columns * scheme.bits_per_weight / 8)
            loss = sensitivity * 4**-scheme.bits * scheme.group_size**0.3 * generator.lognormvariate(0, 0.1)
            units[path].append(Option(scheme, size, loss))
    return units


@given(UNITS, SPARE)
@example({"a": [Option(None, 2, 1.5), Option(None, 5, 1.25)], "b": [Option(None, 3, 2.25), Option(None, 9, 0.5)]}, 0.45)
def test_no_choice_within_the_budget_loses_less(units, spare):
    budget = budget_of(units, spare)
    assert allocate(units, budget).loss_nats == pytest.approx(optimum(units, budget), rel=1e-9, abs=1e-9)


@given(UNITS, SPARE)
def test_each_unit_gets_what_it_was_offered_and_the_sums_are_theirs(units, spare):
    budget = budget_of(units, spare)
    allocation = allocate(units, budget)
    assert list(allocation.choices) == list(units)
    assert all(choice in units[path] for path, choice in allocation.choices.items())
    assert allocation.size_bytes == sum(choice.size_bytes for choice in allocation.choices.values()) <= budget
    assert allocation.loss_nats == pytest.approx(sum(choice.loss_nats for choice in allocation.choices.values()))


@given(UNITS, SPARE, SPARE)
def test_more_bytes_never_lose_more(units, one, other):
    fewer, more = sorted((one, other))
    losses = [allocate(units, budget_of(units, spare)).loss_nats for spare in (fewer, more)]
    assert losses[1] <= losses[0] + 1e-9


@given(UNITS, SPARE, st.randoms(use_true_random=False))
def test_the_order_of_units_and_options_does_not_matter(units, spare, generator):
    shuffled = {path: generator.sample(options, len(options)) for path, options in units.items()}
    paths = generator.sample(list(units), len(units))
    budget = budget_of(units, spare)
    assert allocate({path: shuffled[path] for path in paths}, budget) == allocate(units, budget)


def test_of_units_that_tie_the_first_by_path_gets_the_bytes():
    units = {path: [Option(None, 1, 1.0), Option(None, 2, 0.0)] for path in "cab"}
    assert [path for path, choice in allocate(units, 4).choices.items() if choice.size_bytes == 2] == ["a"]


@given(UNITS)
def test_with_bytes_to_spare_every_unit_loses_least(units):
    allocation = allocate(units, budget_of(units, 1.1))
    for path, choice in allocation.choices.items():
        assert choice.loss_nats == min(option.loss_nats for option in units[path])


@pytest.mark.parametrize("spare", [0.03, 0.11, 0.2, 0.31, 0.47, 0.8])
@pytest.mark.parametrize(
    ("shape", "excess"),
    # Where the embedding is a large part of the model, no choice comes as close to the bound as elsewhere.
    [((28, 1024, 3072, 151_936), 0.05), ((32, 4096, 11_008, 32_000), 0.002), ((5, 256, 256, 640), 0.03)],
    ids=["0.6B", "7B", "tiny"],
)
def test_models_come_close_to_a_bound_that_nothing_beats(shape, excess, spare):
    units = transformer(*shape)
    budget = budget_of(units, spare)
    allocation = allocate(units, budget)
    bound = lower_bound(units, budget)
    assert allocation.size_bytes <= budget
    assert bound * (1 - 1e-9) <= allocation.loss_nats <= bound * (1 + excess)


@pytest.mark.parametrize("scheme", [parse(name) for name in names()], ids=names())
def test_one_scheme_for_all_is_never_better_at_equal_bytes(scheme):
    units = transformer(28, 1024, 3072, 151_936)
    same = [option for options in units.values() for option in options if option.scheme == scheme]
    allocation = allocate(units, sum(option.size_bytes for option in same))
    share = allocation.loss_nats / sum(option.loss_nats for option in same)
    assert share < (0.75 if scheme.mode == "affine" and 3 <= scheme.bits <= 6 else 1 + 1e-9)


@pytest.mark.parametrize("spare", [0.1, 0.3, 0.5, 0.7])
def test_what_is_too_much_to_prove_is_close_all_the_same(spare):
    # Each byte saves nearly the same everywhere and sizes share no divisor: no bound tells the choices apart.
    generator = random.Random(0)
    sizes = [generator.sample(range(10**5, 10**7), 10) for _ in range(20)]
    units = {
        f"{unit:02}": [Option(None, size, 10 - size / 10**6 + generator.random() / 1000) for size in offered]
        for unit, offered in enumerate(sizes)
    }
    budget = budget_of(units, spare)
    allocation = allocate(units, budget)
    assert allocation.size_bytes <= budget
    assert allocation.loss_nats <= 1.0001 * lower_bound(units, budget)


@given(UNITS.filter(smallest))
def test_a_budget_below_the_smallest_total_says_both(units):
    total = smallest(units)
    allocate(units, total)
    with pytest.raises(DoesNotFitError, match=rf"\b{total} bytes.* {total - 1} bytes") as caught:
        allocate(units, total - 1)
    assert caught.value.hint


def test_a_unit_without_options_is_named():
    with pytest.raises(PlanError, match=r"'b\.v_proj'"):
        allocate({"a": [Option(None, 1, 0.0)], "b.v_proj": []}, 100)


def test_nothing_to_allocate_takes_nothing():
    allocation = allocate({}, 0)
    assert (allocation.choices, allocation.size_bytes, allocation.loss_nats) == ({}, 0, 0.0)


@given(st.lists(SMALL | WIDE, min_size=1))
def test_undominated_options_cost_more_and_lose_less_one_by_one(options):
    kept = undominated(options)
    for one, following in pairwise(kept):
        assert one.size_bytes < following.size_bytes
        assert one.loss_nats > following.loss_nats
    for option in options:
        assert any(one.size_bytes <= option.size_bytes and one.loss_nats <= option.loss_nats for one in kept)
    assert set(kept) <= set(options)


@given(st.lists(SMALL, min_size=1), st.randoms(use_true_random=False))
def test_ties_fall_the_same_way_in_any_order(options, generator):
    assert undominated(generator.sample(options, len(options))) == undominated(options)


@given(UNITS, st.floats(0, 8))
def test_rescaling_multiplies_the_losses_of_the_units_named(units, factor):
    named = sorted(units)[::2]
    scaled = rescaled(units, dict.fromkeys(named, factor))
    assert list(scaled) == list(units)
    for path, options in units.items():
        expected = [option.loss_nats * factor if path in named else option.loss_nats for option in options]
        assert [option.loss_nats for option in scaled[path]] == expected
        assert [option.size_bytes for option in scaled[path]] == [option.size_bytes for option in options]


@pytest.mark.parametrize(("size", "loss"), [(-1, 0.0), (1, -0.1), (1, math.nan), (1, math.inf)])
def test_an_option_of_negative_or_unknown_cost_is_a_bug(size, loss):
    with pytest.raises(ValueError, match="no option"):
        Option(None, size, loss)
