"""Logarithmic formats: levels in a geometric row, so that multiplying becomes adding exponents."""

import functools
from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.format import TINY, Step
from workbench.numerics.formats.rounding import boundaries_between
from workbench.numerics.formats.table import TableFormat


@functools.lru_cache(maxsize=64)
def _levels(bits: int, steps: int, offset: int) -> np.ndarray:
    """float32 ascending: -2^((k - top + offset) / steps) for k = top..1, 0, the same positive for k = 0..top."""
    top = 2 ** (bits - 1) - 1
    magnitudes = np.exp2((np.arange(top + 1) - top + offset) / steps).astype(np.float32)
    levels = np.concatenate([-magnitudes[:0:-1], [np.float32(0)], magnitudes])
    levels.setflags(write=False)
    return levels


@functools.lru_cache(maxsize=64)
def _boundaries(bits: int, steps: int, offset: int) -> np.ndarray:
    """Halfway between exponents (k rounded to nearest, an exact half up); around zero, half of the smallest level."""
    top = 2 ** (bits - 1) - 1
    exponents = np.arange(top) - top + 0.5 + offset  # between k and k + 1
    positive = _just_below(np.exp2(exponents / steps))
    negative = -_just_below(np.exp2(exponents[1:] / steps))[::-1]
    smallest = 2.0 ** ((offset - top) / steps)
    second = 2.0 ** ((offset - top + 1) / steps)
    above_zero = _just_below(np.array([smallest / 2]))
    half = np.array([second / 2]).astype(np.float32)
    below_zero = -np.where(half <= second / 2, np.nextafter(half, np.float32(np.inf)), half)
    # a negative value at the boundary itself goes to the level of larger magnitude, as a positive one does
    negative = np.nextafter(negative, np.float32(-np.inf))
    boundaries = np.concatenate([negative, below_zero, above_zero, positive])
    boundaries.setflags(write=False)
    return boundaries


def _just_below(values: np.ndarray) -> np.ndarray:
    """The largest float32 below each float64."""
    nearest = values.astype(np.float32)
    return np.where(nearest >= values, np.nextafter(nearest, np.float32(-np.inf)), nearest)


@dataclass(frozen=True, kw_only=True)
class LogarithmicFormat(TableFormat):
    """Magnitudes 2^((k + z) / steps_per_octave), k = 0 .. 2^(bits - 1) - 1, with a sign; 0 takes the code of -2^(z/S).

    To nearest means the nearest exponent, not the nearest value: k = round(S log2|x|) - z. Magnitudes under half of
    the smallest level become 0. A threshold T gives z = floor(S log2 T) - K: the top level is the last at or below T.
    In `Quantizer` z + K = S * log2(scale) + zero_point: the scale is a power of two and the zero point the rest, so
    that every level is 2^(i/S) rounded once to float32.
    Sources: HiSilicon GFPQ library guide (8 bits, 16 steps; its printed table); Miyashita et al. 2016, Convolutional
    Neural Networks using Logarithmic Data Representation (arXiv:1603.01025).
    """

    steps_per_octave: int
    signed: bool = True
    family: str = "logarithmic"
    step: Step = "sixteenth_octave"

    @property
    def zero_points(self) -> tuple[int, int]:
        return (0, self.steps_per_octave - 1)

    @property
    def largest(self) -> float:
        return 1.0

    @property
    def least_scale(self) -> float:
        """Keeps the lowest levels normal numbers."""
        return TINY * 2.0 ** -(-(2 ** (self.bits - 1)) // self.steps_per_octave)

    def scale_covering(self, magnitudes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        T = np.maximum(magnitudes, self.least_scale)
        # the small addition lets a T that is a level keep it
        sixteenths = np.floor(self.steps_per_octave * np.log2(T) + 1e-9).astype(np.int64)
        sixteenths = np.where(magnitudes > 0, sixteenths, 0)
        octaves, rest = np.divmod(sixteenths, self.steps_per_octave)
        return np.ldexp(np.float32(1), octaves).astype(np.float32), rest

    def z(self, scale: float, zero_point: int) -> int:
        """The coefficient z of a quantizer's scale and zero point."""
        return int(np.log2(scale)) * self.steps_per_octave + zero_point - (2 ** (self.bits - 1) - 1)

    def unit_levels(self, zero_point: int = 0) -> np.ndarray:
        return _levels(self.bits, self.steps_per_octave, int(zero_point))

    def unit_boundaries(self, zero_point: int = 0) -> np.ndarray:
        if self.rounding in ("nearest_even", "nearest_away", "stochastic"):
            return _boundaries(self.bits, self.steps_per_octave, int(zero_point))
        levels = self.unit_levels(zero_point)
        return boundaries_between(levels, self.rounding, np.zeros(levels.size - 1, bool))

    def unit_ends(self, zero_points: np.ndarray) -> np.ndarray:
        top = np.exp2(zero_points / self.steps_per_octave).astype(np.float32)
        return np.stack([-top, top], axis=1)
