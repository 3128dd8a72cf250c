"""A fresh process under a stopwatch, from nothing to the first token. Run as a program, this module is that process."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import MlxkitError
from mlxkit.core.progress import Silent
from mlxkit.core.trials import Workload
from mlxkit.engines import models, store


@dataclass(frozen=True)
class ColdStart:
    """Where the time of a fresh process went.

    Attributes:
        import_seconds: until Python and all libraries were there.
        load_seconds: until the weights were in memory.
        first_seconds: until the first token was at hand, the prefill included.
        total_seconds: all of it.
    """

    import_seconds: float
    load_seconds: float
    first_seconds: float
    total_seconds: float

    def data(self) -> dict[str, float]:
        """Return it as JSON."""
        return asdict(self)


def cold_start(checkpoint: Checkpoint, given: Workload, seed: int, *, trust_remote_code: bool) -> ColdStart:
    """Time one fresh process. The weights may be in the system's cache of files, which only root can empty.

    Args:
        checkpoint: sound; the process reads its folder anew.
        given: whose prompt is prefilled, at its depth; one token is decoded.
        seed: of the tokens.
        trust_remote_code: run code that comes with it.

    Raises:
        MlxkitError: the process failed.
    """
    asked = [str(checkpoint.folder), {**given.data(), "generated_tokens": 1}, seed, trust_remote_code]
    command = [sys.executable, "-m", __name__, json.dumps(asked)]
    begun = time.time()
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  this very module
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1].rstrip(".")
        raise MlxkitError(f"A fresh process gave no answer: {reason}.", hint="time it without --cold")
    imported, loaded, answered = json.loads(done.stdout)
    return ColdStart(imported - begun, loaded - imported, answered - loaded, answered - begun)


def main() -> None:
    """Be that process: tell when libraries, weights and the first token were there, in seconds since 1970."""
    moments = [time.time()]
    folder, given, seed, trust = json.loads(sys.argv[1])
    checkpoint = store.read(folder, Path(folder)).sound()
    timing = models.load_for_timing(checkpoint, trust_remote_code=trust, progress=Silent())
    moments.append(time.time())
    timing.run(Workload(**given), time.perf_counter, seed)
    moments.append(time.time())
    sys.stdout.write(json.dumps(moments))


if __name__ == "__main__":
    main()
