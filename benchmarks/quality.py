"""What quantization costs, side by side with mlx-lm at equal size: KL divergence, answers, targets.

    python benchmarks/quality.py [--model tiny|small|all] [--rows 32] [--no-polish] [--quick] [--out FILE]

Every row is a folder that stock mlx-lm loads. What was made is kept in `--folder` and not made again: a run that was
interrupted goes on. Remove that folder after a change of mlxkit. The figures go to `results/quality.json`.

On Linux, MLX multiplies with whatever BLAS there is: with the reference one all of this takes fifteen times longer.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
from quality.comparing import predictions, targets
from quality.judging import Judge, bits
from quality.making import Make, Peer, Shelf, blas, code, ours
from quality.reproducing import digests
from quality.subjects import CALIBRATION_SEED, EVALUATION_SEED, LENGTH, SUBJECTS, Subject, Writer, weights_sha256
from quality.tables import overview
from side_by_side import keep

from mlxkit.core.schemes import Scheme
from mlxkit.usecases.quantize import QuantizePlan

FRONTIER = (2.5, 3.5, 4.5, 5.5, 6.5)
ABLATED = ("uniform_3", "uniform_4")
"""Sizes at which schemes are also allocated without error feedback."""

POLISHED = ("uniform_2", "uniform_3", "uniform_4")
"""Sizes at which rows are polished too."""

REPRODUCED_TOKENS = 1024


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        folder: where everything is kept that is made.
        rows: of text to judge by, 512 tokens each.
        calibration_tokens: what our rows and the rivals that look at text are given.
        has_polish: whether rows are polished too.
        is_quick: a few rows only, to see that everything runs.
        is_final: nothing more is made: what an interrupted run left is told.
    """

    folder: Path
    rows: int
    calibration_tokens: int
    has_polish: bool
    is_quick: bool
    is_final: bool = False


