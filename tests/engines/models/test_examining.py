import mlx.core as mx
import pytest

from mlxkit.core.errors import CheckpointError
from mlxkit.core.progress import Silent
from mlxkit.engines import models, store
from mlxkit.engines.models import examining
from tests.fakes.chat_model import write_chat_model


def examinee_of(folder, name="some"):
    checkpoint = store.read(name, folder).sound()
    respondent = models.respondent(checkpoint, trust_remote_code=False, progress=Silent())
    respondent.model.set_dtype(mx.float32)
    return models.Examinee(checkpoint, respondent, Silent()), respondent.model


@pytest.fixture(scope="module")
def tiny():
    return examinee_of(store.locate("tiny"), "tiny")


def whole(model, given, follows):
    """What one pass over the whole row tells."""
    logits = model(mx.array([[*given, *follows]]))[0]
    told = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    return sum(float(told[place, token]) for place, token in enumerate(follows, start=len(given) - 1))


def test_likelihoods_are_those_of_a_pass_over_the_whole_row(tiny):
    examinee, model = tiny
    given = examinee.encode(examinee.written([{"role": "user", "content": "12 + 7 ="}], answering=True), is_whole=True)
    right, wrong = (examinee.encode(text, is_whole=True) for text in ("19<|im_end|>", "Monday and Tuesday"))
    long = [*range(20, 200)] * 3  # more than is weighed at once
    pairs = [(given, right), (given, wrong), (given, long), (given[:1], given[1:])]

    found = examinee.likelihoods(pairs)

    assert [flag for _, flag in found] == [True, False, False, False]
    for pair, (told, _) in zip(pairs, found, strict=True):
        assert told == pytest.approx(whole(model, *pair), rel=1e-5, abs=1e-4)
    assert examinee.likelihoods([(given, ())]) == [(0.0, True)]


def test_a_row_that_is_too_long_loses_its_beginning(tiny):
    examinee, model = tiny
    short = models.Examinee(examinee._checkpoint, examinee._respondent, Silent())
    short.context_tokens = 8
    given, follows = tuple(range(20, 32)), (40, 41, 42)

    ((told, _),) = short.likelihoods([(given, follows)])

    assert told == pytest.approx(whole(model, given[-6:], follows), abs=1e-3)
    assert short.continued([(given, (), 100)]) == short.continued([(given[-1:], (), 7)])


def test_text_is_continued_to_a_stop_string(tiny):
    examinee, _ = tiny
    text = examinee.written([{"role": "user", "content": "12 + 7 ="}], answering=True)

    assert examinee.continued([(examinee.encode(text, is_whole=True), ("9",), 16)]) == ["1"]


def test_a_turn_may_be_left_open(tiny):
    examinee, _ = tiny
    turns = [{"role": "user", "content": "12 + 7 ="}, {"role": "assistant", "content": "It is"}]

    assert examinee.written(turns, answering=False).endswith("It is")


def test_a_context_is_as_long_as_the_config_says_and_else_2048_tokens(tiny):
    assert tiny[0].context_tokens == 1024
    assert examining._context_tokens({"text_config": {"max_position_embeddings": 99}}) == 99
    assert examining._context_tokens({}) == 2048


def test_a_text_begins_after_the_bos_or_else_the_eos_token(tmp_path):
    folder = write_chat_model(tmp_path / "model")
    assert examinee_of(folder)[0].prefix_id == 1
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    with pytest.raises(CheckpointError, match="neither a BOS nor an EOS"):
        _ = examinee_of(folder)[0].prefix_id
