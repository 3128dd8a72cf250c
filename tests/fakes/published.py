"""Published models as headers alone: their configs from the Hub, and the tensors that mlx-lm's class makes of them.

Each JSON file beside this module names where its config, its number of parameters and its license were read.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx.utils import tree_flatten
from mlx_lm.utils import _get_classes

from tests.fakes.sparse import write_sparse

CONFIGS = Path(__file__).parent / "configs"

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Published:
    """What is known of a model without its weights.

    `parameters` is how many it has, as its publisher rounds it: ``3.21B``.
    """

    repo: str
    parameters: str
    license: str
    config: dict[str, Any]

    def is_close(self, parameters: int) -> bool:
        """Whether a number of parameters is the published one, in the digits that it has."""
        digits = len(self.parameters.removesuffix("B").partition(".")[2])
        return f"{parameters / 1e9:.{digits}f}B" == self.parameters


def published(name: str) -> Published:
    """The model of a file."""
    said = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    return Published(said["repo"], said["parameters"], said["license"], said["config"])


def write_published(folder: Path, name: str) -> Path:
    """Write a checkpoint with the headers that a published one has, and holes for weights."""
    config = published(name).config
    shapes = shapes_of(config)
    if config.get("quantization_config", {}).get("quant_method") == "mxfp4":
        shapes = _packed(shapes)
    dtypes = {tensor: "U8" for tensor in shapes if tensor.endswith(("_blocks", "_scales"))}
    return write_sparse(folder, config, shapes, dtypes)


def shapes_of(config: dict[str, Any]) -> Shapes:
    """Name and shape of every tensor of mlx-lm's class for a config; nothing is evaluated."""
    model_class, args_class = _get_classes(config)
    model = model_class(args_class.from_dict(json.loads(json.dumps(config))))
    shapes = {name: tuple(array.shape) for name, array in tree_flatten(model.parameters())}
    if config["model_type"].startswith("gemma3"):  # its class drops a head that is not there
        shapes = {name: shape for name, shape in shapes.items() if not name.endswith("lm_head.weight")}
    return shapes


def _packed(shapes: Shapes) -> Shapes:
    """Experts as gpt-oss stores them: gate and up in one, blocks of 32 weights in 16 bytes, a scale for each."""
    saved: Shapes = {}
    for name, shape in shapes.items():
        match = re.fullmatch(r"(.*\.experts\.)(gate|up|down)_proj\.(weight|bias)", name)
        if match is None:
            saved[name] = shape
            continue
        prefix, part, kind = match.groups()
        stem = f"{prefix}{'down' if part == 'down' else 'gate_up'}_proj"
        experts, rows = shape[0], shape[1] * (1 if part == "down" else 2)
        if kind == "bias":
            saved[f"{stem}_bias"] = (experts, rows)
        else:
            saved[f"{stem}_blocks"] = (experts, rows, shape[2] // 32, 16)
            saved[f"{stem}_scales"] = (experts, rows, shape[2] // 32)
    return saved
