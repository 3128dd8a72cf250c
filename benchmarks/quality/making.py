"""Making the folders that are compared: mlx-lm's by its own functions, ours through the use-case."""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_map
from mlx_lm import load
from mlx_lm.convert import mixed_quant_predicate_builder
from mlx_lm.quant.dynamic_quant import estimate_sensitivities, estimate_threshold
from mlx_lm.quant.gptq import gptq_quantize
from mlx_lm.utils import quantize_model, save

import mlxkit
from mlxkit.usecases.quantize import QuantizePlan, quantize

GROUP_SIZE = 64
"""What mlx-lm takes by default."""

Make = Callable[[Path], dict[str, Any]]
"""Writes a folder, and tells what is known of it."""


class Shelf:
    """The folders of one subject, each made once: a run that was interrupted goes on where it was.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def made(self, name: str, make: Make) -> dict[str, Any]:
        """Return what is known of a folder, after making it if there is none.

        Args:
            name: of the folder.
            make: writes a folder that does not exist yet.
        """
        known = self.folder / f"{name}.json"
        if not known.exists():
            partial = self.folder / f"{name}.partial"
            for left in (partial, self.folder / name):
                shutil.rmtree(left, ignore_errors=True)
            begun = time.perf_counter()
            with redirect_stdout(sys.stderr):
                facts = make(partial)
            partial.rename(self.folder / name)
            seconds = round(time.perf_counter() - begun, 1)
            self.keep(known, {"code": code(), "wall_seconds": seconds, **facts})
        return json.loads(known.read_text(encoding="utf-8"))

    def has(self, name: str) -> bool:
        """Whether a folder was made."""
        return (self.folder / f"{name}.json").exists()

    def figures(self, name: str, key: dict[str, Any], measure: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """Return what was measured of a folder, after measuring it if that was not done with this key."""
        key = {**key, "made": (self.folder / f"{name.partition('/')[0]}.json").stat().st_mtime_ns}
        path = self.folder / "figures" / f"{name.replace('/', '=')}.json"
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["key"] == key:
                return kept["figures"]
        path.parent.mkdir(exist_ok=True)
        figures = measure(self.folder / name)
        self.keep(path, {"key": key, "figures": figures})
        return figures

    @staticmethod
    def keep(path: Path, content: dict[str, Any]) -> None:
        """Write JSON, whole or not at all."""
        partial = path.with_name(f"partial-{path.name}")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(path)


def code() -> str:
    """Return what tells this mlxkit from others: the start of the digest of its sources."""
    root = Path(mlxkit.__file__).parent
    hashed = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        hashed.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return hashed.hexdigest()[:12]


def ours(plan: QuantizePlan) -> Make:
    """Return what writes a checkpoint, or one for each of several budgets, by mlxkit."""

    def make(folder: Path) -> dict[str, Any]:
        found = quantize(replace(plan, destination=folder, force=True)).data()
        del found["destination"], found["source"]
        for point in found["points"]:
            point["name"] = Path(point.pop("destination")).name
            for lengthy in ("exceptions", "shards", "skipped", "histogram"):  # mlxkit.json has them
                del point[lengthy]
        return found

    return make


class Peer:
    """mlx-lm, with one checkpoint to quantize.

    Args:
        source: the checkpoint.
        text: (rows, time), what its methods are calibrated on.
        kept: a folder for sensitivities, which several sizes share.
    """

    def __init__(self, source: Path, text: mx.array, kept: Path) -> None:
        self._source, self._text, self._kept = source, text, kept

    def uniform(self, bits: int) -> Make:
        """Return what writes one scheme for all layers."""
        return lambda folder: self._quantized(folder, bits, None)

    def mixed(self, name: str) -> Make:
        """Return what writes a named mix."""

        def make(folder: Path) -> dict[str, Any]:
            model = self._loaded()[0]
            return self._quantized(folder, 4, mixed_quant_predicate_builder(name, model, GROUP_SIZE))

        return make

    def dynamic(self, low: int, high: int, bits_per_weight: float) -> Make:
        """Return what writes a mix of two widths, as `mlx_lm.dynamic_quant` chooses it on our text."""

        def make(folder: Path) -> dict[str, Any]:
            found = self._sensitivities(low, high)
            model = self._loaded()[0]
            threshold = estimate_threshold(model, found, bits_per_weight, low, GROUP_SIZE, high, GROUP_SIZE)
            wide = {"bits": high, "group_size": GROUP_SIZE}
            return self._quantized(folder, low, lambda path, _: wide if found[path] > threshold else True)

        return make

    def gptq(self, bits: int) -> Make:
        """Return what writes GPTQ's codes, with the 6 bits that mlx-lm gives to embeddings."""

        def make(folder: Path) -> dict[str, Any]:
            model, tokenizer, config = self._loaded()
            model.set_dtype(mx.float32)  # in bfloat16 its sums would be worse
            model, entry = gptq_quantize(model, self._text, bits, GROUP_SIZE, 6, GROUP_SIZE)
            model.update(tree_map(_narrow, model.parameters()))
            config = {**config, "quantization": entry, "quantization_config": entry}
            save(folder, self._source, model, tokenizer, config)
            return {}

        return make

    def _loaded(self) -> tuple[nn.Module, Any, dict[str, Any]]:
        return load(str(self._source), return_config=True)

    def _quantized(
        self, folder: Path, bits: int, predicate: Callable[[str, nn.Module], bool | dict[str, Any]] | None
    ) -> dict[str, Any]:
        model, tokenizer, config = self._loaded()
        model, config = quantize_model(model, config, GROUP_SIZE, bits, quant_predicate=predicate)
        save(folder, self._source, model, tokenizer, config)
        return {}

    def _sensitivities(self, low: int, high: int) -> dict[str, float]:
        path = self._kept / f"dynamic_{low}_{high}.sensitivities.json"
        if not path.exists():
            model = self._loaded()[0]
            model.set_dtype(mx.float32)
            found = estimate_sensitivities(model, self._text, low, GROUP_SIZE, high, GROUP_SIZE)
            Shelf.keep(path, dict(found))
        return json.loads(path.read_text(encoding="utf-8"))


def _narrow(array: mx.array) -> mx.array:
    return array.astype(mx.bfloat16) if mx.issubdtype(array.dtype, mx.floating) else array


def blas(maps: Iterable[str]) -> list[str]:
    """Return the matrix libraries that a process has in memory, each with the folder that tells which one it is.

    Args:
        maps: lines of /proc/self/maps; none where there is no such file.
    """
    paths = {Path(line.split()[-1]) for line in maps if "blas" in line.lower()}
    return sorted(f"{path.parent.name}/{path.name}" for path in paths)
