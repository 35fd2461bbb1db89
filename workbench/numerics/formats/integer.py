"""Integer formats: codes qmin..qmax, rounded to nearest even, saturating, as ONNX QuantizeLinear does."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.format import Format


@dataclass(frozen=True, kw_only=True)
class IntegerFormat(Format):
    """Integers from `qmin` to `qmax`; real = scale * (q - zero_point).

    Kernel: q = clip(rint(x / scale) + zero_point, qmin, qmax) in float32, half to even.
    Source: ONNX operators QuantizeLinear and DequantizeLinear, opset 21.
    """

    qmin: int
    qmax: int
    family: str = "integer"

    @property
    def affine(self) -> bool:
        return True

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
        lower = np.arange(self.qmin - zero_point, self.qmax - zero_point, dtype=np.int64)
        tie = lower.astype(np.float32) + np.float32(0.5)
        # half to even: the tie belongs to the lower level where that is even
        return np.where(lower % 2 == 0, tie, np.nextafter(tie, np.float32(-np.inf)))

    def round_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        offset = np.asarray(zero_point)
        lowest = (self.qmin - offset).astype(np.float32)
        highest = (self.qmax - offset).astype(np.float32)
        rounded = np.clip(np.rint(values), lowest, highest)
        rounded += np.float32(0.0)  # an integer has no minus zero
        return rounded

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return (self.round_unit(values, zero_point) + np.asarray(zero_point, np.float32)).astype(self.storage)

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return (codes.astype(np.int32) - np.asarray(zero_point, np.int32)).astype(np.float32)
