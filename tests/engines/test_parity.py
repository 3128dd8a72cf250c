"""mlx-lm computes what transformers computes, whichever transformers saved the config.

The goldens in tests/golden/parity were made by benchmarks/parity/make_golden.py. Each holds a config as transformers 5
saved it (`modern`), as transformers 4 saved it (`classic`, where it knows the architecture), names and shapes of the
tensors, and logits. The weights are made anew from the seed.
"""

import base64
import copy
import importlib.util
import inspect
import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx_lm.utils import _get_classes
from safetensors.numpy import save_file

from mlxkit.core.config import caveats, normalize, unread
from mlxkit.core.errors import IntegrityError
from mlxkit.engines.models import open_model
from mlxkit.engines.store import read

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = {path.stem: path for path in sorted((ROOT / "tests" / "golden" / "parity").glob("*.json"))}
TOLERANCE = 1e-4

# Where mlx-lm's class is wrong itself: how many tokens are exact all the same, and what the user is told.
WRONG = {
    "ernie4_5_moe": (0, "correction bias"),
    "gemma": (0, "computes gelu"),
    "gemma2": (8, "sliding window"),
    "glm": (0, "partial_rotary_factor"),
    "jamba": (0, "normalizes"),
    "llama_rope_yarn_untruncated": (0, "rounds"),
    "mistral_window": (8, "sliding window"),
    "phi3_longrope_short": (0, "up to 32 tokens"),
    "starcoder2": (0, "computes gelu"),
}
# transformers 5's own layout of the experts, which the class's `sanitize` does not know.
FOREIGN_LAYOUT = {"gpt_oss"}
# Modern configs that mlx-lm reads rightly as they are.
RIGHT_AS_THEY_ARE = {"lfm2_moe", "ministral3", "qwen3"}


def load(folder: Path, *, normalized: bool = True) -> nn.Module:
    """The model in a checkpoint folder, in float32: as mlxkit opens it, or as mlx-lm's class takes it unprepared."""
    if normalized:
        model = open_model(read(folder.name, folder)).model
        model.set_dtype(mx.float32)
        return model
    config = json.loads((folder / "config.json").read_text())
    model_class, arguments = _get_classes(config)
    model = model_class(arguments.from_dict(copy.deepcopy(config)))
    weights = mx.load(str(folder / "model.safetensors"))
    if hasattr(model, "sanitize"):
        weights = model.sanitize(weights)
    model.load_weights(list(weights.items()), strict=True)
    model.set_dtype(mx.float32)
    model.eval()
    return model


