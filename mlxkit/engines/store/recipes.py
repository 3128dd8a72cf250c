"""Recipes on this disk: a user's file, and those that ship with mlxkit."""

from importlib.resources import files
from pathlib import Path

from mlxkit.core.errors import PlanError
from mlxkit.core.recipes import LONGEST, Recipe, parse
from mlxkit.engines.store.given import read_given

_MOST_BYTES = 4 * LONGEST  # UTF-8 takes up to four bytes a character


def read_recipe(path: Path) -> Recipe:
    """Return the recipe that a file says.

    Raises:
        NotFoundError: it is not there, or cannot be read.
        PlanError: it is larger than a recipe can be, is no text, or does not say what is needed.
    """
    hint = "name a TOML file, or begin one with `mlxkit build --new owner/name`"
    content = read_given(path, "The recipe", hint, _MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise PlanError(f"{str(path)!r} is no recipe: it has more than {_MOST_BYTES} bytes.", hint="name a TOML file")
    return parse(content, str(path))


def shipped() -> dict[str, Path]:
    """Return the recipes that ship with mlxkit: the stem of each file, which stands for it, and where it is.

    They are the folder ``recipes`` of a clone, which a wheel carries as ``mlxkit/data/recipes``.
    """
    package = Path(str(files("mlxkit")))
    clone = package.parent / "recipes"
    # What lies beside an installed package is not ours: a clone is known by its project file.
    is_clone = (package.parent / "pyproject.toml").is_file()
    folder = clone if is_clone else package / "data" / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
