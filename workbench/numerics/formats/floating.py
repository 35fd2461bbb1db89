"""Floating-point formats: sign, exponent and mantissa bits; rounded by their cast or, in any mode, by arithmetic."""

import functools
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from workbench.numerics.formats.float_kernel import round_to_mantissa
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.rounding import Overflow, Rounding, boundaries_between

DTYPES = {
    name: np.dtype(getattr(ml_dtypes, name, None) or name)
    for name in (
        "float32",
        "float16",
        "bfloat16",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
        "float6_e2m3fn",
        "float6_e3m2fn",
        "float4_e2m1fn",
    )
}


@functools.cache
def finite_levels(dtype_name: str, bits: int, mantissa_bits: int) -> np.ndarray:
    """Every finite value of a float type as float32, ascending, zero once; tabulated once per process.

    A type in a wider container (TF32 in float32) has the values whose spare mantissa bits are 0.
    """
    dtype = DTYPES[dtype_name]
    if dtype == np.float32:
        spare = 23 - mantissa_bits
        positive = (np.arange(255 << mantissa_bits, dtype=np.uint32) << np.uint32(spare)).view(np.float32)
        values = np.concatenate([-positive[:0:-1], positive])
    else:
        codes = np.arange(2**bits, dtype=np.dtype(f"u{dtype.itemsize}")).view(dtype)
        values = codes.astype(np.float32)
    levels = np.unique(values[np.isfinite(values)]) + np.float32(0.0)
    levels.setflags(write=False)
    return levels


@functools.cache
def boundaries_of_floats(dtype_name: str, bits: int, mantissa_bits: int, rounding: Rounding) -> np.ndarray:
    """float32 (n - 1,): largest input that goes to the lower neighbour; codes count from zero outwards."""
    levels = finite_levels(dtype_name, bits, mantissa_bits)
    code = np.abs(np.arange(levels.size) - int(np.searchsorted(levels, 0)))
    boundaries = boundaries_between(levels, rounding, code[:-1] % 2 == 0)
    boundaries.setflags(write=False)
    return boundaries


@dataclass(frozen=True, kw_only=True)
class FloatingFormat(Format):
    """A sign, `exponent_bits` and `mantissa_bits`, subnormals kept, ties to even unless chosen otherwise.

    dtype_name: the numpy or ml_dtypes type that holds the codes; to nearest even its cast is the kernel, except for
    TF32, whose container is float32. Formats with a scale (fp8 and smaller) saturate, as ONNX QuantizeLinear does;
    fp16, bf16 and TF32 have no scale and overflow to infinity, as an ONNX Cast does.
    bias: of the exponent. has_infinity, has_nan_code: fp6 and fp4 have neither, E4M3 and the fnuz kinds only NaN.
    Sources: IEEE 754-2019 (fp16); OCP 8-bit floating point specification 1.0 (E4M3, E5M2) and microscaling formats
    specification 1.0 (fp6, fp4); ONNX float8 page (fnuz: no infinity, no minus zero); NVIDIA A100 whitepaper (TF32).
    """

    exponent_bits: int
    mantissa_bits: int
    dtype_name: str
    bias: int
    has_infinity: bool = False
    has_nan_code: bool = True
    family: str = "floating"

    @property
    def overflows(self) -> tuple[Overflow, ...]:
        return ("saturate", "infinity", "ieee") if self.has_nan_code else ("saturate",)

    @property
    def has_nan(self) -> bool:
        return self.has_nan_code

    @property
    def largest(self) -> float:
        return float(self.unit_levels()[-1])

    @property
    def has_minus_zero(self) -> bool:
        return not self.dtype_name.endswith("fnuz")

    @property
    def overflow_limits(self) -> tuple[float, float]:
        """Lowest and highest float32 that stay finite; infinite where the format saturates."""
        return _overflow_limits(self)

    @property
    def storage(self) -> np.dtype:
        return DTYPES[self.dtype_name]

    def unit_levels(self, zero_point: int = 0) -> np.ndarray:
        return finite_levels(self.dtype_name, self.bits, self.mantissa_bits)

    def unit_boundaries(self, zero_point: int = 0) -> np.ndarray:
        return boundaries_of_floats(self.dtype_name, self.bits, self.mantissa_bits, self.rounding)

    @property
    def _by_cast(self) -> bool:
        return self.rounding == "nearest_even" and self.storage != np.float32

    def nearest_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        if self._by_cast:
            rounded = self._cast(values).astype(np.float32)
            return rounded if self.has_nan_code else np.where(np.isnan(values), np.float32(np.nan), rounded)
        beyond = np.inf if self.has_infinity else np.nan
        rounded = round_to_mantissa(
            values, self.mantissa_bits, 1 - self.bias, self.rounding, self.overflow, self.largest, beyond
        )
        return rounded if self.has_minus_zero else rounded + np.float32(0.0)

    def _cast(self, values: np.ndarray) -> np.ndarray:
        if self.overflow == "saturate":
            values = np.clip(values, np.float32(-self.largest), np.float32(self.largest))
        with np.errstate(over="ignore", invalid="ignore"):
            return values.astype(self.storage)

    def flushed(self, values: np.ndarray) -> np.ndarray:
        """float32 levels, subnormal ones replaced by zero of their sign: what hardware without subnormals does."""
        smallest_normal = np.float32(2.0 ** (1 - self.bias))
        return np.where(np.abs(values) < smallest_normal, np.copysign(np.float32(0), values), values)

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        if self._by_cast:
            return self._cast(values)
        with np.errstate(invalid="ignore"):
            return self.round_unit(values).astype(self.storage)  # exact: these are levels

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return codes.astype(np.float32)

    def patterns(self, codes: np.ndarray) -> np.ndarray:
        """The bits of codes as unsigned integers, `bits` wide at most (TF32: its 19 leading bits)."""
        unsigned = codes.view(f"u{codes.dtype.itemsize}")
        spare = 23 - self.mantissa_bits if self.storage == np.float32 else 0
        return unsigned >> np.asarray(spare, unsigned.dtype)

    def codes(self, patterns: np.ndarray) -> np.ndarray:
        """The inverse of `patterns`."""
        spare = 23 - self.mantissa_bits if self.storage == np.float32 else 0
        unsigned = np.asarray(patterns, f"u{self.storage.itemsize}")
        return (unsigned << np.asarray(spare, unsigned.dtype)).view(self.storage)


@functools.cache
def _overflow_limits(format: FloatingFormat) -> tuple[float, float]:
    """Found by halving the float32 numbers (as bit patterns) between the largest level and infinity."""
    if format.overflow == "saturate":
        return -np.inf, np.inf
    ends = []
    for sign in (-1, 1):
        finite, beyond = int(np.float32(format.largest).view(np.uint32)), int(np.float32(np.inf).view(np.uint32))
        while beyond - finite > 1:
            middle = (finite + beyond) // 2
            value = np.float32(sign) * np.array([middle], np.uint32).view(np.float32)
            if np.isfinite(format.with_choices(rounding=_sure(format.rounding)).nearest_unit(value))[0]:
                finite = middle
            else:
                beyond = middle
        ends.append(sign * float(np.array([finite], np.uint32).view(np.float32)[0]))
    return ends[0], ends[1]


def _sure(rounding: Rounding) -> Rounding:
    """By chance, what lies beyond the largest level goes to it as long as truncation would."""
    return "toward_zero" if rounding == "stochastic" else rounding
