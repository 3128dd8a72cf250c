import json

import pytest

from mlxkit.core.errors import MlxkitError
from mlxkit.engines.store import Journal


def test_what_was_written_down_is_there_for_the_next(tmp_path):
    path = tmp_path / "work.jsonl"
    for number in range(3):
        assert Journal(path).entries == [{"piece": done} for done in range(number)]
        Journal(path).append({"piece": number})
    journal = Journal(path)
    journal.close()
    assert not path.exists()
    assert Journal(path).entries == []


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_line_that_was_cut_off_is_work_undone(tmp_path, cut):
    path = tmp_path / "work.jsonl"
    journal = Journal(path)
    for number in range(3):
        journal.append({"piece": number})
    path.write_bytes(path.read_bytes()[:-cut])
    again = Journal(path)
    assert again.entries == [{"piece": 0}, {"piece": 1}]
    again.append({"piece": 2})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"piece": n} for n in range(3)]


def test_what_follows_a_spoilt_line_is_worth_nothing(tmp_path):
    path = tmp_path / "work.jsonl"
    path.write_bytes(b'{"piece": 0}\n\x00\x00\x00\n{"piece": 2}\n')
    assert Journal(path).entries == [{"piece": 0}]
    assert Journal(path).entries == [{"piece": 0}]


def test_a_folder_that_is_gone_is_one_sentence(tmp_path):
    with pytest.raises(MlxkitError, match="cannot be written") as caught:
        Journal(tmp_path / "gone" / "work.jsonl").append(1)
    assert "MLXKIT_CACHE" in caught.value.hint
