"""Where devices are described: with mlxkit, and in a file of the user's own."""

import os
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from mlxkit.core.devices import SHIPPED, Device, devices
from mlxkit.core.errors import NotFoundError, PlanError
from mlxkit.core.text import decoded
from mlxkit.engines.store.given import read_given

_HINT = "mend it, or set MLXKIT_DEVICES to another file"


def known_devices() -> tuple[Device, ...]:
    """Return every device that is described: those that ship with mlxkit, changed and continued by the user's file.

    The user's file is `MLXKIT_DEVICES`, else ``devices.toml`` in the system's place for settings, if there is one.

    Raises:
        NotFoundError: the user's file is named, or there, but cannot be read.
        PlanError: it does not say what is needed, or is no TOML.
    """
    shipped = tomllib.loads((files("mlxkit") / "data" / SHIPPED).read_text(encoding="utf-8"))
    named = os.environ.get("MLXKIT_DEVICES")
    path = Path(named) if named else user_config_path("mlxkit") / SHIPPED
    own = _own(path, is_needed=bool(named))
    return devices(shipped, own, str(path))


def _own(path: Path, *, is_needed: bool) -> dict[str, Any] | None:
    try:
        content = read_given(path, "The devices", "set MLXKIT_DEVICES to a TOML file, or to nothing")
    except NotFoundError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError) and not is_needed:
            return None
        raise
    if not content.strip():
        return None
    text = decoded(content, str(path), _HINT)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: a number may have too many digits
        raise PlanError(f"{str(path)!r} is no TOML: {error}.", hint=_HINT) from error
