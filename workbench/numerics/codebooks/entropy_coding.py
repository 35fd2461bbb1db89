"""Size after entropy coding: codes that occur often take fewer bits."""

import heapq
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.stochastic import Draws
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution


def code_entropy(counts: Any) -> float:
    """Bits a code that no entropy coder goes below: -sum p log2 p, p the share of each code. 0 without codes.

    counts: numbers (k,), how often each code occurs. A Huffman code takes less than one bit more (`huffman_bits`).
    Raises WorkbenchError for negative or infinite counts.
    Source: C. E. Shannon, A mathematical theory of communication, Bell System Technical Journal 27, 1948.
    """
    known = _positive(counts)
    shares = known / known.sum() if known.size else known
    return abs(float((shares * np.log2(shares)).sum()))


def huffman_bits(counts: Any) -> float:
    """Mean bits a code of a Huffman code, whose words are whole bits; a single code still takes one. 0 without codes.

    Raises WorkbenchError for negative or infinite counts.
    Source: D. A. Huffman, A method for the construction of minimum-redundancy codes, Proceedings of the IRE 40, 1952.
    """
    known = _positive(counts).tolist()
    total, bits = sum(known), 0.0
    if len(known) == 1:
        return 1.0
    heapq.heapify(known)
    while len(known) > 1:
        joined = heapq.heappop(known) + heapq.heappop(known)
        bits += joined  # every code below takes one more bit
        heapq.heappush(known, joined)
    return bits / total if total else 0.0


def _positive(counts: Any) -> np.ndarray:
    """Counts that are not 0, float64."""
    known = np.asarray(counts, np.float64).reshape(-1)
    if not (np.isfinite(known).all() and (known >= 0).all()):
        raise WorkbenchError("counts of codes must be finite and not negative")
    return known[known > 0]


def code_counts(distribution: Distribution, quantizer: Quantizer) -> np.ndarray | None:
    """How many values each level of a quantizer gets, float64 (levels,); None for formats without a list of levels.

    Under stochastic rounding each level's expected count. Raises WorkbenchError for a quantizer with several groups.
    """
    if quantizer.n_groups > 1:
        raise WorkbenchError(
            f"a distribution describes one group, this quantizer has {quantizer.n_groups}; use quantizer.group(i)"
        )
    one = quantizer.group(0)
    if one.levels is None or one.boundaries is None:
        return None
    if not one.format.stochastic:
        return distribution.cells(one.boundaries).count
    draws = Draws.of(distribution, one)
    count, lower, upper = draws.cells.count, draws.cost.lower, draws.cost.upper
    width = upper - lower
    upwards = np.where(width > 0, draws.cells.total - lower * count, 0.0) / np.where(width > 0, width, 1.0)
    counts = np.zeros(one.levels.size)
    for ends, shares in ((lower, count - upwards), (upper, upwards)):
        np.add.at(counts, np.searchsorted(one.levels, ends), shares)
    return counts


def entropy_bits(distribution: Distribution, quantizer: Quantizer) -> float | None:
    """Entropy-coded bits a value of one tensor under a quantizer; None for formats without a list of levels.

    Raises WorkbenchError for a quantizer with several groups.
    """
    counts = code_counts(distribution, quantizer)
    return None if counts is None else code_entropy(np.maximum(counts, 0.0))
