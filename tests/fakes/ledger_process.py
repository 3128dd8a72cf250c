"""A process that records: `python -m tests.fakes.ledger_process FIRST COUNT BATCH`; each batch is told on stdout."""

import sys

from mlxkit.engines import ledger
from tests.fakes.measurements import measurement


def main() -> None:
    """Wait for a line, then record COUNT measurements from number FIRST on, BATCH at a time."""
    first, count, batch = map(int, sys.argv[1:])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for start in range(first, first + count, batch):
        numbers = range(start, min(start + batch, first + count))
        new = ledger.record(measurement(number, workload={"number": number % 7}) for number in numbers)
        sys.stdout.write(f"{new}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
