"""The protocol of `bench`, with a clock and an engine whose every move is known."""

import json
import statistics
from dataclasses import replace

import pytest

from mlxkit.core.anatomy import bytes_per_step, parts
from mlxkit.core.conditions import Conditions
from mlxkit.core.errors import DoesNotFitError, PlanError, StoppedError
from mlxkit.core.trials import MOST_WARM_UPS, Trial, Workload
from mlxkit.engines import machine, models, store
from mlxkit.usecases.bench import BenchPlan, bench
from mlxkit.usecases.bench.cold import ColdStart
from tests.fakes.checkpoints import write_checkpoint

WORK = Workload(prompt_tokens=10, generated_tokens=5)
BANDWIDTH = (1e9, 3e9, 2e9)
GOOD = Conditions(power_source="ac", is_low_power=False, thermal="nominal", swap_used_bytes=0, load_average=0.0)


class Engine:
    """Models whose speeds are told beforehand.

    Args:
        seconds: prefill seconds of each trial, over all models in their order; then the last one for ever. The first
            token comes half a second after the prefill, each further one a second later.
        stops: raise KeyboardInterrupt instead of this trial, counted from 1.
    """

    def __init__(self, seconds=(1.0,), stops=None):
        self.seconds, self.stops = list(seconds), stops
        self.asked, self.loaded = [], []

    def load(self, checkpoint, *, trust_remote_code, progress):
        self.loaded.append(checkpoint.name)
        return Loaded(self, checkpoint.name)


class Loaded:
    notes = ("A note.",)

    def __init__(self, engine, name):
        self.engine, self.name = engine, name

    def run(self, given, clock, seed):
        self.engine.asked.append((self.name, given, seed))
        if len(self.engine.asked) == self.engine.stops:
            raise KeyboardInterrupt
        seconds = self.engine.seconds.pop(0) if len(self.engine.seconds) > 1 else self.engine.seconds[0]
        first = seconds + 0.5
        return models.Timed(Trial(seconds, first, first + given.generated_tokens - 1, 7), (100, 300))


@pytest.fixture
def names(tmp_path):
    return tuple(str(write_checkpoint(tmp_path / name)) for name in ("one", "other"))


def run(names, engine=None, *, readings=None, **wishes):
    """Bench with fakes; what was recorded and slept stands beside the result."""
    engine = engine or Engine()
    recorded, slept = [], []
    left = list(readings or ())
    result = bench(
        BenchPlan(names, **{"workloads": (WORK,), **wishes}),
        load=engine.load,
        sense=lambda: left.pop(0) if len(left) > 1 else (left or [GOOD])[0],
        rss_bytes=lambda: 11,
        read_bandwidth=lambda: BANDWIDTH,
        record=recorded.extend,
        sleep=slept.append,
        now=lambda: 1e9,
        start=engine.start if hasattr(engine, "start") else None,
    )
    return result, recorded, slept


def test_every_statistic_is_exact(names):
    result, recorded, _ = run(names[:1], Engine([9, 1, 1, 1, 2, 4, 5, 8]), repeats=5)
    (found,) = result.measurements
    assert recorded == [found]
    prefills = [10 / seconds for seconds in (1, 2, 4, 5, 8)]
    summary = found.summary
    assert [trial["prefilled_seconds"] for trial in found.raw["warm_ups"]] == [9, 1, 1]
    assert [trial["prefilled_seconds"] for trial in found.raw["trials"]] == [1, 2, 4, 5, 8]
    assert summary["prompt_tps"] == statistics.median(prefills)
    assert summary["prompt_tps_sd"] == pytest.approx(statistics.stdev(prefills))
    assert (summary["prompt_tps_min"], summary["prompt_tps_max"]) == (10 / 8, 10)
    assert summary["generation_tps"] == 1  # four intervals in four seconds: the first token is the prefill's
    assert summary["generation_tps_sd"] == 0
    assert summary["ttft_seconds"] == 4.5  # and not the prefill's 4
    assert summary["total_seconds"] == 8.5
    assert (summary["peak_memory_bytes"], summary["rss_bytes"], summary["warm_ups"]) == (7, 11, 3)
    assert found.is_complete
    assert found.kind == "throughput"
    json.dumps(found.as_json(), allow_nan=False)


def test_the_ceiling_is_what_memory_allows(names):
    (found,) = run(names[:1])[0].measurements
    checkpoint = store.read("one", store.locate(names[0])).sound()
    read = bytes_per_step(checkpoint.config, list(parts(checkpoint)), 1) + 200
    assert found.summary["read_bytes_per_step"] == read
    assert found.summary["ceiling_tps"] == pytest.approx(2e9 / read)
    assert found.summary["share_of_ceiling"] == pytest.approx(read / 2e9)
    assert found.raw["bandwidth_bytes_per_second"] == list(BANDWIDTH)


def test_what_is_faster_than_memory_is_told_as_an_error(names):
    class Fast(Loaded):
        def run(self, given, clock, seed):
            return models.Timed(Trial(1.0, 1.5, 1.5 + 1e-7, 7), (100, 300))

    engine = Engine()
    engine.load = lambda checkpoint, **_: Fast(engine, checkpoint.name)
    (found,) = run(names[:1], engine)[0].measurements
    assert found.summary["share_of_ceiling"] > 1.05
    assert any("measurement error" in mark for mark in found.summary["marks"])


def test_models_are_warmed_up_by_themselves_and_then_take_turns(names):
    engine = Engine()
    result, *_ = run(names, engine, repeats=3)
    one, other = names
    order = [name for name, *_ in engine.asked]
    assert order == [one, one, other, other] + [one, other] * 3
    assert [found.subject.name for found in result.measurements] == [one, other]
    assert {found.workload["models_in_turn"] for found in result.measurements} == {2}


