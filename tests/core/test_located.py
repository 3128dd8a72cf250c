"""From a name and the terms to a repo, and what is said of it."""

import pytest

from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.located import Terms, remarks, repo_of
from mlxkit.core.names import Repo


@pytest.mark.parametrize(
    ("model", "terms", "expected"),
    [
        ("owner/name", Terms(), Repo("owner/name")),
        ("owner/name@v1", Terms(), Repo("owner/name", "v1")),
        ("owner/name", Terms("refs/pr/1"), Repo("owner/name", "refs/pr/1")),
        ("owner/name@v1", Terms("v1"), Repo("owner/name", "v1")),
        ("name", Terms("v1"), Repo("mlx-community/name", "v1", is_completed=True)),
    ],
)
def test_a_revision_comes_from_either(model: str, terms: Terms, expected: Repo) -> None:
    assert repo_of(model, terms) == expected


@pytest.mark.parametrize("terms", [Terms("../main"), Terms("")])
def test_what_is_no_revision_is_refused(terms: Terms) -> None:
    with pytest.raises(NotFoundError, match="not a revision"):
        repo_of("owner/name", terms)


@pytest.mark.parametrize("model", ["tiny", "./name", "a/b/c"])
def test_what_is_no_repo_is_refused(model: str) -> None:
    with pytest.raises(NotFoundError):
        repo_of(model, Terms())


@pytest.mark.parametrize(("model", "terms"), [("a/b@v1", Terms("v2")), ("a/b", Terms(offline=True, refresh=True))])
def test_contradictions_are_refused(model: str, terms: Terms) -> None:
    with pytest.raises(PlanError):
        repo_of(model, terms)


def test_only_what_differs_is_remarked() -> None:
    assert remarks("owner/name", Repo("owner/name"), "owner/name") == ()
    assert len(remarks("name", Repo("mlx-community/name", is_completed=True), "mlx-community/other")) == 2
