"""What is quantized, and the text it is judged by: none of it is seen by a calibration."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.utils import load_tokenizer

from mlxkit.core.progress import Silent
from mlxkit.core.text import digest
from mlxkit.engines import models, store

LENGTH = 512
"""Tokens of a row of text."""

CALIBRATION_SEED = 0
"""mlxkit's own default: it draws calibration text with twice this seed, and judges by text of the seed after that."""

EVALUATION_SEED = 1001

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Subject:
    """A trained checkpoint.

    Attributes:
        name: what it is called here.
        folder: where it is.
        held_out: text of the kind that it was trained on; None where all of that is generated.
    """

    name: str
    folder: Path
    held_out: Path | None = None


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("tiny", _ROOT / "mlxkit" / "data" / "tiny"),
        Subject(
            "small",
            _ROOT / "benchmarks" / "small" / "checkpoint",
            _ROOT / "benchmarks" / "small" / "checkpoint" / "held_out.txt",
        ),
    )
}

QUESTIONS = _ROOT / "mlxkit" / "data" / "tiny" / "questions.jsonl"


@dataclass(frozen=True)
class Text:
    """Rows of text.

    Attributes:
        rows: (rows, time), int32.
        origin: where it is from.
    """

    rows: mx.array
    origin: str

    @property
    def digest(self) -> str:
        """SHA-256 of its tokens."""
        return digest(self.rows.tolist())

    def data(self) -> dict[str, Any]:
        """Return what identifies it, as JSON."""
        return {"origin": self.origin, "digest": self.digest, "rows": self.rows.shape[0], "tokens": self.rows.size}


class Writer:
    """A subject that writes text itself, at full precision, as mlxkit lets it for calibration.

    Args:
        subject: who writes.
        kept: a folder for what was written.
    """

    def __init__(self, subject: Subject, kept: Path) -> None:
        kept.mkdir(parents=True, exist_ok=True)
        self._kept = kept
        self._weights = weights_sha256(subject.folder)
        checkpoint = store.read(subject.name, subject.folder).sound()
        self._subject = subject
        self._bench = models.Workbench(checkpoint, "bfloat16", is_reduced=False, trust_remote_code=False)
        self._tokenizer = models.load_tokenizer(checkpoint, trust_remote_code=False)

    def calibration(self, rows: int) -> Text:
        """Return the very text that mlxkit calibrates on: what rivals are given."""
        return self._written(store.prompts(), rows, 2 * CALIBRATION_SEED)

    def evaluation(self, rows: int) -> dict[str, Text]:
        """Return the text to judge by.

        It is drawn with a seed, and after prompts, that no calibration uses; a subject's held-out text is the other.
        """
        found = {"self-generated": self._written(store.prompts()[::-1], rows, EVALUATION_SEED)}
        if self._subject.held_out is not None:
            tokens = self._tokenizer.encode(self._subject.held_out.read_text(encoding="utf-8"))
            count = min(rows, len(tokens) // LENGTH)
            cut = mx.array(tokens[: count * LENGTH], dtype=mx.int32).reshape(count, LENGTH)
            found["held-out"] = Text(cut, self._subject.held_out.name)
        return found

    def as_file(self, path: Path, rows: int) -> Path:
        """Write calibration text as a user's file, a row a document, half as much again for what is held out of it."""
        written = self.calibration(rows * 3 // 2).rows.tolist()
        tokenizer = load_tokenizer(self._subject.folder)
        texts = [tokenizer.decode(row) for row in written]
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        return path

    def _written(self, prompts: tuple[str, ...], rows: int, seed: int) -> Text:
        path = self._kept / f"{self._weights[:12]}-{seed}-{rows}.json"
        if not path.exists():
            found = models.sampled(
                self._bench.model, self._tokenizer, prompts, count=rows, length=LENGTH, seed=seed, progress=Silent()
            )
            path.write_text(json.dumps({"rows": found.rows, "origin": found.origin}), encoding="utf-8")
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Text(models.array(kept["rows"]), kept["origin"])


def questions() -> list[dict[str, str]]:
    """Return the questions that every subject is asked: tiny's, none of which is in any training text."""
    return [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


def weights_sha256(folder: Path) -> str:
    """Return the digest of a checkpoint's weight files."""
    hashed = hashlib.sha256()
    for file in sorted(folder.glob("model*.safetensors")):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()
