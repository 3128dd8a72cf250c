"""Tasks in an evaluation: both sides are asked, the original once, and the flips are counted."""

import json

import pytest

from mlxkit.core.errors import MlxkitError, NotFoundError, PlanError, StoppedError
from mlxkit.core.schemes import parse
from mlxkit.engines import ledger
from mlxkit.usecases.eval import EvalPlan, evaluate
from mlxkit.usecases.quantize import QuantizePlan, quantize
from tests.fakes.phases import Phases


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLXKIT_LEDGER", str(tmp_path / "ledger.sqlite3"))


@pytest.fixture(scope="module")
def coarse(tmp_path_factory):
    """tiny in two bits, which answers some questions wrongly."""
    folder = tmp_path_factory.mktemp("coarse") / "tiny-2bit"
    quantize(QuantizePlan("tiny", folder, schemes=(parse("2bit-g64"),), encoder="minmax"))
    return folder


@pytest.fixture
def questions(tmp_path):
    """Twelve sums that tiny knows, and one that has another answer than the right one."""
    sums = [(f"{n} + {n + 1}", str(2 * n + 1)) for n in range(10, 34, 2)]
    path = tmp_path / "sums.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": p, "answer": a}) for p, a in [*sums, ("1 + 1", "3")]))
    return path


def test_both_are_asked_and_the_original_once(coarse, questions):
    first, then = Phases(), Phases()
    result = evaluate(EvalPlan(str(coarse), tasks=(str(questions),)), progress=first)
    again = evaluate(EvalPlan(str(coarse), tasks=(str(questions),)), progress=then)
    assert (first.names.count("Asking"), then.names.count("Asking")) == (2, 1)
    (found,) = result.measurements
    (original,) = ledger.find(subject="tiny", kind="task")
    assert original.raw["right"] == [True] * 12 + [False]
    assert found.raw["right"][-1] is False
    assert found.summary["asked"] == 13
    assert found.summary["lost"] == 12 - found.summary["right"] > 0
    assert found.summary["gained"] == 0
    low, high = found.summary["interval_95"]
    assert low < found.summary["share"] < high
    assert again.measurements[0].raw == found.raw
    assert found.workload["task"] == "sums.jsonl"
    assert "Questions" in [table.title for table in result.report().tables]


def test_the_original_asked_by_itself_has_nothing_to_lose(questions):
    (found,) = evaluate(EvalPlan("tiny", reference="tiny", tasks=(str(questions),))).measurements
    assert found.summary["right"] == 12
    assert "lost" not in found.summary


def test_what_was_interrupted_goes_on_from_there(questions):
    plan = EvalPlan("tiny", tasks=(str(questions),))
    with pytest.raises(StoppedError, match="Interrupted after 5 of 13 answers") as caught:
        evaluate(plan, progress=Phases(until="Asking", after=5))
    assert "goes on" in caught.value.hint
    phases = Phases()
    (found,) = evaluate(plan, progress=phases).measurements
    assert phases.done["Asking"] == 5
    assert found.summary["right"] == 12


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, NotFoundError, "cannot be read"),
        ("", PlanError, "is empty"),
        ('{"prompt": "1 + 1"}', PlanError, "Line 1 .* has no key 'answer'"),
    ],
)
def test_a_file_of_no_questions_is_told_before_anything_is_read(tmp_path, content, error, words):
    path = tmp_path / "none.jsonl"
    if content is not None:
        path.write_text(content)
    phases = Phases()
    with pytest.raises(error, match=words):
        evaluate(EvalPlan("tiny", tasks=(str(path),)), progress=phases)
    assert phases.names == []


def test_the_harness_is_an_extra():
    with pytest.raises(MlxkitError, match="lm-evaluation-harness is not installed") as caught:
        evaluate(EvalPlan("tiny", tasks=("gsm8k",)))
    assert "mlxkit[tasks]" in caught.value.hint
