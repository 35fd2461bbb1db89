"""The search of ncnn's ncnn2table, which shares bins between groups."""

from typing import Any

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.compatibility.search import (
    Search,
    checked_histogram,
    first_least,
    searched_range,
    with_own_arithmetic,
)
from workbench.numerics.clipping.compatibility.tool_histogram import given_or_counted, magnitudes
from workbench.numerics.compiled import compiled
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

EPS = 1e-4
FLOAT32 = 3e-5  # nats by which KL from float32 sums differs at most


def search_ncnn(counts: np.ndarray, edges: np.ndarray, *, levels: int = 128) -> Search:
    """ncnn's search on its own histogram of magnitudes: the first levels .. n - 1 bins are tried.

    counts: (n,) over [0, absmax], without zeros; edges: (n + 1,), of which the last is used. `bins` of the result are
    numbers of bins; threshold = (bin + 0.5) * absmax / n. The first of equal ones is taken. KL is not normalised again
    after 0.0001 is added to every bin. WorkbenchError where levels leave no candidate.
    Source: Tencent/ncnn, tools/quantize/ncnn2table.cpp, `QuantNet::quantize_KL`.
    """
    number = np.arange(levels, len(counts))
    counts = checked_histogram(counts, levels, number.size, "ncnn")
    share = counts / (counts.sum() or 1.0)
    normed = share.astype(np.float32)
    kl = np.empty(number.size)
    sums = np.zeros((3, counts.size + 1))
    for row, column in zip(sums, (share, (share + EPS) * np.log(share + EPS), share + EPS), strict=True):
        np.cumsum(column, out=row[1:])
    _kernel(share, sums, number, levels, EPS, kl)
    clip, merged = np.zeros(counts.size, np.float32), np.zeros(counts.size, np.float32)
    kl = with_own_arithmetic(kl, lambda i: float(_own(normed, int(number[i]), levels, clip, merged)), FLOAT32)
    high = (number + 0.5) * float(edges[-1]) / counts.size
    return Search(number, -high, high, kl, first_least(kl))


@compiled("float64[:] float64[:,:] int64[:] int64 float64 float64[:]!")
def _kernel(share: Any, sums: Any, number: Any, levels: Any, eps: Any, kl: Any) -> None:
    """Fill `kl` float64 (k,). share: float64 (n,), sum 1; sums (3, n + 1): of share, p log p and p = share + eps.

    Group j covers [j w, (j + 1) w) with w = size / levels; a bin on a border belongs to both in proportion. Q is
    constant on the whole bins of a group, so that a group costs two differences and two logarithms.
    """
    for k in range(number.size):
        size = number[k]
        outside = sums[0, share.size] - sums[0, size]
        p_last = share[size - 1] + outside + eps
        own = sums[1, size - 1] + p_last * np.log(p_last)
        cross = 0.0
        carried = 0.0  # to the bin on the border below, from the groups before
        for j in range(levels):
            low = (j * size + levels - 1) // levels  # first whole bin
            high = (j + 1) * size // levels  # after the last whole bin
            left = low - j * size / levels
            right = (j + 1) * size / levels - high
            mean = sums[0, high] - sums[0, low]
            if left > 0:
                mean += left * share[low - 1]
            if right > 0:
                mean += right * share[high]
            mean /= size / levels
            if left > 0:
                p = share[low - 1] + eps
                cross += p * np.log(eps + carried + left * mean)
            p = sums[2, high] - sums[2, low]
            if j == levels - 1:
                p += outside
            if high > low:
                cross += p * np.log(eps + mean)
            carried = right * mean
        kl[k] = own - cross


@compiled("float32[:] int64 int64 float32[:]! float32[:]!")
def _own(share: Any, size: Any, levels: Any, clip: Any, merged: Any) -> Any:
    """KL of the first `size` bins as ncnn sums it, in float32 from the first to the last. clip, merged: room, (n,)."""
    eps = np.float32(1e-4)
    width = np.float32(size) / np.float32(levels)
    for i in range(size):
        clip[i] = eps + share[i]
        merged[i] = eps
    for i in range(size, share.size):
        clip[size - 1] += share[i]
    for j in range(levels):
        start = np.float32(j) * width if j < levels - 1 else np.float32(size) - width
        low = int(np.ceil(start))
        left = np.float32(low) - start
        high = size
        right = np.float32(0)
        if j < levels - 1:
            end = np.float32(j + 1) * width
            high = int(np.floor(end))
            right = end - np.float32(high)
        mean = np.float32(0)
        if left > 0:
            mean += left * share[low - 1]
        if right > 0:
            mean += right * share[high]
        for i in range(low, high):
            mean += share[i]
        mean /= np.float32(high - low) + left + right
        if left > 0:
            merged[low - 1] += left * mean
        if right > 0:
            merged[high] += right * mean
        for i in range(low, high):
            merged[i] += mean
    total = np.float32(0)
    for i in range(size):  # C's logarithm and its product are double, their sum is kept in float
        total = np.float32(np.float64(total) + np.float64(clip[i]) * np.log(np.float64(clip[i] / merged[i])))
    return total


def of_distribution(
    distribution: Distribution, format: Format, *, bins: int | None = None, levels: int = 128
) -> Search:
    """The search on the histogram that ncnn counts: of |x|, exact zeros left out.

    bins: None takes the histogram that is given, or 2048 bins of anything else.
    """

    def counted(n_bins: int) -> tuple[np.ndarray, np.ndarray]:
        counts = magnitudes(distribution, n_bins, lambda x, largest: np.floor(x / largest * np.float32(n_bins)))
        counts[0] = max(0.0, counts[0] - distribution.n_zeros)
        return counts, np.linspace(0.0, distribution.absmax, n_bins + 1)

    return search_ncnn(*given_or_counted(distribution, bins, counted), levels=levels)


def entropy_ncnn(
    distribution: Distribution,
    format: Format | str,
    *,
    symmetric: bool | None = None,
    bins: int = 2048,
    levels: int = 128,
) -> ClipRange:
    """As ncnn's ncnn2table: one threshold for the magnitudes, exact zeros left out.

    bins: of the histogram of |x|. levels: 128 whatever the format.
    Differs from the others: shares instead of counts, 0.0001 added to every bin of P and Q, bins on the border of two
    groups shared in proportion, group means written to empty bins too, float32 throughout, the first of equal
    candidates is taken, the threshold lies half a bin above the candidate. symmetric: as in `sweep`.
    Source: Tencent/ncnn, tools/quantize/ncnn2table.cpp.
    """

    def search(distribution: Distribution, format: Format) -> Search:
        return of_distribution(distribution, format, bins=bins, levels=levels)

    return searched_range(distribution, format, symmetric, search)
