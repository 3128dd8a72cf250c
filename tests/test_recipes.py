"""The recipes that ship: each is understood, possible, and fits where it must; and the page is up to date."""

import tomllib
from pathlib import Path

import pytest

from benchmarks.recipes import KNOWN, SHOWN, forecasts, page, source_of
from mlxkit.core.checks.licenses import terms_of
from mlxkit.core.recipes import Figures, Fit, Room, device_of, judged
from mlxkit.core.schemes import parse
from mlxkit.engines import models, store
from mlxkit.usecases.eval.plan import EvalPlan
from mlxkit.usecases.quantize.plan import QuantizePlan
from tests.fakes.published import CONFIGS, published

ROOT = Path(__file__).parents[1]
SHIPPED = store.shipped()
REAL = sorted(SHIPPED.keys() - {"tiny"})


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What every recipe would make: a few seconds for all of them."""
    return forecasts(tmp_path_factory.mktemp("headers"))


def test_the_page_is_up_to_date(told):
    kept = (ROOT / "recipes" / "README.md").read_text(encoding="utf-8")

    assert page(told) == kept, "run `make docs`"


def test_every_recipe_has_its_config_and_every_config_its_recipe():
    assert {path.stem for path in CONFIGS.glob("*.json")} == set(REAL)
    assert len(REAL) >= 7


@pytest.mark.parametrize("stem", REAL)
def test_a_recipe_is_of_the_model_whose_config_is_kept(stem, told):
    recipe, model = told[stem].recipe, published(stem)

    assert (recipe.source.repo, recipe.source.license) == (model.repo, model.license)
    assert terms_of(model.license) != "unknown"
    assert model.is_close(told[stem].parameters), told[stem].parameters
    assert recipe.publish is not None
    assert not recipe.publish.public


@pytest.mark.parametrize("stem", SHIPPED)
def test_a_variant_is_possible_and_fits_where_it_must(stem, told):
    found = told[stem]

    for made in found.made:
        gates = made.variant.gates
        rooms = {
            fit: Room(made.size_bytes + found.besides[fit], device_of(fit.device, KNOWN).limit_bytes)
            for fit in gates.must_fit
        }
        outcomes = judged(gates, Figures(size_bytes=made.size_bytes, rooms=rooms))
        assert all(one.passed for one in outcomes if one.name.startswith(("must_fit", "max_bytes"))), made
        assert made.size_bytes < 2 * found.parameters
        assert gates.max_kl_nats is not None


@pytest.mark.parametrize("stem", SHIPPED)
def test_a_budget_is_above_the_narrowest_weights(stem, told, tmp_path):
    folder = source_of(stem, told[stem].recipe, tmp_path)

    (narrowest,) = models.weights(store.read(stem, folder).sound(), [parse("2bit-g128")])

    assert all(made.size_bytes > narrowest for made in told[stem].made)


@pytest.mark.parametrize("stem", SHIPPED)
def test_a_larger_device_never_fits_less(stem, told):
    limits = {name: device_of(name, KNOWN).limit_bytes for name in SHOWN}
    order = ["does not fit", "tight", "fits"]

    for made in told[stem].made:
        verdicts = [told[stem].verdict(made.size_bytes, Fit(name, told[stem].context)) for name in SHOWN]
        ranked = sorted(zip(limits.values(), map(order.index, verdicts), strict=True))
        assert [rank for _, rank in ranked] == sorted(rank for _, rank in ranked)


def test_gpt_oss_is_kept_as_it_is_published(told):
    made = told["gpt-oss-20b"].made[0]

    assert made.variant.dtype == "bfloat16"
    assert abs(made.size_bytes - 13.76e9) < 0.01e9  # its three files on the Hub


@pytest.mark.parametrize("stem", SHIPPED)
def test_the_commands_accept_what_a_recipe_asks(stem, tmp_path):
    recipe = store.read_recipe(SHIPPED[stem])
    wanted = recipe.evaluation

    EvalPlan("x", "y", wanted.texts, wanted.tokens, wanted.context, wanted.seed, wanted.tasks)
    for variant in recipe.variants:
        if variant.dtype is None:
            QuantizePlan(
                recipe.source.repo,
                tmp_path,
                schemes=(variant.scheme,) if variant.scheme else (),
                bits_per_weight=(variant.bits_per_weight,) if variant.bits_per_weight else (),
                max_bytes=variant.max_bytes,
                device=variant.device,
                context=variant.context,
                rules=variant.rules,
                encoder=variant.encoder,
                polish=variant.polish,
            )
        if variant.device is not None:
            assert device_of(variant.device, KNOWN)
    assert recipe.bench is None or recipe.bench.workloads


def test_tiny_is_a_demo():
    recipe = store.read_recipe(SHIPPED["tiny"])
    goals = [variant.bits_per_weight or variant.scheme.name for variant in recipe.variants]

    assert goals == [2.5, 3.5, 4.5, "3bit-g64", "4bit-g64", "8bit-g64"]
    assert (recipe.calibration.tokens, recipe.evaluation.tokens, recipe.evaluation.context) == (1024, 1536, 256)
    assert recipe.publish is None


def test_a_wheel_carries_the_recipes_where_they_are_looked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {"recipes": "mlxkit/data/recipes"}
    assert not (ROOT / "mlxkit" / "data" / "recipes").exists()
