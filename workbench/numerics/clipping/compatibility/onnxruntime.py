"""The search of onnxruntime's entropy calibrator."""

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty
from workbench.numerics.clipping.compatibility.curve import divergences
from workbench.numerics.clipping.compatibility.definition import Definition, expand
from workbench.numerics.clipping.compatibility.relative_entropy import smooth
from workbench.numerics.clipping.compatibility.search import (
    Search,
    checked_histogram,
    first_least,
    with_own_arithmetic,
)
from workbench.numerics.clipping.compatibility.tool_histogram import given_bins, two_sided
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

DEFINITION = Definition(remainder="empty", counted="p", filled="always", truncated=True, zeros="smooth")
FLOAT32 = 3e-5  # nats by which KL from float32 sums differs at most


def search_onnxruntime(counts: np.ndarray, edges: np.ndarray, *, levels: int = 128) -> Search:
    """onnxruntime's search on its own histogram: slices of half-width levels // 2 .. n // 2 around the middle bin.

    counts: (n,) over [-absmax, absmax]; edges: (n + 1,). `bins` of the result are half-widths. The first of equal ones
    is taken. WorkbenchError where levels leave no candidate.
    Source: onnxruntime 1.31, quantization/calibrate.py, `HistogramCollector.get_entropy_threshold`.
    """
    middle = len(counts) // 2
    counts = checked_histogram(counts, levels, middle - levels // 2 + 1, "onnxruntime")
    half = np.arange(levels // 2, middle + 1)
    starts, stops = middle - half, np.minimum(middle + half + 1, counts.size)

    def own(i: int) -> float:
        return _float32_divergence(*expand(counts, starts[i], stops[i], levels, DEFINITION))

    kl = with_own_arithmetic(divergences(counts, starts, stops, levels, DEFINITION), own, FLOAT32)
    edges = np.asarray(edges, np.float64)
    return Search(half, edges[starts], edges[stops], kl, first_least(kl))


def _float32_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL as onnxruntime sums it: numpy's order, float32 throughout."""
    smoothed_p, smoothed_q = smooth(p), smooth(q)
    if smoothed_p is None or smoothed_q is None:
        return np.inf
    a, b = smoothed_p[0] / np.sum(smoothed_p[0]), smoothed_q[0] / np.sum(smoothed_q[0])
    return float(np.sum(a * np.log(a / b)))


def of_distribution(
    distribution: Distribution, format: Format, *, bins: int | None = None, levels: int = 128
) -> Search:
    """The search on the histogram that onnxruntime would count of these values in one array.

    bins: None takes the histogram that is given, or onnxruntime's 128 bins of anything else.
    """
    given = given_bins(distribution, bins, mirrored=True)
    counts, edges = two_sided(distribution, bins or 128) if given is None else (given.counts, given.edges)
    return search_onnxruntime(counts, edges, levels=levels)


def entropy_onnxruntime(
    distribution: Distribution,
    format: Format | str,
    *,
    symmetric: bool | None = None,
    bins: int = 128,
    levels: int = 128,
) -> ClipRange:
    """As onnxruntime's entropy calibration: with its default of 128 bins nothing is ever clipped.

    bins: of the histogram over [-absmax, absmax]; 128 bins and 128 levels are onnxruntime's defaults and leave one
    candidate, so that a clipping threshold needs more of them (2048). levels: 128 whatever the format.
    Differs from the others: Q holds whole numbers, all bins of a group are filled, bins left over by equal groups stay
    empty, zeros are smoothed, sums are float32, the range ends at the data's own extremes. onnxruntime's result also
    depends on how the values are split into arrays; this is that of one array. symmetric: True mirrors the range.
    Source: onnxruntime 1.31, quantization/calibrate.py.
    """
    check_not_empty(distribution)
    format = as_format(format)
    low, high = distribution.low, distribution.high
    if format.has_scale and low < high:  # equal values are covered, whatever onnxruntime answers to one filled bin
        search = of_distribution(distribution, format, bins=bins, levels=levels)
        low, high = max(float(search.low[search.chosen]), low), min(float(search.high[search.chosen]), high)
        if low > high:  # no value within the slice; onnxruntime's quantizer then takes zero in
            low, high = min(low, 0.0), max(high, 0.0)
    return ClipRange(low, high).mirrored() if symmetric else ClipRange(low, high)
