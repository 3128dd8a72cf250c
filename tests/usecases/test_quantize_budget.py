"""Budgets: never over, hardly below, whole or nothing, the same bytes each time, and read by stock mlx-lm."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm import load
from mlx_lm.convert import mixed_quant_predicate_builder
from mlx_lm.utils import load_model, quantize_model

from mlxkit.core import rules
from mlxkit.core.budget import candidates
from mlxkit.core.devices import Device, Figure
from mlxkit.core.errors import CheckpointError, DoesNotFitError, IntegrityError, MlxkitError, PlanError
from mlxkit.core.fitting import gpu_workspace_bytes
from mlxkit.core.mixes import MIXES
from mlxkit.core.schemes import parse
from mlxkit.engines import machine, models, store
from mlxkit.usecases.fit import FitPlan, reverse
from mlxkit.usecases.fit.places import Surroundings
from mlxkit.usecases.quantize import QuantizePlan, QuantizeResult, quantize
from tests.fakes import architectures
from tests.fakes.checkpoints import QWEN3, qwen3_shapes, random_weights, write_checkpoint
from tests.fakes.phases import Phases

SMALL = {**QWEN3, "num_hidden_layers": 1}
TOKENS = [list(range(1, 30))]
FRONTIER = (2.5, 3.3, 6.0)
BUDGET = {"bits_per_weight": (4.0,)}


@dataclass(frozen=True)
class Made:
    """A source and what was made of it."""

    source: Path
    folder: Path
    result: QuantizeResult

    def units(self):
        return models.units(models.open_model(store.read("it", self.source)).model)


def write(folder: Path, config: dict[str, Any] = SMALL, dtype: type = np.float32) -> Path:
    weights = random_weights(qwen3_shapes(config))
    stored = {name: array.astype(dtype) for name, array in weights.items()}
    return write_checkpoint(folder, {**config, "torch_dtype": np.dtype(dtype).name}, stored)


def make(source: Path, folder: Path, **wishes: Any) -> QuantizeResult:
    """Quantize with little text."""
    progress = wishes.pop("progress", None)
    return quantize(QuantizePlan(str(source), folder, **{"calibration_tokens": 128, **wishes}), progress=progress)


def ruled(*texts: str) -> tuple[rules.Rule, ...]:
    return tuple(rules.parse(text) for text in texts)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "mlxkit.json").read_text())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def modules(model: nn.Module) -> dict[str, nn.Module]:
    return dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))


def assert_stock(folder: Path) -> nn.Module:
    """Stock mlx-lm loads it, and its config says nothing but what stock readers know."""
    model, _ = load(str(folder))
    model.set_dtype(mx.float32)  # of 16 bits the CPU cannot multiply stacked experts
    assert np.isfinite(np.array(model(mx.array(TOKENS)))).all()
    config = json.loads((folder / "config.json").read_text())
    entry = config["quantization"]
    assert config["quantization_config"] == entry
    named = {key: value for key, value in entry.items() if key not in ("group_size", "bits", "mode")}
    assert {"group_size", "bits", "mode"} <= entry.keys()
    assert named.keys() <= modules(model).keys()
    assert all(value is False or value.keys() == {"group_size", "bits", "mode"} for value in named.values())
    return model


def assert_within(point: Any, budget_bytes: float, units: Any) -> None:
    """Not over the budget, and below it by at most 0.5 %, or by less than the smallest step there is."""
    assert point.size_bytes <= budget_bytes
    sizes = [
        (unit.size_bytes(point.layout.schemes.get(unit.path)), [unit.size_bytes(one) for one in candidates(unit, {})])
        for unit in units
    ]
    step = min((size - now for now, offered in sizes for size in offered if size > now), default=0)
    assert budget_bytes - point.size_bytes <= max(0.005 * budget_bytes, step)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One layer, float32; what is kept of it serves all tests here."""
    return write(tmp_path_factory.mktemp("small") / "source")


@pytest.fixture(scope="module")
def frontier(small: Path) -> Made:
    folder = small.parent / "frontier"
    return Made(small, folder, make(small, folder, bits_per_weight=FRONTIER, encoder="lsq"))


# Budgets


