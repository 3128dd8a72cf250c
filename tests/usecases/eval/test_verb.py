import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlxkit.core.errors import CheckpointError, NotFoundError, PlanError, StoppedError
from mlxkit.core.located import Located
from mlxkit.core.record import FILE_NAME
from mlxkit.core.schemes import parse
from mlxkit.engines import models, store
from mlxkit.usecases.eval import EvalPlan, evaluate
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.architectures import write
from tests.fakes.phases import Phases

CONTEXT = 32
ROWS = 10


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """A random llama and copies of it in four, three and two bits."""
    folder = tmp_path_factory.mktemp("checkpoints")
    source = write("llama", folder / "source")
    for bits in (4, 3, 2):
        quantize(QuantizePlan(str(source), folder / f"{bits}bit", schemes=(parse(f"{bits}bit-g32"),)))
    return folder


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    lines = [json.dumps({"text": f"Document {number} says {'so ' * (number + 1)}."}) for number in range(12)]
    (folder / "many.jsonl").write_text("\n".join(lines))
    (folder / "one.txt").write_text("All of this is one text. " * 30)
    return folder


class Readers:
    """Opens models, and counts what they read."""

    def __init__(self):
        self.passes = {}

    def __call__(self, checkpoint, **words):
        return Counting(checkpoint, self.passes, **words)


class Counting(models.Reader):
    def __init__(self, checkpoint, passes, **words):
        super().__init__(checkpoint, **words)
        self._passes, self._name = passes, checkpoint.name

    def _count(self, tokens):
        self._passes[self._name] = self._passes.get(self._name, 0) + tokens.size

    def logits(self, tokens):
        self._count(tokens)
        return super().logits(tokens)

    def answers(self, tokens):
        self._count(tokens)
        return super().answers(tokens)


class Ledger:
    def __init__(self):
        self.held = []
        self.memory = []

    def record(self, measurements):
        self.held += [found for found in measurements if found.kind != "memory"]
        self.memory += [found for found in measurements if found.kind == "memory"]


def judged(model, ledger=None, progress=None, readers=None, present=store.local, **wishes):
    wishes = {"tokens": ROWS * CONTEXT, "context": CONTEXT, **wishes}
    return evaluate(
        EvalPlan(str(model), **wishes),
        record=(ledger or Ledger()).record,
        progress=progress,
        open_reader=readers or models.Reader,
        present=present,
        clock=lambda: 1e9,
    )


def figures(result):
    return [(found.workload, found.summary, found.raw) for found in result.measurements]


def test_a_model_is_judged_by_the_source_that_its_record_names(checkpoints):
    ledger = Ledger()
    result = judged(checkpoints / "4bit", ledger)
    (found,) = result.measurements
    assert ledger.held == [found]
    (memory,) = ledger.memory
    assert memory.workload == {"text": "self", "context": CONTEXT, "logits": 2}
    assert memory.summary["peak_memory_bytes"] > memory.summary["size_bytes"]
    assert memory.summary["predicted_memory_bytes"] > memory.summary["predicted_workspace_bytes"] > 0
    record = json.loads((checkpoints / "4bit" / FILE_NAME).read_text())
    assert found.subject.digest == record["digest"]
    assert found.workload["reference"]["name"] == str(checkpoints / "source")
    assert found.workload["text"] == "self"
    assert found.summary["tokens"] == ROWS * (CONTEXT - 1)
    assert 0 < found.summary["kl_nats"] < found.summary["kl_nats_max"]
    assert 0 <= found.summary["noise_floor_kl_nats"] < 1e-8
    assert found.summary["size_bytes"] == store.read("it", checkpoints / "4bit").size_bytes
    assert found.kind == "quality"
    assert found.taken_at == 1e9
    json.dumps(found.as_json(), allow_nan=False)


def test_fewer_bits_lose_more(checkpoints):
    lost = [judged(checkpoints / f"{bits}bit").measurements[0].summary["kl_nats"] for bits in (4, 3, 2)]
    assert lost == sorted(lost)


def test_the_original_loses_nothing_against_itself(checkpoints):
    source = checkpoints / "source"
    (found,) = judged(source, reference=str(source)).measurements
    assert found.summary["kl_nats"] == found.summary["kl_nats_max"] == found.summary["kl_nats_se"] == 0
    assert (found.summary["top1_agreement"], found.summary["perplexity_ratio"]) == (1, 1)


