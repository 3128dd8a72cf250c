from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.errors import PlanError
from mlxkit.core.quantization import Unit, uniform
from mlxkit.core.rules import Rule, parse, pinned, ruled
from mlxkit.core.schemes import Scheme, names
from mlxkit.core.schemes import parse as scheme

UNITS = (
    Unit("model.embed_tokens", 256),
    Unit("model.layers.0.self_attn.v_proj", 256),
    Unit("model.layers.0.mlp.gate", 256, Scheme("affine", 8, 64)),
    Unit("model.layers.0.mlp.scorer", 256, floor=False),
    Unit("model.layers.1.self_attn.v_proj", 96),
    Unit("model.layers.1.mlp.odd", 80),
    Unit("lm_head", 256),
)
LAYOUT = uniform(UNITS, scheme("4bit"))
PATTERNS = st.sampled_from(["*", "*.v_proj", "model.layers.0.*", "model.layers.[01].*", "*.gate", "?m_head", "lm_head"])
RULES = st.lists(st.builds(Rule, PATTERNS, st.none() | st.sampled_from([scheme("8bit-g32"), scheme("nvfp4")])))


def rules(*texts):
    return [parse(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "pattern", "meant"),
    [
        ("model.layers.0.*=8bit", "model.layers.0.*", Scheme("affine", 8, 64)),
        ("*.v_proj=6bit-g32", "*.v_proj", Scheme("affine", 6, 32)),
        ("lm_head=mxfp4", "lm_head", Scheme("mxfp4", 4, 32)),
        ("lm_head=none", "lm_head", None),
    ],
)
def test_a_rule_is_a_glob_and_a_scheme(text, pattern, meant):
    assert parse(text) == Rule(pattern, meant)


@given(st.text(min_size=1), st.sampled_from([*names(), "none"]))
def test_a_rule_is_written_as_it_is_read(pattern, name):
    assert str(parse(f"{pattern}={name}")) == f"{pattern}={name}"


@given(st.text(max_size=12) | st.text("a.*=4bit", max_size=8))
def test_anything_else_is_one_sentence_with_an_example(text):
    try:
        assert parse(text).pattern
    except PlanError as error:
        assert repr(text) in error.message
        assert "write it like '" in error.hint


def test_an_unknown_scheme_is_told_the_known_ones():
    with pytest.raises(PlanError, match="'7bit'") as caught:
        parse("*.v_proj=7bit")
    assert "'*.v_proj=4bit'" in caught.value.hint
    assert all(name in caught.value.hint for name in (*names(), "none"))


@given(RULES)
def test_the_first_rule_that_matches_a_unit_counts(chosen):
    units = [Unit(unit.path, 256) for unit in UNITS]
    pins = pinned(units, chosen)
    for unit in units:
        matching = [rule.scheme for rule in chosen if fnmatchcase(unit.path, rule.pattern)]
        assert (unit.path in pins) == bool(matching)
        assert not matching or pins[unit.path] == matching[0]


def test_what_no_rule_speaks_of_stays_as_it_is():
    assert ruled(LAYOUT, UNITS, []) == LAYOUT
    layout = ruled(LAYOUT, UNITS, rules("lm_head=8bit"))
    assert layout.default == LAYOUT.default
    assert layout.schemes == {**LAYOUT.schemes, "lm_head": scheme("8bit")}
    assert layout.skipped == LAYOUT.skipped


@given(RULES)
def test_every_unit_is_quantized_or_skipped_once(chosen):
    units = [unit for unit in UNITS if unit.width != 80]
    layout = ruled(uniform(units, scheme("4bit")), units, chosen)
    paths = [*layout.schemes, *(skip.path for skip in layout.skipped)]
    assert sorted(paths) == sorted(unit.path for unit in units)
    assert all(unit.width % layout.schemes[unit.path].group_size == 0 for unit in units if unit.path in layout.schemes)


def test_a_unit_that_is_to_stay_unquantized_is_skipped_with_the_reason():
    layout = ruled(LAYOUT, UNITS, rules("*.v_proj=none"))
    reasons = {skip.path: skip.reason for skip in layout.skipped}
    for layer in (0, 1):
        assert reasons[f"model.layers.{layer}.self_attn.v_proj"] == "a rule keeps it unquantized"
        assert f"model.layers.{layer}.self_attn.v_proj" not in layout.schemes
    assert layout.config_entry()["model.layers.0.self_attn.v_proj"] is False


def test_a_unit_that_was_skipped_can_be_quantized():
    layout = ruled(LAYOUT, UNITS, rules("*.odd=nvfp4"))
    assert layout.schemes["model.layers.1.mlp.odd"] == scheme("nvfp4")
    assert "model.layers.1.mlp.odd" not in {skip.path for skip in layout.skipped}


def test_a_rule_goes_below_the_width_that_the_class_demands():
    assert LAYOUT.schemes["model.layers.0.mlp.gate"].bits == 8
    assert ruled(LAYOUT, UNITS, rules("*.gate=3bit")).schemes["model.layers.0.mlp.gate"] == scheme("3bit")


def test_a_wildcard_passes_over_what_the_class_keeps_unquantized():
    layout = ruled(LAYOUT, UNITS, rules("model.layers.0.*=8bit"))
    assert "model.layers.0.mlp.scorer" not in layout.schemes
    assert layout.skipped == LAYOUT.skipped


def test_naming_what_the_class_keeps_unquantized_is_a_contradiction():
    with pytest.raises(PlanError, match=r"class keeps 'model\.layers\.0\.mlp\.scorer' unquantized") as caught:
        pinned(UNITS, rules("model.layers.0.mlp.scorer=8bit"))
    assert caught.value.hint
    assert pinned(UNITS, rules("model.layers.0.mlp.scorer=none")) == {"model.layers.0.mlp.scorer": None}


def test_the_group_size_shrinks_to_divide_the_width():
    pins = pinned(UNITS, rules("*.v_proj=6bit-g128"))
    assert pins["model.layers.0.self_attn.v_proj"] == scheme("6bit-g128")
    assert pins["model.layers.1.self_attn.v_proj"] == scheme("6bit-g32")


def test_a_width_that_nothing_divides_is_refused_and_can_be_excluded_first():
    with pytest.raises(PlanError, match=r"'\*=8bit-g64'.*'model\.layers\.1\.mlp\.odd'.* width 80\.") as caught:
        pinned(UNITS, rules("*=8bit"))
    assert "'model.layers.1.mlp.odd=none'" in caught.value.hint
    assert pinned(UNITS, rules("model.layers.1.mlp.odd=none", "*=8bit"))["model.layers.1.mlp.odd"] is None


@pytest.mark.parametrize("pattern", ["v_proj", "*.V_PROJ", "model.layers.2.*", "lm_head "])
def test_a_rule_that_matches_nothing_is_named_with_a_few_layers_that_there_are(pattern):
    with pytest.raises(PlanError) as caught:
        pinned(UNITS, rules("lm_head=8bit", f"{pattern}=8bit"))
    assert f"'{pattern}=8bit-g64'" in caught.value.message
    assert UNITS[0].path in caught.value.hint
    assert "7 in all" in caught.value.hint


def test_a_rule_that_earlier_ones_leave_nothing_to_is_fine():
    units = [unit for unit in UNITS if unit.width != 80]
    assert pinned(units, rules("*=8bit", "lm_head=3bit"))["lm_head"] == scheme("8bit")
