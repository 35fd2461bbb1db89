"""Single samples of the calibration, counted in the plot's own bins: thin lines that the float values stand among."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.charts.distribution import Strips
from workbench.ui.charts.magnitude import Magnitudes, counts_by_magnitude
from workbench.ui.threshold.strips import counts_between

FEW_VALUES = "so few values are drawn one by one"
ENOUGH = 6  # values in a bin that is drawn by itself


@dataclass(frozen=True, eq=False)
class EachSample:
    """names: of the lines, "sample 17". distributions: of each line. why: there can be none at present."""

    names: tuple[str, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    why: str = ""


@dataclass(frozen=True, eq=False)
class Lines:
    """What `each` looks like in the bins of a chart. facts: see `lines_of`."""

    each: EachSample
    edges: np.ndarray
    whole: float
    facts: dict[str, Any]

    def holds(self, each: EachSample, edges: np.ndarray, whole: float) -> bool:
        return self.each is each and self.whole == whole and np.array_equal(self.edges, edges)


def lines_of(each: EachSample, chart: Strips | Magnitudes, whole: float, known: Lines | None = None) -> Lines:
    """For JSON and bytes. whole: how many values the chart counts, which every line's counts are scaled to.

    low, high: values at the ends of the bins, which are equally wide on the chart. names: one a line. counts: float32
    (lines, bins), little-endian, evened out where a sample has few values. why: no line can be drawn. known: is
    returned where it still holds.
    """
    if known is not None and known.holds(each, chart.edges, whole):
        return known
    facts: dict[str, Any] = {"why": each.why}
    if isinstance(chart, Strips) and chart.one_by_one and not each.why:
        facts["why"] = FEW_VALUES
    elif each.distributions:
        counts = np.stack([evened(bin_counts(one, chart)) * (whole / max(one.count, 1)) for one in each.distributions])
        facts |= {"low": float(chart.edges[0]), "high": float(chart.edges[-1]), "names": list(each.names)}
        facts["counts"] = np.ascontiguousarray(counts, "<f4").tobytes()
    return Lines(each, chart.edges, whole, facts)


def bin_counts(one: Distribution, chart: Strips | Magnitudes) -> np.ndarray:
    """Counts float64 (bins,) of one distribution in a chart's bins."""
    by_magnitude = isinstance(chart, Magnitudes)
    counts = counts_by_magnitude(one, chart.edges) if by_magnitude else counts_between(one, chart.edges)
    return np.maximum(counts, 0.0)


def evened(counts: np.ndarray, enough: float = ENOUGH) -> np.ndarray:
    """Counts (bins,) whose sparse stretches are level: a line of them shows a density instead of single values.

    Neighbouring bins with fewer than `enough` values each share theirs, so many of them as hold enough together. No
    line begins before the first value or goes on after the last.
    """
    filled = np.flatnonzero(counts > 0)
    result = np.zeros(counts.size)
    if not filled.size:
        return result
    start, total = int(filled[0]), 0.0
    for i in range(start, int(filled[-1]) + 1):
        count = float(counts[i])
        if count >= enough:
            result[start:i] = total / max(i - start, 1)
            result[i] = count
            start, total = i + 1, 0.0
        elif total + count >= enough or i == filled[-1]:
            result[start : i + 1] = (total + count) / (i + 1 - start)
            start, total = i + 1, 0.0
        else:
            total += count
    return result


def name_of(numbers: Sequence[int]) -> str:
    """What a line is called after the numbers of its samples: "sample 5", "samples 4 to 7", "samples 1, 33, 65"."""
    if len(numbers) == 1:
        return f"sample {numbers[0]}"
    if len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"samples {numbers[0]} to {numbers[-1]}"
    rest = ", ..." if len(numbers) > 3 else ""
    return f"samples {', '.join(map(str, numbers[:3]))}{rest}"
