"""The search of NVIDIA's own calibrator, as the TensorRT Model Optimizer (modelopt) publishes it."""

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.compatibility.curve import divergences
from workbench.numerics.clipping.compatibility.definition import Definition, expand
from workbench.numerics.clipping.compatibility.relative_entropy import relative_entropy
from workbench.numerics.clipping.compatibility.search import (
    Search,
    checked_histogram,
    last_least,
    searched_range,
    with_own_arithmetic,
)
from workbench.numerics.clipping.compatibility.tool_histogram import given_or_counted, magnitudes
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

DEFINITION = Definition(even_groups=True, counted="slice", filled="slice", zeros="skip")
FLOAT64 = 1e-11  # nats by which the order of float64 sums changes KL at most


def search_tensorrt(
    counts: np.ndarray, edges: np.ndarray, *, levels: int = 128, start_bin: int = 128, stride: int = 1
) -> Search:
    """modelopt's search on its own histogram of magnitudes: the first start_bin, start_bin + stride ... bins.

    counts: (n,) over [0, absmax]; edges: (n + 1,). The count of bin 0 is replaced by that of bin 1, which takes zeros
    out of a ReLU tensor. The last of equal ones is taken. `bins` of the result are numbers of bins. WorkbenchError
    where there is no candidate.
    Source: nvidia-modelopt 0.47, modelopt/torch/quantization/calib/histogram.py.
    """
    number = np.arange(start_bin, len(counts) + 1, stride)
    counts = checked_histogram(counts, levels, number.size if start_bin > 1 and stride > 0 else 0, "TensorRT").copy()
    counts[0] = counts[1]
    starts = np.zeros_like(number)

    def own(i: int) -> float:
        return relative_entropy(*expand(counts, 0, number[i], levels, DEFINITION))

    kl = with_own_arithmetic(divergences(counts, starts, number, levels, DEFINITION), own, FLOAT64)
    high = np.asarray(edges, np.float64)[number]
    return Search(number, -high, high, kl, last_least(kl))


def of_distribution(
    distribution: Distribution,
    format: Format,
    *,
    bins: int | None = None,
    levels: int | None = None,
    start_bin: int = 128,
    stride: int = 1,
) -> Search:
    """The search on the histogram that modelopt counts by `torch.histc`.

    bins: None takes the histogram that is given, or 2048 bins of anything else.
    """
    if levels is None:
        levels = 2 ** (format.bits - format.signed)

    def counted(n_bins: int) -> tuple[np.ndarray, np.ndarray]:
        counts = magnitudes(distribution, n_bins, lambda x, largest: np.floor(x * np.float32(n_bins) / largest))
        return counts, np.linspace(0.0, distribution.absmax or 0.5, n_bins + 1).astype(np.float32)

    histogram = given_or_counted(distribution, bins, counted)
    return search_tensorrt(*histogram, levels=levels, start_bin=start_bin, stride=stride)


def entropy_tensorrt(
    distribution: Distribution,
    format: Format | str,
    *,
    symmetric: bool | None = None,
    bins: int = 2048,
    levels: int | None = None,
    start_bin: int = 128,
    stride: int = 1,
) -> ClipRange:
    """As NVIDIA's entropy calibration (TensorRT Model Optimizer): one threshold for the magnitudes.

    bins: of the histogram of |x|. levels: None takes 2^(bits - 1) for a signed format, 2^bits for an unsigned one.
    start_bin, stride: number of bins of the first candidate, and between candidates.
    Differs from the others: groups share the bins evenly without a remainder, nothing is smoothed (a candidate whose
    last bin is empty while values lie outside is infinite), bin 0 gets the count of bin 1, the last of equal candidates
    is taken and the threshold is the upper edge. symmetric: as in `sweep`.
    Source: nvidia-modelopt 0.47, modelopt/torch/quantization/calib/histogram.py.
    """

    def search(distribution: Distribution, format: Format) -> Search:
        return of_distribution(distribution, format, bins=bins, levels=levels, start_bin=start_bin, stride=stride)

    return searched_range(distribution, format, symmetric, search)
