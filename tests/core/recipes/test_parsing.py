"""What a recipe says, what it may not say, and that anything else is one sentence."""

import json
import re
import tomllib
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlxkit.core import schemes
from mlxkit.core.errors import MlxkitError, PlanError
from mlxkit.core.recipes import LONGEST, Bench, Calibration, Evaluation, Fit, Gates, Publish, Recipe, parse, template
from mlxkit.core.recipes.parsing import DTYPES, ENCODERS
from mlxkit.core.rules import Rule
from mlxkit.core.trials import Workload
from mlxkit.usecases.quantize.plan import ENCODERS as COMMANDS_ENCODERS
from tests.core.recipes.cases import FULL, LEAST, changed


def refusal(said):
    with pytest.raises(PlanError) as caught:
        parse(said, "x.toml")
    assert caught.value.message.endswith(".")
    assert caught.value.message.startswith("'x.toml'")
    return caught.value


def test_a_full_recipe_says_everything():
    found = parse(FULL, "x.toml")

    assert found.source.revision == "0123456789abcdef0123456789abcdef01234567"
    assert [variant.name for variant in found.variants] == [
        "Model-1B-4bit-g32",
        "Model-1B-4.5bpw",
        "Model-1B-2.50GB",
        "for-iphone-17-pro-8192",
        "Model-1B-bfloat16",
    ]
    assert found.variants[0].rules == (Rule("lm_head", None), Rule("*.v_proj", schemes.parse("8bit")))
    assert found.variants[2].max_bytes == 2_500_000_000
    assert found.evaluation == Evaluation(("self", "a.txt"), 4096, 256, 1, ("tiny", "gsm8k"), 50)
    assert found.bench == Bench((64, 512), (16,), (0, 1024), (2,), 3)
    assert found.bench.workloads[1] == Workload(64, 16, 1024, 2)
    assert found.gates == Gates(0.1, 0.9, 0.5, 3 * 10**9, (Fit("iphone-17-pro", 4096),), no_check_errors=False)
    assert found.publish == Publish(None, "owner/{variant}-mlx", "Mine", public=True)


def test_a_short_recipe_has_the_commands_defaults():
    found = parse(LEAST, "x.toml")

    assert (found.calibration.text, found.calibration.tokens, found.calibration.seed) == ("self", 16384, 0)
    assert found.evaluation == Evaluation()
    assert (found.bench, found.publish) == (None, None)
    assert found.gates == found.variants[0].gates == Gates(no_check_errors=True)
    assert (found.source.revision, found.source.license) == (None, None)


def test_a_variants_gates_are_the_recipes_with_its_own_in_their_place():
    gates = parse(FULL, "x.toml").variants[1].gates

    assert gates == Gates(0.02, 0.9, 0.5, None, (), no_check_errors=False)


@pytest.mark.parametrize("said", [LEAST, FULL, tomllib.loads(template("Qwen/Qwen3-4B"))])
def test_a_recipe_is_json_that_is_the_same_recipe(said):
    found = parse(said, "x.toml")

    assert parse(json.loads(json.dumps(found.data())), "x.toml") == found


def test_what_the_commands_know_is_what_a_recipe_knows():
    from mlxkit.cli.options import DTYPES as COMMANDS_DTYPES

    assert (ENCODERS, DTYPES) == (COMMANDS_ENCODERS, COMMANDS_DTYPES)


