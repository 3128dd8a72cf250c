"""What is private goes, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.redaction import redacted
from tests.fakes.measurements import JSON

HOMES = ("/home/ada", "/data/people/ada")
LOGINS = ("ada",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ada", "~"),
        ("/home/ada/models/x", "~/models/x"),
        ("/data/people/ada/x", "~/x"),
        ("'/home/ada/x' is odd.", "'~/x' is odd."),
        ("It is in /home/ada.", "It is in ~."),
        ("/Users/bob/x", "~/x"),
        ("/Users/bob.smith/x", "~/x"),
        ("/home/bob", "~"),
        ("/var/home/bob/x", "~/x"),
        ("/System/Volumes/Data/Users/bob/x", "~/x"),
        ("/root/x", "~/x"),
        ("see /root.", "see ~."),
        ("file:///home/bob/x", "file://~/x"),
        ("PATH=/usr/bin:/home/bob/bin", "PATH=/usr/bin:~/bin"),
        ("/mnt/ada/x", "/mnt/~/x"),
        ("/Volumes/My Disk/ada/x", "/Volumes/My Disk/~/x"),
        ("--out=/srv/ada", "--out=/srv/~"),
        ("models/ada/x", "models/~/x"),
        ("ada@studio:/srv/x", "~@studio:/srv/x"),
        ("ssh ada@studio", "ssh ~@studio"),
    ],
)
def test_what_is_private_goes(text: str, expected: str) -> None:
    assert redacted(text, HOMES, LOGINS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "mlx-community/ada-4bit",
        "ada/Qwen3-0.6B",
        "ada/Qwen3-0.6B@main",
        "other/ada",
        "https://huggingface.co/ada/model",
        "hf://ada/model/config.json",
        "hadaq",
        "granada@host",
        "ada",
        "Lovelace, ada",
        "/srv/adam/x",
        "/srv/ada-2/x",
        "/srv/ada.txt",
        "/data/people/ada-of-another/x",
        "/rooted/x",
        "/srv/root/x",
        "/homes/x",
        "https://example.org/home/bob",
        "~/models",
        "tiny",
        "",
    ],
)
def test_all_else_stays(text: str) -> None:
    assert redacted(text, HOMES, LOGINS) == text


@pytest.mark.parametrize("name", ["mlx-community/mlx", "mlx/model", "mlx-community/model in mlx-community", "mlx 0.32"])
def test_a_user_who_is_called_like_a_library(name: str) -> None:
    assert redacted(name, ["/Users/mlx"], ["mlx"]) == name


def test_json_is_redacted_throughout() -> None:
    value = {"/home/ada/x": [{"path": "/home/ada/y"}, 1, None, True, 0.5], "n": ("/root",)}

    assert redacted(value, HOMES, LOGINS) == {"~/x": [{"path": "~/y"}, 1, None, True, 0.5], "n": ["~"]}


def test_keys_that_become_the_same_keep_their_values() -> None:
    once = redacted({"/home/a/x": 1, "/home/b/x": 2, "~/x": 3}, ())

    assert once == {"~/x": 1, "~/x (2)": 2, "~/x (3)": 3}
    assert redacted(once, ()) == once


@pytest.mark.parametrize("homes", [("/",), ("",), ("//",)])
def test_a_root_folder_is_no_home(homes: tuple[str, ...]) -> None:
    assert redacted("/srv/x", homes, ("",)) == "/srv/x"


PIECES = st.lists(
    st.sampled_from(
        ["/home", "/Users", "/root", "/data/people", "/ada", "ada", "bob", "~", "/", "@", ".", " ", ":", "-"]
    )
).map("".join)


@given(PIECES | st.text())
def test_twice_is_once(text: str) -> None:
    once = redacted(text, HOMES, LOGINS)

    assert redacted(once, HOMES, LOGINS) == once


@given(PIECES)
def test_no_home_is_left_where_a_path_starts(text: str) -> None:
    assert "/home/ada/" not in redacted(f" {text} /home/ada/x", HOMES, LOGINS).rpartition(" ")[2]


@given(JSON.filter(lambda value: "/" not in repr(value) and "@" not in repr(value)))
def test_json_without_a_path_or_a_host_stays_as_it_is(value: object) -> None:
    assert redacted(value, HOMES, LOGINS) == value