def _weights_module() -> Any:
    """benchmarks/parity/weights.py, which is no package."""
    spec = importlib.util.spec_from_file_location("parity_weights", ROOT / "benchmarks" / "parity" / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WEIGHTS = _weights_module()


@pytest.fixture(autouse=True)
def _on_the_cpu():
    """Float32 sums in another order on another device."""
    device = mx.default_device()
    mx.set_default_device(mx.cpu)
    yield
    mx.set_default_device(device)


def _read(name: str) -> dict[str, Any]:
    return json.loads(GOLDENS[name].read_text())


def _write_checkpoint(golden: dict[str, Any], style: str, folder: Path) -> Path:
    (folder / "config.json").write_text(json.dumps(golden[style]))
    values = WEIGHTS.tensors(golden["seed"], WEIGHTS.expand(golden["shapes"]))
    save_file(values, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _differences(golden: dict[str, Any], model: nn.Module) -> np.ndarray:
    """Largest difference at each of the golden's positions, in standard deviations of its logits."""
    wanted = np.frombuffer(base64.b64decode(golden["logits"]["float32"]), "<f4").reshape(golden["logits"]["shape"])
    logits = np.array(model(mx.array([golden["tokens"]]))[0].astype(mx.float32))[golden["positions"]]
    assert wanted.std() > 0.1
    return np.abs(logits - wanted).max(axis=-1) / wanted.std()


def _cases(names: Any) -> list[Any]:
    return [
        pytest.param(name, style, id=f"{name}-{style}")
        for name in names
        for style in ("modern", "classic")
        if _read(name)[style] is not None
    ]


EXACT = [name for name in GOLDENS if name not in WRONG and name not in FOREIGN_LAYOUT]


@pytest.mark.parametrize(("name", "style"), _cases(EXACT))
def test_logits_are_those_of_transformers(name: str, style: str, tmp_path: Path) -> None:
    golden = _read(name)
    differences = _differences(golden, load(_write_checkpoint(golden, style, tmp_path)))
    assert differences.max() <= TOLERANCE


@pytest.mark.parametrize("name", [name for name in EXACT if name not in RIGHT_AS_THEY_ARE])
def test_a_modern_config_as_it_is_loads_wrongly_or_not_at_all(name: str, tmp_path: Path) -> None:
    golden = _read(name)
    folder = _write_checkpoint(golden, "modern", tmp_path)
    try:
        model = load(folder, normalized=False)
        differences = _differences(golden, model)
    except (TypeError, ValueError, AttributeError, IndexError):
        return
    assert differences.max() > 1e-2


@pytest.mark.parametrize(("name", "style"), _cases(WRONG))
def test_what_the_class_gets_wrong_is_said(name: str, style: str, tmp_path: Path) -> None:
    golden = _read(name)
    exact_tokens, words = WRONG[name]
    differences = _differences(golden, load(_write_checkpoint(golden, style, tmp_path)))
    within = np.array(golden["positions"]) < exact_tokens
    assert np.all(differences[within] <= TOLERANCE)
    assert differences.max() > TOLERANCE
    config = normalize(golden[style]).config
    _, arguments = _get_classes(config)
    said = (*caveats(config), *unread(config, inspect.signature(arguments).parameters))
    assert any(words in sentence for sentence in said)


@pytest.mark.parametrize(("name", "style"), _cases(EXACT))
def test_nothing_is_said_where_all_is_right(name: str, style: str) -> None:
    config = normalize(_read(name)[style]).config
    _, arguments = _get_classes(config)
    assert unread(config, inspect.signature(arguments).parameters) == ()
    # longrope is right beyond its original length, where these goldens are, and wrong within it.
    assert name == "phi3_longrope" or caveats(config) == ()


@pytest.mark.parametrize("style", ["modern", "classic"])
def test_gemma2_is_exact_for_every_token_of_its_window_and_wrong_from_the_next_on(style: str, tmp_path: Path) -> None:
    golden = _read("gemma2")
    config = normalize(golden[style]).config
    positions = np.array(golden["positions"])
    differences = _differences(golden, load(_write_checkpoint(golden, style, tmp_path)))
    assert differences[positions < config["sliding_window"]].max() <= TOLERANCE
    assert differences[positions >= config["sliding_window"]].min() > 1e-2


@pytest.mark.parametrize("style", ["modern", "classic"])
def test_experts_in_the_layout_of_transformers_are_refused(style: str, tmp_path: Path) -> None:
    folder = _write_checkpoint(_read("gpt_oss"), style, tmp_path)
    with pytest.raises(IntegrityError, match="lacks tensors"):
        load(folder)


def test_the_goldens_are_many_and_small() -> None:
    assert len({json.loads(path.read_text())["modern"]["model_type"] for path in GOLDENS.values()}) >= 12
    assert sum(path.stat().st_size for path in GOLDENS.values()) < 500_000


def test_weights_depend_on_seed_name_and_shape_alone() -> None:
    values = WEIGHTS.tensor(1, "model.layers.0.self_attn.q_proj.weight", (2, 3))
    assert values.dtype == np.float32
    assert np.allclose(
        values, [[0.5302428, -0.8009635, -0.2113311], [0.2704061, -0.012865, -0.3988506]], rtol=0, atol=1e-6
    )