WRONG = [
    (changed(LEAST, nmae="x"), "'x.toml': the top has a key 'nmae', which means nothing.", "'name'"),
    (changed(LEAST, gates={"max_kl": 1}), "gates has a key 'max_kl', which means nothing", "'max_kl_nats'"),
    (changed(LEAST, variant=[{"scheme": "4bit"}, {"bit_per_weight": 4}]), "variant[2] has a key", "bits_per_weight"),
    (changed(LEAST, variant=[{"scheme": "4bit"}, {"scheme": "7bit"}]), "variant[2].scheme: There is no scheme", "2bit"),
    (changed(LEAST, variant=[{"scheme": 4}]), "variant[1].scheme: 4 is no text", None),
    (changed(LEAST, variant=[{}]), "variant[1]: nothing says what it is to be", "scheme"),
    (changed(LEAST, variant=[{"scheme": "4bit", "dtype": "float16"}]), "scheme and dtype are two goals", None),
    (changed(LEAST, variant=[]), "variant: expected at least one table", "[[variant]]"),
    (changed(LEAST, variant=None), "variant: expected at least one table", "[[variant]]"),
    (changed(LEAST, variant="x"), "variant: expected at least one table", "[[variant]]"),
    (changed(LEAST, variant=[{"scheme": "4bit"}] * 2), "variant[2].name: 'm-4bit' is what variant[1] is called", None),
    (
        changed(LEAST, variant=[{"scheme": "4bit", "name": "A"}, {"scheme": "8bit", "name": "a"}]),
        "variant[2].name: 'a' is what variant[1] is called, too.",
        None,
    ),
    (changed(LEAST, variant=[{"scheme": "4bit", "name": "{bots}"}]), "name: {bots} stands for nothing", "{bits}"),
    (changed(LEAST, variant=[{"max_size": "1GB", "name": "{bits}"}]), "name: {bits} stands for nothing", "{size}"),
    (changed(LEAST, variant=[{"scheme": "4bit", "name": "a/b"}]), "name: 'a/b' can be no repo's name", "96"),
    (changed(LEAST, variant=[{"scheme": "4bit", "name": "{"}]), "name: '{' can be no repo's name", None),
    (changed(LEAST, variant=[{"bits_per_weight": 0.5}]), "bits_per_weight: 0.5 is no number from 1 to 32", None),
    (changed(LEAST, variant=[{"bits_per_weight": True}]), "bits_per_weight: True is no number", None),
    (changed(LEAST, variant=[{"bits_per_weight": float("nan")}]), "bits_per_weight: nan is no number", None),
    (changed(LEAST, variant=[{"max_size": "much"}]), "max_size: 'much' is no size", None),
    (changed(LEAST, variant=[{"max_size": "9" * 39}]), "is no size up to", None),
    (changed(LEAST, variant=[{"max_size": 5}]), "max_size: 5 is no size", None),
    (changed(LEAST, variant=[{"scheme": "4bit", "context": 8}]), "context: it is what a device is to hold", None),
    (changed(LEAST, variant=[{"dtype": "bfloat16", "polish": True}]), "polish: a plain conversion", None),
    (changed(LEAST, variant=[{"dtype": "int4"}]), "dtype: 'int4' is none of: bfloat16", None),
    (changed(LEAST, variant=[{"bits_per_weight": 4, "encoder": "minmax"}]), "encoder: minmax has no part", None),
    (changed(LEAST, variant=[{"scheme": "4bit", "rules": ["x=9bit"]}]), "variant[1].rules: Rule 'x=9bit'", "4bit"),
    (changed(LEAST, variant=[{"scheme": "4bit", "rules": "x=4bit"}]), "rules: 'x=4bit' is no array", None),
    (changed(LEAST, variant=[{"scheme": "4bit", "gates": 1}]), "variant[1].gates: 1 is no table", None),
    (changed(LEAST, source={"repo": "m"}), "source.repo: 'm': its owner is missing", "owner/name"),
    (changed(LEAST, source={"repo": "o/m@main"}), "its revision has a key of its own", "owner/name"),
    (changed(LEAST, source={"repo": "o/m m"}), "source.repo: ", None),
    (changed(LEAST, source={"revision": "main"}), "source.revision: 'main' is no commit", "leave it empty"),
    (changed(LEAST, source={"repo": "tiny", "revision": "0" * 40}), "only a repo on the Hub has one", None),
    (changed(LEAST, source={"license": "no one's"}), "is no identifier", None),
    (changed(LEAST, source=None), "source has no 'repo'", None),
    (changed(LEAST, source="x"), "source: 'x' is no table", "[source]"),
    (changed(LEAST, name=None), "the top has no 'name'", None),
    (changed(LEAST, name="a b"), "name: 'a b' can be no repo's name", None),
    (changed(LEAST, description="\x1b[2J"), "description: it holds the character '\\x1b'", None),
    (changed(LEAST, description="x" * 5000), "description: it has 5000 characters", None),
    (changed(LEAST, calibration={"tokens": 1}), "calibration.tokens: 1 is no whole number from 64", None),
    (changed(LEAST, calibration={"tokens": 64.0}), "calibration.tokens: 64.0 is no whole number", None),
    (changed(LEAST, evaluation={"tokens": 8, "context": 16}), "evaluation.tokens: 8 is less than one row", None),
    (changed(LEAST, evaluation={"texts": ["a", "a"]}), "evaluation.texts: 'a' is there twice", None),
    (changed(LEAST, bench={"batch": 0}), "bench.batch: 0 is no whole number from 1", None),
    (changed(LEAST, bench={"depth": [*range(65)]}), "bench.depth: ", None),
    (changed(LEAST, bench={"depth": [*range(9)], "batch": [*range(1, 9)]}), "bench: that is 72 workloads", None),
    (changed(LEAST, gates={"min_top1_agreement": 1.5}), "gates.min_top1_agreement: 1.5 is no number from 0 to 1", None),
    (changed(LEAST, gates={"must_fit": ["iPhone 17"]}), "gates.must_fit: 'iPhone 17' is no DEVICE@CONTEXT", "@4096"),
    (changed(LEAST, gates={"min_task_accuracy": 0.5}), "gates.min_task_accuracy: nothing measures it", None),
    (
        changed(LEAST, variant=[{"scheme": "4bit", "gates": {"max_kl_nats": 1}}], evaluation={"texts": []}),
        "variant[1].gates.max_kl_nats: nothing measures it",
        None,
    ),
    (changed(LEAST, publish={"owner": "a", "repo": "a/b"}), "publish.repo: it names the owner, too", None),
    (changed(LEAST, publish={"owner": "a/b"}), "publish.owner: 'a/b/m-4bit' can be no repo's name", None),
    (changed(FULL, publish={"repo": "a/b"}), "two variants would go to the same one", "{variant}"),
    (changed(LEAST, publish={"public": 1}), "publish.public: 1 is neither true nor false", None),
    ("x = [", "is no TOML", "mend it"),
    ("x = " + "[" * 5000, "is no TOML", None),
    ("x = " + "9" * 5000, "is no TOML", None),
    ("name = 0x" + "f" * 9000, "name: that number is no text", None),
    ("a" * (LONGEST + 1), "is no recipe: it has", None),
    (b"\xff", "is no text in UTF-8", None),
    (b"", "is empty", None),
]


