"""From the name that a user types to a folder on this disk."""

from pathlib import Path

from mlxkit.core.errors import MlxkitError, NotFoundError
from mlxkit.core.located import Located
from mlxkit.core.names import TINY, Repo, looks_like_a_folder, parse

_DATA = Path(__file__).parents[2] / "data"


def is_local(name: str) -> bool:
    """Say whether a name means something on this disk: `tiny`, what exists, or what can only be meant as a path."""
    if name == TINY or looks_like_a_folder(name):
        return True
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a path, say
        return True


def local(name: str) -> Located:
    """Return where a model on this disk is; the same as `locate`, for those who take models from elsewhere too.

    Raises:
        NotFoundError: there is no such folder.
    """
    return Located(locate(name))


def locate(name: str) -> Path:
    """Return the folder of a model: a folder that exists, or ``tiny``.

    A folder called ``tiny`` in the current folder is reached as ``./tiny``.

    Raises:
        NotFoundError: there is no such folder.
    """
    if name == TINY:
        return _DATA / TINY
    folder = Path(name).expanduser()
    try:
        if folder.is_dir():
            return folder.resolve()
        exists = folder.exists()
    except (OSError, ValueError) as error:
        raise NotFoundError(f"{name!r} cannot be a folder: {error}.", hint="mlxkit inspect tiny") from error
    if exists:
        raise NotFoundError(
            f"{name!r} is a file: a model is a folder with config.json, a tokenizer and safetensors weights.",
            hint=f"mlxkit inspect {folder.parent}",
        )
    raise _absent(name)


def shown(name: str) -> str:
    """Return a model's name as it may be published: a folder under the home folder begins with ``~``."""
    folder = Path(name).expanduser()
    if name == TINY or not folder.is_dir():
        return name
    resolved, home = folder.resolve(), Path.home().resolve()
    return f"~/{resolved.relative_to(home).as_posix()}" if resolved.is_relative_to(home) else str(resolved)


def _absent(name: str) -> MlxkitError:
    said = f"There is no folder {name!r} on this disk."
    if not is_local(name) and isinstance(parse(name), Repo):
        return NotFoundError(said, hint=f"mlxkit fetch {name}")
    return NotFoundError(said, hint="`tiny` needs none: mlxkit run tiny")
