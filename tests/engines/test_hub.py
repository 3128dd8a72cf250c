"""How the Hub is set up, read in a fresh process, because huggingface_hub reads its environment once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = """
import dataclasses, json, socket
def refuse(*_): raise AssertionError("the network was touched")
socket.socket.connect = refuse
from mlxkit.engines import hub
print(json.dumps(dataclasses.asdict(hub.read()), default=str))
"""


def read(home: Path, **environment: str) -> dict[str, Any]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**inherited, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "secret" not in done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_nothing_set(tmp_path: Path) -> None:
    assert read(tmp_path) == {
        "cache": str(tmp_path / ".cache/huggingface/hub"),
        "endpoint": "https://huggingface.co",
        "has_token": False,
        "is_offline": False,
    }


def test_the_environment_is_honoured(tmp_path: Path) -> None:
    found = read(tmp_path, HF_HOME="/data/hf", HF_ENDPOINT="https://hub.example/", HF_HUB_OFFLINE="1")

    assert found == {
        "cache": "/data/hf/hub",
        "endpoint": "https://hub.example",
        "has_token": False,
        "is_offline": True,
    }


def test_a_token_in_the_environment_is_seen_and_not_shown(tmp_path: Path) -> None:
    assert read(tmp_path, HF_TOKEN="hf_secret")["has_token"]
    assert not read(tmp_path, HF_TOKEN=" ")["has_token"]


def test_a_token_of_a_sign_in_is_seen_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hf_secret")

    assert read(tmp_path, HF_TOKEN_PATH=str(file))["has_token"]


def test_a_password_in_the_endpoint_is_not_shown(tmp_path: Path) -> None:
    assert read(tmp_path, HF_ENDPOINT="https://me:secret@hub.example:8080")["endpoint"] == "https://hub.example:8080"
