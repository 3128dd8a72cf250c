import json
import math

import pytest

from mlxkit.core.errors import PlanError
from mlxkit.core.tasks import Flips, Question, Score, digest, flips, questions, wilson


def lines(*values):
    return "\n".join(json.dumps(value) for value in values).encode()


def test_a_line_is_a_question_blank_lines_and_other_keys_are_nothing():
    content = b"\xef\xbb\xbf" + lines({"task": "add", "prompt": " 1 + 1 ", "answer": "2"}) + b"\r\n\n  \n"
    content += lines({"answer": "b", "prompt": "a", "level": 3}) + b"\n"

    assert questions(content, "some.jsonl") == (Question(" 1 + 1 ", "2"), Question("a", "b"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "'some.jsonl' is empty."),
        (b" \n\t\n", "'some.jsonl' holds nothing but white space."),
        (b"\x1f\x8b\x08", "'some.jsonl' is no text in UTF-8: byte 1 cannot be read."),
        (b'{"prompt": "\0"}', "'some.jsonl' is no text: it holds zero bytes."),
        (b"\n{'prompt'", "Line 2 of 'some.jsonl' is not JSON: "),
        (b"[" * 200_000, "Line 1 of 'some.jsonl' is not JSON: it is nested too deeply."),
        (b"1" * 5000, "Line 1 of 'some.jsonl' is not JSON: a number has too many digits."),
        (b"[1]", "Line 1 of 'some.jsonl' holds a JSON list, expected an object."),
        (lines({"prompt": "a"}), "Line 1 of 'some.jsonl' has no key 'answer'."),
        (lines({"answer": "a"}), "Line 1 of 'some.jsonl' has no key 'prompt'."),
        (lines({"prompt": "a", "answer": 7}), "Line 1 of 'some.jsonl': 'answer' is a JSON int, expected a string."),
        (lines({"prompt": None, "answer": "7"}), "Line 1 of 'some.jsonl': 'prompt' is a JSON NoneType"),
        (
            lines({"prompt": "a", "answer": "b"}, {"prompt": " ", "answer": "b"}),
            "Line 2 of 'some.jsonl': 'prompt' holds",
        ),
        (lines({"prompt": "a", "answer": ""}), "Line 1 of 'some.jsonl': 'answer' holds nothing but white space."),
        (b'{"prompt": "\\ud83d", "answer": "b"}', "'prompt' holds half of a character"),
    ],
)
def test_what_is_not_understood_is_one_sentence_with_its_line(content, said):
    with pytest.raises(PlanError) as caught:
        questions(content, "some.jsonl")

    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_the_digest_is_of_what_is_asked_and_expected_in_order():
    one, two = Question("a", "b"), Question("c", "d")
    plain = questions(lines({"prompt": "a", "answer": "b", "task": "x"}), "x")

    assert digest(plain) == digest([one])
    assert len({digest(asked) for asked in ([one], [two], [one, two], [two, one], [Question("b", "a")])}) == 5


@pytest.mark.parametrize(
    ("said", "is_right"), [("19", True), (" 19\n", True), ("19.", False), ("", False), ("1 9", False)]
)
def test_an_answer_is_right_when_it_is_the_expected_one(said, is_right):
    assert Question("12 + 7 =", " 19 ").is_right(said) is is_right


@pytest.mark.parametrize(("right", "asked"), [(0, 1), (1, 1), (0, 50), (497, 500), (250, 500), (1, 3)])
def test_wilsons_interval_holds_the_shares_that_a_score_test_does_not_refuse(right, asked):
    low, high = wilson(right, asked)

    assert 0 <= low <= right / asked <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(right / asked - end) / math.sqrt(end * (1 - end) / asked) == pytest.approx(1.959964, abs=1e-5)


def test_wilsons_interval_is_the_published_one():
    assert wilson(15, 50) == pytest.approx((0.1910, 0.4375), abs=1e-4)


@pytest.mark.parametrize(("right", "asked"), [(0, 0), (2, 1), (-1, 1)])
def test_there_is_no_share_of_nothing(right, asked):
    with pytest.raises(ValueError, match="expected"):
        wilson(right, asked)


def test_a_score_says_all_about_itself():
    score = Score((True, True, False, True))

    assert score.data() == {"right": 3, "asked": 4, "share": 0.75, "interval_95": list(wilson(3, 4))}


def test_flips_are_counted_either_way():
    assert flips([True, True, False, False, True], [True, False, True, False, False]) == Flips(lost=2, gained=1)
    with pytest.raises(ValueError, match="shorter"):
        flips([True, False], [True])


@pytest.mark.parametrize(
    ("lost", "gained", "p"), [(0, 0, 1.0), (1, 0, 1.0), (6, 0, 2 / 64), (3, 3, 1.0), (8, 1, 20 / 512), (1, 8, 20 / 512)]
)
def test_the_sign_test_is_exact(lost, gained, p):
    assert Flips(lost, gained).data() == {"lost": lost, "gained": gained, "p_value": p}


def test_the_sign_test_takes_many_flips():
    assert 0 <= Flips(5000, 100).p_value < 1e-300
