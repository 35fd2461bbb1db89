"""Alternating refinement: fix the scale and round, fix the codes and take the scale of least squares, and again."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange, must_mirror, without_search
from workbench.numerics.clipping.unit_threshold import unit_threshold
from workbench.numerics.codebooks.weighted_values import WeightedValues
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.scaling import LARGEST
from workbench.numerics.statistics.distribution import Cells, Distribution

MOST_ROUNDS = 100


@dataclass(frozen=True)
class Refinement:
    """The scales tried, and the squared error (sum) at each; the errors fall, so the last scale is the best."""

    scales: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def scale(self) -> float:
        return self.scales[-1]


def refine_scale(
    rounded: Callable[[float], tuple[float, Cells, np.ndarray]], start: float, *, most_rounds: int = MOST_ROUNDS
) -> Refinement:
    """s = x.q / q.q from a first scale on, until the error falls no more.

    rounded: a function that rounds all values at a scale and gives the scale it took (a format may allow some scales
    alone), the moments of the values at each code and the codes q themselves, float64 (n,).
    Source: Leng et al. 2018, Extremely low bit neural network (arXiv:1707.09870): the projection inside ADMM.
    """
    scales: list[float] = []
    errors: list[float] = []
    for _ in range(most_rounds):
        scale, cells, codes = rounded(start)
        product, power = float(codes @ cells.total), float(codes**2 @ cells.count)
        error = float(cells.square.sum()) - scale * (2 * product - scale * power)
        if errors and not error < errors[-1]:
            break
        scales.append(scale)
        errors.append(error)
        if not (product > 0 and power > 0):
            break
        start = product / power
    return Refinement(tuple(scales), tuple(errors))


def alternating(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The range that alternating between codes and scale ends at, starting from the full range (as inside ADMM).

    The error never rises, but the search can stop early: it finds the next best scale, not the best. symmetric: True or
    None with a signed format refines one mirrored threshold; otherwise the zero point of the full range is kept.
    Source: Leng et al. 2018, Extremely low bit neural network (arXiv:1707.09870).
    """
    format = as_format(format)
    known = without_search(distribution, format, symmetric)
    if known is not None:
        return known
    mirrored = must_mirror(format, symmetric)
    first = Quantizer.covering(format, distribution.low, distribution.high, symmetric=mirrored)

    def scale_of(quantizer: Quantizer) -> float:
        # logarithmic formats keep a part of it elsewhere, but their levels show all of it
        whole = isinstance(format, IntegerFormat)
        return float(quantizer.scale) if whole else max(-quantizer.low, quantizer.high) / unit_threshold(format)

    def range_at(scale: float) -> ClipRange:
        if mirrored or not isinstance(format, IntegerFormat):
            high = unit_threshold(format)
            low = -high
        else:
            low, high = format.qmin - int(first.zero_point), format.qmax - int(first.zero_point)
        return ClipRange(max(-LARGEST, low * scale), min(LARGEST, high * scale))

    def rounded(scale: float) -> tuple[float, Cells, np.ndarray]:
        wanted = range_at(scale)
        quantizer = Quantizer.covering(format, wanted.low, wanted.high, symmetric=mirrored)
        assert quantizer.levels is not None and quantizer.boundaries is not None
        taken = scale_of(quantizer)
        return taken, distribution.cells(quantizer.boundaries), quantizer.levels.astype(np.float64) / taken

    return range_at(refine_scale(rounded, scale_of(first)).scale)


def refine_symmetric_scale(values: WeightedValues, largest: int, *, most_rounds: int = MOST_ROUNDS) -> Refinement:
    """`refine_scale` of codes -largest..largest in float64, from max|x| / largest on: the textbook form."""
    codes = np.arange(-largest, largest + 1, dtype=np.float64)

    def rounded(scale: float) -> tuple[float, Cells, np.ndarray]:
        return scale, values.cells((codes[:-1] + 0.5) * scale), codes

    return refine_scale(rounded, float(np.abs(values.values).max()) / largest, most_rounds=most_rounds)


def best_symmetric_scale(values: WeightedValues, largest: int) -> tuple[float, float]:
    """(scale, squared error): the best of all scales for codes -largest..largest, by trying every set of codes.

    As the scale shrinks, one code at a time grows by one, where |x| = (k + 1/2) scale; the least error of a set of
    codes is x.x - (x.q)^2 / q.q. Takes time and memory n * largest.
    """
    magnitude, weight = np.abs(values.values), values.weights
    halves = np.arange(largest) + 0.5
    turns = np.argsort(-(magnitude[:, None] / halves).reshape(-1), kind="stable")
    product = np.cumsum(np.repeat(magnitude * weight, largest)[turns])
    power = np.cumsum((weight[:, None] * 2 * halves).reshape(-1)[turns])
    gain = product**2 / power
    best = int(gain.argmax())
    return float(product[best] / power[best]), max(0.0, float((weight * magnitude**2).sum() - gain[best]))
