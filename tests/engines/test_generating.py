import json
import socket

import pytest
from mlx_lm.models.cache import RotatingKVCache

from mlxkit.core.errors import CheckpointError, RemoteCodeError
from mlxkit.core.progress import Silent
from mlxkit.core.sampling import Asked, Sampling
from mlxkit.engines import models, store
from mlxkit.engines.models.tokenizing import load_tokenizer
from mlxkit.usecases.run import RunPlan, converse
from tests.fakes.chat_model import TEMPLATE, write_chat_model

GREEDY = Sampling()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_chat_model(tmp_path_factory.mktemp("generating") / "chat")


@pytest.fixture(scope="module")
def weights(folder):
    return loaded(folder)


@pytest.fixture
def speaker(weights):
    """The loaded model, with nothing in its cache."""
    return models.Loaded(weights._model, weights._tokenizer)


def loaded(folder, **options):
    checkpoint = store.read(str(folder), folder).sound()
    return models.load(checkpoint, **{"for_chat": True, "trust_remote_code": False, "progress": Silent(), **options})


def edit(folder, name, **changes):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def row(speaker, prompt, count=12, sampling=GREEDY):
    return list(speaker.tokens(prompt, sampling, count))


class Watched:
    """A model that notes the length of every row it computes, and may be interrupted at one of them."""

    def __init__(self, model, interrupted_at=None):
        self.model = model
        self.interrupted_at = interrupted_at
        self.lengths = []

    def __call__(self, tokens, **options):
        self.lengths.append(tokens.shape[1])
        logits = self.model(tokens, **options)
        if len(self.lengths) == self.interrupted_at:
            raise KeyboardInterrupt
        return logits

    def __getattr__(self, name):
        return getattr(self.model, name)


def test_a_second_turn_computes_only_what_is_new_and_answers_the_same(folder, weights):
    watched = Watched(weights._model)

    def load(checkpoint, **_):
        return models.Loaded(watched, weights._tokenizer)

    plan = RunPlan(str(folder), asked=Asked(max_tokens=20))
    conversation = converse(plan, load=load)
    first = conversation.ask("hello", lambda _: None).answer
    watched.lengths.clear()
    second = conversation.ask("and now?", lambda _: None).answer
    assert second.reused_tokens == first.prompt_tokens + 20
    new = second.prompt_tokens - second.reused_tokens
    assert watched.lengths == [new - 1, 1, *[1] * 20]  # mlx-lm prefills all but the last token, and one step ahead

    afresh = converse(plan, load=load)
    afresh._turns = conversation._turns[:2]
    again = afresh.ask("and now?", lambda _: None).answer
    assert again.reused_tokens == 0
    assert again.text == second.text


def test_a_row_that_parts_from_the_last_one_goes_back_to_where_they_part(speaker):
    prompt = speaker.encode("one two three")
    row(speaker, prompt)
    other = [*prompt[:6], *speaker.encode("else")]
    answer = row(speaker, other)
    assert speaker.reused_tokens == 6
    assert answer == row(models.Loaded(speaker._model, speaker._tokenizer), other)


def test_the_same_prompt_again_computes_one_token(speaker):
    prompt = speaker.encode("one two three")
    answer = row(speaker, prompt)
    assert row(speaker, prompt) == answer
    assert speaker.reused_tokens == len(prompt) - 1


def test_a_cache_that_cannot_go_back_is_not_used(speaker):
    prompt = speaker.encode("one two three four five")
    expected = row(speaker, prompt[:12])
    row(speaker, prompt)
    speaker._cache = [RotatingKVCache(max_size=4) for _ in speaker._cache]
    for layer in speaker._cache:
        layer.offset = len(speaker._row)
    assert row(speaker, prompt[:12]) == expected
    assert speaker.reused_tokens == 0


def test_an_answer_that_was_stopped_early_leaves_a_cache_that_is_right(speaker):
    prompt = speaker.encode("one two three")
    whole = row(speaker, prompt)
    stream = speaker.tokens(prompt, GREEDY, 12)
    begun = [next(stream) for _ in range(3)]
    stream.close()
    assert row(speaker, [*prompt, *begun], 9) == whole[3:]
    assert speaker.reused_tokens == len(prompt) + 2


@pytest.mark.parametrize("step", [1, 2, 5])
def test_an_interruption_within_a_step_leaves_no_cache(speaker, step):
    prompt = speaker.encode("one two three")
    whole = row(speaker, prompt)
    watched = Watched(speaker._model, interrupted_at=step)
    interrupted = models.Loaded(watched, speaker._tokenizer)
    with pytest.raises(KeyboardInterrupt):
        row(interrupted, prompt)
    assert row(interrupted, prompt) == whole
    assert interrupted.reused_tokens == 0


