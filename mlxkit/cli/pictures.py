"""Where pictures and pages go: into a file, whole or not at all."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from mlxkit.core.errors import DoesNotFitError, MlxkitError
from mlxkit.core.report import Drawable


def save(result: Drawable, path: Path) -> None:
    """Draw a result into a file; one that is there is replaced once the new one is complete.

    Args:
        result: what to draw.
        path: ends in .svg or .png, as `options.plot` sees to.

    Raises:
        DoesNotFitError: the disk is full.
        MlxkitError: the file cannot be written.
    """
    from mlxkit.render.picture import draw  # noqa: PLC0415  it stands on matplotlib

    write_whole(draw(result.picture(), path.suffix), path)


def write_whole(content: bytes, path: Path) -> None:
    """Write a file; one that is there is replaced once the new one is complete.

    Raises:
        DoesNotFitError: the disk is full.
        MlxkitError: the file cannot be written.
    """
    partial = path.with_name(f"partial-{os.getpid()}{path.suffix}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise _translated(error, path) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _translated(error: OSError, path: Path) -> MlxkitError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DoesNotFitError(f"The disk is full: {str(path)!r} was not written.", hint="free some space")
    return MlxkitError(f"{str(path)!r} cannot be written: {error.strerror}.", hint="name another file")
