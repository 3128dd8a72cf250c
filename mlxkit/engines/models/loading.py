"""From a checkpoint to a model with lazy weights, loaded as stock mlx-lm loads it.

mlx-lm's loader takes every `model*.safetensors` of a folder, and config.json as it is written there. It is given a view
of the checkpoint in which config.json is the normalized one and the weight files are those that the index names.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from mlxkit.core.checkpoint import Checkpoint, check_depth, remote_code
from mlxkit.core.config import caveats, unread
from mlxkit.core.errors import CheckpointError, IntegrityError, MlxkitError, RemoteCodeError, UnknownArchitectureError
from mlxkit.core.output import floating_dtype
from mlxkit.core.wording import few

Classes = Callable[..., tuple[type[nn.Module], Any]]
_stock_classes: Classes = inspect.signature(load_model).parameters["get_model_classes"].default


@dataclass
class Opened:
    """A model whose weights are read when they are evaluated.

    Attributes:
        checkpoint: where it was opened from.
        model: the mlx-lm module.
        quantization: what config.json would carry under `quantization`, or None.
        notes: what a user should know about how mlx-lm computes it.
    """

    checkpoint: Checkpoint
    model: nn.Module
    quantization: dict[str, Any] | None
    notes: tuple[str, ...]


def open_model(checkpoint: Checkpoint, *, trust_remote_code: bool = False) -> Opened:
    """Open a checkpoint; nothing is evaluated.

    Raises:
        RemoteCodeError: it wants code of its own to be run, and `trust_remote_code` is False.
        CheckpointError: mlx-lm has no such architecture, or its class cannot use this config.
        IntegrityError: tensors are missing, left over, or of another shape than the config asks for.
    """
    asked = remote_code(checkpoint)
    if asked and not trust_remote_code:
        raise RemoteCodeError(
            f"{checkpoint.name!r} wants its own code to be run ({', '.join(asked)}).",
            hint="read that code, then add --trust-remote-code if you trust it",
        )
    check_depth(checkpoint)
    fields: set[str] = set()
    with upstream(checkpoint), _view(checkpoint) as folder:
        model, config = load_model(
            folder,
            lazy=True,
            strict=True,
            get_model_classes=_checked(checkpoint, fields),
            trust_remote_code=trust_remote_code,
        )
    notes = (*unread(checkpoint.config, fields), *caveats(checkpoint.config))
    return Opened(checkpoint, model, config.get("quantization"), notes)


def computing_dtype(checkpoint: Checkpoint) -> str | None:
    """Return the dtype that a checkpoint is computed in where MLX computes by default; None when it has no such one."""
    return "float32" if mx.default_device() == mx.cpu else floating_dtype(checkpoint.tensors.values())


@contextmanager
def upstream(checkpoint: Checkpoint) -> Iterator[None]:
    """Run mlx-lm's code on a checkpoint: whatever it raises tells of that checkpoint.

    Raises:
        CheckpointError: mlx-lm's classes cannot use it.
    """
    try:
        yield
    except MlxkitError:
        raise
    except Exception as error:
        raise _translated(error, checkpoint) from error


@contextmanager
def _view(checkpoint: Checkpoint) -> Iterator[Path]:
    """Yield a folder of links to the checkpoint's files; open weight files outlive it."""
    origin = checkpoint.folder.resolve()
    with TemporaryDirectory(prefix="mlxkit-view-") as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(dict(checkpoint.config)), encoding="utf-8")
        for number, shard in enumerate(checkpoint.shards):
            (folder / f"model-{number:05d}.safetensors").symlink_to(origin / shard)
        for file in checkpoint.files:
            if "/" not in file and file != "config.json" and not file.endswith(".safetensors"):
                (folder / file).symlink_to(origin / file)
        yield folder


def _checked(checkpoint: Checkpoint, fields: set[str]) -> Classes:
    """Return mlx-lm's choice of classes, with a model class that compares tensors before it takes them."""

    def classes(config: dict[str, Any]) -> tuple[type[nn.Module], Any]:
        model_class, args_class = _stock_classes(config)
        fields.update(getattr(args_class, "__dataclass_fields__", ()))

        class Checked(model_class):  # type: ignore[misc, valid-type]
            def load_weights(self, weights: list[tuple[str, mx.array]], strict: bool = True) -> nn.Module:  # noqa: FBT001, FBT002
                expected = {name: array.shape for name, array in tree_flatten(self.parameters())}
                _compare(expected, {name: array.shape for name, array in weights}, checkpoint)
                return super().load_weights(weights, strict=strict)

        return Checked, args_class

    return classes


def _compare(expected: Mapping[str, Any], found: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    hint = "fetch the checkpoint again, or correct its config.json"
    missing = sorted(expected.keys() - found.keys())
    if missing:
        raise IntegrityError(f"{checkpoint.name!r} lacks tensors that its config asks for: {few(missing)}.", hint)
    extra = sorted(found.keys() - expected.keys())
    if extra:
        raise IntegrityError(f"{checkpoint.name!r} has tensors that its config has no place for: {few(extra)}.", hint)
    for name, shape in expected.items():
        if tuple(found[name]) != tuple(shape):
            raise IntegrityError(
                f"{name!r} in {checkpoint.name!r}: expected the shape {tuple(shape)}, got {tuple(found[name])}.",
                hint,
            )


def _translated(error: Exception, checkpoint: Checkpoint) -> MlxkitError:
    architecture = checkpoint.architecture
    if isinstance(error, ValueError) and "not supported" in str(error) and "Model type" in str(error):
        return UnknownArchitectureError(
            f"mlx-lm has no architecture {architecture!r}, which {checkpoint.name!r} is.",
            hint="`pip install -U mlx-lm` brings newer ones",
        )
    detail = " ".join(str(error).split())[:300].rstrip(".") or "no reason given"
    return CheckpointError(
        f"mlx-lm's {architecture!r} class cannot use {checkpoint.name!r}: {type(error).__name__}: {detail}.",
        hint="compare its config.json with the original's; MLXKIT_DEBUG=1 shows where it failed",
    )
