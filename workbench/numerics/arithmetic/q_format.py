"""Q formats: fixed-point numbers Qm.n, and the shifts that keep binary points in line through a product."""

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.integers import fits, integer_range, saturate, to_codes
from workbench.numerics.arithmetic.powers_of_two import ceil_log2
from workbench.numerics.arithmetic.shifts import shift
from workbench.numerics.formats.rounding import Rounding


@dataclass(frozen=True)
class QFormat:
    """A sign bit, m integer bits and n fraction bits: real = code / 2^n.

    Either may be negative: Q-1.8 has 8 bits whose highest stands for 1/4.
    Source: ARM, Application Note 33, Fixed Point Arithmetic on the ARM.
    """

    integer_bits: int
    fraction_bits: int

    def __post_init__(self) -> None:
        if self.bits < 2:
            raise WorkbenchError(f"{self.name} has {self.bits} bits; expected at least 2")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls, name: str) -> "QFormat":
        """Q5.2 -> 5 integer bits, 2 fraction bits; WorkbenchError for other words."""
        match = re.fullmatch(r"Q(-?\d+)\.(-?\d+)", name)
        if match is None:
            raise WorkbenchError(f"{name!r} is no Q format; expected a name such as Q5.2")
        return cls(int(match[1]), int(match[2]))

    @property
    def name(self) -> str:
        return f"Q{self.integer_bits}.{self.fraction_bits}"

    @property
    def bits(self) -> int:
        return 1 + self.integer_bits + self.fraction_bits

    @property
    def step(self) -> float:
        return math.ldexp(1.0, -self.fraction_bits)

    @property
    def low(self) -> float:
        return -math.ldexp(1.0, self.integer_bits)

    @property
    def high(self) -> float:
        return math.ldexp(1.0, self.integer_bits) - self.step

    def encode(self, values: Any, rounding: Rounding = "nearest_away") -> np.ndarray:
        """int64 codes, same shape: values * 2^n rounded, saturated at the ends. values: float64."""
        scaled = np.ldexp(np.asarray(values, np.float64), self.fraction_bits)
        return to_codes(scaled, *integer_range(self.bits), rounding)

    def saturates(self, values: Any) -> np.ndarray:
        """bool, same shape: whether a value, rounded to the nearest step, lies beyond the ends."""
        scaled = np.ldexp(np.asarray(values, np.float64), self.fraction_bits)
        wide = to_codes(scaled, -(2**62), 2**62)
        low, high = integer_range(self.bits)
        return (wide < low) | (wide > high)

    def decode(self, codes: Any) -> np.ndarray:
        """float64, same shape: code / 2^n."""
        return np.ldexp(np.asarray(codes, np.float64), -self.fraction_bits)


def range_table(bits: int = 8) -> list[QFormat]:
    """Every Qm.n of a width with both m and n from 0 on: Q0.7 to Q7.0 for 8 bits."""
    return [QFormat(m, bits - 1 - m) for m in range(bits)]


def format_for(largest: float, bits: int = 8, *, clamped: bool = True) -> QFormat:
    """The Q format for magnitudes up to `largest`: m = ceil(log2(largest)), n = bits - 1 - m.

    A maximum that is a power of two, or above 2^m minus half a step, saturates by one step. clamped: m is kept in
    0..bits - 1; without it small maxima get more fraction bits than the width has.
    Raises WorkbenchError for magnitudes that are not positive and finite.
    Source: Lai et al. 2018, CMSIS-NN (arXiv:1801.06601).
    """
    m = ceil_log2(largest)
    m = min(max(m, 0), bits - 1) if clamped else m
    return QFormat(m, bits - 1 - m)


@dataclass(frozen=True, eq=False)
class MultiplyAccumulate:
    """Every step of sum(x * w) + bias in Q formats; see `multiply_accumulate`."""

    x_codes: np.ndarray
    w_codes: np.ndarray
    bias_code: int
    product_sum: int
    product_fraction_bits: int
    product_integer_bits: int
    bias_shift_left: int
    bias_aligned: int
    output: QFormat

    @property
    def accumulator(self) -> int:
        return self.product_sum + self.bias_aligned

    @property
    def accumulator_value(self) -> float:
        return math.ldexp(self.accumulator, -self.product_fraction_bits)

    @property
    def output_shift_right(self) -> int:
        """Fraction bits that the accumulator has more than the output; negative: shift left."""
        return self.product_fraction_bits - self.output.fraction_bits

    @property
    def shifted_floor(self) -> int:
        return int(shift(self.accumulator, self.output_shift_right, "floor"))

    @property
    def shifted_nearest(self) -> int:
        return int(shift(self.accumulator, self.output_shift_right, "half_away"))

    @property
    def output_code_floor(self) -> int:
        return int(saturate(self.shifted_floor, self.output.bits))

    @property
    def output_code(self) -> int:
        """Of the shift to the nearest, saturated."""
        return int(saturate(self.shifted_nearest, self.output.bits))

    @property
    def output_value(self) -> float:
        return float(self.output.decode(self.output_code))

    @property
    def saturated(self) -> bool:
        return not fits(self.shifted_nearest, self.output.bits)

    def into(self, output: QFormat) -> "MultiplyAccumulate":
        """The same sum, brought to another output format."""
        return dataclasses.replace(self, output=output)

    def smallest_fitting(self) -> "MultiplyAccumulate | None":
        """In the format of the output's width with the fewest integer bits that holds the sum; None where none does."""
        candidates = (self.into(format) for format in range_table(self.output.bits))
        return next((result for result in candidates if not result.saturated), None)


def multiply_accumulate(
    x: Any, w: Any, bias: float, input: QFormat, weight: QFormat, bias_format: QFormat, output: QFormat
) -> MultiplyAccumulate:
    """sum(x * w) + bias in Q formats: binary points are brought in line by shifts alone.

    x, w: float64 (n,). The product has the sum of the fraction bits; the bias is shifted left to match (right, by
    floor, where it has more); the sum is shifted right to the output's fraction bits and saturated.
    Source: Lai et al. 2018, CMSIS-NN (arXiv:1801.06601), bias_shift and out_shift of its kernels.
    """
    x_codes, w_codes = input.encode(x), weight.encode(w)
    bias_code = int(bias_format.encode(bias))
    fraction_bits = input.fraction_bits + weight.fraction_bits
    left = fraction_bits - bias_format.fraction_bits
    return MultiplyAccumulate(
        x_codes=x_codes,
        w_codes=w_codes,
        bias_code=bias_code,
        product_sum=int((x_codes * w_codes).sum()),
        product_fraction_bits=fraction_bits,
        product_integer_bits=input.bits + weight.bits - 1 - fraction_bits,
        bias_shift_left=left,
        bias_aligned=int(shift(bias_code, -left, "floor")),
        output=output,
    )
