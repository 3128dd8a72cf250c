"""The fresh process itself: what is broken there is a finding here."""

import json
import shutil
from dataclasses import replace

import mlx.core as mx
import pytest

from mlxkit.usecases.check import in_process
from tests.fakes.checkpoints import QWEN3, qwen3_shapes, random_weights, write_checkpoint


def found(here, **words):
    here.plan["only"] = ("loads",)
    return {one.code: one for one in here.check(attempt=in_process, **words).findings}


def test_a_model_that_says_no_number_is_told(here):
    weights = dict(mx.load(str(here.folder / "model.safetensors")))
    weights["model.norm.weight"] = weights["model.norm.weight"] * float("nan")
    mx.eval(weights)
    mx.save_safetensors(str(here.folder / "model.safetensors"), weights)
    here.plan["max_tokens"] = 2
    assert list(found(here)) == ["loads.logits"]


def test_missing_tensors_and_a_template_that_refuses(here):
    refusing = "{{ raise_exception('no system') if messages[0]['role'] == 'system' }}{{ messages[0]['content'] }}"
    here.write("chat_template.jinja", refusing)
    here.plan["max_tokens"] = 4
    codes = found(here)
    assert "no system" in codes["loads.template_system"].said
    assert "loads.template" not in codes

    here.change("config.json", num_hidden_layers=6)
    codes = found(here)
    assert list(codes) == ["loads.failed"]
    assert "Missing" in codes["loads.failed"].said


def test_the_sandbox_holds(here):
    here.write("chat_template.jinja", "{{ messages.__class__.__base__.__subclasses__() }}")
    assert "loads.template" in found(here)


def test_modules_beside_the_weights_are_not_imported(here, monkeypatch):
    for name in ("mlx_lm", "json", "transformers"):
        here.write(f"{name}.py", "raise SystemExit('it was run')")
    monkeypatch.chdir(here.folder)
    assert in_process(here.folder, 60, 2).is_loaded


def test_random_weights_do_not_end(here):
    shutil.rmtree(here.folder)
    write_checkpoint(here.folder, weights=random_weights(qwen3_shapes(QWEN3)))
    here.plan["max_tokens"] = 12
    assert "loads.endless" in found(here)


def test_a_process_that_takes_too_long_is_ended(here):
    here.plan["timeout_seconds"] = 0.05
    codes = found(here)
    assert list(codes) == ["loads.timeout"]


def test_code_of_its_own_is_not_run(here):
    here.write("own.py", "raise SystemExit('it was run')")
    here.change("config.json", model_file="own.py")
    assert list(found(here)) == ["loads.remote_code"]
    # Asked directly, mlx-lm refuses too.
    assert "trust_remote_code" in in_process(here.folder, 60, 4).error[1]


def test_nothing_is_run_when_that_is_asked(here):
    here.plan |= {"only": ("loads",), "run": False}

    def attempt(*_):
        raise AssertionError

    result = here.check(attempt=attempt)
    assert result.findings == ()
    assert result.looked[0].said == "not run, as was asked"


@pytest.mark.parametrize("tokens", [(3,) * 7, (3, 3, 3, 3, 3, 3, 3, 4)])
def test_short_answers_are_not_stuck(here, tokens):
    answers = tuple(replace(one, tokens=tokens) for one in here.tried.answers)
    here.tried = replace(here.tried, answers=answers)
    assert here.check().findings == ()


def test_lines_of_a_process_that_died_are_read_as_far_as_they_go(tmp_path):
    from mlxkit.usecases.check.running import _events

    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps({"event": "began", "mlx_lm": "0"}) + '\n{"event": "loa')
    assert _events(path) == [{"event": "began", "mlx_lm": "0"}]
    assert _events(tmp_path / "nothing") == []
