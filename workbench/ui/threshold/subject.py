"""`Subject`: the one tensor that the plot shows, as a value."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.sorted_sums import SortedSums


@dataclass(frozen=True, eq=False)
class Subject:
    """A tensor, how it is quantized at present, and what the alternatives are.

    title, caption: text, shown as text. distribution: of the tensor; may be None where `array` is given.
    array: float32 values of a grouped tensor (channels, blocks). quantizer: the present one; None or fp32 means that
    nothing is quantized and there is no handle. symmetric: one mirrored handle, or two.
    error: exact figures of the present choice. reference: the same for min-max, which the live sentence compares with.
    marks: title of a method -> the range it would choose; for grouped tensors in units of each group's own maximum.
    low, high: the chosen range where it is known; else the quantizer's end levels are taken (grouped: ignored).
    quantity: what the value axis measures, "activation" or "weight".
    """

    title: str
    caption: str
    distribution: Distribution | None
    array: np.ndarray | None = None
    quantizer: Quantizer | None = None
    symmetric: bool = True
    error: QuantizationError | None = None
    marks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reference: QuantizationError | None = None
    low: float | None = None
    high: float | None = None
    quantity: str = "value"

    def __post_init__(self) -> None:
        if self.distribution is None and self.array is None:
            raise WorkbenchError(f"{self.title!r} has neither a distribution nor values; give one of them to be shown")
        if self.grouped and self.array is None:
            raise WorkbenchError(f"{self.title!r} is quantized in groups, which needs its values; give array=")

    @property
    def grouped(self) -> bool:
        """Whether channels or blocks have their own scales."""
        return self.quantizer is not None and self.quantizer.axis is not None

    @functools.cached_property
    def values(self) -> Distribution:
        """The distribution given, or one made of `array`."""
        return SortedSums.of(self.array) if self.distribution is None else self.distribution

    @property
    def mirrored(self) -> bool:
        """Whether one threshold rules both ends: asked for, or the format has no zero point."""
        return self.symmetric or (self.quantizer is not None and not self.quantizer.format.affine)

    @property
    def one_sided(self) -> bool:
        """Whether a mirrored range starts at 0: unsigned codes with zero point 0."""
        if self.quantizer is None or self.quantizer.format.signed or not self.mirrored:
            return False
        return not np.any(self.quantizer.zero_point)

    @property
    def span(self) -> tuple[float, float]:
        """The present range (low, high) of one group: as chosen, else read from scale and zero point."""
        quantizer = self.quantizer
        if self.low is not None and self.high is not None:
            largest = max(abs(self.low), abs(self.high))
            return (self._mirror(largest), largest) if self.mirrored else (self.low, self.high)
        if quantizer is None or not quantizer.format.has_scale:
            return self.values.low, self.values.high
        scale = float(np.max(quantizer.scale))
        if self.mirrored:
            largest = scale * unit_end(quantizer.format, self.one_sided)
            return self._mirror(largest), largest
        assert isinstance(quantizer.format, IntegerFormat)
        zero_point = int(np.max(quantizer.zero_point))
        return scale * (quantizer.format.qmin - zero_point), scale * (quantizer.format.qmax - zero_point)

    def _mirror(self, high: float) -> float:
        return 0.0 if self.one_sided else -high


def unit_end(format: Format, one_sided: bool) -> float:
    """The level at scale 1 that a mirrored threshold goes to."""
    if not isinstance(format, IntegerFormat):
        return format.largest
    return float(format.qmax - middle_code(format, one_sided))


def middle_code(format: Format, one_sided: bool) -> int:
    """The zero point of a mirrored range: 0 for signed codes and for values that are never negative."""
    return 0 if format.signed or one_sided or not isinstance(format, IntegerFormat) else (format.qmax + 1) // 2
