"""`DynamicQuantizer`: the range is found anew in every array, as a whole or in each of its samples."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.scaling import LARGEST, TINY
from workbench.numerics.statistics.extremes import finite_extremes
from workbench.numerics.values import as_float32

Per = Literal["batch", "sample"]


@dataclass(frozen=True)
class DynamicQuantizer:
    """A format whose scale follows the values: the range is their minimum and maximum.

    format: Format, or a name in `FORMATS`; one with a threshold. per: "batch": one range for the whole array,
    "sample": one for each index of axis 0 (an array without axes has one). symmetric: as in `Quantizer.covering`.
    zero_band: values of magnitude <= zero_band become 0 first, before the range is taken.
    NaN and infinities do not count for the range; where nothing else is there, the scale is 1.
    Raises WorkbenchError for a format without a threshold and for another `per`.
    """

    format: Format
    per: Per
    symmetric: bool | None = None
    zero_band: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "format", as_format(self.format))
        if self.per not in get_args(Per):
            raise WorkbenchError(f"a dynamic range is per 'batch' or per 'sample', got {self.per!r}")
        if not self.format.has_scale:
            raise WorkbenchError(f"{self.format.name} has no threshold, so that its range cannot be dynamic")
        _ = Quantizer(self.format, np.ones((), np.float32), self.format.zero_points[0], zero_band=self.zero_band)

    def at(self, values: np.ndarray) -> Quantizer:
        """The quantizer that these values, any shape, get: one scale, or one a sample along axis 0."""
        array = as_float32(values)
        low, high = dynamic_ranges(self._samples(array), self.zero_band)
        per_sample = self.per == "sample" and array.ndim > 0
        if not per_sample:
            low, high = low[0], high[0]
        axis = 0 if per_sample else None
        if _is_byte(self.format) and not self.symmetric:
            scale, zero_point = dynamic_byte_scale(low, high)
            return Quantizer(self.format, scale, zero_point, axis, zero_band=self.zero_band)
        return Quantizer.covering(self.format, low, high, symmetric=self.symmetric, axis=axis, zero_band=self.zero_band)

    def _samples(self, array: np.ndarray) -> np.ndarray:
        """Values that share a range as rows."""
        if self.per == "batch" or not array.ndim:
            return array.reshape(1, -1)
        return array.reshape(array.shape[0], array.size // max(array.shape[0], 1))

    def fake_quantize(self, values: np.ndarray) -> np.ndarray:
        """Quantize and dequantize by the values' own range: float32 of any shape in, the same shape out.

        "uint8" per batch, not symmetric: bit for bit what ONNX DynamicQuantizeLinear and DequantizeLinear give, where
        all values are finite and their range is wider than 3e-36.
        """
        array = as_float32(values)
        return self.at(array).fake_quantize(array) if array.size else array.copy()


def dynamic_ranges(rows: np.ndarray, zero_band: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest finite value of each row, float32 (n,) each; 0 and 0 where there is none.

    rows: float32 (n, values). zero_band: values of magnitude <= zero_band count as 0.
    """
    low, high, _ = finite_extremes(rows)
    nothing = low > high
    low, high = (np.where(nothing | (np.abs(end) <= np.float32(zero_band)), np.float32(0), end) for end in (low, high))
    return low, high


def dynamic_byte_scale(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale float32 and zero point int64 of ONNX DynamicQuantizeLinear for ranges float32 of any shape.

    All in float32: scale = (max(high, 0) - min(low, 0)) / 255, zero point = round to even(0 - min(low, 0) / scale). In
    one range of eight the scale is another in its last bit than that of `Quantizer.covering`, which rounds once.
    A range of nothing but 0 has scale 1, as onnxruntime gives it. Scales are kept positive, normal and finite.
    Source: ONNX operator DynamicQuantizeLinear, opset 11.
    """
    zero = np.float32(0)
    bottom, top = np.minimum(np.asarray(low, np.float32), zero), np.maximum(np.asarray(high, np.float32), zero)
    with np.errstate(over="ignore"):
        scale = np.clip((top - bottom) / np.float32(255), np.float32(TINY), np.float32(LARGEST / 256))
    scale = np.where(top == bottom, np.float32(1), scale).astype(np.float32)
    zero_point = np.rint(np.clip(zero - bottom / scale, zero, np.float32(255)))
    return scale, zero_point.astype(np.int64)


def _is_byte(format: Format) -> bool:
    return isinstance(format, IntegerFormat) and format.affine and (format.qmin, format.qmax) == (0, 255)
