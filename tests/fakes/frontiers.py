"""Ledgers that a frontier is drawn up from: weights of one original at several sizes, and who has no place there."""

from mlxkit.core.frontier import Frontier, Limit, Weights, compared, drawn_up
from mlxkit.core.measurement import Measurement, Subject
from tests.fakes.cards import COMMIT, LINUX, ORIGINAL, judged, taken, timed

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'"
PARAMETERS = 351_000

SOURCE = Subject(ORIGINAL, "acme/Small", "acme/Small", COMMIT)
SMALL, MIDDLE, LARGE, RIVAL, EVIL = (
    Subject(digit * 64, name)
    for digit, name in (
        ("1", "~/m/S-2.5bpw"),
        ("2", "~/m/S-3.5bpw"),
        ("3", "S-4.5bpw"),
        ("4", "S-3bit"),
        ("5", HOSTILE),
    )
)
FIGURES = {SMALL: (110_000, 0.21), MIDDLE: (150_000, 0.04), LARGE: (200_000, 0.0081), RIVAL: (155_000, 0.16)}
KINDS = {
    SMALL.digest: Weights("mixed", "", PARAMETERS),
    MIDDLE.digest: Weights("mixed", "", PARAMETERS),
    LARGE.digest: Weights("mixed", "", PARAMETERS),
    RIVAL.digest: Weights("uniform", "3bit-g64", PARAMETERS),
    ORIGINAL: Weights("original", "", PARAMETERS),
}
LIMITS = (
    Limit("Desk board", 180_000, 4096, "assumed"),
    Limit("Phone", 5_000_000_000, 4096, "assumed"),
    Limit("Pocket board", 160_000, 4096, "observed"),
    Limit("Watch", -5, 4096, "assumed"),
)


def answered(number: int, subject: Subject, right: int, **changes: object) -> Measurement:
    """Questions that were asked."""
    share = right / 500
    summary = {"asked": 500, "right": right, "share": share, "interval_95": [share - 0.02, share + 0.01]}
    workload = {"task": "sums", "digest": "44" * 32, "questions": 500, "dtype": "bfloat16"}
    summary |= {"size_bytes": FIGURES.get(subject, (702_000, 0))[0]}
    return taken("task", number, **({"subject": subject, "workload": workload, "summary": summary} | changes))


def measurements() -> tuple[Measurement, ...]:
    """All that a ledger holds."""
    found = []
    for number, (subject, (size_bytes, kl)) in enumerate(FIGURES.items()):
        top1 = {"top1_agreement": 1 - kl / 3, "top1_agreement_se": kl / 40}
        found.append(judged(number, kl, subject=subject, summary={"size_bytes": size_bytes} | top1))
        found.append(answered(number, subject, 400 + 20 * number))
        found.append(timed(number, 90.0 - number, subject=subject, summary={"size_bytes": size_bytes}))
    found += [
        answered(9, SOURCE, 497, workload={"task": "sums", "digest": "44" * 32, "questions": 500, "dtype": "float32"}),
        timed(9, 50.0, subject=SOURCE, summary={"size_bytes": 702_000}),
        timed(10, 3.0, subject=SMALL, machine=LINUX),
        judged(-9, 0.9, subject=SMALL),  # an older one of the same work
        judged(20, 0.3, subject=LARGE, is_complete=False),
        judged(21, 0.4, subject=LARGE, workload={"digest": "77" * 32, "text": "other.txt"}),
        judged(22, 0.1, subject=SMALL, workload={"context": 64}),
        judged(23, 0.0, subject=SOURCE),
        judged(24, 0.5, subject=Subject("9" * 64, "stranger"), workload={"reference": {"digest": "ee" * 32}}),
    ]
    return tuple(found)


def frontier(*more: Measurement) -> Frontier:
    """The frontier of them all."""
    found = (*measurements(), *more)
    comparison = compared(found)
    assert comparison is not None
    return drawn_up(comparison, found, KINDS, LIMITS)


def hostile() -> Frontier:
    """The same, with weights whose name means to be more than text."""
    return frontier(judged(6, 0.7, subject=EVIL, summary={"size_bytes": 90_000}))
