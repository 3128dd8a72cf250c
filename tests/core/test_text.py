import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.errors import PlanError
from mlxkit.core.text import Document, digest, documents, share

TALK = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello to you"}]
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).filter(str.strip)
ROWS = st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=5), max_size=5)


def lines(*values):
    return "\n".join(json.dumps(value) for value in values).encode()


def refused(content, name="some.jsonl"):
    with pytest.raises(PlanError) as caught:
        documents(content, name)
    assert repr(name) in caught.value.message
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


@given(WORDS)
def test_a_text_file_is_one_document_and_whole(text):
    assert documents(text.encode(), "some.txt") == (Document(text=text.removeprefix("\ufeff")),)


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_a_line_of_json_is_one_document(texts):
    raw = "\n\n".join(json.dumps({"text": text, "id": 1}, ensure_ascii=False) for text in texts) + "\r\n"
    assert documents(raw.encode(), "some.jsonl") == tuple(Document(text=text) for text in texts)


def test_conversations_are_messages_or_a_prompt_and_its_answer():
    asked = {"prompt": "Hello", "task": "greet"}
    content = lines({"messages": TALK}, {**asked, "answer": "Hello to you"}, {**asked, "completion": "Hello to you"})
    assert documents(content, "some.jsonl") == (Document(messages=tuple(TALK)),) * 3


def test_of_a_message_only_role_and_content_are_kept():
    (document,) = documents(lines({"messages": [{**TALK[0], "name": "Ann"}]}), "some.jsonl")
    assert document.messages == (TALK[0],)


@pytest.mark.parametrize(
    ("name", "is_lines"),
    [("a.jsonl", True), ("a.JSON", True), ("a.txt", False), ("a.md", False), ("a", True), ("a.corpus", True)],
)
def test_the_extension_decides_and_then_the_content(name, is_lines):
    content = lines({"text": "one"}, {"text": "two"})
    assert len(documents(content, name)) == (2 if is_lines else 1)


@pytest.mark.parametrize("content", [b"[draft] one\n{}", b'"one"\n', b"12\n", b"{one}\n{two}", b"[" * 100_000])
def test_what_does_not_begin_with_a_json_object_is_text(content):
    assert documents(content, "some") == (Document(text=content.decode()),)


def test_the_mark_that_windows_puts_in_front_is_no_text():
    assert documents(b"\xef\xbb\xbfone", "some.txt") == (Document(text="one"),)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "nothing but white space"),
        ("naïve".encode("latin-1"), "no text in UTF-8: byte 2"),
        ("text".encode("utf-16"), "no text in UTF-8"),
        (b"PK\x03\x04\x00\x00", "zero bytes"),
    ],
)
@pytest.mark.parametrize("name", ["some.txt", "some.jsonl", "some"])
def test_a_file_without_text_is_refused(content, words, name):
    assert words in refused(content, name)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "is not JSON: Expecting property name"),
        (b"[" * 100_000, "is not JSON: it is nested too deeply"),
        (b'{"text": ' + b"1" * 5000 + b"}", "is not JSON: a number has too many digits"),
        (b"[1]", "holds a JSON list, expected an object"),
        (b'"one"', "holds a JSON str"),
        (b"{}", "has none of the keys"),
        (b'{"prompt": "one"}', "has none of the keys"),
        (b'{"text": null}', "'text' is a JSON NoneType, expected a string"),
        (b'{"text": ["one"]}', "'text' is a JSON list"),
        (b'{"text": "\\ud83d"}', "half of a character"),
        (b'{"text": " \\n"}', "nothing but white space"),
        (b'{"prompt": 1, "answer": "one"}', "'prompt' is a JSON int"),
        (b'{"prompt": "one", "completion": {}}', "'completion' is a JSON dict"),
        (b'{"messages": {}}', "'messages' is not a list"),
        (b'{"messages": []}', "'messages' is not a list"),
        (b'{"messages": ["one"]}', "'messages' is not a list"),
        (b'{"messages": [{"role": "user"}]}', "'content' is a JSON NoneType"),
        (b'{"messages": [{"content": "one"}]}', "a message of the role 'None'"),
        (b'{"messages": [{"role": "tool", "content": "one"}]}', "a message of the role 'tool'"),
        (b'{"messages": [{"role": ["user"], "content": "one"}]}', "a message of the role"),
        (b'{"messages": [{"role": "user", "content": ""}]}', "nothing but white space"),
    ],
)
def test_a_line_that_is_not_understood_is_named(line, words):
    said = refused(lines({"text": "one"}) + b"\n\n" + line)
    assert said.startswith("Line 3 of")
    assert words in said


def test_a_digest_tells_what_is_said_and_nothing_else():
    text, talk = documents(lines({"text": "é", "id": 1}, {"messages": TALK}), "some.jsonl")
    assert text.digest == Document(text="é").digest
    assert talk.digest == Document(messages=tuple(dict(reversed(turn.items())) for turn in TALK)).digest
    assert len({text.digest, talk.digest, Document(text="e").digest, Document(messages=tuple(TALK[:1])).digest}) == 4


def test_a_digest_is_that_of_the_documented_form():
    assert Document(text="é\n").digest == sha256(b'{"text":"\\u00e9\\n"}').hexdigest()
    canonical = b'{"messages":[{"content":"Hello","role":"user"}]}'
    assert Document(messages=tuple(TALK[:1])).digest == sha256(canonical).hexdigest()


@pytest.mark.parametrize("parts", [{}, {"text": "one", "messages": ()}])
def test_a_document_is_a_text_or_a_conversation(parts):
    with pytest.raises(ValueError, match="a text or a conversation"):
        Document(**parts)


@given(st.lists(WORDS, min_size=1, max_size=20), st.integers(1, 7))
def test_a_share_does_not_depend_on_order(texts, buckets):
    shares = {text: share(Document(text=text), buckets) for text in texts}
    assert set(shares.values()) <= set(range(buckets))
    assert shares == {text: share(Document(text=text), buckets) for text in reversed(texts)}


def test_shares_are_about_equal():
    counts = [0, 0, 0, 0]
    for number in range(400):
        counts[share(Document(text=str(number)), 4)] += 1
    assert min(counts) > 70


@given(ROWS, ROWS)
def test_rows_have_the_same_digest_when_they_are_the_same(one, other):
    assert (digest(one) == digest(other)) == (one == other)
    assert digest(map(tuple, one)) == digest(one)


def test_the_digest_of_rows_is_the_one_that_is_documented():
    assert digest([[1, 258]]) == sha256(bytes([2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0])).hexdigest()
