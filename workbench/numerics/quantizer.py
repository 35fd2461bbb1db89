"""`Quantizer`: a format at a scale and zero point; turns values into codes and back, exactly as the export does."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.rounding import boundaries_between
from workbench.numerics.grouping import Grouping
from workbench.numerics.scaling import LARGEST, TINY, boundaries_at, scale_and_zero_point
from workbench.numerics.values import as_float32


@dataclass(frozen=True, eq=False)
class Quantizer:
    """A format with its scale: real = scale * (code - zero_point).

    format: Format. scale: float32, shape () for one group, (groups,) for channels or blocks; finite, positive, normal.
    zero_point: int, or int64 (groups,), a code of the format; 0 for formats without one. Logarithmic formats keep here
    the part of their exponent that is no whole power of two.
    axis, block_size: which values share a scale, see `Grouping`; None where there is one scale. Formats that find the
    scales of blocks in the data (MX) have one scale, 1, and their blocks within each index of `axis`.
    zero_band: finite and not negative; values of magnitude <= zero_band become 0 before anything else (magnitude
    pruning, then quantization).
    Raises WorkbenchError for scales, zero points and bands that are none of these, for several scales without an axis,
    for a codebook without levels and a band in a format without a level at 0.
    Source of the band: Han et al. 2016, Deep Compression (arXiv:1510.00149).
    """

    format: Format
    scale: np.ndarray
    zero_point: int | np.ndarray = 0
    axis: int | None = None
    block_size: int | None = None
    zero_band: float = 0.0

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):
            scale = np.array(self.scale, np.float32)
        zero_point = np.array(self.zero_point)
        if scale.ndim > 1 or not ((scale >= TINY) & (scale <= LARGEST)).all():
            raise WorkbenchError(f"scale {self.scale} is no positive normal float32 number (or list of them)")
        lowest, highest = self.format.zero_points
        if zero_point.dtype.kind not in "iu" or not ((zero_point >= lowest) & (zero_point <= highest)).all():
            raise WorkbenchError(
                f"zero point {self.zero_point} is no code of {self.format.name}; expected {lowest} to {highest}"
            )
        if zero_point.ndim and zero_point.shape != scale.shape:
            raise WorkbenchError(f"{zero_point.size} zero points were given for {scale.size} scales")
        if self.axis is None and (scale.ndim or self.block_size is not None):
            raise WorkbenchError(f"{scale.size} scales in groups need their axis; name the channel axis too")
        if self.format.needs_values:
            raise WorkbenchError(f"{self.format.name} has no levels yet; fit them with wb.fit_codebook first")
        if self.format.has_scale and (scale < self.format.least_scale).any():
            raise WorkbenchError(f"scale {self.scale} is too small: levels of {self.format.name} would meet in float32")
        scale.setflags(write=False)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "zero_band", self._checked_band())
        if scale.ndim:
            object.__setattr__(self, "zero_point", np.broadcast_to(zero_point.astype(np.int64), scale.shape))
        else:
            object.__setattr__(self, "zero_point", int(zero_point))
            object.__setattr__(self, "axis", self.axis if self.format.block_size is not None else None)
            object.__setattr__(self, "block_size", None)

    def _checked_band(self) -> float:
        with np.errstate(over="ignore"):
            band = np.float32(self.zero_band)
        if not 0 <= band < np.inf:
            raise WorkbenchError(f"zero band {self.zero_band} is no finite number >= 0")
        if band > 0 and self.format.family in ("binary", "codebook"):
            levels = self.format.unit_levels()
            if levels is not None and not (levels == 0).any():
                raise WorkbenchError(f"{self.format.name} has no level at 0, so that nothing can be pruned to it")
        return float(band)

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
        zero_band: float = 0.0,
    ) -> "Quantizer":
        """The quantizer whose levels cover [low, high].

        low, high: floats, or arrays (groups,) together with `axis`; floats make one group, whatever the axis.
        symmetric: True gives zero_point 0 and scale = max(|low|, |high|) / qmax (unsigned formats: 0 for data that
        are not negative, the middle code otherwise); False gives the affine rule: range widened to hold 0,
        scale = (high - low) / (qmax - qmin), zero_point = round(qmin - low / scale), clamped. None: symmetric
        where the format is signed and low == -high, else affine. Formats without a zero point are symmetric;
        formats without a scale ignore low and high. Scales that go in steps take the one that the format's rule gives
        (`Format.scale_covering`), so that the end levels may lie inside or outside of the range.
        zero_band: see `Quantizer`.
        Raises WorkbenchError for an unknown format, NaN, infinite or crossed bounds.
        Source: ONNX QuantizeLinear; Jacob et al. 2018 (arXiv:1712.05877).
        """
        format = as_format(format)
        return cls(format, *scale_and_zero_point(format, low, high, symmetric), axis, block_size, zero_band)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantizer):
            return NotImplemented
        mine, theirs = ((q.format, q.axis, q.block_size, q.zero_band) for q in (self, other))
        return (
            mine == theirs
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
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
        zero_point = int(np.asarray(self.zero_point)[index])
        return Quantizer(self.format, self.scale[index], zero_point, zero_band=self.zero_band)

    @property
    def _scale_of_row(self) -> np.ndarray:
        """Scale, to be multiplied with one row of levels for each group: (groups, 1), or () for one group."""
        return self.scale[:, None] if self.scale.ndim else self.scale

    def _by_zero_point(self, table: Callable[[int], np.ndarray | None]) -> np.ndarray | None:
        """A table of the format for the zero point of each group: (groups, n), or (n,) for one group."""
        if not self.scale.ndim:
            return table(int(self.zero_point))
        points, of_group = np.unique(self.zero_point, return_inverse=True)
        tables = [table(int(point)) for point in points]
        known = [one for one in tables if one is not None]
        return np.stack(known)[of_group] if known else None

    @functools.cached_property
    def levels(self) -> np.ndarray | None:
        """float32 (n,) ascending: what each code decodes to; (groups, n) where grouped; None for fp32 and blocks."""
        unit = self._by_zero_point(self.format.unit_levels)
        return None if unit is None else unit * self._scale_of_row

    @functools.cached_property
    def boundaries(self) -> np.ndarray | None:
        """float32 (n - 1,): the largest input the kernel sends to the lower of two neighbouring levels.

        Ascending, but not strictly under a zero band: levels within the band are never reached. Under stochastic
        rounding the boundaries part the inputs by the level that is more likely.
        """
        unit, levels = self._by_zero_point(self.format.unit_boundaries), self.levels
        if unit is None or levels is None:
            return None
        if not self.format.has_scale:
            boundaries = unit
        elif self.format.to_nearest or self.format.stochastic:
            boundaries = boundaries_at(unit, self._scale_of_row)
        else:
            boundaries = boundaries_between(levels, self.format.rounding, np.ones(unit.shape[-1], bool))
        if not self.zero_band:
            return boundaries
        band = np.float32(self.zero_band)
        below = np.nextafter(-band, np.float32(-np.inf))
        return np.where(boundaries < 0, np.minimum(boundaries, below), np.maximum(boundaries, band))

    @functools.cached_property
    def end_levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest level of each group, float32 (groups,) each, without listing those between."""
        scale, zero_point = self._columns()
        both = self.format.unit_ends(zero_point[:, 0]) * scale
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

    def _pruned(self, values: np.ndarray) -> np.ndarray:
        """Values as float32, those within the zero band as 0."""
        array = as_float32(values)
        return np.where(np.abs(array) <= np.float32(self.zero_band), np.float32(0), array) if self.zero_band else array

    def fake_quantize(self, values: np.ndarray) -> np.ndarray:
        """Quantize and dequantize: float32 of any shape in, the levels they go to out, float32 of the same shape.

        NaN stays NaN. Bit for bit what ONNX QuantizeLinear and DequantizeLinear (integers, fp8) or a Cast to the type
        and back (fp16, bf16) give, where rounding and overflow are the format's own.
        """
        array = self._pruned(values)
        if self.format.block_size is not None:
            rows = self.grouping.split(array)
            return self.grouping.join(self.format.round_unit(rows), array.shape)
        if not self.format.has_scale:
            return self.format.round_unit(array)
        return self.grouping.join(self.format.fake_quantize(self._rows(array), *self._columns()), array.shape)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Codes of `values`, dtype `format.storage`, same shape. WorkbenchError where NaN has no code.

        Block formats give the quantized values themselves: their codes come with scales, which are no part of an array.
        """
        if self.format.block_size is not None:
            return self.fake_quantize(values)
        array = self._pruned(values)
        if not self.format.has_nan and np.isnan(array).any():
            raise WorkbenchError(f"{int(np.isnan(array).sum())} NaN values have no code in {self.format.name}")
        if not self.format.has_scale:
            return self.format.encode_unit(array)
        if not self.format.to_nearest:  # a level is its own nearest
            to_nearest = self.format.with_choices(rounding="nearest_even")
            nearest = dataclasses.replace(self, format=to_nearest, zero_band=0.0)  # pruned once is enough
            return nearest.encode(self.fake_quantize(array))
        rows = self._rows(array)
        scale, zero_point = self._columns()
        with np.errstate(over="ignore"):
            units = rows / scale
        return self.grouping.join(self.format.encode_unit(units, zero_point), array.shape)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """float32 values of `codes`, same shape; decode(encode(x)) == fake_quantize(x)."""
        array = np.asarray(codes)
        if not self.format.has_scale:
            return self.format.decode_unit(array)
        rows = self._rows(array)
        scale, zero_point = self._columns()
        return self.grouping.join(self.format.decode_unit(rows, zero_point) * scale, array.shape)
