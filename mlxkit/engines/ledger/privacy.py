"""Who is at this machine, so that it can be kept out of what others see."""

import getpass
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlxkit.core import redaction
from mlxkit.core.measurement import Measurement, canonical


def redacted(value: Any) -> Any:
    """Return text, or any JSON value, without home folders and the login name."""
    homes: set[str] = set()
    logins: set[str] = set()
    with suppress(RuntimeError):  # nobody's home: a process may run without a user
        homes |= {str(Path.home()), str(Path.home().resolve())}
    with suppress(KeyError, OSError):
        logins.add(getpass.getuser())
    return redaction.redacted(value, homes, logins)


def as_kept(measurement: Measurement) -> Measurement:
    """Return a measurement as the ledger keeps it: plain JSON, nothing private. Its id may differ from the original's.

    Raises:
        ValueError: it holds a number that is not finite.
        IntegrityError: it is not what its types say.
    """
    plain = json.loads(canonical(measurement.as_json()))
    # Half a surrogate pair, as in the name of a folder that is not UTF-8, is nothing that a file could hold.
    sound = redaction.mapped(plain, lambda text: text.encode("utf-8", "replace").decode())
    return Measurement.from_json(redacted(sound))
