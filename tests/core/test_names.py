"""What a name means, and that we allow exactly what the Hub allows."""

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.errors import NotFoundError
from mlxkit.core.names import Folder, Repo, Tiny, is_repo_id, is_revision, parse

NAMES = st.text(st.sampled_from("abXY019-_.é \n"), min_size=1, max_size=12) | st.text("ab", min_size=95, max_size=98)


@pytest.mark.parametrize("text", [".", "..", "./tiny", "../a/b", "/a", "~/models/x", "a/b/c", "models/", "a\\b", ""])
def test_what_looks_like_a_path_is_a_folder(text: str) -> None:
    assert parse(text) == Folder(text)


def test_tiny_is_ours() -> None:
    assert parse("tiny") == Tiny()


def test_a_bare_name_is_completed_and_says_so() -> None:
    assert parse("Qwen3-0.6B-4bit") == Repo("mlx-community/Qwen3-0.6B-4bit", None, is_completed=True)
    assert parse("Qwen3@v1") == Repo("mlx-community/Qwen3", "v1", is_completed=True)


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/3", "a" * 40, "release/1.0"])
def test_a_revision_follows_the_at(revision: str) -> None:
    name = parse(f"owner/name@{revision}")

    assert name == Repo("owner/name", revision)
    assert str(name) == f"owner/name@{revision}"


@pytest.mark.parametrize(
    "text", ["a b", "owner/na me", "o/n@", "o/n@../x", "o/n@a//b", "a--b/c", "o/n.git", "o/n..m", "o/-n"]
)
def test_what_the_hub_does_not_allow_is_refused(text: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        parse(text)

    assert caught.value.hint


@given(NAMES, NAMES)
def test_names_are_those_of_the_library(owner: str, name: str) -> None:
    text = f"{owner}/{name}"
    try:
        validate_repo_id(text)
        allowed = True
    except HFValidationError:
        allowed = False

    assert is_repo_id(text) == allowed


@given(st.text(st.sampled_from("ab./-@\\\0 ~"), max_size=10))
def test_a_revision_stays_below_the_refs(text: str) -> None:
    if is_revision(text):
        assert not text.startswith(("/", ".", "-"))
        assert ".." not in text.split("/")


@given(st.text(max_size=30))
def test_every_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = parse(text)
    except NotFoundError:
        return
    if isinstance(name, Repo):
        assert is_repo_id(name.repo_id)
        assert parse(str(name)) == Repo(name.repo_id, name.revision)
    else:
        assert name in (Folder(text), Tiny())
