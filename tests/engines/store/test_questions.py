import pytest

from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.tasks import Question
from mlxkit.engines.store import is_of_harness, task_questions


def test_tiny_has_its_500_questions_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").write_text('{"prompt": "a", "answer": "b"}')

    assert not is_of_harness("tiny")
    assert len(task_questions("tiny")) == 500
    assert task_questions("tiny")[0] == Question("7 + 49", "56")
    assert task_questions("./tiny") == (Question("a", "b"),)


def test_what_exists_is_a_file_and_so_is_what_looks_like_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "mmlu").mkdir()

    ours = ("mine", "absent.jsonl", "Absent.JSONL", "./absent", "~/absent", str(tmp_path / "mine"))
    theirs = ("gsm8k", "mmlu", "absent", "some.yaml", "./some.yml", "x" * 5000)

    assert not [task for task in ours if is_of_harness(task)]
    assert [task for task in theirs if not is_of_harness(task)] == []


@pytest.mark.parametrize("task", ["absent.jsonl", "./", "~nobody-at-all/x.jsonl", "a\0.jsonl"])
def test_a_file_that_cannot_be_read_is_one_sentence(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotFoundError, match="cannot be read") as caught:
        task_questions(task)

    assert "`tiny`" in caught.value.hint


def test_a_file_is_called_by_its_name(tmp_path):
    (tmp_path / "my.jsonl").write_text("{}")

    with pytest.raises(PlanError, match=r"^Line 1 of 'my\.jsonl' has no key 'prompt'\.$"):
        task_questions(str(tmp_path / "my.jsonl"))
