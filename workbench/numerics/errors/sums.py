"""Running sums for the error between two streams of arrays (float network against quantized network)."""

import math
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.compiled import compiled
from workbench.numerics.errors.error import cosine_of, decibels


@compiled
def _accumulate(reference: Any, values: Any, sums: Any) -> None:
    """sums: float64 (6,) = sum f^2, sum (f - q)^2, sum f q, sum q^2, sum |f - q|, max |f - q|; added to in place."""
    signal = 0.0
    noise = 0.0
    product = 0.0
    power = 0.0
    distance = 0.0
    worst = sums[5]
    for i in range(reference.size):
        f = np.float64(reference[i])
        q = np.float64(values[i])
        d = f - q
        signal += f * f
        noise += d * d
        product += f * q
        power += q * q
        distance += abs(d)
        worst = max(worst, abs(d))
    sums[0] += signal
    sums[1] += noise
    sums[2] += product
    sums[3] += power
    sums[4] += distance
    sums[5] = worst


class ErrorSums:
    """Sums over all arrays added; the ratios are taken at the end, not averaged over batches."""

    def __init__(self) -> None:
        self._sums = np.zeros(6)
        self.count = 0

    def add(self, reference: np.ndarray, values: np.ndarray) -> None:
        """reference, values: float32 or float64 arrays of one shape; WorkbenchError where their shapes differ."""
        if reference.shape != values.shape:
            raise WorkbenchError(f"arrays of shapes {reference.shape} and {values.shape} cannot be compared")
        _accumulate(_flat(reference), _flat(values), self._sums)
        self.count += reference.size

    def include(self, other: "ErrorSums") -> None:
        """Add what other sums have counted; bit for bit as if their arrays had been added here, one after the other."""
        worst = max(self._sums[5], other._sums[5])
        self._sums += other._sums
        self._sums[5] = worst
        self.count += other.count

    @property
    def mse(self) -> float:
        return float(self._sums[1]) / max(self.count, 1)

    @property
    def mean_abs(self) -> float:
        return float(self._sums[4]) / max(self.count, 1)

    @property
    def max_abs(self) -> float:
        """The largest error; nan where one of them is no number."""
        return math.nan if math.isnan(self._sums[1]) else float(self._sums[5])

    @property
    def sqnr_db(self) -> float:
        """10 log10(sum f^2 / sum (f - q)^2), dB."""
        return decibels(float(self._sums[0]), float(self._sums[1]))

    @property
    def cosine(self) -> float:
        return cosine_of(float(self._sums[2]), float(self._sums[0]), float(self._sums[3]))


def _flat(array: np.ndarray) -> np.ndarray:
    """float64 as it is, everything else as float32."""
    return np.ascontiguousarray(array, None if array.dtype == np.float64 else np.float32).reshape(-1)
