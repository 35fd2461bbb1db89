"""The search of caffe-int8-convert-tools, which made the first int8 tables for ncnn."""

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.compatibility.curve import divergences
from workbench.numerics.clipping.compatibility.definition import Definition, expand
from workbench.numerics.clipping.compatibility.relative_entropy import relative_entropy
from workbench.numerics.clipping.compatibility.search import (
    Search,
    checked_histogram,
    first_least,
    searched_range,
    with_own_arithmetic,
)
from workbench.numerics.clipping.compatibility.tool_histogram import equal_edges, given_or_counted, numpy_histogram
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

DEFINITION = Definition(remainder="one_short", counted="p", filled="p", zeros="replace")
FLOAT64 = 1e-11  # nats by which the order of float64 sums changes KL at most


def search_caffe(counts: np.ndarray, edges: np.ndarray, *, levels: int = 128) -> Search:
    """The search on a histogram over [0, absmax]: bin 0 is dropped, then the first levels .. n - 2 bins are tried.

    counts: (n,); edges: (n + 1,), of which the last is used. `bins` of the result number the bins after the dropped
    one; threshold = (bin + 0.5) * absmax / n. The first of equal ones is taken. WorkbenchError where levels leave no
    candidate.
    Source: BUG1989/caffe-int8-convert-tools, `threshold_distribution`.
    """
    number = np.arange(levels, len(counts) - 1)
    kept = checked_histogram(counts, levels, number.size, "caffe-int8-convert-tools")[1:]
    starts = np.zeros_like(number)

    def own(i: int) -> float:
        p, q = (np.where(part == 0, DEFINITION.eps, part) for part in expand(kept, 0, number[i], levels, DEFINITION))
        return relative_entropy(p, q)

    kl = with_own_arithmetic(divergences(kept, starts, number, levels, DEFINITION), own, FLOAT64)
    high = (number + 0.5) * float(edges[-1]) / len(counts)
    return Search(number, -high, high, kl, first_least(kl))


def of_distribution(
    distribution: Distribution, format: Format, *, bins: int | None = None, levels: int = 128
) -> Search:
    """The search on the histogram that the tool counts: of the values that are not negative.

    bins: None takes the histogram that is given, or 2048 bins of anything else.
    """

    def counted(n_bins: int) -> tuple[np.ndarray, np.ndarray]:
        edges = equal_edges(0.0, distribution.absmax or 0.5, n_bins)
        return numpy_histogram(distribution, edges), edges

    return search_caffe(*given_or_counted(distribution, bins, counted), levels=levels)


def entropy_caffe(
    distribution: Distribution,
    format: Format | str,
    *,
    symmetric: bool | None = None,
    bins: int = 2048,
    levels: int = 128,
) -> ClipRange:
    """As caffe-int8-convert-tools: one threshold, from the values that are not negative.

    bins: of the histogram over [0, absmax]; negative values move absmax but are not counted, as there. levels: 128
    whatever the format.
    Differs from the others: bin 0 is dropped and the last bin of the last group left out, zeros of P and Q become
    0.0001 of a count, the first of equal candidates is taken, the threshold lies half a bin above the candidate.
    symmetric: as in `sweep`.
    Source: BUG1989/caffe-int8-convert-tools, caffe-int8-convert-tool-dev-weight.py.
    """

    def search(distribution: Distribution, format: Format) -> Search:
        return of_distribution(distribution, format, bins=bins, levels=levels)

    return searched_range(distribution, format, symmetric, search)
