import tomllib
from fractions import Fraction
from importlib.resources import files

import pytest
from platformdirs import user_config_path

from mlxkit.core.devices import SHIPPED, Figure, device, devices
from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.engines.store.devices import known_devices

GIB, GB = 2**30, 10**9
SAID = tomllib.loads((files("mlxkit") / "data" / SHIPPED).read_text(encoding="utf-8"))
OURS = devices(SAID)

TOASTER = """
[[devices]]
name = "Toaster"
kind = "mac"
chip = "M4"
memory_gib = { value = 4, confidence = "observed", source = "its box" }
"""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The folder of the user's settings, wherever the system has it; it is not made."""
    monkeypatch.delenv("MLXKIT_DEVICES", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    folder = user_config_path("mlxkit")
    assert folder.is_relative_to(tmp_path)
    return folder


def figures(value):
    """Every table below that tells a figure: with a value, or a rule's."""
    if isinstance(value, dict):
        if value.keys() & {"value", "share", "gb"}:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from figures(inner)


def test_every_figure_that_ships_has_a_source_and_a_confidence():
    told = list(figures(SAID))

    assert len(told) >= len(SAID["devices"]) + len(SAID["limits"]) + 3 * len(SAID["speeds"])
    assert all(one["source"].strip() and one["confidence"] in ("documented", "observed", "assumed") for one in told)


@pytest.mark.parametrize("one", OURS, ids=lambda one: one.name)
def test_every_device_that_ships_is_found_and_plausible(one):
    assert device(one.name, OURS) is one
    assert 2 * GIB < one.limit_bytes < one.memory_bytes
    assert one.bandwidth is None or 50 * GB < one.bandwidth.value < 2000 * GB
    assert (one.speed is None) == (one.kind == "iphone")


@pytest.mark.parametrize(
    ("name", "share", "less_gb"),
    [
        ("M1 8GB", Fraction(2, 3), 1),
        ("M4 16GB", Fraction(2, 3), 1),
        ("M2 24GB", Fraction(2, 3), 2),
        ("M4 Max 36GB", Fraction(3, 4), 2),
        ("M4 Max 48GB", Fraction(3, 4), 2),
        ("M3 Ultra 512GB", Fraction(3, 4), 2),
    ],
)
def test_a_mac_gives_its_working_set_less_a_margin(name, share, less_gb):
    found = device(name, OURS)

    assert found.limit_bytes == int(found.memory_bytes * share) - less_gb * GB


def test_limits_are_those_that_were_chosen():
    assert device("M4 Max 64GB", OURS).limit_bytes == 48 * GIB - 2 * GB
    assert [
        device(name, OURS).limit_bytes / GB
        for name in ("iPhone 13 Pro", "iPhone 16 Pro", "iPhone 17 Pro", "iPad Air M2", "iPad Pro M4 16GB")
    ] == [3.5, 5, 6, 5, 11]


def test_the_gpu_decides_the_bandwidth():
    small, large = device("M4 Max 36GB", OURS), device("M4 Max 64GB", OURS)

    assert (small.bandwidth.value, large.bandwidth.value) == (410 * GB, 546 * GB)
    assert large.bandwidth.confidence == "documented"


def test_without_a_file_of_the_users_there_is_what_ships(settings):
    assert known_devices() == OURS

    settings.mkdir(parents=True)
    (settings / "devices.toml").write_text("\n")

    assert known_devices() == OURS


def test_a_file_in_the_settings_is_read_and_a_named_one_instead(settings, tmp_path, monkeypatch):
    settings.mkdir(parents=True)
    (settings / "devices.toml").write_text(TOASTER)
    (tmp_path / "other.toml").write_text(TOASTER.replace("Toaster", "Kettle"))

    assert device("toaster", known_devices()).memory == Figure(4 * GIB, "observed", "its box")

    monkeypatch.setenv("MLXKIT_DEVICES", "~/other.toml")
    known = known_devices()

    assert [one.name for one in known[len(OURS) :]] == ["Kettle"]


def test_a_users_figure_takes_the_place_of_ours(settings, tmp_path, monkeypatch):
    (tmp_path / "my.toml").write_text(
        '[[devices]]\nname = "iphone 16 pro"\nlimit = { gb = 5.5, confidence = "observed", source = "my phone" }\n'
    )
    monkeypatch.setenv("MLXKIT_DEVICES", str(tmp_path / "my.toml"))

    found = device("iPhone 16 Pro", known_devices())

    assert found.limit == Figure(5_500_000_000, "observed", "my phone")
    assert found.memory == device("iPhone 16 Pro", OURS).memory


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'[[devices]]\nname = "x"\nkind = mac\n', r"my\.toml' is no TOML: .*\(at line 3, column 8\)\.$"),
        (b"x = " + b"9" * 5000, r"my\.toml' is no TOML: "),
        (b"x = " + b"[" * 5000, r"my\.toml' is no TOML: "),
        (b'name = "\xff"', r"my\.toml' is no text in UTF-8: byte 8 cannot be read\.$"),
        (b'[[devices]]\nname = "x"\n', r"^Device 'x' of '.*my\.toml' has no key 'memory_gib'\.$"),
    ],
)
def test_a_broken_file_is_one_sentence(content, sentence, settings, tmp_path, monkeypatch):
    (tmp_path / "my.toml").write_bytes(content)
    monkeypatch.setenv("MLXKIT_DEVICES", str(tmp_path / "my.toml"))

    with pytest.raises(PlanError, match=sentence):
        known_devices()


@pytest.mark.parametrize("named", ["absent.toml", ".", "~nobody-at-all/x.toml"])
def test_a_file_that_is_named_must_be_there(named, settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLXKIT_DEVICES", named)

    with pytest.raises(NotFoundError, match=r"^The devices '.*' cannot be read: ") as caught:
        known_devices()

    assert "MLXKIT_DEVICES" in caught.value.hint