def test_a_frontier_is_a_folder_of_checkpoints_each_within_its_budget(frontier):
    assert [path.name for path in sorted(frontier.folder.iterdir())] == ["2.5bpw", "3.3bpw", "6bpw"]
    for bits, point in zip(FRONTIER, frontier.result.points, strict=True):
        assert point.folder == frontier.folder / f"{bits:g}bpw"
        assert point.bits_per_weight <= bits
        assert_within(point, bits * point.parameters / 8, frontier.units())


def test_the_files_hold_the_tensors_that_were_counted(frontier):
    for point in frontier.result.points:
        written = store.read("it", point.folder).sound()
        assert written.size_bytes == point.size_bytes
        assert record(point.folder)["options"]["budget"]["wish"] == f"{point.folder.name[:-3]} bits per weight"


def test_more_bits_lose_less_and_the_loss_is_told(frontier):
    measured = [point.quality.measured.kl_nats for point in frontier.result.points]
    assert measured == sorted(measured, reverse=True)
    assert frontier.result.rank_correlation == 1
    for point in frontier.result.points:
        assert point.quality.measured.tokens == frontier.result.held_out["tokens"]
        assert point.quality.measured.kl_nats <= point.quality.rival_measured.kl_nats
        assert record(point.folder)["options"]["quality"] == point.quality.data()


@pytest.mark.parametrize("number", range(len(FRONTIER)))
def test_a_frontier_loads_in_stock_mlx_lm(frontier, number):
    point = frontier.result.points[number]
    model = assert_stock(point.folder)
    found = modules(model)
    assert {path for path, module in found.items() if hasattr(module, "scales")} == set(point.layout.schemes)
    for path, scheme in point.layout.schemes.items():
        assert (found[path].bits, found[path].group_size) == (scheme.bits, scheme.group_size)


def test_a_total_of_bytes_is_not_exceeded(small, frontier, tmp_path):
    budget = frontier.result.points[1].size_bytes + 1000
    result = make(small, tmp_path / "out", max_bytes=budget, encoder="lsq")
    assert_within(result.points[0], budget, frontier.units())
    assert result.plan.goal.startswith("at most ")
    assert record(tmp_path / "out")["options"]["budget"]["size_bytes"] == budget


def toy(limit_bytes: int) -> Device:
    """A device with a limit and nothing else."""
    known = partial(Figure, confidence="assumed", source="a test")
    return Device("Toy", "Toy", (), "mac", "Toy", known(2**30), known(limit_bytes))


def test_a_device_is_a_budget(small, frontier, tmp_path):
    budget = frontier.result.points[1].size_bytes + 1000
    checkpoint = store.read("it", small).sound()
    cache_bytes = models.trace(checkpoint, "bfloat16").cache_bytes(50).allocated
    limit = budget + cache_bytes + gpu_workspace_bytes(50, 1)
    plan = QuantizePlan(
        str(small), tmp_path / "out", device="toy", context=50, encoder="lsq", calibration_tokens=128, dtype="bfloat16"
    )
    result = quantize(plan, known_devices=lambda: (toy(limit),))
    assert_within(result.points[0], budget, frontier.units())
    assert any("Toy leaves" in note and "50 tokens" in note for note in result.notes)
    around = Surroundings(known_devices=lambda: (toy(limit),))
    (room,) = reverse(FitPlan(str(small), ("toy",), contexts=(50,)), around=around).rooms
    assert room.budget_bytes == budget


def test_a_device_that_leaves_nothing_is_told(small, tmp_path):
    plan = QuantizePlan(str(small), tmp_path / "out", device="toy", context=50)
    with pytest.raises(DoesNotFitError, match="leave nothing for weights on Toy"):
        quantize(plan, known_devices=lambda: (toy(1000),))
    with pytest.raises(PlanError, match="--context is what a --device"):
        QuantizePlan(str(small), tmp_path / "out", schemes=(parse("4bit"),), context=50)


def test_a_disk_without_room_is_told_before_anything_is_measured(small, tmp_path):
    progress = Phases()
    for wishes in ({"bits_per_weight": (3.0, 4.0)}, {"schemes": (parse("4bit"), parse("8bit"))}, {"mix": "mixed_4_6"}):
        plan = QuantizePlan(str(small), tmp_path / "out", **wishes)
        with pytest.raises(DoesNotFitError, match="of free disk"):
            quantize(plan, progress=progress, free_bytes=lambda _: 1000)
    assert not progress.names
    assert not (tmp_path / "out").exists()


