"""Operations that `mx.compile` makes one of, found in a graph that shows them one by one."""

from collections import Counter
from collections.abc import Iterable, Sequence

from mlxkit.core.graph.operations import FUSED, Array, Operation

_BROADCAST = "Broadcast"


def fuse(operations: Sequence[Operation], kinds: Iterable[Sequence[str]], wanted: Iterable[str]) -> list[Operation]:
    """Return the operations with those that are compiled together put into one.

    Args:
        operations: of a graph, each after those whose outputs it reads.
        kinds: names of what is compiled together, the last one last; broadcasts do not count.
        wanted: names of arrays that are evaluated, and are therefore no part of anything.
    """
    found = list(operations)
    kept = set(wanted)
    patterns = {tuple(name for name in kind if name != _BROADCAST) for kind in kinds}
    for pattern in sorted(patterns, key=lambda names: (-len(names), names)):
        if len(pattern) > 1:
            found = _fused(found, pattern, kept)
    return found


def _fused(operations: Sequence[Operation], pattern: Sequence[str], kept: set[str]) -> list[Operation]:
    maker = {array.name: place for place, operation in enumerate(operations) for array in operation.outputs}
    readers: dict[str, set[int]] = {}
    for place, operation in enumerate(operations):
        for array in operation.inputs:
            readers.setdefault(array.name, set()).add(place)
    gone = set[int]()
    made = dict[int, Operation]()
    for place in reversed(range(len(operations))):
        if place not in gone and operations[place].name == pattern[-1]:
            group = _group(operations, place, pattern, (maker, readers, kept))
            if group and not group & gone:
                gone |= group
                made[place] = _joined([operations[member] for member in sorted(group)])
    return [made.get(place, one) for place, one in enumerate(operations) if place in made or place not in gone]


def _group(
    operations: Sequence[Operation],
    last: int,
    pattern: Sequence[str],
    edges: tuple[dict[str, int], dict[str, set[int]], set[str]],
) -> set[int]:
    """Return the places of a pattern's operations that lead to its last; none where they are not all there."""
    maker, readers, kept = edges
    missing = Counter(pattern[:-1])
    group, looked = {last}, [last]
    while looked:
        for array in operations[looked.pop()].inputs:
            source = maker.get(array.name)
            if source is None or source in group or array.name in kept or not readers[array.name] <= group:
                continue
            name = operations[source].name
            if name == _BROADCAST or missing[name] > 0:
                missing[name] -= name != _BROADCAST
                group.add(source)
                looked = sorted(group)
    return set() if missing.total() else group


def _joined(parts: Sequence[Operation]) -> Operation:
    inner = {array.name for part in parts for array in part.outputs}
    read: dict[str, Array] = {}
    for part in parts:
        read |= {array.name: array for array in part.inputs if array.name not in inner}
    return Operation(FUSED, tuple(read.values()), parts[-1].outputs)
