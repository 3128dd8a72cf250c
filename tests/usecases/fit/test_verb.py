"""What a model takes and how fast it is, against what was published and what was written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlxkit.core.errors import CheckpointError, DoesNotFitError, NotFoundError, PlanError
from mlxkit.core.pace import BAND
from mlxkit.core.schemes import parse
from mlxkit.engines import machine, store
from mlxkit.usecases.fit import FitPlan, fit, reverse
from mlxkit.usecases.fit.places import Surroundings
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.architectures import write
from tests.fakes.machine import mac, metal
from tests.fakes.measurements import measurement
from tests.fakes.sparse import write_qwen3_4b, write_qwen3_30b

# ml-explore/mlx-lm, mlx_lm/BENCHMARKS.md: M4 Max, 64 GB, -p 2048 -g 128, mlx 0.29.2, mlx-lm 0.28.2, macOS 26.1. Its
# decode rate divides 128 tokens by the time of 127. Scheme, decode in tokens per second, peak memory in GB.
PUBLISHED = {
    "4b": (
        (None, 52.47, 9.02),
        ("8bit-g64", 86.907, 5.254),
        ("6bit-g64", 104.68, 4.25),
        ("5bit-g32", 110.29, 4.00),
        ("5bit-g64", 116.39, 3.86),
        ("4bit-g32", 126.00, 3.603),
        ("4bit-g64", 134.52, 3.35),
    ),
    "30b": (
        ("8bit-g64", 83.16, 33.46),
        ("6bit-g64", 94.14, 25.82),
        ("5bit-g64", 101.00, 22.01),
        ("4bit-g64", 113.33, 18.20),
    ),
}
WRITERS = {"4b": write_qwen3_4b, "30b": write_qwen3_30b}


def asked(model, limit=None, past=(), **wishes):
    """Fit on this machine, with a limit, a bandwidth and a past that are known."""
    here = replace(machine.read(), working_set_bytes=limit, available_memory_bytes=limit)
    plan = FitPlan(str(model), **wishes)
    around = Surroundings(read_machine=lambda: here, find=lambda kind: [one for one in past if one.kind == kind])
    return fit(plan, around=around)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("published")
    return {name: write(folder / name) for name, write in WRITERS.items()}


@pytest.mark.parametrize(
    ("name", "scheme", "tps", "gigabytes"), [(n, *row) for n, rows in PUBLISHED.items() for row in rows]
)
def test_published_figures_are_reproduced(published, name, scheme, tps, gigabytes):
    schemes = (parse(scheme),) if scheme else ()
    plan = FitPlan(str(published[name]), ("M4 Max 64GB",), schemes, contexts=(2048,))
    row = fit(plan).rows[0]
    assert row.need.total_bytes / 1e9 == pytest.approx(gigabytes, abs=0.15)
    assert row.decode_tps == pytest.approx(tps * 127 / 128, rel=0.1)
    assert row.verdict == "fits"


@pytest.mark.parametrize("name", ["llama", "qwen3_moe", "deepseek_v3"])
def test_weights_are_those_that_quantize_writes(name, tmp_path):
    source = write(name, tmp_path / "source")
    (row,) = asked(source, schemes=(parse("4bit-g32"),), contexts=(64,)).rows
    quantize(QuantizePlan(str(source), tmp_path / "made", schemes=(parse("4bit-g32"),)))
    made = store.read("made", tmp_path / "made")
    assert row.need.weight_bytes == made.size_bytes
    (stored,) = asked(tmp_path / "made", contexts=(64,)).rows
    assert stored.need.weight_bytes == made.size_bytes


def test_every_scheme_device_and_context_is_a_row(tmp_path):
    model = write("llama", tmp_path / "it")
    wishes = {"schemes": (parse("4bit-g32"), parse("8bit-g32")), "contexts": (32, 64)}
    rows = fit(FitPlan(str(model), ("M4 16GB", "iPhone 17 Pro"), **wishes)).rows
    assert len({(row.scheme, row.device, row.context) for row in rows}) == len(rows) == 8
    assert all(row.decode_tps is None for row in rows if row.device == "iPhone 17 Pro")  # they throttle
    assert all(row.decode_tps > 0 for row in rows if row.device != "iPhone 17 Pro")


def test_what_does_not_fit_is_an_answer_that_fails(tmp_path):
    model = write("llama", tmp_path / "it")
    total = asked(model, contexts=(64,)).rows[0].need.total_bytes
    tight = asked(model, limit=total, contexts=(64,))
    assert tight.rows[0].verdict == "tight"
    assert tight.failure is None
    none = asked(model, limit=1000, contexts=(64,))
    assert {row.verdict for row in none.rows} == {"does not fit"}
    assert {row.longest for row in none.rows} == {0}
    assert isinstance(none.failure, DoesNotFitError)
    assert "--scheme" in none.failure.hint


def test_the_longest_context_just_fits(tmp_path):
    model = write("llama", tmp_path / "it")
    limit = asked(model, contexts=(100,)).rows[0].need.total_bytes
    (row, *_) = asked(model, limit=limit, contexts=(100,)).rows
    assert row.longest >= 100
    longer = asked(model, limit=limit, contexts=(row.longest + 1,))
    assert longer.rows[0].verdict == "does not fit"


def test_an_unknown_limit_is_no_verdict(tmp_path):
    (row, *_) = asked(write("llama", tmp_path / "it"), contexts=(64,)).rows
    assert (row.limit_bytes, row.verdict, row.longest) == (None, None, None)


def test_an_unknown_device_lists_near_names(tmp_path):
    with pytest.raises(NotFoundError) as caught:
        fit(FitPlan(str(tmp_path), ("M9 Ultra",)))
    assert "M3 Ultra" in caught.value.hint


@pytest.mark.parametrize("wrong", [{"contexts": (0,)}, {"batch": 0}], ids=str)
def test_a_plan_of_nothing_is_refused(wrong):
    with pytest.raises(PlanError):
        FitPlan("tiny", **wrong)


def test_a_context_beyond_the_models_own_is_said(tmp_path):
    result = asked("tiny", contexts=(5000,))
    assert any("beyond it" in note for note in result.notes)


def taken(measured, **changes):
    """A measurement on this machine whose prediction was 1,000 bytes, 100 of them estimated."""
    summary = {
        "predicted_memory_bytes": 1000,
        "predicted_workspace_bytes": 100,
        "peak_memory_bytes": measured,
    }
    facts = {**machine.read().facts(), **changes}
    return measurement(kind="memory", machine=facts, summary=summary, workload={"prompt_tokens": 10})


def test_what_was_measured_here_corrects_the_estimate(tmp_path):
    model = write("llama", tmp_path / "it")
    fresh = asked(model, contexts=(64,)).rows[0].need
    result = asked(model, past=[taken(1100)] * 5, contexts=(64,))
    assert result.rows[0].need == replace(fresh, workspace_bytes=2 * fresh.workspace_bytes)
    assert any("within 9.1% over 5 runs on this machine" in note for note in result.notes)
    elsewhere = asked(model, past=[taken(1100, chip="Another")] * 5, contexts=(64,))
    assert elsewhere.rows[0].need == fresh
    assert asked(model, past=[taken(1100)] * 4, contexts=(64,)).rows[0].need == fresh


def test_speed_is_fitted_to_what_was_measured_here(tmp_path):
    model = write("llama", tmp_path / "it")
    assert asked(model, contexts=(64,)).rows[0].decode_tps is None
    summary = {"generation_tps": 100.0, "layers": 2, "read_bytes_per_step": 10**6, "is_mixture": False}
    past = [measurement(kind="throughput", machine=machine.read().facts(), summary=summary, workload={"batch": 1})]
    result = asked(model, past=past, contexts=(64,))
    row = result.rows[0]
    held = row.need.weight_bytes + row.need.cache_bytes
    assert row.decode_tps == pytest.approx(100 * 10**6 / held, rel=0.3)  # the embedding is held, and not read
    assert row.decode_band == row.data()["decode_band"] == BAND
    assert any("fitted to 1 measurement of this machine" in note for note in result.notes)


def test_a_mac_that_was_never_measured_has_the_tables_speed(tmp_path):
    model = str(write("llama", tmp_path / "it"))
    here = machine.read(mac(), metal())
    around = Surroundings(read_machine=lambda: here, find=lambda **_: ())
    row = fit(FitPlan(model, contexts=(64,)), around=around).rows[0]
    named = fit(FitPlan(model, ("M4 Max 64GB",), contexts=(64,))).rows[0]
    assert row.decode_tps == named.decode_tps is not None


def test_the_other_way_round_the_best_scheme_that_fits_is_found(published):
    wishes = {"contexts": (4096, 32768)}
    rooms = reverse(FitPlan(str(published["30b"]), ("M4 Max 36GB", "M4 16GB"), **wishes)).rooms
    assert [(room.device.partition(" (")[0], room.scheme) for room in rooms] == [
        ("M4 Max", "6bit-g64"),
        ("M4 Max", "5bit-g64"),
        ("M4 16 GB", None),
        ("M4 16 GB", None),
    ]
    for room in rooms:
        (row, *_) = fit(FitPlan(str(published["30b"]), (room.device,), contexts=(room.context,))).rows
        left = row.limit_bytes - row.need.cache_bytes - row.need.workspace_bytes
        assert room.budget_bytes == left
        assert room.bits_per_weight == pytest.approx(8 * left / 30.5e9, rel=0.01)


def test_where_nothing_fits_the_other_way_round_fails_too(published):
    plan = FitPlan(str(published["30b"]), ("iPhone 17 Pro",))
    result = reverse(plan)
    assert isinstance(result.failure, DoesNotFitError)
    assert "none fits" in str(result.report())


def test_what_fits_as_it_is_needs_no_scheme(tmp_path):
    result = reverse(FitPlan(str(write("llama", tmp_path / "it")), ("M4 16GB",), contexts=(64,)))
    assert result.rooms[0].scheme == "as stored"
    assert result.failure is None
    assert "--max-size" not in str(result.report())


def unknown(folder):
    """A checkpoint of an architecture that mlx-lm does not have."""
    folder = write("llama", folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "nobody_has_it"}))
    return folder


def test_an_unknown_architecture_is_counted_from_headers(tmp_path):
    folder = unknown(tmp_path / "it")
    known = asked(write("llama", tmp_path / "known"), schemes=(parse("4bit-g32"),), contexts=(64,)).rows[0]
    result = asked(folder, limit=10**12, schemes=(parse("4bit-g32"),), contexts=(64,))
    (row,) = result.rows
    assert row.need.weight_bytes == known.need.weight_bytes
    assert (row.need.cache_bytes, row.verdict, row.longest, row.decode_tps) == (None, None, None, None)
    assert any("what its cache takes is not known" in note for note in result.notes)
    assert asked(folder, limit=1000).failure is not None
    with pytest.raises(CheckpointError, match="nobody_has_it"):
        reverse(FitPlan(str(folder), ("M4 16GB",)))


def test_a_cache_follows_the_dtype_that_quantize_writes(tmp_path):
    stored, small = asked(write("llama", tmp_path / "it"), contexts=(64,)).rows[:2]
    assert store.read("it", tmp_path / "it").tensors["model.norm.weight"].dtype == "F32"
    assert stored.need.cache_bytes == 2 * small.need.cache_bytes


def test_the_usual_context_is_not_longer_than_the_models_own(tmp_path):
    checkpoint = store.read("it", write("llama", tmp_path / "it"))
    assert {row.context for row in asked(tmp_path / "it").rows} == {min(4096, checkpoint.context)}


def test_judging_text_corrects_no_prefill(tmp_path):
    model = write("llama", tmp_path / "it")
    fresh = asked(model, contexts=(64,)).rows[0].need
    judged = [replace(taken(1100), workload={"text": "self"})] * 5
    result = asked(model, past=judged, contexts=(64,))
    assert result.rows[0].need == fresh
    assert any("over 5 runs" in note for note in result.notes)
