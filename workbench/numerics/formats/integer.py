"""Integer formats: codes qmin..qmax, saturating, rounded to nearest even as ONNX QuantizeLinear does or by choice."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.rounding import Rounding, boundaries_between, round_to_integer


@compiled("float32[:,:] float32[:,:]! float32[:] float32[:] float32[:]")
def _fake_quantize(rows: Any, out: Any, scale: Any, lowest: Any, highest: Any) -> None:
    """out float32 (groups, n): the levels of `rows` under one scale and one pair of end codes a group, all float32."""
    for g in range(rows.shape[0]):
        s, bottom, top = scale[g], lowest[g], highest[g]
        for i in range(rows.shape[1]):
            level = np.rint(rows[g, i] / s)
            if level < bottom:
                level = bottom
            elif level > top:
                level = top
            out[g, i] = (level + np.float32(0.0)) * s  # an integer has no minus zero


@compiled("float32[:,:] float32[:] float32[:] float32[:] float64[:]!", any_order=True)
def _squared_error(rows: Any, scale: Any, lowest: Any, highest: Any, sums: Any) -> None:
    """sums float64 (groups,): of (x - y)^2, y as in `_fake_quantize`."""
    for g in range(rows.shape[0]):
        s, bottom, top = scale[g], lowest[g], highest[g]
        total = 0.0
        for i in range(rows.shape[1]):
            x = rows[g, i]
            level = np.rint(x / s)
            level = bottom if level < bottom else level
            level = top if level > top else level
            difference = np.float64(level * s - x)
            total += difference * difference
        sums[g] = total


@functools.lru_cache(maxsize=64)
def _boundaries_within(reach: int, rounding: Rounding) -> np.ndarray:
    """float32 (2 reach,), read-only: the boundaries between the whole numbers from -reach to reach."""
    levels = np.arange(-reach, reach + 1, dtype=np.float32)
    boundaries = boundaries_between(levels, rounding, levels[:-1] % 2 == 0)
    boundaries.setflags(write=False)
    return boundaries


@dataclass(frozen=True, kw_only=True)
class IntegerFormat(Format):
    """Integers from `qmin` to `qmax`; real = scale * (q - zero_point).

    Kernel: q = clip(round(x / scale) + zero_point, qmin, qmax) in float32, half to even unless chosen otherwise.
    Source: ONNX operators QuantizeLinear and DequantizeLinear, opset 21.
    """

    qmin: int
    qmax: int
    family: str = "integer"

    @property
    def affine(self) -> bool:
        return True

    @property
    def zero_points(self) -> tuple[int, int]:
        return (self.qmin, self.qmax)

    @property
    def largest(self) -> float:
        return float(self.qmax)

    @property
    def storage(self) -> np.dtype:
        """The narrowest numpy integer that holds the codes (4-bit codes come in bytes)."""
        candidates = (np.int8, np.int16, np.int32) if self.signed else (np.uint8, np.uint16, np.uint32)
        fitting = (t for t in candidates if np.iinfo(t).min <= self.qmin and self.qmax <= np.iinfo(t).max)
        return np.dtype(next(fitting))

    def unit_levels(self, zero_point: int = 0) -> np.ndarray:
        return np.arange(self.qmin - zero_point, self.qmax - zero_point + 1, dtype=np.float32)

    def unit_boundaries(self, zero_point: int = 0) -> np.ndarray:
        reach = self.qmax - self.qmin
        first = self.qmin - zero_point + reach
        return _boundaries_within(reach, self.rounding)[first : first + reach]

    def unit_ends(self, zero_points: np.ndarray) -> np.ndarray:
        return np.stack([self.qmin - zero_points, self.qmax - zero_points], axis=1).astype(np.float32)

    def nearest_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        offset = np.asarray(zero_point)
        lowest = (self.qmin - offset).astype(np.float32)
        highest = (self.qmax - offset).astype(np.float32)
        rounded = np.clip(round_to_integer(values, self.rounding), lowest, highest)
        rounded += np.float32(0.0)  # an integer has no minus zero
        return rounded

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return (self.round_unit(values, zero_point) + np.asarray(zero_point, np.float32)).astype(self.storage)

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return (codes.astype(np.int32) - np.asarray(zero_point, np.int32)).astype(np.float32)

    def fake_quantize(self, values: np.ndarray, scale: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
        if self.rounding != "nearest_even":
            return super().fake_quantize(values, scale, zero_point)
        rows = np.ascontiguousarray(values)
        quantized = np.empty_like(rows)
        _fake_quantize(rows, quantized, *self._columns(scale, zero_point))
        return quantized

    def squared_error(self, values: np.ndarray, scale: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
        if self.rounding != "nearest_even":
            return super().squared_error(values, scale, zero_point)
        sums = np.empty(len(values))
        _squared_error(np.ascontiguousarray(values), *self._columns(scale, zero_point), sums)
        return sums

    def _columns(self, scale: np.ndarray, zero_point: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scale, lowest and highest level at scale 1 of each group, float32 (groups,), from (groups, 1)."""
        lowest, highest = self.unit_ends(zero_point[:, 0]).T
        return np.ascontiguousarray(scale[:, 0]), np.ascontiguousarray(lowest), np.ascontiguousarray(highest)
