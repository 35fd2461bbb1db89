"""The table behind a histogram while it is filled: integer moments, where rows stand, and the memory they take."""

import os
import subprocess
import sys

import numpy as np
import pytest

from workbench.numerics.statistics.histogram_rows import LARGEST_R, LOW_BITS, N_KEYS
from workbench.numerics.statistics.on_demand import LARGE_PAGE, on_demand
from workbench.numerics.statistics.row_counts import FULL, N_BLOCKS, RowCounts, places_of

ALL = (1, 0xFFFFFFFF)


def brute_rows(bits: np.ndarray) -> tuple[list[int], list[list[int]], int]:
    """(keys, [count, sum r, sum r^2] of each, number of exact zeros), in Python's integers."""
    some = bits[bits << np.uint32(1) != 0]
    keys, row = np.unique(some >> np.uint32(LOW_BITS), return_inverse=True)
    r = (some & np.uint32(LARGEST_R)).astype(np.int64)
    columns = (np.ones_like(r), r, r * r)
    moments = np.stack([np.bincount(row, column, keys.size).astype(np.int64) for column in columns], axis=1)
    return keys.tolist(), moments.tolist(), bits.size - some.size


def counted(bits: np.ndarray, *, size: int) -> tuple[list[int], list[list[int]], int]:
    counts, values = RowCounts(waiting=0), bits.astype(np.uint32).view(np.float32)
    for start in range(0, bits.size, size):
        counts.add(values[start : start + size])
    keys, moments, n_zeros = counts.rows(ALL)
    assert (keys.dtype, moments.dtype) == (np.uint32, np.int64)
    return keys.tolist(), moments.tolist(), n_zeros


@pytest.mark.parametrize("size", [1 << 20, 1000, 255])
def test_patterns_of_every_magnitude_are_counted_as_by_brute_force(size):
    rng = np.random.default_rng(5)
    spread = rng.integers(0, 1 << 32, 60_000, dtype=np.uint32)
    crowded = rng.choice(spread[:20], 60_000) & np.uint32(0xFFFFF000) | rng.integers(0, 4096, 60_000, dtype=np.uint32)
    zeros = np.resize(np.uint32([0, 0x80000000, 1, 0x807FFFFF]), 5000)  # and the subnormal numbers next to them
    bits = rng.permutation(np.concatenate([spread, crowded, zeros]))
    assert np.bincount(crowded >> np.uint32(LOW_BITS)).max() > 2 * FULL  # those rows are carried
    assert counted(bits, size=size) == brute_rows(bits)


@pytest.mark.parametrize("n", [1, FULL - 1, FULL, FULL + 1, 2 * FULL])
@pytest.mark.parametrize("r", [0, 1, 2047, 2048, LARGEST_R])
def test_no_field_of_a_word_runs_into_the_next(n, r):
    key = 0x3F800 + 7
    found = counted(np.full(n, key << LOW_BITS | r, np.uint32), size=n)
    assert found == ([key], [[n, n * r, n * r * r]], 0)


def test_rows_of_usual_magnitudes_stand_together():
    blocks = np.arange(N_BLOCKS)
    places = places_of(blocks)
    assert sorted(places) == blocks.tolist()
    usual = np.ldexp(1.0, (blocks & 0xFF) - 127)
    assert (places[(usual >= 2.0**-24) & (usual < 2.0**8)] < 64).all()


def test_memory_is_zero_and_the_large_page_lies_where_it_was_asked_for():
    memory = on_demand(8 * N_KEYS, 3 << 20)
    assert memory.size == 8 * N_KEYS and not memory.any()
    if sys.platform == "linux":
        assert (memory.ctypes.data + (3 << 20)) % LARGE_PAGE == 0
    memory[:] = 1
    assert not on_demand(8 * N_KEYS, 3 << 20).any()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_counts_for_itself():
    """A worker that was forked while a table was filled must not write into its parent's."""
    code = """if True:
        import os
        from workbench.numerics.statistics.on_demand import on_demand
        memory = on_demand(1 << 20, 0)
        memory[0] = 1
        child = os.fork()
        if not child:
            memory[:2] += 1
            os._exit(0)
        os.waitpid(child, 0)
        print(memory[:2].tolist())
    """
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["[1,", "0]"]
