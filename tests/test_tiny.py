"""The checkpoint that ships: small enough, and really trained."""

import json

import pytest
from mlx_lm import generate, load

from mlxkit.core.schemes import parse
from mlxkit.engines.store import TINY, locate, read
from mlxkit.usecases.convert import ConvertPlan, convert
from mlxkit.usecases.quantize import QuantizePlan, quantize
from mlxkit.usecases.run import RunPlan, converse

FOLDER = locate(TINY)
QUESTIONS = [json.loads(line) for line in (FOLDER / "questions.jsonl").read_text().splitlines()]


def right(model: str, count: int) -> int:
    """How many of the first held-out questions a model answers exactly; the tasks stand in turn."""
    conversation = converse(RunPlan(model, prompt="?"))
    found = 0
    for question in QUESTIONS[:count]:
        conversation.clear()
        found += conversation.ask(question["prompt"], lambda _text: None).answer.text == question["answer"]
    return found


def test_it_is_sound_and_small():
    checkpoint = read(TINY, FOLDER).sound()
    assert checkpoint.size_bytes <= 4_000_000
    assert checkpoint.template is not None
    assert len(QUESTIONS) == 500
    assert all(tensor.shape[-1] % 128 == 0 for name, tensor in checkpoint.tensors.items() if "proj" in name)


def test_it_answers_what_it_was_not_trained_on():
    assert right(TINY, 80) >= 76


def test_quality_falls_visibly_when_it_is_scaled_down(tmp_path):
    quantize(QuantizePlan(TINY, tmp_path / "tiny-2bit", (parse("2bit"),), encoder="minmax"))
    assert right(str(tmp_path / "tiny-2bit"), 48) <= right(TINY, 48) - 3


def test_least_squares_lose_less_than_the_usual_rounding(tmp_path):
    for encoder in ("minmax", "lsq"):
        quantize(QuantizePlan(TINY, tmp_path / encoder, (parse("2bit"),), encoder=encoder))
    assert right(str(tmp_path / "lsq"), 48) > right(str(tmp_path / "minmax"), 48)


@pytest.mark.parametrize("prompt", ["12 + 7 =", "Spell tiger backwards.", "Hello"])
def test_greedy_text_of_a_converted_copy_is_the_sources(tmp_path, prompt):
    convert(ConvertPlan(TINY, tmp_path / "copy", dtype="bfloat16"))
    said = []
    for folder in (FOLDER, tmp_path / "copy"):
        model, tokenizer = load(str(folder))
        chat = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True)
        said.append(generate(model, tokenizer, chat, max_tokens=24))
    assert said[0] == said[1] != ""