def test_rules_hold_over_a_budget(small, tmp_path):
    wishes = ruled("*.v_proj=none", "*.down_proj=8bit-g32", "*.q_proj=mxfp4")
    (point,) = make(small, tmp_path / "out", bits_per_weight=(5.0,), rules=wishes, encoder="lsq").points
    layout = point.layout
    assert point.bits_per_weight <= 5
    assert layout.schemes["model.layers.0.mlp.down_proj"] == parse("8bit-g32")
    assert layout.schemes["model.layers.0.self_attn.q_proj"] == parse("mxfp4")
    assert [(skip.path, skip.reason) for skip in layout.skipped] == [
        ("model.layers.0.self_attn.v_proj", "a rule keeps it unquantized")
    ]
    assert record(tmp_path / "out")["options"]["rules"] == [str(wish) for wish in wishes]
    assert_stock(tmp_path / "out")


# What cannot be


def refused(source: Path, folder: Path, kind: type[MlxkitError], **wishes: Any) -> MlxkitError:
    """The error that is raised before anything is measured; nothing is written."""
    progress = Phases()
    before = sorted(folder.parent.iterdir())
    with pytest.raises(kind) as told:
        make(source, folder, progress=progress, **wishes)
    assert type(told.value) is kind
    assert progress.names == []
    assert sorted(folder.parent.iterdir()) == before
    return told.value


def test_a_budget_below_the_smallest_is_refused_with_the_smallest(small, tmp_path):
    error = refused(small, tmp_path / "out", DoesNotFitError, bits_per_weight=(4.5, 2.0))
    assert "2 bits per weight cannot be met" in error.message
    bits = float(error.hint.split()[2].rstrip(","))
    assert f"{bits:.2f} bits per weight" in error.message
    refused(small, tmp_path / "out", DoesNotFitError, bits_per_weight=(bits - 0.01,))
    (point,) = make(small, tmp_path / "out", bits_per_weight=(bits,), encoder="lsq").points
    assert {scheme.name for scheme in point.layout.schemes.values()} == {"2bit-g128"}


def test_a_total_of_bytes_below_the_smallest_is_refused_in_bytes(small, tmp_path):
    error = refused(small, tmp_path / "out", DoesNotFitError, max_bytes=10_000)
    assert error.message.startswith("10.0 kB cannot be met")
    assert " kB." in error.message


@pytest.mark.parametrize("wish", [{"bits_per_weight": (4.0, 16.0)}, {"max_bytes": 10**9}], ids=str)
def test_a_budget_that_leaves_nothing_to_quantize_is_refused(small, tmp_path, wish):
    error = refused(small, tmp_path / "out", PlanError, **wish)
    assert "leaves nothing to quantize" in error.message
    assert "16 bits per weight" in error.message
    assert error.hint == "mlxkit convert SRC DEST --dtype bfloat16"


def test_a_budget_just_below_everything_quantizes_something(small, tmp_path):
    (point,) = make(small, tmp_path / "out", bits_per_weight=(15.9,), encoder="lsq").points
    assert point.layout.schemes
    assert point.bits_per_weight <= 15.9
    assert_stock(tmp_path / "out")


@pytest.mark.parametrize("goal", [BUDGET, {"schemes": (parse("4bit"),)}, {"mix": "mixed_3_4"}], ids=str)
def test_rules_that_leave_nothing_are_refused(small, tmp_path, goal):
    error = refused(small, tmp_path / "out", PlanError, rules=ruled("*=none"), **goal)
    assert "nothing in" in error.message
    assert "mlxkit convert" in error.hint


@pytest.mark.parametrize("goal", [BUDGET, {"schemes": (parse("4bit"),)}], ids=str)
def test_a_rule_that_matches_nothing_is_refused(small, tmp_path, goal):
    error = refused(small, tmp_path / "out", PlanError, rules=ruled("*.router=8bit"), encoder="feedback", **goal)
    assert "matches no layer" in error.message


def test_a_model_that_no_group_size_divides_is_refused(tmp_path):
    odd = {**SMALL, "hidden_size": 80, "intermediate_size": 80, "head_dim": 40}
    source = write(tmp_path / "source", odd)
    error = refused(source, tmp_path / "out", CheckpointError, bits_per_weight=(4.0,))
    assert "Nothing in" in error.message


