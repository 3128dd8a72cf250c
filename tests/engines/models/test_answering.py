import json
import shutil

import mlx.core as mx
import mlx_lm
import pytest
from mlx.utils import tree_flatten
from mlx_lm.generate import generate_step
from mlx_lm.models import llama4
from mlx_lm.models.cache import ChunkedKVCache, make_prompt_cache

from mlxkit.core.errors import PlanError
from mlxkit.core.progress import Silent
from mlxkit.core.quantization import uniform
from mlxkit.core.schemes import Scheme
from mlxkit.core.tasks import Score
from mlxkit.engines import models, store
from mlxkit.engines.models.answering import BATCH, WINDOW, Prompt, Respondent
from tests.engines.test_parity import _read, _write_checkpoint, load
from tests.fakes.chat_model import write_chat_model

LENGTHS = (1, 5, 5, 9, 2, 17, 60)


class Numbers:
    """A tokenizer whose text is the tokens' numbers."""

    has_template = False

    def __init__(self, vocabulary_size, eos_ids=()):
        self.vocabulary_size = vocabulary_size
        self.eos_ids = frozenset(eos_ids)

    def detokenizer(self):
        return self

    def feed(self, token):
        return f"{token} "

    def finish(self):
        return "."


class Counting:
    """A model without a cache: the next token is the one after the last. It notes what it is given."""

    def __init__(self):
        self.shapes = []

    def make_cache(self):
        return []

    def __call__(self, tokens, cache):
        self.shapes.append(tokens.shape)
        return mx.where(mx.arange(100) == (tokens[..., None] + 1) % 100, 0.0, -1e9)


@pytest.fixture(scope="module")
def tiny():
    return opened(store.locate("tiny"), "tiny")


def opened(folder, name="some"):
    respondent = models.respondent(store.read(name, folder).sound(), trust_remote_code=False, progress=Silent())
    respondent.model.set_dtype(mx.float32)  # in 16 bits, what is computed side by side is rounded otherwise than alone
    return respondent


def asked(model, tokenizer):
    return Respondent(store.read("tiny", store.locate("tiny")), model, tokenizer)


def rows_of(vocabulary):
    mx.random.seed(11)
    return [tuple(mx.random.randint(0, vocabulary, (length,)).tolist()) for length in LENGTHS]


def test_tiny_says_what_mlx_lm_lets_it_say(tiny):
    prompts = [question.prompt for question in store.task_questions("tiny")[:20]]
    model, tokenizer = mlx_lm.load(str(store.locate("tiny")))[:2]
    model.set_dtype(mx.float32)
    expected = []
    for prompt in prompts:
        row = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True)
        expected.append(mlx_lm.generate(model, tokenizer, row, max_tokens=64))

    assert list(tiny.answers(prompts)) == expected


def test_tiny_answers_its_questions(tiny):
    questions = store.task_questions("tiny")[:WINDOW]
    said = tiny.answers([question.prompt for question in questions])
    score = Score(tuple(question.is_right(text) for question, text in zip(questions, said, strict=True)))

    assert score.right >= WINDOW - 3


@pytest.mark.parametrize("name", ["llama", "qwen3_next", "mamba2", "gemma3_text", "falcon_h1", "deepseek_v3"])
def test_a_cache_of_any_kind_gives_what_mlx_lm_generates_alone(name, tmp_path):
    model = load(_write_checkpoint(_read(name), "modern", tmp_path))
    vocabulary = model(mx.zeros((1, 1), dtype=mx.uint32)).shape[-1]

    same_as_alone(model, vocabulary)