def test_warm_up_that_never_agrees_ends_and_is_marked(names):
    engine = Engine([2.0**number for number in range(MOST_WARM_UPS)] + [1.0])
    (found,) = run(names[:1], engine)[0].measurements
    assert len(found.raw["warm_ups"]) == MOST_WARM_UPS
    assert any("Not warm" in mark for mark in found.summary["marks"])


def test_rest_comes_before_every_trial(names):
    *_, slept = run(names[:1], repeats=3, delay_seconds=2.5)
    assert slept == [2.5] * (2 + 3)
    assert run(names[:1], repeats=3)[2] == []


BAD = {
    "battery": replace(GOOD, power_source="battery"),
    "Low Power": replace(GOOD, is_low_power=True),
    "thermal": replace(GOOD, thermal="serious"),
    "Swap": replace(GOOD, swap_used_bytes=10**9),
}


@pytest.mark.parametrize("words", BAD)
def test_a_bad_state_in_the_middle_marks_the_row_and_does_not_drop_it(names, words):
    (found,) = run(names[:1], readings=[GOOD, GOOD, GOOD, BAD[words], GOOD])[0].measurements
    assert any(words in mark for mark in found.summary["marks"])
    assert found.raw["conditions"]["start"]["power_source"] == "ac"
    assert found.raw["conditions"]["end"] == GOOD.data()


def test_a_good_state_marks_nothing(names):
    (found,) = run(names[:1])[0].measurements
    assert found.summary["marks"] == []
    assert (found.machine["power_source"], found.machine["is_low_power"]) == ("ac", False)


def test_only_the_load_of_before_counts(names):
    busy = replace(GOOD, load_average=1000.0)
    result, *_ = run(names[:1], readings=[GOOD, busy], workloads=(WORK, replace(WORK, depth=3)))
    assert all(found.summary["marks"] == [] for found in result.measurements)
    (found,) = run(names[:1], readings=[busy, GOOD])[0].measurements
    assert machine.read().cores is None or any("load" in mark for mark in found.summary["marks"])


def test_every_workload_is_a_row(names):
    works = (WORK, replace(WORK, depth=4), replace(WORK, batch=3))
    result, recorded, _ = run(names[:1], workloads=works)
    assert [found.workload["depth"] for found in result.measurements] == [0, 4, 0]
    assert [found.workload["batch"] for found in result.measurements] == [1, 1, 3]
    assert result.measurements[2].summary["generation_tps"] == 3
    assert recorded == list(result.measurements)


def test_an_interruption_keeps_what_was_finished_as_incomplete(names):
    engine = Engine(stops=2 + 2 + 3)  # four warm-ups, then the third of the trials in turn
    result, recorded, _ = run(names, engine, repeats=5)
    assert isinstance(result.failure, StoppedError)
    assert [len(found.raw["trials"]) for found in recorded] == [1, 1]
    assert not any(found.is_complete for found in recorded)
    assert result.data()["measurements"]
    assert "incomplete" in result.failure.message


def test_an_interrupted_warm_up_leaves_nothing(names):
    result, recorded, _ = run(names[:1], Engine(stops=1))
    assert recorded == []
    assert isinstance(result.failure, StoppedError)
    assert result.report().tables[0].rows == ()


def test_one_token_and_one_repeat_have_no_decoding_and_no_deviation(names):
    (found,) = run(names[:1], repeats=1, workloads=(Workload(10, 1),))[0].measurements
    summary = found.summary
    assert summary["generation_tps"] is summary["share_of_ceiling"] is None
    assert summary["prompt_tps_sd"] is None
    assert summary["prompt_tps"] == 10
    json.dumps(found.as_json(), allow_nan=False)


def test_a_row_longer_than_the_context_is_refused_before_anything_is_loaded(names):
    engine = Engine()
    with pytest.raises(PlanError, match="has a context of") as caught:
        run(names[:1], engine, workloads=(Workload(10**6, 5),))
    assert caught.value.hint
    assert engine.loaded == []


def test_models_that_do_not_fit_together_are_refused_before_anything_is_loaded(names):
    engine = Engine()
    small = replace(machine.read(), working_set_bytes=1000)
    with pytest.raises(DoesNotFitError, match=r"1\.00 kB"):
        bench(BenchPlan(names, (WORK,)), load=engine.load, read_machine=lambda: small, record=len)
    assert engine.loaded == []


def test_a_model_named_twice_is_refused(names):
    with pytest.raises(PlanError, match="twice"):
        BenchPlan((names[0], names[0]))


def test_fresh_processes_are_timed_apart(names):
    class Starting(Engine):
        def start(self, checkpoint, given, seed, *, trust_remote_code):
            self.asked.append(checkpoint.name)
            return ColdStart(1.0, 2.0, float(len(self.asked)), 10.0)

    engine = Starting()
    result, recorded, _ = run(names, engine, repeats=3, is_cold=True)
    assert engine.asked == list(names) * 3
    assert engine.loaded == []
    one, other = result.measurements
    assert (one.summary["first_seconds"], other.summary["first_seconds"]) == (3, 4)
    assert one.workload["is_cold"]
    assert recorded == [one, other]
    assert "Import" in str(result.report())


def test_the_picture_has_a_ceiling_that_sinks_with_depth(names):
    works = tuple(replace(WORK, depth=depth) for depth in (0, 8, 16))
    picture = run(names[:1], workloads=works)[0].picture()
    decoded, ceiling = picture.series
    assert [x for x, _ in decoded.points] == [0, 8, 16]
    assert ceiling.is_limit
    assert all(high > low for (_, high), (_, low) in zip(ceiling.points, decoded.points, strict=True))
    assert "mlx" in picture.note
