"""`Quantizer`: a format at a scale and zero point; turns values into codes and back, exactly as the export does."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.compiled import compiled
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.grouping import Grouping
from workbench.numerics.scaling import LARGEST, TINY, boundaries_at, scale_and_zero_point
from workbench.numerics.values import as_float32


@compiled
def _fake_quantize_integers(rows: Any, out: Any, scale: Any, lowest: Any, highest: Any) -> None:
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


@dataclass(frozen=True, eq=False)
class Quantizer:
    """A format with its scale: real = scale * (code - zero_point).

    format: Format. scale: float32, shape () for one group, (groups,) for channels or blocks; finite, positive, normal.
    zero_point: int, or int64 (groups,), a code of the format; 0 for formats that are not integers.
    axis, block_size: which values share a scale, see `Grouping`; None where there is one scale.
    Raises WorkbenchError for scales and zero points that are none of these, and for several scales without an axis.
    """

    format: Format
    scale: np.ndarray
    zero_point: int | np.ndarray = 0
    axis: int | None = None
    block_size: int | None = None

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):
            scale = np.array(self.scale, np.float32)
        zero_point = np.array(self.zero_point)
        if scale.ndim > 1 or not ((scale >= TINY) & (scale <= LARGEST)).all():
            raise WorkbenchError(f"scale {self.scale} is no positive normal float32 number (or list of them)")
        lowest, highest = (self.format.qmin, self.format.qmax) if isinstance(self.format, IntegerFormat) else (0, 0)
        if zero_point.dtype.kind not in "iu" or not ((zero_point >= lowest) & (zero_point <= highest)).all():
            raise WorkbenchError(
                f"zero point {self.zero_point} is no code of {self.format.name}; expected {lowest} to {highest}"
            )
        if zero_point.ndim and zero_point.shape != scale.shape:
            raise WorkbenchError(f"{zero_point.size} zero points were given for {scale.size} scales")
        if self.axis is None and (scale.ndim or self.block_size is not None):
            raise WorkbenchError(f"{scale.size} scales in groups need their axis; name the channel axis too")
        scale.setflags(write=False)
        object.__setattr__(self, "scale", scale)
        if scale.ndim:
            object.__setattr__(self, "zero_point", np.broadcast_to(zero_point.astype(np.int64), scale.shape))
        else:
            object.__setattr__(self, "zero_point", int(zero_point))
            object.__setattr__(self, "axis", None)
            object.__setattr__(self, "block_size", None)

    @classmethod
    def covering(
        cls,
        format: Format | str,
        low: float | np.ndarray,
        high: float | np.ndarray,
        *,
        symmetric: bool | None = None,
        axis: int | None = None,
        block_size: int | None = None,
    ) -> "Quantizer":
        """The quantizer whose levels cover [low, high].

        low, high: floats, or arrays (groups,) together with `axis`; floats make one group, whatever the axis.
        symmetric: True gives zero_point 0 and scale = max(|low|, |high|) / qmax (unsigned formats: 0 for data that
        are not negative, the middle code otherwise); False gives the affine rule: range widened to hold 0,
        scale = (high - low) / (qmax - qmin), zero_point = round(qmin - low / scale), clamped. None: symmetric
        where the format is signed and low == -high, else affine. Formats without a zero point are symmetric;
        formats without a scale ignore low and high.
        Raises WorkbenchError for an unknown format, NaN, infinite or crossed bounds.
        Source: ONNX QuantizeLinear; Jacob et al. 2018 (arXiv:1712.05877).
        """
        format = as_format(format)
        return cls(format, *scale_and_zero_point(format, low, high, symmetric), axis, block_size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantizer):
            return NotImplemented
        same_place = (self.format, self.axis, self.block_size) == (other.format, other.axis, other.block_size)
        return (
            same_place and np.array_equal(self.scale, other.scale) and np.array_equal(self.zero_point, other.zero_point)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    @property
    def grouping(self) -> Grouping:
        return Grouping(self.axis, self.block_size)

    @property
    def n_groups(self) -> int:
        return int(np.size(self.scale))

    def group(self, index: int) -> "Quantizer":
        """The quantizer of one channel or block (itself where there is one scale)."""
        if self.scale.ndim == 0:
            return self
        return Quantizer(self.format, self.scale[index], int(np.asarray(self.zero_point)[index]))

    @functools.cached_property
    def levels(self) -> np.ndarray | None:
        """float32 (n,) ascending: what each code decodes to; (groups, n) where grouped; None for fp32."""
        unit = self.format.unit_levels()
        if unit is None:
            return None
        return (unit - np.asarray(self.zero_point, np.float32)[..., None]) * self.scale[..., None]

    @functools.cached_property
    def boundaries(self) -> np.ndarray | None:
        """float32 (n - 1,): the largest input the kernel sends to the lower of two neighbouring levels."""
        if self.scale.ndim:
            groups = [self.group(i).boundaries for i in range(self.n_groups)]
            return None if self.levels is None else np.stack([g for g in groups if g is not None])
        unit = self.format.unit_boundaries(int(self.zero_point))
        return None if unit is None else boundaries_at(unit, self.scale)

    @functools.cached_property
    def end_levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest level of each group, float32 (groups,) each, without listing those between."""
        unit = self.format.unit_levels()
        ends = np.array([-self.format.largest, self.format.largest], np.float32) if unit is None else unit[[0, -1]]
        scale, zero_point = self._columns()
        both = (ends - zero_point.astype(np.float32)) * scale
        return both[:, 0], both[:, 1]

    @property
    def low(self) -> float:
        """Lowest level (of all groups)."""
        return float(self.end_levels[0].min())

    @property
    def high(self) -> float:
        """Highest level (of all groups)."""
        return float(self.end_levels[1].max())

    def _columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Scale and zero point (groups, 1), to be broadcast over the rows of `Grouping.split`."""
        return self.scale.reshape(-1, 1), np.asarray(self.zero_point).reshape(-1, 1)

    def _rows(self, array: np.ndarray) -> np.ndarray:
        rows = self.grouping.split(array)
        if rows.shape[0] != self.n_groups:
            raise WorkbenchError(
                f"an array of shape {array.shape} has {rows.shape[0]} groups along axis {self.axis}, "
                f"but this quantizer has {self.n_groups} scales"
            )
        return rows

    def fake_quantize(self, values: np.ndarray) -> np.ndarray:
        """Quantize and dequantize: float32 of any shape in, the levels they go to out, float32 of the same shape.

        NaN stays NaN. Bit for bit what ONNX QuantizeLinear and DequantizeLinear (integers, fp8) or a Cast to the type
        and back (fp16, bf16) give.
        """
        array = as_float32(values)
        if not self.format.has_scale:
            return self.format.round_unit(array)
        rows = self._rows(array)
        scale, zero_point = self._columns()
        if isinstance(self.format, IntegerFormat):
            rows = np.ascontiguousarray(rows)
            quantized = np.empty_like(rows)
            ends = ((end - zero_point[:, 0]).astype(np.float32) for end in (self.format.qmin, self.format.qmax))
            _fake_quantize_integers(rows, quantized, scale[:, 0], *ends)
        else:
            with np.errstate(over="ignore"):
                quantized = self.format.round_unit(rows / scale) * scale
        return self.grouping.join(quantized, array.shape)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Codes of `values`, dtype `format.storage`, same shape. WorkbenchError where integers meet NaN."""
        array = as_float32(values)
        if isinstance(self.format, IntegerFormat) and np.isnan(array).any():
            raise WorkbenchError(f"{int(np.isnan(array).sum())} NaN values have no code in {self.format.name}")
        rows = self._rows(array)
        scale, zero_point = self._columns()
        with np.errstate(over="ignore"):
            units = rows / scale
        return self.grouping.join(self.format.encode_unit(units, zero_point), array.shape)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """float32 values of `codes`, same shape; decode(encode(x)) == fake_quantize(x)."""
        array = np.asarray(codes)
        rows = self._rows(array)
        scale, zero_point = self._columns()
        return self.grouping.join(self.format.decode_unit(rows, zero_point) * scale, array.shape)
