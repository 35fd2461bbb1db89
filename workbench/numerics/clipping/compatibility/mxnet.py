"""The searches of Apache MXNet: 2.x (in C++) and 1.2 (in Python), which differ."""

from typing import Literal

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.compatibility.curve import divergences
from workbench.numerics.clipping.compatibility.definition import Definition, expand
from workbench.numerics.clipping.compatibility.relative_entropy import relative_entropy_terms, smooth
from workbench.numerics.clipping.compatibility.search import (
    Search,
    checked_histogram,
    first_least,
    searched_range,
    with_own_arithmetic,
)
from workbench.numerics.clipping.compatibility.tool_histogram import given_bins, two_sided
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

Version = Literal["2", "1.2"]
DEFINITIONS: dict[str, Definition] = {
    "2": Definition(counted="slice", filled="p", drop_first=True, zeros="smooth"),
    "1.2": Definition(remainder="one_short", counted="slice", filled="slice", zeros="smooth"),
}
FLOAT32 = 3e-5  # nats by which KL from float32 sums differs at most


def search_mxnet(counts: np.ndarray, edges: np.ndarray, *, levels: int = 255, version: Version = "2") -> Search:
    """MXNet's search on its own histogram: slices of half-width levels // 2 .. n // 2 around the middle bin.

    counts: (n,) over [-absmax, absmax], n odd; edges: (n + 1,). `bins` of the result are half-widths; the threshold is
    the upper edge of the slice. The first of equal ones is taken. WorkbenchError for an even number of bins, another
    version, or levels that leave no candidate.
    Sources: Apache MXNet 2.x src/operator/quantization/calibrate.cc; 1.2.0 python/mxnet/contrib/quantization.py.
    """
    if version not in DEFINITIONS:
        raise WorkbenchError(f"unknown version {version!r} of MXNet's search; expected one of {', '.join(DEFINITIONS)}")
    middle = len(counts) // 2
    counts = checked_histogram(counts, levels, middle - levels // 2 + 1, "MXNet")
    if counts.size % 2 == 0:
        raise WorkbenchError(f"MXNet's search needs an odd number of bins, got {counts.size}; take {counts.size + 1}")
    definition = DEFINITIONS[version]
    half = np.arange(levels // 2, middle + 1)
    starts, stops = middle - half, middle + half + 1

    def own(i: int) -> float:
        p, q = expand(counts, starts[i], stops[i], levels, definition)
        smoothed_p, smoothed_q = smooth(p), smooth(q.astype(np.float32))
        if smoothed_p is None or smoothed_q is None:
            return np.inf
        return (_sequential if version == "2" else _numpy)(smoothed_p[0], smoothed_q[0])

    kl = with_own_arithmetic(divergences(counts, starts, stops, levels, definition), own, FLOAT32)
    upper = np.asarray(edges, np.float64)[stops]
    return Search(half, -upper, upper, kl, first_least(kl))


def _sequential(p: np.ndarray, q: np.ndarray) -> float:
    """KL of float32 (n,) summed from the first to the last in float32, as C++ does."""
    a, b = p / np.cumsum(p)[-1], q / np.cumsum(q)[-1]
    return float(np.cumsum(a * np.log(a / b))[-1])


def _numpy(p: np.ndarray, q: np.ndarray) -> float:
    """KL of float32 (n,) summed as numpy does; each term is rounded to float32 once, as in scipy's entropy."""
    terms = relative_entropy_terms(p / np.sum(p), q / np.sum(q)).astype(np.float32)
    return float(np.sum(terms))


def of_distribution(
    distribution: Distribution,
    format: Format,
    *,
    bins: int | None = None,
    levels: int | None = None,
    version: Version = "2",
) -> Search:
    """The search on the histogram that MXNet would count of these values in one array.

    bins: None takes the histogram that is given, where its bins are odd in number, or MXNet's 8001 bins.
    """
    if levels is None:
        levels = 511 if version == "2" and not format.signed and distribution.low >= 0 else 255
    given = given_bins(distribution, bins, mirrored=True)
    if given is None or given.counts.size % 2 == 0:
        return search_mxnet(*two_sided(distribution, bins or 8001), levels=levels, version=version)
    return search_mxnet(given.counts, given.edges, levels=levels, version=version)


def entropy_mxnet(
    distribution: Distribution,
    format: Format | str,
    *,
    symmetric: bool | None = None,
    bins: int = 8001,
    levels: int | None = None,
    version: Version = "2",
) -> ClipRange:
    """As Apache MXNet's entropy calibration: one threshold, from a histogram of both signs.

    bins: of the histogram over [-absmax, absmax], odd. levels: None takes 255, and 511 in version "2" for an unsigned
    format and data without negative values. version: "2" or "1.2".
    Differs from the others: zeros are smoothed, the first of equal candidates is taken, the threshold is the upper edge
    of the slice. 1.2 leaves the last bin of the last group out; 2.x does not, but drops the first bin of the slice from
    the sums, writes to every bin that P fills, and works in float32 from the first bin to the last. symmetric: as in
    `sweep`.
    Sources: Apache MXNet 2.x src/operator/quantization/calibrate.cc; 1.2.0 python/mxnet/contrib/quantization.py.
    """

    def search(distribution: Distribution, format: Format) -> Search:
        return of_distribution(distribution, format, bins=bins, levels=levels, version=version)

    return searched_range(distribution, format, symmetric, search)