@pytest.mark.parametrize(("said", "sentence", "hint"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_one_sentence_with_its_place(said, sentence, hint):
    error = refusal(said)

    assert sentence in error.message
    assert hint is None or hint in (error.hint or "")


def test_false_takes_a_gate_away():
    off = dict.fromkeys(("max_kl_nats", "min_top1_agreement", "min_task_accuracy", "max_bytes", "must_fit"), False)

    found = parse(changed(FULL, variant=[{"scheme": "4bit", "gates": off}]), "x")

    assert found.variants[0].gates == Gates(no_check_errors=False)
    assert found.gates.max_kl_nats == 0.1


def test_a_gate_that_nothing_measures_may_be_taken_away():
    said = changed(LEAST, gates={"max_kl_nats": 1}, evaluation={"texts": []})
    said["variant"] = [{"scheme": "4bit", "gates": {"max_kl_nats": False}}]

    assert parse(said, "x").variants[0].gates.max_kl_nats is None


@pytest.mark.parametrize("repo", ["Qwen/Qwen3-4B", "tiny", "./a folder", "~/models/x.y", "/", "..", "a\\b", "./é{}\"'"])
def test_a_template_is_a_recipe(repo):
    found = parse(template(repo), "new.toml")

    assert found.source.repo == repo
    assert len(found.variants) == 2


@given(st.text(max_size=60))
def test_a_template_of_anything_is_a_recipe_or_one_sentence(repo):
    try:
        said = template(repo)
    except MlxkitError:
        return
    try:
        assert parse(said, "new.toml").source.repo == repo.strip()
    except PlanError as error:
        assert "source.repo" in error.message  # a bare name has no owner, or a revision stands in it


def test_every_line_that_a_template_comments_out_is_understood():
    plain = template("owner/m")
    lines = [re.sub(r"^# (?=\[|[a-z_]+ = )", "", line) for line in plain.splitlines()]
    lines = [line for line in lines if not line.startswith("min_task_accuracy")]  # it needs a task

    short, wide = parse(plain, "x"), parse("\n".join(lines), "x")

    assert wide.calibration == short.calibration == Calibration()
    assert replace(wide.evaluation, limit=None) == short.evaluation == Evaluation()
    assert wide.bench == short.bench == Bench()
    assert len(wide.variants) == len(short.variants) + 1
    assert wide.publish == Publish("you", None, "My quants", public=False)


@given(st.binary(max_size=200))
@example(b"[[variant]]\n" * 100)
@example(b"name = '\\u0000'")
def test_any_bytes_are_a_recipe_or_one_sentence(content):
    understood(content)


def understood(said):
    try:
        found = parse(said, "x.toml")
    except PlanError as error:
        assert error.message.endswith(".")
        assert len(error.message) < 1000
        assert "\n" not in error.message.removeprefix("'x.toml'")
    else:
        assert isinstance(found, Recipe)
        assert parse(found.data(), "x.toml") == found


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["4bit", "self", "tiny", "1GB", "{name}", "{bits}", "a@1", "x=4bit", "bfloat16", "lsq", 10**4000]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(said, path=()):
    """Every place in nested tables and arrays."""
    if path:
        yield path
    items = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


@settings(max_examples=300)
@given(st.data())
def test_a_recipe_that_was_changed_somewhere_is_one_or_one_sentence(data):
    said = deepcopy(FULL)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(said))))
        table = said
        for key in path[:-1]:
            table = table[key]
        action = data.draw(st.sampled_from(("change", "remove", "add")))
        if action == "remove":
            del table[path[-1]]
            if not said:
                break
        elif action == "add" and isinstance(table, dict):
            table[data.draw(st.text(max_size=12))] = data.draw(VALUES)
        else:
            table[path[-1]] = data.draw(VALUES)
    understood(said)


@settings(max_examples=100)
@given(st.data())
def test_a_file_that_was_changed_somewhere_is_a_recipe_or_one_sentence(data):
    content = bytearray(template("owner/m").encode())
    for _ in range(data.draw(st.integers(1, 5))):
        begin = data.draw(st.integers(0, len(content)))
        content[begin : begin + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=10))
    understood(bytes(content))
