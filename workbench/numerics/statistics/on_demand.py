"""`on_demand`: zeros that take no memory until they are written to."""

import contextlib
import mmap
import sys

import numpy as np

LARGE_PAGE = 1 << 21


def on_demand(n_bytes: int, large_at: int) -> np.ndarray:
    """Zeros, uint8 (n_bytes,), whose memory is taken page by page as it is written to; a fork copies what is there.

    large_at: where the 2 MB begin that the first write to them takes as a whole, where the system has large pages: that
    costs as much as 20 of the 512 small ones, and what is written there later takes nothing more.
    """
    n = n_bytes + LARGE_PAGE
    if sys.platform == "win32":
        return np.frombuffer(mmap.mmap(-1, n), np.uint8)[:n_bytes]
    # without the flags the memory is shared with forked processes, and every page costs twice as much
    memory = mmap.mmap(-1, n, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    array = np.frombuffer(memory, np.uint8)
    skipped = -(array.ctypes.data + large_at) % LARGE_PAGE
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a kernel without large pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)  # elsewhere 2 MB would be taken and cleared for a single row
            memory.madvise(mmap.MADV_HUGEPAGE, skipped + large_at, LARGE_PAGE)
    return array[skipped : skipped + n_bytes]