class Run:
    """All rows of one subject.

    Args:
        subject: what is quantized.
        settings: how much is measured.
    """

    def __init__(self, subject: Subject, settings: Settings) -> None:
        self._subject, self._settings = subject, settings
        self._shelf = Shelf(settings.folder / subject.name)
        writer = Writer(subject, self._shelf.folder / "texts")
        calibration = writer.calibration(settings.calibration_tokens // LENGTH)
        self._calibration = calibration.data()
        self._file = writer.as_file(self._shelf.folder / "calibration.jsonl", calibration.rows.shape[0])
        self._peer = Peer(subject.folder, calibration.rows, self._shelf.folder)
        self._texts = writer.evaluation(settings.rows)
        self._judge = Judge(subject, self._texts)
        self._rows: dict[str, dict[str, Any]] = {}

    def figures(self) -> dict[str, Any]:
        """Make and measure every row."""
        for name, make in self._rivals():
            self._add(name, make)
        rivals = tuple(self._rows)
        for method, rival, make in (*self._encoders(), *self._budgets(rivals)):
            self._add(f"{method}@{rival}", make, rival)
        frontier = self._frontier()
        reproduced = self._reproduced()
        return {
            "source": {
                "weights_sha256": weights_sha256(self._subject.folder),
                "parameters": self._judge.parameters,
            },
            "calibration": self._calibration,
            "texts": {
                name: {**text.data(), "noise_floor": self._judge.noise_floor[name]}
                for name, text in self._texts.items()
            },
            "questions": {
                "asked": len(self._judge.right),
                "right": sum(self._judge.right),
                "answers": bits(self._judge.right),
            },
            "rows": self._rows,
            "frontier": frontier,
            "reproduced": reproduced,
            "targets": [
                *targets(self._rows),
                *([_same(reproduced)] if reproduced else []),
            ],
        }

    def _add(self, name: str, make: Make, rival: str | None = None) -> None:
        if self._settings.is_final and not self._shelf.has(name):
            return
        made = self._shelf.made(name, make)
        self._measure(name, made, rival)
        if made.get("calibration") and made["goal"] and "lsq_text" not in name:
            _demand_same_text(made["calibration"], self._calibration)

    def _measure(self, name: str, made: dict[str, Any], rival: str | None = None) -> None:
        figures = self._shelf.figures(name, self._judge.key, self._judge.figures)
        self._rows[name] = {"rival": rival, **figures, "made": made}
        texts = ", ".join(f"{text} {measured['kl_nats']:.4g}" for text, measured in figures["texts"].items())
        print(f"{self._subject.name} {name}: {figures['size_bytes']} bytes, KL {texts}", file=sys.stderr, flush=True)

    def _rivals(self) -> Iterator[tuple[str, Make]]:
        """Yield what mlx-lm makes."""
        peer = self._peer
        for width in (3, 4) if self._settings.is_quick else (2, 3, 4, 5, 6):
            yield f"uniform_{width}", peer.uniform(width)
        for mix in ("mixed_3_4",) if self._settings.is_quick else ("mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6"):
            yield mix, peer.mixed(mix)
        # Its own default is 4 and 5 bits at 5.0 bits per weight.
        sizes = [(4, 5, 5.0), (3, 4, 4.0), (3, 6, 4.5), (2, 4, 3.0)]
        for low, high, size in sizes[:1] if self._settings.is_quick else sizes:
            yield f"dynamic_{low}_{high}_{size:g}", peer.dynamic(low, high, size)
        for width in () if self._settings.is_quick else (2, 4):
            yield f"gptq_{width}", peer.gptq(width)

    def _plan(self, **goal: Any) -> QuantizePlan:
        source = str(self._subject.folder)
        tokens = self._settings.calibration_tokens
        return QuantizePlan(source, Path(), calibration_tokens=tokens, seed=CALIBRATION_SEED, **goal)

    def _encoders(self) -> Iterator[tuple[str, str, Make]]:
        """Yield one scheme for all layers, from each encoder."""
        for width in (3, 4) if self._settings.is_quick else (2, 3, 4, 5, 6):
            plan = self._plan(schemes=(Scheme("affine", width, 64),))
            yield "lsq", f"uniform_{width}", ours(replace(plan, encoder="lsq"))
            yield "lsq_text", f"uniform_{width}", ours(replace(plan, encoder="lsq", calibration=self._file))
            yield "feedback", f"uniform_{width}", ours(replace(plan, encoder="feedback"))

    def _budgets(self, rivals: tuple[str, ...]) -> Iterator[tuple[str, str, Make]]:
        """Yield what mlxkit makes of the size of each rival."""
        for rival in rivals:
            if rival.startswith("gptq"):
                continue
            plan = self._plan(max_bytes=self._rows[rival]["size_bytes"])
            yield "allocated", rival, ours(plan)
            if rival in ABLATED:
                yield "allocated_lsq", rival, ours(replace(plan, encoder="lsq"))
            if rival in POLISHED and self._settings.has_polish:
                yield "polished", rival, ours(replace(plan, polish=True))

    def _frontier(self) -> dict[str, Any] | None:
        if self._settings.is_final and not self._shelf.has("frontier"):
            return None
        sizes = FRONTIER[2:5] if self._settings.is_quick else FRONTIER
        made = self._shelf.made("frontier", ours(self._plan(bits_per_weight=sizes)))
        for point in made["points"]:
            self._measure(f"frontier/{point['name']}", {"code": made["code"], "digest": point["digest"]})
        return {"wall_seconds": made["wall_seconds"], **predictions(made["points"], self._rows)}

    def _reproduced(self) -> dict[str, str]:
        """Return the digests of two runs of one plan; none where that was not tried."""
        plan = replace(self._plan(bits_per_weight=(3.5,)), calibration_tokens=REPRODUCED_TOKENS)

        def make(folder: Path) -> dict[str, Any]:
            folder.mkdir()
            found = digests(plan)
            if self._settings.has_polish:
                found |= {f"{run}, polished": made for run, made in digests(replace(plan, polish=True)).items()}
            return {"digests": found}

        name = "reproduced_polished" if self._settings.has_polish else "reproduced"
        if self._settings.is_final and not self._shelf.has(name):
            return {}
        found: dict[str, str] = self._shelf.made(name, make)["digests"]
        return found


def _same(reproduced: dict[str, str]) -> dict[str, Any]:
    """Return the target of identical digests: one for all runs of each plan."""
    plans = {run.partition(",")[2] for run in reproduced}
    different = len(set(reproduced.values()))
    head = {"what": "digests of two runs of each plan", "kind": "digests"}
    return {**head, "target": len(plans), "measured": different, "se": None, "is_met": different == len(plans)}


def _demand_same_text(one: dict[str, Any], other: dict[str, Any]) -> None:
    if one["digest"] != other["digest"]:
        raise ValueError("mlxkit did not calibrate on the text that the rivals were given")


def _memory_maps() -> list[str]:
    path = Path("/proc/self/maps")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _compact(path: Path) -> None:
    """Put lists of numbers on one line each."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"\[[-+\d.,e\s]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text), encoding="utf-8")


def main() -> None:
    """Make, measure, compare, keep, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=[*SUBJECTS, "all"], default="all")
    parser.add_argument("--rows", type=int, help="of text to judge by, 512 tokens each; 32, or 4 with --quick")
    parser.add_argument("--out", type=Path, help="where the figures go")
    parser.add_argument("--folder", type=Path, default=Path("build/quality"), help="where what is made is kept")
    parser.add_argument("--no-polish", action="store_true", help="leave out the rows that are polished")
    parser.add_argument("--only-made", action="store_true", help="make nothing more: tell what there is")
    parser.add_argument("--quick", action="store_true", help="a few rows on little text, to see that everything runs")
    asked = parser.parse_args()
    mx.set_default_device(mx.cpu)
    folder = (asked.folder / "quick" if asked.quick else asked.folder).resolve()
    os.environ.setdefault("MLXKIT_CACHE", str(folder / "cache"))
    settings = Settings(
        folder=folder,
        rows=asked.rows or (4 if asked.quick else 32),
        calibration_tokens=2048 if asked.quick else 16384,
        has_polish=not asked.no_polish,
        is_quick=asked.quick,
        is_final=asked.only_made,
    )
    names = list(SUBJECTS) if asked.model == "all" else [asked.model]
    found = {name: Run(SUBJECTS[name], settings).figures() for name in names}
    for name, figures in found.items():
        print(overview(name, figures))
    seeds = {"calibration": CALIBRATION_SEED, "evaluation": EVALUATION_SEED}
    about = {"code": code(), "blas": blas(_memory_maps()), "rows": settings.rows, "row_tokens": LENGTH, "seeds": seeds}
    # A path that is absolute stays what it is, where `keep` joins it to its own folder.
    out = asked.out or (folder / "quality.json" if asked.quick else Path("quality"))
    name = str(out.with_suffix("").resolve() if asked.out or asked.quick else out)
    path = keep(name, {**about, "subjects": found})
    _compact(path)
    print(f"\n{path.name} written")


if __name__ == "__main__":
    main()
