"""`Subject`: the one tensor that the plot shows, as a value."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.threshold.following import unit_end


@dataclass(frozen=True, eq=False)
class Subject:
    """A tensor, how it is quantized at present, and what the alternatives are.

    title, caption: text, shown as text. distribution: of the tensor; may be None where `array` is given.
    array: float32 values of a grouped tensor (channels, blocks). quantizer: the present one; None or fp32 means that
    nothing is quantized and there is no handle. symmetric: one mirrored handle, or two.
    error: exact figures of the present choice. reference: the same for min-max, which the live sentence compares with.
    marks: title of a method -> the range it would choose; for grouped tensors in units of each group's own maximum.
    low, high: the chosen range where it is known, floats, or (groups,) where grouped; else it is read from the scales,
    which is not the same where scales go in steps.
    quantity: what the value axis measures, "activation" or "weight". n_samples: how many samples `error` was measured
    on; 0 where it is read off all values. words: what is said over the plot where there is no handle; "" for the usual.
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
    low: float | np.ndarray | None = None
    high: float | np.ndarray | None = None
    quantity: str = "value"
    n_samples: int = 0
    words: str = ""

    def __post_init__(self) -> None:
        if self.distribution is None and self.array is None:
            raise WorkbenchError(f"{self.title!r} has neither a distribution nor values; give one of them to be shown")
        if self.grouped and self.array is None:
            raise WorkbenchError(f"{self.title!r} is quantized in groups, which needs its values; give array=")

    @property
    def grouped(self) -> bool:
        """Whether channels or blocks have their own scales. Blocks that find theirs in the data (MX) are no groups."""
        q = self.quantizer
        return q is not None and q.axis is not None and q.format.has_scale

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
        if self.low is not None and self.high is not None and not np.ndim(self.high):
            low, high = float(self.low), float(self.high)
            largest = max(abs(low), abs(high))
            return (self._mirror(largest), largest) if self.mirrored else (low, high)
        if quantizer is None or not quantizer.format.has_scale:
            return self.values.low, self.values.high
        scale = float(np.max(quantizer.scale))
        if self.mirrored:
            largest = max(abs(quantizer.low), abs(quantizer.high))
            if isinstance(quantizer.format, IntegerFormat):
                largest = scale * unit_end(quantizer.format, self.one_sided)
            return self._mirror(largest), largest
        assert isinstance(quantizer.format, IntegerFormat)
        zero_point = int(np.max(quantizer.zero_point))
        return scale * (quantizer.format.qmin - zero_point), scale * (quantizer.format.qmax - zero_point)

    @property
    def zero_band(self) -> float:
        """Magnitudes up to this one become 0 first."""
        return 0.0 if self.quantizer is None else self.quantizer.zero_band

    def _mirror(self, high: float) -> float:
        return 0.0 if self.one_sided else -high
