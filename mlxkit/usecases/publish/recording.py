"""Where the weights went, written into their build record."""

import errno
import json
import os
from pathlib import Path

from mlxkit.core.errors import DoesNotFitError
from mlxkit.core.record import FILE_NAME
from mlxkit.usecases.publish.files import PUBLISHED, as_text
from mlxkit.usecases.publish.result import PublishResult


def written_down(folder: Path, result: PublishResult) -> tuple[str, ...]:
    """Write where the weights went into the folder's build record; return what the user should know.

    Raises:
        DoesNotFitError: the disk is full; they are published all the same.
    """
    path, sent = folder / FILE_NAME, result.demand_sent()
    if path.is_symlink() or not path.is_file():
        return (f"{FILE_NAME} does not tell where it went: it is not this folder's own.",)
    partial = path.with_name(f".{FILE_NAME}-{os.getpid()}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        entry = {"repo": result.plan.repo, "commit": sent.commit, "url": sent.pr_url or sent.url}
        known = [one for one in record.get(PUBLISHED, []) if one != entry]
        partial.write_bytes(as_text({**record, PUBLISHED: [*known, entry]}))
        partial.replace(path)
    except (ValueError, AttributeError, TypeError):
        return (f"{FILE_NAME} cannot be read: it does not tell where the weights went.",)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DoesNotFitError(
                f"It is published as {sent.url}, and the disk is full: {FILE_NAME} does not tell it.",
                hint="free some space and run the same command again: nothing is sent twice",
            ) from error
        return (f"{FILE_NAME} cannot be written ({error.strerror}): it does not tell where the weights went.",)
    finally:
        partial.unlink(missing_ok=True)
    return ()
