"""From the name that a user types to a folder on this disk."""

import re
from pathlib import Path

from mlxkit.core.errors import MlxkitError, NotFoundError

TINY = "tiny"
"""The name of the checkpoint that ships with mlxkit."""

_DATA = Path(__file__).parents[2] / "data"
_REPO = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w./-]+)?")


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
    if _REPO.fullmatch(name) and not name.startswith("."):
        return NotFoundError(
            f"There is no folder {name!r} on this disk.",
            hint=f"`hf download {name.partition('@')[0]}` fetches a repo of that name and prints its folder",
        )
    return NotFoundError(f"There is no folder {name!r} on this disk.", hint="`tiny` needs none: mlxkit run tiny")