def test_a_mix_that_is_none_for_the_model_is_refused_before_text_is_written(tmp_path):
    source = architectures.write("mamba2", tmp_path / "source")
    error = refused(source, tmp_path / "out", PlanError, mix="mixed_3_4", encoder="feedback")
    assert "down_proj" in error.message


def test_nan_is_found_before_it_is_measured(tmp_path):
    weights = random_weights(qwen3_shapes(SMALL))
    weights["model.layers.0.self_attn.v_proj.weight"][0, 0] = np.nan
    source = write_checkpoint(tmp_path / "source", SMALL, weights)
    progress = Phases()
    with pytest.raises(IntegrityError, match="v_proj"):
        make(source, tmp_path / "out", progress=progress, **BUDGET)
    assert progress.names == ["Reading weights"]
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_no_tokenizer_is_no_text(tmp_path):
    source = write(tmp_path / "source")
    (source / "tokenizer.json").unlink()
    (source / "tokenizer_config.json").unlink()
    assert "tokenizer" in refused(source, tmp_path / "out", CheckpointError, bits_per_weight=(4.0,)).message


# Schemes and mixes with text


def test_a_rule_holds_over_a_scheme_and_over_a_mix(small, tmp_path):
    wishes = ruled("*.v_proj=none", "*.layers.0.*=8bit", "model.embed_tokens=6bit-g32")
    for name, goal in (("scheme", {"schemes": (parse("4bit"),)}), ("mix", {"mix": "mixed_2_6"})):
        (point,) = make(small, tmp_path / name, rules=wishes, **goal).points
        assert [skip.path for skip in point.layout.skipped] == ["model.layers.0.self_attn.v_proj"]
        assert point.layout.schemes["model.embed_tokens"] == parse("6bit-g32")
        assert point.histogram["mlp.down_proj"] == {"8bit-g64": 1}
        assert point.quality is None
        assert_stock(tmp_path / name)


@pytest.mark.parametrize("name", MIXES)
def test_a_mix_is_mlx_lms(tmp_path, name):
    source = write(tmp_path / "source", {**QWEN3, "num_hidden_layers": 9, "hidden_size": 64, "intermediate_size": 64})
    make(source, tmp_path / "out", mix=name, encoder="minmax")
    written = assert_stock(tmp_path / "out")
    theirs, config = load_model(source, lazy=True)
    theirs.set_dtype(mx.bfloat16)
    theirs, _ = quantize_model(
        theirs, config, None, None, quant_predicate=mixed_quant_predicate_builder(name, theirs, 64)
    )
    theirs.set_dtype(mx.float32)
    assert mx.array_equal(written(mx.array(TOKENS)), theirs(mx.array(TOKENS)))
    assert record(tmp_path / "out")["options"]["mix"] == name


@pytest.mark.parametrize(
    ("encoder", "wishes", "used", "is_measured"),
    [
        (None, {"schemes": (parse("3bit"),)}, "lsq", False),
        ("feedback", {"schemes": (parse("3bit"),)}, "feedback", True),
        ("feedback", {"mix": "mixed_3_4"}, "feedback", True),
        ("feedback", {"schemes": (parse("mxfp8"),)}, "feedback", True),
        ("lsq", {"bits_per_weight": (4.0,)}, "lsq", True),
    ],
)
def test_the_encoder_is_the_one_that_was_asked_for_and_told(small, tmp_path, encoder, wishes, used, is_measured):
    result = make(small, tmp_path / "out", encoder=encoder, **wishes)
    assert result.encoder == used
    assert record(tmp_path / "out")["options"]["encoder"] == used
    assert (result.points[0].quality is not None) == is_measured
    assert (result.calibration is not None) == is_measured
    assert_stock(tmp_path / "out")


# Text


PROSE = "It rained all night, and in the morning the river stood a hand below the bridge.\n" * 12


def calibration(folder: Path, kind: str) -> Path:
    path = folder / f"text.{'txt' if kind == 'txt' else 'jsonl'}"
    answer = {"role": "assistant", "content": PROSE}
    lines = {
        "jsonl": [{"text": f"{number}. {PROSE}"} for number in range(8)],
        "chat": [{"messages": [{"role": "user", "content": f"{number}?"}, answer]} for number in range(8)],
    }
    path.write_text(PROSE if kind == "txt" else "\n".join(map(json.dumps, lines[kind])), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["txt", "jsonl", "chat"])
