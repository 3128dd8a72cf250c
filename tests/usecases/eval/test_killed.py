"""eval, killed in the middle: at most the row at hand is judged again, and the ledger is sound."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

from mlxkit.engines import ledger, models
from mlxkit.usecases.eval import EvalPlan, evaluate
from tests.fakes.architectures import write

CONTEXT, ROWS, KILLS = 64, 120, 4


def test_killed_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MLXKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLXKIT_LEDGER", str(tmp_path / "ledger.sqlite3"))
    model = write("llama", tmp_path / "model")
    text = tmp_path / "text.jsonl"
    text.write_text("\n".join(json.dumps({"text": f"Document {number} of all. " * 20}) for number in range(400)))
    plan = EvalPlan(str(model), str(model), (str(text),), tokens=ROWS * CONTEXT, context=CONTEXT)
    command = [sys.executable, "-m", "mlxkit", "eval", str(model), "--reference", str(model), "--text", str(text)]
    command += ["--tokens", str(plan.tokens), "--context", str(CONTEXT)]
    written = 0
    for _ in range(KILLS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and lines(tmp_path) < written + 5:
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL
        assert lines(tmp_path) >= written + 5
        written = lines(tmp_path)
    read = []

    class Counting(models.Reader):
        def logits(self, tokens):
            read.append(tokens.shape)
            return super().logits(tokens)

    result = evaluate(plan, open_reader=Counting)
    assert len(read) == ROWS - written
    assert result.measurements[0].summary["rows"] == ROWS
    assert result.measurements[0].summary["kl_nats"] == 0
    assert ledger.find(kind="quality") == result.measurements
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def lines(folder):
    """How many rows are written down whole."""
    return sum(path.read_bytes().count(b"\n") for path in (folder / "cache" / "judged").glob("*.jsonl"))
