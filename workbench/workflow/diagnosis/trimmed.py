"""Distributions without the values that a few broken samples brought."""

import numpy as np

from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.histogram_rows import row_geometry

APART = 2.5  # times the largest magnitude in all other samples
FEW = 0.05  # share of the samples that may be broken


def broken_samples(histogram: Histogram) -> np.ndarray:
    """Samples whose largest magnitude is far beyond that of all others; int64 rows of `sample_ranges`, worst first.

    Empty where ranges of samples were not kept, and where more than a few stand out: then that is how the data are.
    """
    ranges = histogram.sample_ranges
    magnitude = np.nan_to_num(np.abs(ranges).max(axis=1, initial=0.0))
    if magnitude.size < 4:
        return np.zeros(0, np.int64)
    order = np.argsort(-magnitude, kind="stable")
    most = max(1, int(FEW * magnitude.size))
    apart = magnitude[order[:most]] > APART * magnitude[order[1 : most + 1]]
    n = int(np.flatnonzero(apart).max(initial=-1)) + 1
    return order[:n] if magnitude[order[n]] > 0 else order[:0]


def sample_numbers(histogram: Histogram, rows: np.ndarray) -> list[int]:
    """Numbers in the data of samples, given as rows of `sample_ranges`.

    Where samples were left out, rows are no numbers: such a sample is known by its largest or smallest value, if that
    is among those at the ends.
    """
    seen = histogram.samples
    if len(seen.ranges) == seen.n:
        return [int(row) for row in rows]
    found: dict[int, None] = {}
    for low, high in seen.ranges[rows].tolist():
        for end, value in ((seen.largest, high), (seen.smallest, low)):
            found.update(dict.fromkeys(end.samples[end.values == np.float32(value)].tolist()))
    return list(found)


def usual_range(histogram: Histogram, broken: np.ndarray) -> tuple[float, float]:
    """Lowest and highest value of the samples that are not broken."""
    kept = np.delete(histogram.sample_ranges, broken, axis=0)
    low, high = float(np.nanmin(kept[:, 0])), float(np.nanmax(kept[:, 1]))
    return low + 0.0, high + 0.0


def trimmed(histogram: Histogram, low: float, high: float) -> Histogram:
    """Without the values beyond low and high, to a row's width (1 / 2048 of a value); zeros stay."""
    arrays = histogram.to_arrays()
    base, _ = row_geometry(arrays["keys"])
    with np.errstate(invalid="ignore"):
        kept = (base >= low) & (base <= high)
    scalars = np.array([histogram.n_zeros, max(low, histogram.low), min(high, histogram.high)])
    return Histogram.from_arrays({"keys": arrays["keys"][kept], "moments": arrays["moments"][kept], "scalars": scalars})