def test_text_of_the_users_is_named_with_its_digest(small, tmp_path, kind):
    path = calibration(tmp_path, kind)
    progress = Phases()
    result = make(small, tmp_path / "out", schemes=(parse("4bit"),), calibration=path, progress=progress)
    options = record(tmp_path / "out")["options"]
    assert "Writing text" not in progress.names
    assert options["calibration"] == result.calibration
    assert options["held_out"] == result.held_out
    assert result.calibration["origin"] == f"text of {path.name}"
    assert result.calibration["tokens"] == 128
    assert len(result.calibration["digest"]) == 64
    assert result.calibration["digest"] != result.held_out["digest"]
    assert result.encoder == "feedback"


def test_the_minmax_encoder_can_be_measured_too(small, tmp_path):
    path = calibration(tmp_path, "txt")
    wishes = {"schemes": (parse("3bit"),), "calibration": path}
    (fitted,) = make(small, tmp_path / "fitted", **wishes).points
    (plain,) = make(small, tmp_path / "plain", encoder="minmax", **wishes).points
    assert plain.quality.measured.kl_nats > fitted.quality.measured.kl_nats > 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("short.txt", "One line.", "short.txt' is too short"),
        ("short.txt", "x" * 50, "only 32 tokens"),
        ("empty.txt", "", "is empty"),
        ("broken.jsonl", '{"text": ', "Line 1 of 'broken.jsonl' is not JSON"),
    ],
)
def test_text_of_no_use_is_refused(small, tmp_path, name, content, said):
    path = tmp_path / name
    path.write_text(content)
    error = refused(small, tmp_path / "out", PlanError, bits_per_weight=(4.0,), calibration=path)
    assert said in error.message
    assert error.hint


# mlx-lm's methods


@pytest.mark.parametrize("own_text", [True, False], ids=["its own text", "a file"])
@pytest.mark.parametrize("method", ["awq", "gptq"])
def test_a_method_of_mlx_lms_is_given_text_and_loads(tmp_path, method, own_text):
    source = architectures.write("llama", tmp_path / "source")
    text = None if own_text else calibration(tmp_path, "txt")
    progress = Phases()
    result = make(
        source, tmp_path / "out", schemes=(parse("4bit"),), method=method, calibration=text, progress=progress
    )
    assert f"Quantizing with {method.upper()}" in progress.names
    assert ("Writing text" in progress.names) == own_text
    assert result.encoder == f"mlx-lm's {method}"
    options = record(tmp_path / "out")["options"]
    assert options["encoder"] == method
    assert len(options["calibration"]["digest"]) == 64
    assert options["calibration"]["origin"] == ("self-generated, seed 0" if own_text else "text of text.txt")
    assert_stock(tmp_path / "out")


def test_a_method_that_cannot_is_refused_before_any_work(tmp_path):
    source = architectures.write("phi3", tmp_path / "source")
    error = refused(source, tmp_path / "out", CheckpointError, schemes=(parse("4bit"),), method="awq")
    assert "phi3" in error.message
    error = refused(source, tmp_path / "out", CheckpointError, schemes=(parse("3bit"),), method="gptq")
    assert "2, 4 or 8 bits" in error.message


# Sameness and interruption


WHOLE = {"bits_per_weight": (3.6,), "rules": ruled("*.mlp.gate_proj=3bit", "*.q_proj=3bit", "*.o_proj=3bit")}


@pytest.fixture(scope="module")
def whole(small: Path) -> Made:
    folder = small.parent / "whole"
    return Made(small, folder, make(small, folder, **WHOLE))


def test_the_same_inputs_give_the_same_bytes_whatever_was_kept(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))
    make(whole.source, tmp_path / "out", **WHOLE)
    assert contents(tmp_path / "out") == contents(whole.folder)


def test_another_seed_is_another_text(small, tmp_path):
    digests = {
        make(small, tmp_path / str(seed), schemes=(parse("4bit"),), encoder="feedback", seed=seed).calibration["digest"]
        for seed in (0, 1)
    }
    assert len(digests) == 2


LATER = {
    "Measuring sensitivity": {"Writing text"},
    "Predicting losses": {"Writing text", "Measuring sensitivity"},
    "Writing weights": {"Writing text", "Measuring sensitivity", "Predicting losses"},
}
"""Phase in which a run is interrupted, to phases that the next one need not repeat."""


