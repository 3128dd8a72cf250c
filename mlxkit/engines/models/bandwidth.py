"""How fast this machine reads memory, measured where models are computed: the ceiling of decoding."""

import time
from collections.abc import Callable

import mlx.core as mx

SIZE_BYTES = 512 * 2**20
"""Several times the largest cache of any chip that MLX runs on."""

READS = 7
_ROW = 4096


def read_bandwidth(
    size_bytes: int = SIZE_BYTES, reads: int = READS, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, ...]:
    """Return the bandwidth of reading one array again and again, in bytes per second: of each read.

    What is read is summed as whole numbers, the least that MLX can do with it: on the CPU its sums of floats are held
    back by arithmetic.

    Args:
        size_bytes: of the array; a multiple of 16,384.
        reads: after one that is not counted.
        clock: seconds.
    """
    array = mx.zeros((size_bytes // (4 * _ROW), _ROW), mx.uint32) + mx.array(1, mx.uint32)
    mx.eval(array)
    found = []
    for _ in range(reads + 1):
        begun = clock()
        mx.eval(array.sum(-1))
        found.append(size_bytes / (clock() - begun))
    del array
    mx.clear_cache()
    return tuple(found[1:])
