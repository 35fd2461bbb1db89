"""Floating-point formats, rounded to nearest even by their own cast (numpy, ml_dtypes)."""

import functools
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from workbench.numerics.formats.format import Format

DTYPES = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
}


@functools.cache
def finite_levels(dtype_name: str) -> np.ndarray:
    """Every finite value of a float type as float32, ascending, zero once; tabulated once per process."""
    dtype = DTYPES[dtype_name]
    codes = np.arange(2 ** (8 * dtype.itemsize), dtype=np.dtype(f"u{dtype.itemsize}")).view(dtype)
    values = codes.astype(np.float32)
    levels = np.unique(values[np.isfinite(values)]) + np.float32(0.0)
    levels.setflags(write=False)
    return levels


@functools.cache
def nearest_even_boundaries(dtype_name: str) -> np.ndarray:
    """float32 (n - 1,): largest input that the cast still sends to the lower neighbour.

    Midpoints of neighbours are exact in float32 for all types here; the cast itself says which side a tie takes.
    """
    levels = finite_levels(dtype_name)
    middle = ((levels[:-1].astype(np.float64) + levels[1:].astype(np.float64)) / 2).astype(np.float32)
    goes_down = middle.astype(DTYPES[dtype_name]).astype(np.float32) == levels[:-1]
    boundaries = np.where(goes_down, middle, np.nextafter(middle, np.float32(-np.inf)))
    boundaries.setflags(write=False)
    return boundaries


@dataclass(frozen=True, kw_only=True)
class FloatingFormat(Format):
    """A sign, `exponent_bits` and `mantissa_bits`, subnormals kept, ties to even.

    dtype_name: the numpy or ml_dtypes type whose cast is the kernel.
    Formats with a scale (fp8) saturate, as ONNX QuantizeLinear does; fp16 and bf16 have no scale and overflow to
    infinity, as an ONNX Cast does.
    Sources: IEEE 754-2019 (fp16); ONNX and OCP 8-bit floating point specification 1.0 (E4M3 without infinity, E5M2).
    """

    exponent_bits: int
    mantissa_bits: int
    dtype_name: str
    family: str = "floating"

    @property
    def largest(self) -> float:
        return float(finite_levels(self.dtype_name)[-1])

    @property
    def overflow_limit(self) -> float:
        """Largest float32 magnitude that stays finite where `overflow` is "infinity" (fp16: just under 65520)."""
        half_step = 2.0 ** (np.floor(np.log2(self.largest)) - self.mantissa_bits - 1)
        return float(
            np.nextafter(np.float32(min(self.largest + half_step, float(np.finfo(np.float32).max))), np.float32(0))
        )

    @property
    def storage(self) -> np.dtype:
        return DTYPES[self.dtype_name]

    def unit_levels(self, zero_point: int = 0) -> np.ndarray:
        return finite_levels(self.dtype_name)

    def unit_boundaries(self, zero_point: int = 0) -> np.ndarray:
        return nearest_even_boundaries(self.dtype_name)

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        if self.overflow == "saturate":
            values = np.clip(values, np.float32(-self.largest), np.float32(self.largest))
        with np.errstate(over="ignore"):
            return values.astype(self.storage)

    def round_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return self.encode_unit(values).astype(np.float32)

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return codes.astype(np.float32)
