"""The search of the GTC 2017 slides, from which all others descend, with the gaps of their pseudo-code filled."""

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.compatibility.curve import divergences
from workbench.numerics.clipping.compatibility.definition import Definition, expand
from workbench.numerics.clipping.compatibility.search import (
    Search,
    checked_histogram,
    first_least,
    searched_range,
    with_own_arithmetic,
)
from workbench.numerics.clipping.compatibility.tool_histogram import given_or_counted, magnitudes
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

DEFINITION = Definition(counted="p", filled="p", zeros="skip")
NEAR = 1e-6  # nats: candidates this near to the least are summed bin by bin, so that their distances are right too


def search_slides(counts: np.ndarray, edges: np.ndarray, *, levels: int = 128) -> Search:
    """The search on a histogram of magnitudes: the first levels .. n bins are tried.

    counts: (n,) over [0, absmax]; edges: (n + 1,), of which the last is used. `bins` of the result are numbers of bins;
    threshold = (bin + 0.5) * absmax / n, which is half a bin above absmax where nothing is clipped. A candidate is
    infinite where values lie outside and the last group is empty. The first of equal ones is taken. WorkbenchError
    where levels leave no candidate.
    Source: S. Migacz, 8-bit inference with TensorRT, GTC 2017 (pseudo-code).
    """
    number = np.arange(levels, len(counts) + 1)
    counts = checked_histogram(counts, levels, number.size, "the search of the slides")
    starts = np.zeros_like(number)

    def own(i: int) -> float:
        p, q = (part / np.sum(part) for part in expand(counts, 0, number[i], levels, DEFINITION))
        filled = p > 0
        return float(np.sum(p[filled] * np.log(p[filled] / q[filled])))

    kl = with_own_arithmetic(divergences(counts, starts, number, levels, DEFINITION), own, NEAR)
    high = (number + 0.5) * float(edges[-1]) / counts.size
    return Search(number, -high, high, kl, first_least(kl))


def of_distribution(
    distribution: Distribution, format: Format, *, bins: int | None = None, levels: int = 128
) -> Search:
    """The search on the counts of |x| in equal bins.

    bins: None takes the histogram that is given, or 2048 bins of anything else.
    """

    def counted(n_bins: int) -> tuple[np.ndarray, np.ndarray]:
        counts = magnitudes(distribution, n_bins, lambda x, largest: np.floor(x / largest * np.float32(n_bins)))
        return counts, np.linspace(0.0, distribution.absmax, n_bins + 1)

    return search_slides(*given_or_counted(distribution, bins, counted), levels=levels)


def entropy_slides(
    distribution: Distribution,
    format: Format | str,
    *,
    symmetric: bool | None = None,
    bins: int = 2048,
    levels: int = 128,
) -> ClipRange:
    """As the pseudo-code of the TensorRT slides (GTC 2017): one threshold for the magnitudes.

    bins: of the histogram of |x|. levels: 128 whatever the format.
    Differs from the others: groups of equal size of which the last takes the remainder, nothing is smoothed, the first
    of equal candidates is taken, the threshold lies half a bin above the candidate (but not above absmax).
    symmetric: as in `sweep`.
    Source: S. Migacz, 8-bit inference with TensorRT, GTC 2017.
    """

    def search(distribution: Distribution, format: Format) -> Search:
        return of_distribution(distribution, format, bins=bins, levels=levels)

    return searched_range(distribution, format, symmetric, search)
