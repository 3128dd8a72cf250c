"""What is to be built, and from which file."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mlxkit.core.errors import NotFoundError
from mlxkit.core.recipes import Recipe, Variant
from mlxkit.engines import store

_FEW = 3


@dataclass(frozen=True)
class BuildPlan:
    """What to build.

    Attributes:
        recipe: a path to a recipe, or the stem of one that ships with mlxkit.
        variants: names of those that are wanted; none for all.
        keep_going: go on with the others after a variant that cannot be built.
        root: the folder that each recipe has a folder of its name in.
    """

    recipe: str
    variants: tuple[str, ...] = ()
    keep_going: bool = False
    root: Path = Path("build")

    @property
    def path(self) -> Path:
        """The recipe's file.

        Raises:
            NotFoundError: there is none.
        """
        named, shipped = Path(self.recipe), store.shipped()
        if named.suffix == ".toml" or "/" in self.recipe or self.recipe not in shipped:
            if not named.exists():
                raise NotFoundError(f"There is no recipe {self.recipe!r}.", hint=_hint(self.recipe, tuple(shipped)))
            return named
        return shipped[self.recipe]

    @property
    def folder(self) -> Path:
        """The folder of the recipe's file, which its names of files are relative to.

        Raises:
            NotFoundError: there is none.
        """
        return self.path.absolute().parent

    def home(self, recipe: Recipe) -> Path:
        """Return the recipe's own folder."""
        return self.root.absolute() / recipe.name

    def chosen(self, recipe: Recipe) -> tuple[Variant, ...]:
        """Return the variants that are wanted, in the recipe's order.

        Raises:
            NotFoundError: the recipe has none of that name.
        """
        names = tuple(variant.name for variant in recipe.variants)
        for name in self.variants:
            if name not in names:
                raise NotFoundError(f"{recipe.name!r} has no variant {name!r}.", hint=_hint(name, names))
        return tuple(variant for variant in recipe.variants if not self.variants or variant.name in self.variants)


def _hint(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=_FEW, cutoff=0.5)
    listed = f"known here: {', '.join(known)}"
    return f"did you mean {' or '.join(map(repr, near))}? {listed}" if near else listed
