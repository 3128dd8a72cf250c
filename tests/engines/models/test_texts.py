import json
from collections import Counter
from contextlib import contextmanager

import mlx.core as mx
import pytest

from mlxkit.core.errors import CheckpointError, PlanError
from mlxkit.core.progress import Silent
from mlxkit.core.text import Document, documents
from mlxkit.engines import models, store
from mlxkit.engines.models.texts import BATCH
from tests.engines.test_parity import _read, _write_checkpoint, load
from tests.fakes.chat_model import TEMPLATE, tokenizer_json, write_chat_model

LENGTH = 64
PROMPTS = ("What is 12 + 7?", "Hi", "Spell tiger backwards, and say why it is so.")
TALK = ({"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello to you"})


class Scripted:
    """A model without a cache whose logits are a function of the last token of each row: (rows, vocabulary)."""

    def __init__(self, logits):
        self.logits = logits
        self.shapes = []

    def make_cache(self):
        return []

    def __call__(self, tokens, cache):
        self.shapes.append(tokens.shape)
        return self.logits(tokens[:, -1])[:, None]


class Counted(Silent):
    """Progress that remembers its one phase."""

    def __init__(self):
        self.done = []

    @contextmanager
    def phase(self, name, total, unit, done=0):
        self.named = (name, total, unit)
        yield self.done.append


def counting(last):
    """The next token is the one after the last; 259 ids, of which the tokenizer knows 258."""
    return mx.where(mx.arange(259) == (last[:, None] + 1) % 258, 0.0, -1e9)


@pytest.fixture(scope="module")
def tiny():
    checkpoint = store.read("tiny", store.locate("tiny"))
    return models.open_model(checkpoint).model, models.load_tokenizer(checkpoint)


@pytest.fixture
def chat(tmp_path):
    return tokenizer_of(write_chat_model(tmp_path / "chat"))


@pytest.fixture
def plain(tmp_path):
    return tokenizer_of(write_chat_model(tmp_path / "plain", template=None))


def tokenizer_of(folder):
    return models.load_tokenizer(store.read(str(folder), folder))


def write(model, tokenizer, count=4, length=LENGTH, seed=7, prompts=PROMPTS, progress=None):
    progress = progress or Silent()
    return models.sampled(model, tokenizer, prompts, count=count, length=length, seed=seed, progress=progress)


def text_of(tokenizer, row):
    pieces = tokenizer.detokenizer()
    return "".join(map(pieces.feed, row)) + pieces.finish()


def test_the_same_seed_writes_the_same_and_another_seed_something_else(tiny):
    rows, again, other = (write(*tiny, count=2, seed=seed) for seed in (7, 7, 8))
    assert rows.origin == "self-generated, seed 7"
    assert [len(row) for row in rows.rows] == [LENGTH] * 2
    assert again == rows
    assert other.origin == "self-generated, seed 8"
    assert not set(other.rows) & set(rows.rows)


def test_tiny_asks_and_answers_by_itself(tiny):
    _, tokenizer = tiny
    texts = [text_of(tokenizer, row) for row in write(*tiny, seed=1).rows]
    assert all(text.startswith("<|im_start|>user\n") for text in texts)
    assert texts[1].startswith("<|im_start|>user\nWhat is 12 + 7?<|im_end|>\n<|im_start|>assistant\n19<|im_end|>\n")
    assert texts[0] != texts[2]
    assert all("<|im_end|>\n<|im_start|>assistant\n" in text for text in texts[::2])


def test_nothing_global_is_touched(tiny):
    mx.random.seed(3)
    before = [array.tolist() for array in mx.random.state]
    write(*tiny, count=1, length=8)
    assert [array.tolist() for array in mx.random.state] == before


