"""What the kinds of evidence about ranges share: how wide a range is, what lies beyond it, and who brought that."""

from collections.abc import Sequence

import numpy as np

from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.histogram import Histogram
from workbench.workflow.choice import TensorChoice
from workbench.workflow.diagnosis.case import Point
from workbench.workflow.diagnosis.trimmed import sample_numbers


def has_one_range(point: Point) -> bool:
    """Whether there is one threshold to move."""
    return point.choice.axis is None and point.choice.variation.has_scale


def ends(choice: TensorChoice) -> tuple[float, float]:
    """Ends of one range."""
    return float(np.min(choice.low)), float(np.max(choice.high))


def width(choice: TensorChoice) -> float:
    """How far the levels reach; 0 is always one of them."""
    low, high = ends(choice)
    return max(max(high, 0.0) - min(low, 0.0), 1e-30)


def reach(point: Point) -> float:
    """How far the levels would have to reach to hold all values."""
    values = point.distribution
    if point.is_symmetric:
        return 2 * values.absmax
    return max(values.high, 0.0) - min(values.low, 0.0)


def beyond(distribution: Distribution, low: float, high: float) -> int:
    """How many values lie outside of a range."""
    below = np.nextafter(np.float32(low), np.float32(-np.inf))
    cells = distribution.cells(np.array([below, max(np.float32(high), below)], np.float32))
    return int(round(float(cells.count[0] + cells.count[2])))


def deviation(distribution: Distribution) -> float:
    """Standard deviation."""
    cells = distribution.cells(np.zeros(0, np.float32))
    mean = float(cells.total[0]) / max(distribution.count, 1)
    return float(np.sqrt(max(float(cells.square[0]) / max(distribution.count, 1) - mean * mean, 0.0)))


def broken_numbers(point: Point) -> list[int]:
    """Numbers of the calibration samples that have nothing in common with the others."""
    histogram = point.distribution
    return sample_numbers(histogram, point.broken) if isinstance(histogram, Histogram) else []


def samples_beyond(distribution: Distribution, low: float, high: float) -> Sequence[int]:
    """Numbers of the samples that hold values outside of a range, those furthest out first, as far as that is known."""
    if not isinstance(distribution, Histogram):
        return []
    seen, found = distribution.samples, dict[int, float]()
    if len(seen.ranges) == seen.n:
        for sample, (lowest, highest) in enumerate(seen.ranges.tolist()):
            found[sample] = max(low - lowest, highest - high)
    else:  # ranges are those of batches
        for end in (seen.largest, seen.smallest):
            for sample, value in zip(end.samples.tolist(), end.values.tolist(), strict=True):
                found[sample] = max(low - value, value - high, found.get(sample, 0.0))
    return sorted((s for s, distance in found.items() if distance > 0), key=lambda s: -found[s])
