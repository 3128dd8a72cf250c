"""The doctor as it is typed: nothing of the network, nothing of the home folder, tiny answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import socket
def refuse(*_): raise AssertionError("the network was touched")
socket.socket.connect = socket.getaddrinfo = refuse
from mlxkit.cli import cli
cli()
"""


def doctor(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, "doctor", *words],
        env={**inherited, "HOME": str(home), "HF_TOKEN": "hf_secret"},
        check=False,
        capture_output=True,
        text=True,
    )


def test_all_parts_work_here(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--json")
    envelope = json.loads(done.stdout)

    assert (done.returncode, envelope["status"], envelope["error"]) == (0, "ok", None)
    assert all(part["is_working"] for part in envelope["data"]["parts"])
    assert isinstance(envelope["data"]["generation"]["token"], int)
    assert envelope["data"]["hub"]["cache"] == "~/.cache/huggingface/hub"
    assert envelope["data"]["hub"]["has_token"]
    assert "secret" not in done.stdout + done.stderr
    assert str(tmp_path) not in done.stdout + done.stderr


def test_the_text_shows_no_home_folder_and_no_token(tmp_path: Path) -> None:
    done = doctor(tmp_path)

    assert "~/.cache/huggingface/hub" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    assert str(tmp_path) not in done.stdout + done.stderr