def test_a_cache_that_mlx_lm_cannot_batch_serves():
    sizes = {"hidden_size": 32, "intermediate_size": 32, "intermediate_size_mlp": 32, "vocab_size": 64, "head_dim": 16}
    heads = {"num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 1, "attention_chunk_size": 8}
    experts = {"num_local_experts": 2, "num_experts_per_tok": 1, "interleave_moe_layer_step": 2}
    rope = {"rope_theta": 1e4, "rope_scaling": None, "max_position_embeddings": 256, "use_qk_norm": True}
    others = {"model_type": "llama4_text", "attention_bias": False, "rms_norm_eps": 1e-5}
    mx.random.seed(2)
    text = {**sizes, **heads, **experts, **rope, **others}
    model = llama4.Model(llama4.ModelArgs.from_dict({"model_type": "llama4", "text_config": text}))

    assert any(isinstance(layer, ChunkedKVCache) for layer in make_prompt_cache(model))
    same_as_alone(model, 64)


def same_as_alone(model, vocabulary):
    prompts = [Prompt(row, 9 + len(row) % 3) for row in rows_of(vocabulary)]
    expected = []
    for prompt in prompts:
        steps = generate_step(mx.array(prompt.tokens), model, max_tokens=prompt.max_tokens)
        expected.append("".join(f"{int(token)} " for token, _ in steps) + ".")

    assert asked(model, Numbers(vocabulary)).continued(prompts) == expected


def test_an_answer_ends_by_any_eos_id_a_stop_string_or_its_bound():
    prompts = [Prompt((1,), 5), Prompt((10, 20), 50), Prompt((40,), 50), Prompt((60,), 50, ("64 ", "7"))]

    said = asked(Counting(), Numbers(100, eos_ids=(24, 43))).continued(prompts)

    assert said == ["2 3 4 5 6 .", "21 22 23 .", "41 42 .", "61 62 63 "]


def test_a_stop_string_may_come_in_pieces_and_what_only_begins_one_is_kept():
    said = asked(Counting(), Numbers(100)).continued([Prompt((7,), 9, ("9 1",)), Prompt((6,), 2, ("8 9",))])

    assert said == ["8 ", "7 8 ."]


def test_a_batch_ends_with_its_last_answer_and_is_no_wider_than_allowed():
    model = Counting()

    asked(model, Numbers(100, eos_ids=(5,))).continued([Prompt((1,), 50)] * (BATCH + 1))

    assert {shape[0] for shape in model.shapes} == {BATCH, 1}
    assert len(model.shapes) == 2 * 5  # four steps, and one that was under way


def test_a_long_prompt_makes_no_others_wait():
    model = Counting()

    asked(model, Numbers(100)).continued([Prompt((1,), 3), Prompt((1,) * 200, 3)])

    assert [shape for shape in model.shapes if shape[1] > 1] == [(1, 199)]
    assert len(model.shapes) == 1 + 2 * 3


def test_what_was_answered_is_not_answered_again_and_the_rest_is_the_same():
    texts = [str(number) for number in range(2 * WINDOW + 3)]

    class Noting(Respondent):
        windows = ()

        def prompt(self, text, max_tokens):
            return Prompt((int(text) % 100,), max_tokens)

        def continued(self, prompts):
            self.windows = (*self.windows, len(prompts))
            return super().continued(prompts)

    def fresh():
        return Noting(store.read("tiny", store.locate("tiny")), Counting(), Numbers(100))

    whole = list(fresh().answers(texts, max_tokens=1))
    assert whole == [f"{(number + 1) % 100} ." for number in range(len(texts))]
    for begin in (0, 1, WINDOW - 1, WINDOW, WINDOW + 7, len(texts) - 1, len(texts)):
        again = fresh()
        assert list(again.answers(texts, max_tokens=1, begin=begin)) == whole[begin:]
        assert set(again.windows) <= {WINDOW, 3}

    stopped = fresh()
    assert next(stopped.answers(texts, max_tokens=1)) == whole[0]
    assert stopped.windows == (WINDOW,)


def test_without_a_template_the_question_is_plain_text(tmp_path):
    plain = opened(write_chat_model(tmp_path / "plain", template=None))
    chat = opened(write_chat_model(tmp_path / "chat"))

    assert (plain.has_template, chat.has_template) == (False, True)
    assert plain.prompt("hello", 3).tokens == tuple(plain.tokenizer.encode("hello"))
    assert chat.prompt("hello", 3).tokens == tuple(chat.tokenizer.render([{"role": "user", "content": "hello"}]))
    (said,) = plain.answers(["hello"], max_tokens=3)
    assert len(said) == 3


def test_a_question_without_tokens_is_refused(tmp_path):
    plain = opened(write_chat_model(tmp_path / "plain", template=None))

    with pytest.raises(PlanError, match="no tokens"):
        list(plain.answers([""]))


def quantized_tiny(folder):
    """Write tiny in 4 bits with scales in bfloat16; return its weights as they are written."""
    shutil.copytree(store.locate("tiny"), folder)
    model = models.open_model(store.read("tiny", store.locate("tiny"))).model
    models.apply(model, uniform(models.units(model), Scheme("affine", 4, 64)))
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization": {"bits": 4, "group_size": 64}}))
    return weights


def test_on_the_cpu_weights_are_decoded_in_float32(tmp_path):
    weights = quantized_tiny(tmp_path / "tiny")
    path = "model.layers.1.mlp.up_proj."
    codes, scales, biases = (weights[path + name] for name in ("weight", "scales", "biases"))
    assert scales.dtype == mx.bfloat16
    decoded = mx.dequantize(codes, scales.astype(mx.float32), biases.astype(mx.float32), group_size=64, bits=4)

    before = mx.default_device()
    mx.set_default_device(mx.cpu)
    try:
        checkpoint = store.read("some", tmp_path / "tiny").sound()
        found = models.respondent(checkpoint, trust_remote_code=False, progress=Silent())
        (said,) = found.answers(["12 + 7 ="])
        assert mx.array_equal(dict(tree_flatten(found.model.parameters()))[path + "weight"], decoded)
    finally:
        mx.set_default_device(before)

    assert said == "19"