def test_beginnings_are_kept_and_every_row_goes_on_from_its_own(chat):
    model, progress = Scripted(counting), Counted()
    count = BATCH + 3
    rows = write(model, chat, count=count, length=200, progress=progress)
    opening = chat.encode("<|im_start|>user\n")
    wanted = [
        opening
        if number % 2 == 0
        else chat.render([{"role": "user", "content": PROMPTS[number // 2 % len(PROMPTS)]}])[:50]
        for number in range(count)
    ]
    assert any(len(beginning) == 50 for beginning in wanted)
    for row, beginning in zip(rows.rows, wanted, strict=True):
        assert list(row[: len(beginning)]) == beginning
        assert list(row[len(beginning) :]) == [(beginning[-1] + 1 + step) % 258 for step in range(200 - len(beginning))]
    steps = 200 - len(opening)
    assert model.shapes == [size for rows in (BATCH, 3) for size in [(rows, len(opening) - 1), *[(rows, 1)] * steps]]
    assert progress.named == ("Writing text", count * 200, "count")
    assert sum(progress.done) == count * 200


def test_tokens_are_drawn_at_temperature_one_and_none_that_stands_for_nothing(chat):
    shares = mx.array([0.5, 0.3, 0.2])
    logits = mx.concatenate([mx.log(shares), mx.full((255,), -1e9), mx.full((62,), 9.0)])  # the last 62 are padding
    rows = write(Scripted(lambda last: mx.broadcast_to(logits, (len(last), 320))), chat, count=16, length=256)
    drawn = Counter(token for row in rows.rows for token in row[LENGTH:])
    total = sum(drawn.values())
    assert set(drawn) == {0, 1, 2}
    assert all(abs(drawn[token] / total - share) < 0.03 for token, share in enumerate(shares.tolist()))


def test_without_a_template_rows_begin_with_the_end_token_or_the_prompt(plain):
    rows = write(Scripted(counting), plain, count=4).rows
    assert [row[0] for row in rows[::2]] == [plain.eos_id] * 2
    for row, prompt in zip(rows[1::2], PROMPTS, strict=False):
        assert list(row[: len(prompt)]) == plain.encode(prompt)


def special(folder, **tokens):
    """The tokenizer of a checkpoint without template, with other special tokens."""
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **tokens}))
    return tokenizer_of(folder)


def test_without_a_template_the_token_that_begins_texts_comes_first(tmp_path):
    folder = write_chat_model(tmp_path / "plain", template=None)
    tokenizer = special(folder, bos_token="<|im_start|>", eos_token="<|im_end|>")
    assert (tokenizer.bos_id, tokenizer.eos_id) == (0, 1)
    assert write(Scripted(counting), tokenizer, count=1).rows[0][0] == 0
    bare = special(folder)
    assert (bare.bos_id, bare.eos_id) == (None, None)
    assert write(Scripted(counting), bare, count=1).rows[0][0] == bare.encode(PROMPTS[0])[0]


@pytest.mark.parametrize(
    ("template", "before"),
    [
        (TEMPLATE, "<|im_start|>user\n"),
        ("{% for m in messages %}{{ m.role + ': ' + (m.content | trim) + ' ' + m.content }}{% endfor %}", "user:"),
        ("Be brief.\n{{ messages[0].content }}", "Be brief.\n"),
        ("{{ messages[0].content | lower }}", ""),
        ("{{ messages[0].content }}", ""),
    ],
)
def test_an_open_row_begins_where_the_users_words_would(tmp_path, template, before):
    tokenizer = tokenizer_of(write_chat_model(tmp_path / "model", template=template))
    opening = tokenizer.encode(before) if before else []
    assert tokenizer.open_prefix() == opening
    first = write(Scripted(counting), tokenizer, count=1).rows[0]
    assert list(first[: len(opening) or 1]) == (opening or [tokenizer.eos_id])


def test_a_template_that_tells_the_date_is_told_the_same_on_every_day(tmp_path):
    dated = "{% set day = strftime_now('%d %b %Y') %}{{ day }}, {{ strftime_now( \"%A\") }}\n" + TEMPLATE
    tokenizer = tokenizer_of(write_chat_model(tmp_path / "model", template=dated))
    assert text_of(tokenizer, tokenizer.open_prefix()) == "01 Jan 2026, Thursday\n<|im_start|>user\n"
    assert text_of(tokenizer, tokenizer.conversation(TALK, answering=True)).startswith("01 Jan 2026, Thursday\n")


def test_a_conversation_is_what_is_rendered(chat):
    assert chat.conversation(TALK, answering=True) == chat.render(TALK)
    assert chat.conversation(TALK) == chat.render(TALK)[: -len("assistant\n") - 1]


def test_a_template_that_fails_is_one_sentence(tmp_path):
    template = "{{ raise_exception('Roles must take turns') }}"
    tokenizer = tokenizer_of(write_chat_model(tmp_path / "model", template=template))
    with pytest.raises(CheckpointError, match="Roles must take turns") as caught:
        tokenizer.conversation(TALK)
    assert "--raw" not in caught.value.hint


@pytest.mark.parametrize("name", ["llama", "qwen3_next", "mamba2", "gemma3_text"])
def test_a_cache_of_any_kind_gives_what_the_whole_row_gives(name, tmp_path, plain):
    model = load(_write_checkpoint(_read(name), "modern", tmp_path))
    vocabulary = model(mx.zeros((1, 1), dtype=mx.uint32)).shape[-1]

    class Sharp:
        """The model with logits so far apart that the largest is drawn."""

        layers = model.layers
        make_cache = getattr(model, "make_cache", None) or (lambda _self: [])

        def __call__(self, tokens, cache=None):
            return model(tokens, cache=cache).astype(mx.float32) * 1e6

    class Small:
        """A tokenizer of few tokens: a letter is its place in the alphabet."""

        has_template, bos_id, eos_id, vocabulary_size = False, 1, 2, vocabulary

        def encode(self, text):
            return [ord(letter) % vocabulary for letter in text]

    rows = models.sampled(Sharp(), Small(), ["an apple", "two"], count=4, length=40, seed=0, progress=Silent()).rows
    whole = mx.argmax(model(mx.array(rows)), axis=-1).tolist()
    for row, predicted, given in zip(rows, whole, (1, 8, 1, 3), strict=True):
        assert list(row[given:]) == predicted[given - 1 : -1]


def test_documents_are_put_one_after_the_other(chat):
    texts = (Document(text="one two"), Document(text="three"), Document(messages=TALK), Document(text="four"))
    rows = models.tokenized(chat, texts, count=99, length=5, name="some.jsonl", hint="more")
    one, three, four = ([*chat.encode(said), chat.eos_id] for said in ("one two", "three", "four"))
    joined = [*one, *three, *chat.conversation(TALK), *four]
    assert rows.rows == tuple(tuple(joined[at : at + 5]) for at in range(0, len(joined) // 5 * 5, 5))
    assert rows.origin == "text of some.jsonl"
    assert models.tokenized(chat, texts, count=2, length=5, name="some.jsonl", hint="more").rows == rows.rows[:2]


def test_a_text_that_ends_with_its_end_token_gets_no_second_one(chat):
    rows = models.tokenized(
        chat, [Document(text="a<|im_end|>"), Document(text="b")], count=1, length=4, name="x", hint="more"
    )
    assert rows.rows == ((*chat.encode("a"), chat.eos_id, *chat.encode("b"), chat.eos_id),)


def test_without_an_end_token_nothing_stands_between(tmp_path):
    tokenizer = special(write_chat_model(tmp_path / "plain", template=None))
    rows = models.tokenized(
        tokenizer, [Document(text="ab"), Document(text="cd")], count=1, length=4, name="x", hint="more"
    )
    assert rows.rows == (tuple(tokenizer.encode("abcd")),)


def test_too_little_text_is_told_with_both_numbers(chat):
    with pytest.raises(PlanError, match=r"'some\.txt' is too short: a row is 64 tokens, and there are 4 in all"):
        models.tokenized(chat, [Document(text="one")], count=1, length=64, name="some.txt", hint="more")


def test_conversations_need_a_template(plain):
    with pytest.raises(PlanError, match=r"'some\.jsonl' holds conversations") as caught:
        models.tokenized(plain, [Document(messages=TALK)], count=1, length=4, name="some.jsonl", hint="more")
    assert caught.value.hint


def test_the_questions_of_tiny_are_text_to_measure_on(tiny):
    questions = documents((store.locate("tiny") / "questions.jsonl").read_bytes(), "questions.jsonl")
    assert len(questions) == 500
    rows = models.tokenized(tiny[1], questions, count=8, length=LENGTH, name="questions.jsonl", hint="more")
    assert text_of(tiny[1], rows.rows[0]).startswith(
        "<|im_start|>user\n7 + 49<|im_end|>\n<|im_start|>assistant\n56<|im_end|>\n<|im_start|>user\nSubtract 8 from"
    )


def test_the_vocabulary_ends_where_the_tokenizer_says(chat):
    assert chat.vocabulary_size == len(tokenizer_json()["model"]["vocab"]) == 258
