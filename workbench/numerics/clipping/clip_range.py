"""`ClipRange`: what every clipping method returns."""

from dataclasses import dataclass
from typing import Protocol

from workbench.messages import WorkbenchError
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution


@dataclass(frozen=True)
class ClipRange:
    """The interval a quantizer must cover; values outside it saturate."""

    low: float
    high: float

    @property
    def threshold(self) -> float:
        """The larger end, the T of a symmetric quantizer."""
        return max(abs(self.low), abs(self.high))

    def mirrored(self) -> "ClipRange":
        """[-T, T] with T the larger end."""
        return ClipRange(0.0 - self.threshold, self.threshold)


class ClippingMethod(Protocol):
    """A function from a distribution and a format to a range. It has a one-line docstring that menus show."""

    def __call__(
        self, distribution: Distribution, format: Format | str, *, symmetric: bool | None = None
    ) -> ClipRange: ...


def must_mirror(format: Format, symmetric: bool | None) -> bool:
    """Whether a search over one threshold is mirrored: as asked (None: signed formats); always without a zero point."""
    return not format.affine or (format.signed if symmetric is None else symmetric)


def without_search(distribution: Distribution, format: Format, symmetric: bool | None) -> ClipRange | None:
    """The range where there is none to search for: of a format without a scale, of a single value; None elsewhere.

    symmetric: as in `must_mirror`. Raises WorkbenchError where there is no finite value.
    """
    check_not_empty(distribution)
    whole = ClipRange(distribution.low, distribution.high)
    if not format.has_scale:
        return whole
    if whole.low == whole.high:
        return whole.mirrored() if must_mirror(format, symmetric) else whole
    return None


def check_not_empty(distribution: Distribution) -> None:
    """WorkbenchError where there is no finite value to choose a range for."""
    if not distribution.count:
        raise WorkbenchError(
            "the distribution holds no finite value, so no range can be chosen; calibrate with data first"
        )
