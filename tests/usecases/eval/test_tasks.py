from types import SimpleNamespace

import pytest

from mlxkit.core.errors import PlanError
from mlxkit.core.progress import Silent
from mlxkit.core.tasks import Flips, Question, Score, digest
from mlxkit.engines.harness import Library
from mlxkit.usecases.eval.tasks import ask, examine, workload_of

QUESTIONS = tuple(Question(f"{number} + 1", str(number + 1)) for number in range(6))


class Respondent:
    """It can add 1 to even numbers."""

    def answers(self, texts, *, max_tokens=64, begin=0):
        for text in texts[begin:]:
            number = int(text.split()[0])
            yield f" {number + 1}\n" if number % 2 == 0 else "many"


def run(**options):
    return ask(QUESTIONS, Respondent(), Silent(), **options)


def test_a_task_is_its_answers_and_which_are_right():
    told = []
    found = run(on_answer=lambda *answer: told.append(answer))

    assert found.answers == (" 1\n", "many", " 3\n", "many", " 5\n", "many")
    assert found.score == Score((True, False) * 3)
    assert found.flips is None
    assert told == list(enumerate(found.answers))


def test_a_workload_is_all_that_decides_about_the_answers():
    assert workload_of("here/some.jsonl", QUESTIONS, has_template=True, dtype="float32") == {
        "task": "some.jsonl",
        "digest": digest(QUESTIONS),
        "questions": 6,
        "max_tokens": 64,
        "chat_template": True,
        "dtype": "float32",
    }


def test_what_was_said_before_is_taken_as_it_is():
    told = []
    found = run(said=("1", "2", "x"), on_answer=lambda *answer: told.append(answer))

    assert found.score == Score((True, True, False, False, True, False))
    assert told == [(3, "many"), (4, " 5\n"), (5, "many")]
    assert run(said=found.answers) == found


def test_who_is_told_may_end_it():
    def impatient(number, _text):
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(on_answer=impatient)


def test_flips_are_against_the_reference():
    assert run(reference=[True] * 6).flips == Flips(lost=3, gained=0)
    assert run(reference=[True, True, False, False, True, False]).flips == Flips(lost=1, gained=1)


@pytest.mark.parametrize("options", [{"reference": [True]}, {"said": ("x",) * 7}])
def test_other_questions_cannot_be_compared(options):
    with pytest.raises(PlanError, match=r"There are 6 questions, and [17] answers"):
        run(**options)


def examined(reference=None):
    figures = {"acc,none": 0.5, "acc_stderr,none": 0.1, "f1,none": 0.7}
    samples = [{"doc_id": n, "filter": "none", "acc": n % 2, "doc_hash": "", "target_hash": ""} for n in range(4)]
    found = {"results": {"some": figures}, "samples": {"some": samples}, "versions": {"some": 1}, "n-shot": {"some": 2}}
    library = Library("9", object, lambda: SimpleNamespace(all_tasks=["some"]), lambda **_: found, lambda *_: [])
    checkpoint = SimpleNamespace(name="x", config={}, tensors={})
    respondent = SimpleNamespace(has_template=False, tokenizer=None, model=None)
    return examine("some", checkpoint, respondent, library, Silent(), limit=4, reference=reference)


def test_a_task_of_the_harness_gives_its_figures_with_flips():
    key = ("some", "acc", "none")
    plain, compared = examined(), examined({key: (True, True, False, False)})

    assert [figure.flips for figure in plain.figures] == [None, None]
    assert [figure.flips for figure in compared.figures] == [Flips(1, 1), None]
    assert compared.figures[0].metric.flags == (False, True, False, True)
    assert plain.library == "9"
    assert {key: plain.workload[key] for key in ("task", "limit", "chat_template", "shots")} == {
        "task": "some",
        "limit": 4,
        "chat_template": False,
        "shots": {"some": 2},
    }
    with pytest.raises(PlanError, match="4 questions, and 2 answers"):
        examined({key: (True, False)})
