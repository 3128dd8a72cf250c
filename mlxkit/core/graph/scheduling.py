"""How much memory a graph of operations holds at its peak, where operations are started before earlier ones are done.

MLX's CPU backend gives an operation its memory when the main thread hands it to a worker, and takes memory back when
the worker is done with what read it. The main thread runs ahead of the worker until so many dispatches are under way.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

GROUP = 10
"""Dispatches that are counted as one task (mlx 0.32: `DISPATCHES_PER_TASK` in backend/cpu/encoder.h)."""

GROUPS_AHEAD = 10
"""Tasks that may be under way before the main thread waits (mlx 0.32: `MAX_ACTIVE_TASKS` in transforms.cpp)."""

WIDTH = 20
"""Arrays whose inputs are looked at side by side when a graph is put in order (mlx's `MLX_BFS_MAX_WIDTH`)."""

SLACK_BYTES = 16384
"""By how much a buffer may be larger than an output that takes it over."""

QUICK_BYTES = 1 << 16
"""What a step may touch and still be done before the main thread has gone on: some microseconds of work."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation, by what it does to memory.

    Attributes:
        inputs: names of the arrays that it reads.
        outputs: names of those that it makes.
        sizes_bytes: of each output's own buffer; 0 where it is a view of what the input `viewed` has.
        viewed: the input whose buffer the outputs share; None when they have their own.
        donors: inputs whose buffer the first output may take over, in the order in which they are asked.
        scratch_bytes: of copies that go when the operation is done.
        dispatches: pieces of work that it hands to the worker, giving back included, at least 1.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sizes_bytes: tuple[int, ...]
    viewed: str | None = None
    donors: tuple[str, ...] = ()
    scratch_bytes: int = 0
    dispatches: int = 2


def in_order(steps: Sequence[Step], wanted: Sequence[str]) -> list[Step]:
    """Return the steps that lead to what is wanted, in the order in which MLX starts them.

    Backwards from what is wanted: breadth first while few arrays wait, else depth first; a step goes in once all that
    read it are in.

    Args:
        steps: of the graph, in any order.
        wanted: names of arrays, in the order in which they are evaluated.
    """
    maker = {name: number for number, step in enumerate(steps) for name in step.outputs}
    reads = [[maker[name] for name in step.inputs if name in maker] for step in steps]
    reads.append([maker[name] for name in wanted if name in maker])
    readers = _readers(reads)
    tape, waiting, at = [len(steps)], list[tuple[int, int]](), 0
    while at < len(tape) or waiting:
        if at < len(tape):
            node, begin = tape[at], 0
            at += 1
        else:
            node, begin = waiting.pop()
        for place in range(begin, len(reads[node])):
            if len(tape) - at >= WIDTH:
                waiting.append((node, place))
                break
            source = reads[node][place]
            readers[source] -= 1
            if readers[source] == 0:
                tape.append(source)
    return [steps[node] for node in reversed(tape[1:])]


def _readers(reads: Sequence[Sequence[int]]) -> list[int]:
    """Return how often each node is read by those that the last one needs."""
    counts, stack = [0] * len(reads), [len(reads) - 1]
    while stack:
        for source in reads[stack.pop()]:
            if counts[source] == 0:
                stack.append(source)
            counts[source] += 1
    return counts


@dataclass(slots=True)
class _Buffer:
    """Memory, and what keeps it."""

    size_bytes: int
    arrays: int = 1  # that are it, or views of it
    pending: int = 0  # steps under way that read it


@dataclass
class _Memory:
    """What is held while steps are started one after the other."""

    uses: dict[str, int]
    buffers: dict[str, _Buffer]
    held_bytes: int = 0
    peak_bytes: int = 0
    dispatched: int = 0
    under_way: deque[tuple[int, bool, list[_Buffer]]] = field(default_factory=deque)

    def start(self, step: Step) -> None:
        """Start a step once the worker has come far enough."""
        self._give_back(max(0, self.dispatched // GROUP - GROUPS_AHEAD) * GROUP)
        made = self._made(step)
        read = {id(found): found for name in step.inputs if (found := self.buffers.get(name)) is not None}
        touched = sum(buffer.size_bytes for buffer in read.values()) + sum(step.sizes_bytes)
        is_quick = step.viewed is not None or touched <= QUICK_BYTES
        if made:
            read.pop(id(made[0]), None)
        if step.scratch_bytes:
            scratch = self._allocated(step.scratch_bytes)
            scratch.arrays = 0
            read[id(scratch)] = scratch
        for buffer in read.values():
            buffer.pending += 1
        for name in step.inputs:
            self._used(name)
        for name in step.outputs:
            if not self.uses.get(name):
                self.uses[name] = 1
                self._used(name)
        self.dispatched += step.dispatches
        self.under_way.append((self.dispatched, is_quick, list(read.values())))

    def finish(self) -> None:
        """Wait for the worker."""
        self._give_back(self.dispatched)

    def _made(self, step: Step) -> list[_Buffer]:
        if step.viewed is not None:
            viewed = self.buffers.get(step.viewed)
            if viewed is None:
                return []
            viewed.arrays += len(step.outputs)
            self.buffers.update(dict.fromkeys(step.outputs, viewed))
            return [viewed]
        made = []
        for number, (name, size_bytes) in enumerate(zip(step.outputs, step.sizes_bytes, strict=True)):
            donor = self._donor(step, size_bytes) if number == 0 else None
            if donor is None:
                self.buffers[name] = self._allocated(size_bytes)
            else:
                donor.arrays += 1
                self.buffers[name] = donor
            made.append(self.buffers[name])
        return made

    def _donor(self, step: Step, size_bytes: int) -> _Buffer | None:
        for name in step.donors:
            found = self.buffers.get(name)
            is_last = self.uses.get(name) == 1
            if found is None or not is_last or found.arrays != 1 or found.pending:
                continue
            if found.size_bytes <= size_bytes + SLACK_BYTES:
                return found
        return None

    def _allocated(self, size_bytes: int) -> _Buffer:
        self.held_bytes += size_bytes
        self.peak_bytes = max(self.peak_bytes, self.held_bytes)
        return _Buffer(size_bytes)

    def _used(self, name: str) -> None:
        buffer = self.buffers.get(name)
        if buffer is None:
            return
        self.uses[name] -= 1
        if self.uses[name] == 0:
            del self.buffers[name]
            buffer.arrays -= 1
            self._freed(buffer)

    def _give_back(self, executed: int) -> None:
        """Take back what steps read that are done: all up to a dispatch, and what is quickly done after it."""
        while self.under_way:
            end, is_quick, read = self.under_way[0]
            if end - 1 > executed and not is_quick:  # the last dispatch of a step only gives back
                return
            executed = max(executed, end)
            self.under_way.popleft()
            for buffer in read:
                buffer.pending -= 1
                self._freed(buffer)

    def _freed(self, buffer: _Buffer) -> None:
        if buffer.arrays == 0 and buffer.pending == 0:
            self.held_bytes -= buffer.size_bytes
            buffer.size_bytes = 0


def held_bytes(steps: Sequence[Step], given: Mapping[str, int], kept: Collection[str]) -> tuple[int, int]:
    """Return how many bytes a graph holds at its peak, and when all is done.

    Args:
        steps: in the order in which they are started.
        given: bytes of arrays that are there before and that nothing but the graph holds; what else is read, such as
            weights, is there throughout and does not count.
        kept: names of arrays that are held until the end.
    """
    uses: dict[str, int] = {}
    for name in (*(name for step in steps for name in step.inputs), *kept):
        uses[name] = uses.get(name, 0) + 1
    total = sum(given.values())
    memory = _Memory(uses, {name: _Buffer(size) for name, size in given.items()}, total, total)
    for step in steps:
        memory.start(step)
    memory.finish()
    return memory.peak_bytes, memory.held_bytes