@pytest.mark.parametrize("phase", LATER)
def test_an_interrupted_search_goes_on_where_it_was(whole, tmp_path, monkeypatch, phase):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    impatient, patient = Phases(phase, after=3 if phase == "Predicting losses" else 0), Phases()
    with pytest.raises(KeyboardInterrupt):
        make(whole.source, tmp_path / "work/out", progress=impatient, **WHOLE)
    assert list((tmp_path / "work").iterdir()) == []
    make(whole.source, tmp_path / "work/out", progress=patient, **WHOLE)
    assert LATER[phase].isdisjoint(patient.names)
    if phase == "Predicting losses":
        assert patient.done[phase] == 3
    assert contents(tmp_path / "work/out") == contents(whole.folder)


def test_an_interrupted_frontier_writes_nothing(small, frontier, tmp_path):
    progress = Phases("Writing weights", after=30)
    with pytest.raises(KeyboardInterrupt):
        make(small, tmp_path / "out", bits_per_weight=(3.0, 5.0), encoder="lsq", progress=progress)
    assert progress.names.count("Writing weights") == 2
    assert list(tmp_path.iterdir()) == []


def test_encodings_are_not_kept_after_a_run_and_the_rest_is(small, tmp_path, monkeypatch):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))
    make(small, tmp_path / "out", schemes=(parse("4bit"),), encoder="feedback")
    kinds = {path.parent.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert kinds == {"texts", "sensitivities", "digests"}


def test_encodings_that_another_run_removes_are_made_again(small, tmp_path, monkeypatch):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))

    class Other(Phases):
        def phase(self, name, total, unit, done=0):
            if name == "Measuring what was lost":
                store.drop(tmp_path / "cache/encodings")
            return super().phase(name, total, unit, done)

    wishes = {"schemes": (parse("4bit"),), "encoder": "feedback"}
    undisturbed, disturbed = Phases(), Other()
    make(small, tmp_path / "one", progress=undisturbed, **wishes)
    make(small, tmp_path / "other", progress=disturbed, **wishes)
    assert disturbed.names.count("Encoding weights") > undisturbed.names.count("Encoding weights")
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_a_cache_that_cannot_be_written_is_told(small, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "file"))
    error = refused(small, tmp_path / "out", MlxkitError, bits_per_weight=(4.0,))
    assert str(tmp_path / "file") in error.message
    assert "MLXKIT_CACHE" in error.hint


# The uniform rival


def test_a_choice_that_is_worse_than_uniform_is_not_written(small, tmp_path, monkeypatch):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))
    wishes = {"bits_per_weight": (4.6,), "encoder": "lsq"}
    with pytest.raises(KeyboardInterrupt):
        make(small, tmp_path / "out", progress=Phases("Encoding weights"), **wishes)
    (kept,) = (tmp_path / "cache/losses").iterdir()
    losses = json.loads(kept.read_text())
    for path in losses:  # a lie: what is narrow costs nothing, except in the embedding
        if path != "model.embed_tokens":
            losses[path]["2bit-g128"] = 0.0
    kept.write_text(json.dumps(losses))
    result = make(small, tmp_path / "out", **wishes)
    (point,) = result.points
    assert point.quality.is_rival
    assert point.quality.rival == "4bit-g64"
    assert point.quality.measured == point.quality.rival_measured
    assert {scheme.name for scheme in point.layout.schemes.values()} == {point.quality.rival}
    assert any("uniform" in note for note in result.notes)
    assert point.bits_per_weight <= 4.6
    assert_stock(tmp_path / "out")


# What is reported is what is written


def logits(model: nn.Module, rows: list[list[int]]) -> np.ndarray:
    found = np.array(model(mx.array(rows)).astype(mx.float32), dtype=np.float64)
    return found - np.log(np.exp(found).sum(-1, keepdims=True))


def held_out_rows(cache: Path, digest: str) -> list[list[int]]:
    from mlxkit.core.text import digest as digest_of

    found = [json.loads(path.read_text())["rows"] for path in (cache / "texts").iterdir()]
    return next(rows for rows in found if digest_of(rows) == digest)


