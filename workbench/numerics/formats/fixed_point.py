"""Integers whose scale is a power of two: Q formats, shifts instead of multipliers, one exponent for a whole tensor."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.format import Step
from workbench.numerics.formats.integer import IntegerFormat


@dataclass(frozen=True, kw_only=True)
class FixedPointFormat(IntegerFormat):
    """real = q * 2^e, e being the smallest integer with T <= reach * 2^e.

    reach: T / scale at which the next power of two is taken. Q formats Qm.n have reach 2^(bits - 1), which is the rule
    m = ceil(log2(T)): a T that is itself a power of two saturates by one step. A reach of qmax never saturates; one of
    qmax + 1/2 (Flexpoint) saturates nothing by a whole step. There is no zero point.
    Sources: ARM CMSIS-NN (Lai et al. 2018, arXiv:1801.06601) for Qm.n; Koester et al. 2017, Flexpoint
    (arXiv:1711.02213), for one exponent a tensor.
    """

    reach: float
    family: str = "fixed_point"
    step: Step = "power_of_two"

    @property
    def affine(self) -> bool:
        return False

    @property
    def zero_points(self) -> tuple[int, int]:
        return (0, 0)

    def scale_covering(self, magnitudes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return power_of_two_at_least(magnitudes / self.reach), np.zeros(np.shape(magnitudes), np.int64)

    def fraction_bits(self, scale: float) -> int:
        """n of Qm.n at a scale: real = q / 2^n. m is bits - 1 - n."""
        return -int(np.frexp(scale)[1] - 1)


def power_of_two_at_least(values: np.ndarray) -> np.ndarray:
    """The smallest power of two >= each value, float32, kept a normal number; 1 for 0."""
    mantissa, exponent = np.frexp(np.asarray(values, np.float64))
    exponent = np.clip(exponent - (mantissa == 0.5), -126, 127)
    return np.where(np.asarray(values) > 0, np.ldexp(1.0, exponent), 1.0).astype(np.float32)