def test_the_repetition_penalty_counts_what_was_reused(speaker):
    sampling = Sampling(repetition_penalty=1.5)
    prompt = speaker.encode("abc abc abc")
    first = row(speaker, prompt, 8, sampling)
    more = [*prompt, *first, *speaker.encode(" and ")]
    answer = row(speaker, more, 8, sampling)
    assert speaker.reused_tokens == len(prompt) + 8
    assert answer == row(models.Loaded(speaker._model, speaker._tokenizer), more, 8, sampling)
    assert answer != row(models.Loaded(speaker._model, speaker._tokenizer), more, 8)


def test_the_same_seed_draws_the_same_tokens(speaker):
    sampling = Sampling(temperature=1.0, top_p=0.9, top_k=10**6, min_p=0.01)
    prompt = speaker.encode("one")
    drawn = []
    for seed in (3, 3, 4):
        speaker.seed(seed)
        drawn.append(row(speaker, prompt, 12, sampling))
    assert drawn[0] == drawn[1] != drawn[2]


def test_memory_is_counted_with_the_weights(speaker):
    row(speaker, speaker.encode("one"))
    assert speaker.peak_memory_bytes > 100_000


def test_every_eos_id_ends_an_answer(tmp_path):
    folder = write_chat_model(tmp_path / "eos", generation={"eos_token_id": [1, 40]})
    edit(folder, "config.json", eos_token_id=41)
    assert loaded(folder).eos_ids == {1, 40, 41}

    said = converse(RunPlan(str(folder), asked=Asked(max_tokens=20))).ask("hello", lambda _: None).answer
    third = loaded(folder).encode(said.text)[2]
    edit(folder, "generation_config.json", eos_token_id=[third])
    cut = converse(RunPlan(str(folder), asked=Asked(max_tokens=20))).ask("hello", lambda _: None).answer
    assert (cut.text, cut.finish, cut.timing.tokens) == (said.text[:2], "stop", 3)


def test_characters_of_several_tokens_come_whole(speaker):
    pieces = speaker.detokenizer()
    said = [pieces.feed(token) for token in speaker.encode("aé☺")]
    assert [*said, pieces.finish()] == ["a", "", "é", "", "", "☺", ""]


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ raise_exception('System role not supported') }}", "System role not supported"),
        ("{% for message in messages %}", "Unexpected end of template"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
        ("{{ messages[0].content + 1 }}", "fails"),
    ],
)
def test_a_template_that_fails_is_one_sentence(tmp_path, template, reason):
    speaker = loaded(write_chat_model(tmp_path / "model", template=template))
    with pytest.raises(CheckpointError, match=reason) as caught:
        speaker.render([{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}])
    assert "\n" not in caught.value.message
    assert "--raw" in caught.value.hint


def test_without_a_template_nothing_is_rendered(tmp_path):
    folder = write_chat_model(tmp_path / "model", template=None)
    with pytest.raises(CheckpointError, match="no chat template") as caught:
        loaded(folder)
    assert "--raw" in caught.value.hint
    speaker = loaded(folder, for_chat=False)
    with pytest.raises(CheckpointError, match="no chat template"):
        speaker.render([{"role": "user", "content": "hello"}])


@pytest.mark.parametrize("content", ["{", "{}", '{"model": {"type": "nonsense"}}'])
def test_a_tokenizer_that_cannot_be_read_is_one_sentence(tmp_path, content):
    folder = write_chat_model(tmp_path / "model")
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(CheckpointError, match="tokenizer"):
        loaded(folder)


@pytest.mark.parametrize("kind", ["qwen3", "nobody_knows"])
def test_the_code_of_a_tokenizer_is_not_run(tmp_path, kind):
    folder = write_chat_model(tmp_path / "model")
    edit(folder, "config.json", model_type=kind)
    own = {"AutoTokenizer": ["own.OwnTokenizer", None]}
    edit(folder, "tokenizer_config.json", tokenizer_class="OwnTokenizer", auto_map=own)
    (folder / "own.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    checkpoint = store.read(str(folder), folder)
    if kind == "qwen3":  # transformers has a class of its own for it
        assert load_tokenizer(checkpoint).encode("hello")
    else:
        with pytest.raises(RemoteCodeError, match="own code") as caught:
            load_tokenizer(checkpoint)
        assert "--trust-remote-code" in caught.value.hint
    assert not (tmp_path / "ran").exists()


def test_a_tokenizer_loads_whose_architecture_only_mlx_lm_knows(tmp_path):
    folder = write_chat_model(tmp_path / "model")
    edit(folder, "config.json", model_type="nobody_knows")
    assert load_tokenizer(store.read(str(folder), folder)).encode("hello")


def test_loading_needs_no_network(tmp_path, monkeypatch):
    folder = write_chat_model(tmp_path / "model", template=TEMPLATE)
    edit(folder, "config.json", model_type="qwen3", _name_or_path="someone/somewhere")

    def refuse(*_):
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert loaded(folder).encode("hello")