@pytest.mark.parametrize("name", ["qwen3", "mixtral", "deepseek_v3"])
def test_the_loss_that_is_told_is_that_of_the_files(tmp_path, monkeypatch, name):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))
    source = architectures.write(name, tmp_path / "source")
    result = make(source, tmp_path / "out", schemes=(parse("3bit"),), encoder="feedback", dtype="float32")
    rows = held_out_rows(tmp_path / "cache", result.held_out["digest"])
    p, q = (logits(load(str(folder))[0], rows) for folder in (source, tmp_path / "out"))
    expected = (np.exp(p) * (p - q)).sum(-1).mean()
    assert result.points[0].quality.measured.kl_nats == pytest.approx(expected, rel=1e-3)


# Sources and architectures


@pytest.mark.parametrize(("dtype", "kept"), [(np.float16, "float16"), (np.float32, "bfloat16")])
def test_sources_of_16_and_of_32_bits(tmp_path, dtype, kept):
    source = write(tmp_path / "source", dtype=dtype)
    result = make(source, tmp_path / "out", bits_per_weight=(4.0,), encoder="lsq")
    assert result.dtype == kept
    assert result.points[0].bits_per_weight <= 4
    assert result.source_bytes == result.points[0].parameters * np.dtype(dtype).itemsize
    tensors = store.read("it", tmp_path / "out").tensors.values()
    assert {tensor.dtype for tensor in tensors} == {"U32", {"float16": "F16", "bfloat16": "BF16"}[kept]}
    assert_stock(tmp_path / "out")


def test_scales_of_32_bits_count_as_such(small, tmp_path):
    (point,) = make(small, tmp_path / "out", bits_per_weight=(6.0,), dtype="float32", encoder="lsq").points
    assert point.bits_per_weight <= 6
    assert_stock(tmp_path / "out")


@pytest.mark.parametrize("name", ["mixtral", "deepseek_v3", "falcon_h1", "gpt_oss", "gemma3_text"])
def test_an_architecture_under_a_budget(tmp_path, name):
    source = architectures.write(name, tmp_path / "source")
    (point,) = make(source, tmp_path / "out", bits_per_weight=(4.5,), encoder="lsq").points
    assert point.bits_per_weight <= 4.5
    assert point.size_bytes == store.read("it", tmp_path / "out").sound().size_bytes
    assert 0 < point.quality.measured.kl_nats <= point.quality.rival_measured.kl_nats
    routers = [kind for kind in point.histogram if kind.endswith((".gate", ".router"))]
    assert all(name.startswith("8bit") or name == "unquantized" for kind in routers for name in point.histogram[kind])
    assert_stock(tmp_path / "out")


@pytest.mark.parametrize("name", ["qwen3", "qwen3_moe"])
def test_an_original_that_does_not_fit_is_stood_in_for_by_its_8_bit_copy(tmp_path, name):
    source = architectures.write(name, tmp_path / "source")
    wishes = {"schemes": (parse("3bit"),), "calibration": calibration(tmp_path, "txt"), "calibration_tokens": 64}
    plan = QuantizePlan(str(source), tmp_path / "out", **wishes)
    cramped = replace(machine.read(), working_set_bytes=1_000_000)
    result = quantize(plan, read_machine=lambda: cramped)
    assert any("8-bit copy stood in" in note for note in result.notes)
    assert record(tmp_path / "out")["options"]["reduced"] is True
    (other,) = make(source, tmp_path / "other", **wishes).points
    assert record(tmp_path / "other")["options"]["reduced"] is False
    assert result.points[0].quality.measured.kl_nats == pytest.approx(other.quality.measured.kl_nats, rel=0.5)
    assert_stock(tmp_path / "out")


def test_what_no_text_reached_is_not_made_narrow(tmp_path):
    weights = random_weights(qwen3_shapes(SMALL))
    weights["model.layers.0.mlp.down_proj.weight"][:] = 0  # nothing comes through, and nothing comes back
    source = write_checkpoint(tmp_path / "source", SMALL, weights)
    (point,) = make(source, tmp_path / "out", bits_per_weight=(6.0,), encoder="lsq").points
    schemes = point.layout.schemes
    assert {schemes[f"model.layers.0.mlp.{name}_proj"].bits for name in ("gate", "up")} == {8}
    with pytest.raises(DoesNotFitError, match=r"4 bits per weight cannot be met.* take 4\.\d\d bits per weight"):
        make(source, tmp_path / "smaller", encoder="lsq", **BUDGET)
    assert not (tmp_path / "smaller").exists()
