"""Make the parity goldens: logits of tiny random models as transformers computes them, with the config it writes.

Three runs make and prove a golden; README.md has the commands.

1. `modern`, under transformers 5: builds each architecture, fills it with the weights of `weights.py`, and writes the
   golden with the config that transformers 5 saved.
2. `classic`, under transformers 4: builds the same models from the older arguments, checks that their logits are the
   golden's, and adds the config that transformers 4 saved.
3. `verify`, under either: reads both configs back after `mlxkit.core.config.normalize` and checks the logits again,
   which proves that a config written by mlxkit means the same to both.
"""

import argparse
import base64
import copy
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

from architectures import ARCHITECTURES
from pieces import Architecture, Config
from weights import Floats, collapse, expand, tensors

GOLDENS = Path(__file__).resolve().parents[2] / "tests" / "golden" / "parity"
SEED = 1
TOKENS = [(7 * index * index + 3 * index + 5) % 125 + 3 for index in range(24)]
# Two positions within the sliding windows of `architectures.WINDOW` tokens, four beyond; more would only weigh more.
POSITIONS = [3, 7, 11, 15, 19, 23]
TOLERANCE = 2e-5


def saved(options: Config) -> tuple[Config, dict[str, list[int]]]:
    """What this version of transformers saves for a model: its config, and names and shapes of its tensors."""
    with tempfile.TemporaryDirectory() as folder:
        model = model_class(options).from_config(AutoConfig.for_model(**copy.deepcopy(options)))
        model.to(torch.float32).save_pretrained(folder)
        config: Config = json.loads((Path(folder) / "config.json").read_text())
        with safe_open(Path(folder) / "model.safetensors", "np") as file:
            shapes = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    return config, shapes


def model_class(config: Config) -> Any:
    """The class that computes the logits: of a language model, or of one that sees."""
    return AutoModelForImageTextToText if "text_config" in config else AutoModelForCausalLM


def logits_of(config: Config, shapes: dict[str, Any]) -> Floats:
    """Logits of the model with the weights of `weights.py`.

    Args:
        config: the content of config.json.
        shapes: shape of each tensor, by name.

    Returns:
        (positions, vocab), float32.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        save_file(tensors(SEED, shapes), Path(folder) / "model.safetensors", metadata={"format": "pt"})
        model, info = model_class(config).from_pretrained(
            folder, torch_dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        # Text does not pass through the tower for images, whose tensors transformers 4 names otherwise.
        found = sorted(name for name in info[kind] if "vision_tower" not in name)
        if found:
            raise SystemExit(f"{config['model_type']}: {kind}: {found[:5]}")
    with torch.no_grad():
        logits = model.eval()(torch.tensor([TOKENS])).logits[0, POSITIONS]
    return np.asarray(logits.numpy(), dtype=np.float32)


def classic_options(options: Config, classic: Config) -> Config:
    """Options as transformers 4 takes them: theta at the top, scaling in `rope_scaling`.

    Args:
        options: as transformers 5 takes them.
        classic: what differs besides the rope; None leaves an option out.
    """
    older = {key: value for key, value in options.items() if key != "rope_parameters"}
    rope = dict(options.get("rope_parameters") or {})
    if "full_attention" in rope:
        older["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = dict(rope["full_attention"])
    if rope:
        older["rope_theta"] = rope.pop("rope_theta")
        if "partial_rotary_factor" in rope:
            older["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
        older["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    if "text_config" in older:
        older["text_config"] = classic_options(older["text_config"], {})
    older |= classic
    return {key: value for key, value in older.items() if value is not None or key not in classic}


def make_modern(architecture: Architecture) -> str:
    """Write one golden; returns what to say of it."""
    config, shapes = saved({"model_type": architecture.model_type, **architecture.options})
    logits = logits_of(config, shapes)
    golden = {
        "name": architecture.name,
        "seed": SEED,
        "tokens": TOKENS,
        "positions": POSITIONS,
        "shapes": collapse(shapes),
        "logits": {"shape": list(logits.shape), "float32": base64.b64encode(logits.astype("<f4").tobytes()).decode()},
        "modern": config,
        "classic": None,
    }
    write(architecture.name, golden)
    return f"standard deviation {logits.std():.3f}"


def add_classic(architecture: Architecture) -> str:
    """Add the classic config to one golden; returns what to say of it."""
    if architecture.classic is None:
        return "unknown to transformers 4"
    golden = read(architecture.name)
    options = classic_options(architecture.options, architecture.classic)
    config, _ = saved({"model_type": architecture.model_type, **options})
    if architecture.name in ("gemma3_text", "cohere2"):
        # As on the Hub: saved before 4.53, which counted the layers and did not list them.
        config = {key: value for key, value in config.items() if key not in ("layer_types", "_sliding_window_pattern")}
        config["sliding_window_pattern"] = 2
    difference = distance(golden, config)
    if difference > TOLERANCE:
        raise SystemExit(f"{architecture.name}: the classic model differs by {difference:.1e}.")
    write(architecture.name, golden | {"classic": config})
    return f"differs by {difference:.1e} of the standard deviation"


def verify(architecture: Architecture) -> str:
    """Read both normalized configs with this transformers; returns what to say of it."""
    from mlxkit.core.config import normalize  # noqa: PLC0415 - the other two runs need no mlxkit

    golden = read(architecture.name)
    if architecture.classic is None and transformers.__version__.startswith("4."):
        return "unknown to transformers 4"
    styles = [style for style in ("modern", "classic") if golden[style] is not None]
    found = {style: distance(golden, normalize(golden[style]).config) for style in styles}
    worst = max(found.values())
    return ("ok " if worst < TOLERANCE else "WRONG ") + ", ".join(f"{style} {found[style]:.1e}" for style in styles)


def distance(golden: dict[str, Any], config: Config) -> float:
    """Largest difference from the golden's logits, in their standard deviations."""
    wanted = np.frombuffer(base64.b64decode(golden["logits"]["float32"]), "<f4").reshape(golden["logits"]["shape"])
    return float(np.abs(logits_of(config, expand(golden["shapes"])) - wanted).max() / wanted.std())


def read(name: str) -> dict[str, Any]:
    """One golden."""
    golden: dict[str, Any] = json.loads((GOLDENS / f"{name}.json").read_text())
    return golden


def write(name: str, golden: dict[str, Any]) -> None:
    """One golden, one key per line."""
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    (GOLDENS / f"{name}.json").write_text("{\n" + lines + "\n}\n")


def main() -> None:
    """Run one of the three over all architectures, or over those named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    runs = {"modern": make_modern, "classic": add_classic, "verify": verify}
    parser.add_argument("run", choices=runs)
    parser.add_argument("names", nargs="*", help="architectures; all by default")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    for architecture in ARCHITECTURES:
        if not arguments.names or architecture.name in arguments.names:
            print(f"{architecture.name:28s} {runs[arguments.run](architecture)}", flush=True)


if __name__ == "__main__":
    main()