def test_variants_ask_the_original_once(checkpoints):
    readers = Readers()
    for bits in (4, 3, 2):
        judged(checkpoints / f"{bits}bit", readers=readers)
    text = ROWS * (CONTEXT - 1)
    noise = 2 * ((CONTEXT - 1) * 7 // 8)
    assert readers.passes == {
        str(checkpoints / "source"): text + noise,
        **{str(checkpoints / f"{bits}bit"): text for bits in (4, 3, 2)},
    }


def test_more_of_a_text_asks_only_for_the_rest(checkpoints, files):
    first, then = Readers(), Readers()
    text = (str(files / "many.jsonl"),)
    judged(checkpoints / "4bit", readers=first, texts=text, tokens=3 * CONTEXT)
    judged(checkpoints / "4bit", readers=then, texts=text, tokens=5 * CONTEXT)
    assert then.passes[str(checkpoints / "source")] == 2 * (CONTEXT - 1)


def test_the_same_plan_finds_the_same(checkpoints, files):
    wishes = {"texts": ("self", str(files / "many.jsonl"), str(files / "one.txt"))}
    one, other = judged(checkpoints / "3bit", **wishes), judged(checkpoints / "3bit", **wishes)
    assert figures(one) == figures(other)
    assert [found.workload["text"] for found in one.measurements] == ["self", "many.jsonl", "one.txt"]
    assert [found.summary["clustered_by"] for found in one.measurements] == ["document", "document", "row"]
    assert any("one.txt is a single document" in note for note in one.notes)


def test_text_that_it_writes_has_its_own_seeds_and_beginnings(checkpoints):
    one, other = (judged(checkpoints / "4bit", seed=seed).measurements[0].workload["digest"] for seed in (0, 1))
    assert one != other
    assert not set(store.evaluation_prompts()) & set(store.prompts())
    budget = quantize(
        QuantizePlan(
            str(checkpoints / "source"),
            Path(store.kept("tests", {}, "-out")),
            bits_per_weight=(5.0,),
            calibration_tokens=ROWS * CONTEXT,
        )
    )
    assert one not in (budget.calibration["digest"], budget.held_out["digest"])


def test_without_an_original_there_is_perplexity_alone(checkpoints):
    result = judged(checkpoints / "source")
    (found,) = result.measurements
    assert found.workload["reference"] is None
    assert "kl_nats" not in found.summary
    assert found.summary["perplexity"] > 1
    assert any("--reference" in note for note in result.notes)


def test_a_source_that_is_not_here_is_said_and_not_fetched(checkpoints):
    def absent(name: str) -> Located:
        raise NotFoundError(f"There is no {name}.")

    result = judged(checkpoints / "4bit", present=absent)
    assert result.reference is None
    assert any("is not on this disk" in note for note in result.notes)


def test_weights_that_were_changed_since_are_said(checkpoints, tmp_path):
    copy = tmp_path / "copy"
    store_copy(checkpoints / "4bit", copy)
    record = json.loads((copy / FILE_NAME).read_text())
    (copy / FILE_NAME).write_text(json.dumps({**record, "digest": "0" * 64}))
    assert any("changed since" in note for note in judged(copy).notes)


def store_copy(source, destination):
    from shutil import copytree

    copytree(source, destination)


@pytest.mark.parametrize("phase", ["Asking ", "Judging on self"])
@pytest.mark.parametrize("after", [1, 4])
def test_what_was_interrupted_goes_on_from_there(checkpoints, phase, after):
    source = str(checkpoints / "source")
    phase = phase + source if phase == "Asking " else phase
    ledger, readers = Ledger(), Readers()
    with pytest.raises((StoppedError, KeyboardInterrupt)) as stopped:
        judged(checkpoints / "4bit", ledger, Phases(until=phase, after=after), readers)
    assert ledger.held == []
    if stopped.type is StoppedError:
        assert f"after {after} of {ROWS} rows" in stopped.value.message
        assert "goes on" in stopped.value.hint
    assert judged(checkpoints / "4bit", ledger, readers=readers).measurements == tuple(ledger.held)
    # Each row was read once by each, but for the two that tell the noise.
    assert readers.passes[source] == ROWS * (CONTEXT - 1) + 2 * ((CONTEXT - 1) * 7 // 8)
    assert readers.passes[str(checkpoints / "4bit")] == ROWS * (CONTEXT - 1)
    assert figures(judged(checkpoints / "4bit")) == [(m.workload, m.summary, m.raw) for m in ledger.held]


def test_what_is_done_is_judged_anew_the_next_time(checkpoints):
    readers = Readers()
    judged(checkpoints / "4bit", readers=readers)
    judged(checkpoints / "4bit", readers=readers)
    assert readers.passes[str(checkpoints / "4bit")] == 2 * ROWS * (CONTEXT - 1)


def test_an_error_that_is_small_enough_ends_a_text(checkpoints):
    whole = judged(checkpoints / "3bit", tokens=30 * CONTEXT).measurements[0].summary
    result = judged(checkpoints / "3bit", tokens=30 * CONTEXT, until_se=1.5 * whole["kl_nats_se"])
    (found,) = result.measurements
    assert 8 <= found.summary["rows"] < 30
    assert found.summary["kl_nats_se"] <= 1.5 * whole["kl_nats_se"]
    assert found.workload["is_early"]
    assert any("small enough" in note for note in result.notes)


def test_progress_carries_the_running_estimate(checkpoints):
    said = []

    class Listening(Phases):
        def phase(self, name, total, unit, done=0):
            from contextlib import contextmanager

            @contextmanager
            def opened():
                yield lambda _count, found="": said.append((name, found))

            return opened()

    judged(checkpoints / "4bit", progress=Listening())
    running = [found for name, found in said if name.startswith("Judging")]
    assert len(running) == ROWS
    assert all(found.startswith("KL 0.") and found.endswith("nats") for found in running)
    assert "±" in running[1]


# Text that must not be used


@pytest.fixture(scope="module")
def calibrated(checkpoints):
    """Weights that were chosen on half a file, with a checkpoint that has the file beside it."""
    file = checkpoints / "calibration.jsonl"
    file.write_text("\n".join(json.dumps({"text": f"Line {number} of many. " * 8}) for number in range(20)))
    plan = QuantizePlan(
        str(checkpoints / "source"),
        checkpoints / "calibrated",
        bits_per_weight=(5.0,),
        calibration=file,
        calibration_tokens=256,
    )
    return quantize(plan)


def test_text_that_it_was_calibrated_with_is_refused(checkpoints, calibrated, files):
    lines = (checkpoints / "calibration.jsonl").read_text().splitlines()
    (files / "shared.jsonl").write_text("\n".join([*(files / "many.jsonl").read_text().splitlines(), *lines]))
    wishes = {"texts": (str(files / "shared.jsonl"),), "tokens": 100 * CONTEXT}
    with pytest.raises(PlanError, match="was made with") as caught:
        judged(checkpoints / "calibrated", **wishes)
    assert "--allow-calibration-text" in caught.value.hint
    result = judged(checkpoints / "calibrated", **wishes, allow_calibration_text=True)
    assert result.measurements[0].workload["is_calibration_text"]
    assert "shared.jsonl (calibration text)" in str(result.report())
    judged(checkpoints / "4bit", **wishes)  # which was not


def test_other_text_and_its_own_are_not(checkpoints, calibrated, files):
    result = judged(checkpoints / "calibrated", texts=("self", str(files / "many.jsonl")))
    assert not any(found.workload["is_calibration_text"] for found in result.measurements)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "is empty"),
        ("blank.txt", b" \n\n", "nothing but white space"),
        ("binary.txt", b"\x80\x81\xff" * 99, "no text in UTF-8"),
        ("zeros.txt", b"a\0b", "zero bytes"),
        ("short.txt", b"one two three", "is too short: a row is 32 tokens"),
        ("claimed.jsonl", b"plain words, no JSON", "Line 1 of 'claimed.jsonl' is not JSON"),
        ("keys.jsonl", b'{"words": "none"}', "has none of the keys"),
    ],
)
def test_text_that_is_none_is_one_sentence(checkpoints, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PlanError, match=words) as caught:
        judged(checkpoints / "4bit", texts=(str(tmp_path / name),))
    assert caught.value.hint


# Whom it is judged by


def test_another_tokenizer_is_refused(checkpoints, tmp_path):
    other = tmp_path / "other"
    store_copy(checkpoints / "source", other)
    said = json.loads((other / "tokenizer.json").read_text())
    vocabulary = said["model"]["vocab"]
    one, two = list(vocabulary)[300:302]
    vocabulary[one], vocabulary[two] = vocabulary[two], vocabulary[one]
    (other / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match="different tokenizers"):
        judged(checkpoints / "4bit", reference=str(other))


@pytest.mark.parametrize(
    "wishes", [{"tokens": 16}, {"texts": ("a/x.txt", "b/x.txt")}, {"texts": ("self", "self")}], ids=str
)
def test_a_plan_that_contradicts_itself_is_one_sentence(wishes):
    with pytest.raises(PlanError) as caught:
        replace(EvalPlan("tiny", context=CONTEXT), **wishes)
    assert caught.value.hint
