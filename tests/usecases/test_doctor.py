"""What the doctor tells: every part tried, each failure named, nothing private shown."""

import math
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.errors import CheckpointError, IntegrityError
from mlxkit.engines import machine
from mlxkit.engines.hub import Hub
from mlxkit.engines.machine import Machine
from mlxkit.usecases.doctor import DoctorPlan, DoctorResult, doctor, redacted
from tests.fakes.checkpoints import QWEN3, qwen3_shapes, random_weights, write_checkpoint
from tests.fakes.machine import GB, FakeSystem, broken, cpu, mac, metal


def examined(here: Machine | None = None, **engines: Any) -> DoctorResult:
    engines.setdefault("generate", lambda _model: 7)
    engines.setdefault("read_hub", lambda: Hub(Path("/data/hf/hub"), "https://huggingface.co", True, False))
    return doctor(DoctorPlan(), read_machine=lambda: here or machine.read(mac(), metal()), **engines)


def warnings(here: Machine) -> str:
    return " ".join(examined(here).warnings)


def test_a_mac_on_which_all_works() -> None:
    result = examined()

    assert result.failure is None
    assert result.token == 7
    assert [part.name for part in result.parts] == ["packages", "MLX", "Hub settings", "one token with 'tiny'"]
    facts = {fact.label.strip(): fact.value for fact in result.report().facts}
    assert facts["System"] == "macOS 15.5 (24F74) arm64"
    assert facts["MLX device"] == "gpu (applegpu_g16s)"
    assert facts["GPU cores"] == result.data()["gpu_cores"] == 40
    assert facts["recommended at most"] == 48 * GB
    assert not [note for note in result.report().notes if note.level == "note"]


def test_elsewhere_speed_is_said_to_mean_nothing() -> None:
    linux = machine.read(FakeSystem(kernel="Linux"), cpu())

    assert "says nothing about a Mac" in examined(linux).report().notes[-1].text
    assert "Metal" not in warnings(linux)


def test_a_part_that_fails_is_named_and_the_others_still_run() -> None:
    def generate(model: str) -> int:
        raise CheckpointError(f"{model!r} has no config.json.", hint="install it again")

    result = examined(generate=generate)

    assert result.failure is not None
    assert result.failure.exit_status == 1
    assert result.failure.message == "Not all parts work: one token with 'tiny' ('tiny' has no config.json)."
    assert result.failure.hint == "install it again"
    assert [part.error is None for part in result.parts] == [True, True, True, False]
    assert result.data()["hub"]["has_token"] is True


def test_every_part_that_fails_is_named() -> None:
    def fail(*_: str) -> Any:
        raise RuntimeError("out of order")

    result = examined(machine.read(mac(), broken("no device")), generate=fail, read_hub=fail)

    assert result.failure is not None
    assert result.failure.message == (
        "Not all parts work: MLX (MLX cannot be used: no device); Hub settings (RuntimeError: out of order); "
        "one token with 'tiny' (RuntimeError: out of order)."
    )
    assert result.failure.__cause__ is result.parts[1].error
    assert result.data()["hub"] is None
    assert result.report().tables[1].rows[3][3] == "RuntimeError: out of order"


def test_a_package_that_is_missing_is_named() -> None:
    def version(package: str) -> str:
        if package == "mlx-lm":
            raise PackageNotFoundError(package)
        return "1.0"

    result = examined(read_version=version)

    assert result.versions["mlx-lm"] is None
    assert result.failure is not None
    assert result.failure.hint == "python3 -m pip install mlx-lm"


def test_rosetta_is_warned_of_once() -> None:
    told = warnings(machine.read(mac(sysctl_proc_translated="1"), cpu()))

    assert "Rosetta" in told
    assert "virtual" not in told.lower()


def test_a_mac_without_metal_is_warned_of() -> None:
    assert "Metal is not there" in warnings(machine.read(mac(), cpu()))


@pytest.mark.parametrize(("version", "old"), [("13.6", True), ("14.0", False), ("26.1", False), ("odd", False)])
def test_a_macos_older_than_mlx_takes_is_warned_of(version: str, old: bool) -> None:
    assert ("too old" in warnings(machine.read(mac(version), metal()))) == old


def test_little_memory_is_warned_of() -> None:
    assert "less than 8 GB" in warnings(machine.read(mac(memory=7 * GB), metal()))
    assert "less than 8 GB" not in warnings(machine.read(mac(memory=8 * 2**30), metal()))


@pytest.mark.parametrize(("free", "little"), [(9 * GB, True), (10 * GB, False), (None, False)])
def test_little_disk_is_warned_of(free: int | None, little: bool) -> None:
    result = examined()
    told = DoctorResult(result.machine, result.hub, free, result.versions, "tiny", 7).warnings

    assert any("10 GB" in warning for warning in told) == little


def test_a_model_answers_with_a_token_of_its_vocabulary(source: Path) -> None:
    result = doctor(DoctorPlan(str(source)))

    assert result.failure is None
    assert result.token is not None
    assert 0 <= result.token < 320


def test_a_model_that_computes_nan_does_not_work(tmp_path: Path) -> None:
    weights = random_weights(qwen3_shapes(QWEN3))
    weights["model.norm.weight"][3] = math.nan
    folder = write_checkpoint(tmp_path / "broken", weights=weights)

    result = doctor(DoctorPlan(str(folder)))

    assert isinstance(result.parts[-1].error, IntegrityError)
    assert result.token is None


def test_the_home_folder_is_nowhere_to_be_seen() -> None:
    home = Path.home()

    def generate(_model: str) -> int:
        raise CheckpointError(f"'{home}/models/x' is odd.", hint=f"look into {home}/models")

    result = examined(read_hub=lambda: Hub(home / ".cache/hf", "https://hub", False, True), generate=generate)

    assert result.failure is not None
    assert str(home) not in f"{result.data()} {result.report()} {result.failure} {result.failure.hint}"
    assert result.data()["hub"]["cache"] == "~/.cache/hf"
    assert result.data()["parts"][-1]["reason"] == "'~/models/x' is odd."


@given(st.text())
def test_redaction_leaves_other_paths_alone(text: str) -> None:
    assert redacted(f"/elsewhere{text}").startswith("/elsewhere")
    assert redacted(f"/elsewhere{Path.home()}-of-another/x") == f"/elsewhere{Path.home()}-of-another/x"
