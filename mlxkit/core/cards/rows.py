"""Which measurements a card shows: those of its weights, the newest of each kind and work, and who stands beside them.

What ran to no end is not shown: half of a text is another text.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mlxkit.core.cards.facts import Facts
from mlxkit.core.measurement import Kind, Measurement, canonical
from mlxkit.core.peers import is_judged, loss, one_each, place, reference_digest, text_key, work


@dataclass(frozen=True)
class Chosen:
    """The measurements of a card.

    Attributes:
        own: of the weights, the newest complete one of each kind, work and machine, in the order of time.
        originals: the original's throughput, on works and machines that `own` has throughput on.
        peers: judged on the text of `judged` against the same original: other weights than these.
        judged: of the weights, the one that `peers` are held against; None without a comparison with an original.
    """

    own: tuple[Measurement, ...]
    originals: tuple[Measurement, ...]
    peers: tuple[Measurement, ...]
    judged: Measurement | None

    def of(self, kind: Kind) -> tuple[Measurement, ...]:
        """Return the weights' own of a kind."""
        return tuple(found for found in self.own if found.kind == kind)

    @property
    def all(self) -> tuple[Measurement, ...]:
        """Every measurement that the card names."""
        return (*self.own, *self.originals, *self.peers)


def chosen(facts: Facts, measurements: Iterable[Measurement]) -> Chosen:
    """Return what a card shows.

    Args:
        facts: of the weights.
        measurements: of any weights, in any order.
    """
    complete = sorted(
        (found for found in measurements if found.is_complete), key=lambda found: (found.taken_at, found.id)
    )
    own = _newest(found for found in complete if found.subject.digest == facts.digest)
    others = _newest(found for found in complete if found.subject.digest != facts.digest)
    judged, peers = _frontier(own, others)
    originals = {reference for found in own if (reference := reference_digest(found))}
    return Chosen(own, tuple(_references(own, others, originals, facts)), peers, judged)


def _newest(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    found: dict[tuple[str, ...], Measurement] = {}
    for one in measurements:
        key = (one.subject.digest, one.kind, canonical(one.workload), _place(one))
        found.pop(key, None)
        found[key] = one
    return tuple(found.values())


def _place(found: Measurement) -> str:
    # What text and questions say of a model hangs little on the machine; time and memory hang on nothing else.
    return "" if found.kind in ("quality", "task") else place(found)


def _frontier(
    own: tuple[Measurement, ...], others: tuple[Measurement, ...]
) -> tuple[Measurement | None, tuple[Measurement, ...]]:
    """Return the text that most others were judged on too, and these: losses on two texts cannot be compared."""
    texts = [found for found in own if found.kind == "quality" and reference_digest(found) and loss(found)]
    best: tuple[Measurement | None, tuple[Measurement, ...]] = None, ()
    for text in texts:
        peers = one_each(found for found in others if _is_peer(found, text))
        if best[0] is None or len(peers) >= len(best[1]):
            best = text, peers
    return best


def _is_peer(found: Measurement, text: Measurement) -> bool:
    is_same_text = text_key(found) is not None and text_key(found) == text_key(text)
    return is_judged(found) and is_same_text and reference_digest(found) == reference_digest(text)


def _references(
    own: Iterable[Measurement], others: Iterable[Measurement], originals: set[str], facts: Facts
) -> Iterable[Measurement]:
    """Yield what the original did at the same work on the same machine."""
    works = {work(found) for found in own if found.kind == "throughput"}
    for found in others:
        if found.kind != "throughput" or work(found) not in works:
            continue
        if found.subject.digest in originals or _is_source(found, facts):
            yield found


def _is_source(found: Measurement, facts: Facts) -> bool:
    told = (found.subject.repo, found.subject.commit)
    return None not in told and told == (facts.source_repo, facts.source_commit)
