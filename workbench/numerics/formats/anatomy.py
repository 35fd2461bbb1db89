"""One number taken apart in one format: bits, class, neighbours, error, and what every rounding makes of it."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.saturation import saturation_cuts
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.fields import Field, fields_of, formula_of, layout_of
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.identity import IdentityFormat
from workbench.numerics.formats.rounding import ROUNDINGS, Overflow, Rounding
from workbench.numerics.formats.shared_exponent import BlockFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.values import as_float32

NumberClass = Literal["zero", "subnormal", "normal", "infinity", "NaN", "saturated"]


@dataclass(frozen=True)
class Rounded:
    """What one rounding mode makes of a value.

    outcomes: (result, probability), the lower one first; one outcome unless rounding is stochastic.
    by_overflow: the result under each overflow policy of the format; empty for stochastic rounding.
    """

    rounding: Rounding
    outcomes: tuple[tuple[float, float], ...]
    by_overflow: Mapping[Overflow, float]


@dataclass(frozen=True)
class Anatomy:
    """A value and its code in one format.

    value: the float32 that is taken apart. decoded: the number that its code stands for. fields: the code's bits;
    empty where NaN has no code. number_class: of the code; "saturated" where the value lies beyond the end levels
    and became one of them.
    below, above: the last level under the value and the first one over it, infinity included where the format's
    overflow leads there; None beyond the end and for NaN.
    formula: how the fields give `decoded`, with ^{...} for powers.
    scale, zero_point: of the quantizer; of a block format the power of two that a block shares.
    """

    format: Format
    value: float
    scale: float
    zero_point: int
    decoded: float
    fields: tuple[Field, ...]
    number_class: NumberClass
    below: float | None
    above: float | None
    formula: str

    @property
    def bits(self) -> str:
        """All bits in one row, most significant first."""
        return "".join(field.bits for field in self.fields)

    @property
    def error(self) -> float | None:
        """|decoded - value|; None where one of them is NaN."""
        if math.isnan(self.value) or math.isnan(self.decoded):
            return None
        return 0.0 if self.decoded == self.value else abs(self.decoded - self.value)

    @property
    def relative_error(self) -> float | None:
        """error / |value|; None where there is no such share: at 0, infinity and NaN, unless the error is 0."""
        if not self.error:
            return self.error
        return self.error / abs(self.value) if self.value and math.isfinite(self.value) else None

    @functools.cached_property
    def roundings(self) -> tuple[Rounded, ...]:
        """The value under every rounding mode, in the order of `ROUNDINGS`."""
        return tuple(_rounded(self, cast(Rounding, mode)) for mode in ROUNDINGS)


def dissect(
    format: Format | str,
    value: float,
    *,
    threshold: float = 1.0,
    scale: float | None = None,
    zero_point: int = 0,
) -> Anatomy:
    """Take the float32 nearest to `value` apart in a format (a name of `FORMATS`, or a variation by `with_choices`).

    threshold: formats with a scale cover [-threshold, threshold]; in a block format it is the largest magnitude among
    the neighbours of the value. scale, zero_point: given as they are instead.
    Raises WorkbenchError for an unknown format, one whose levels are still to be fitted, and a threshold or scale that
    is none.
    """
    format = as_format(format)
    if format.needs_values:
        raise WorkbenchError(f"{format.name} has no levels yet; fit them to a tensor with wb.fit_codebook first")
    x = as_float32([value])
    if isinstance(format, BlockFormat):
        return _in_a_block(format, x, _shared_scale(format, x, threshold) if scale is None else scale)
    covering = Quantizer.covering(format, -threshold, threshold)
    return _dissected(
        format, x, covering if scale is None else Quantizer(format, np.asarray(scale, np.float32), zero_point)
    )


def _dissected(format: Format, x: np.ndarray, quantizer: Quantizer) -> Anatomy:
    decoded = float(quantizer.fake_quantize(x)[0])
    scale, zero_point = float(quantizer.scale), int(quantizer.zero_point)
    has_code = format.has_nan or not math.isnan(decoded)
    fields = fields_of(format, quantizer.encode(x), scale) if has_code else ()
    below, above = _neighbours(format, float(x[0]), quantizer)
    formula = formula_of(format, fields, scale, zero_point) if math.isfinite(decoded) else _special(decoded, has_code)
    number_class = _class_of(format, x, decoded, fields, quantizer)
    return Anatomy(format, float(x[0]), scale, zero_point, decoded, fields, number_class, below, above, formula)


def _shared_scale(format: BlockFormat, x: np.ndarray, threshold: float) -> float:
    if not 0 < threshold < math.inf:
        raise WorkbenchError(f"threshold {threshold} is no positive finite number")
    largest = x if np.isfinite(x).all() else np.zeros(1, np.float32)
    rows = np.concatenate([largest, as_float32([threshold])]).reshape(1, -1)
    return max(float(format.block_scales(rows)[0, 0]), float(np.finfo(np.float32).tiny))


def _in_a_block(format: BlockFormat, x: np.ndarray, scale: float) -> Anatomy:
    """An element of a block whose neighbours share `scale`; one value that is not finite makes all of them NaN."""
    if not np.isfinite(x).all():
        nan: tuple[Field, ...] = (Field("shared", "1" * 8),)
        words = f"shared exponent {2**8 - 1}: the whole block is NaN"
        return Anatomy(format, float(x[0]), scale, 0, math.nan, nan, "NaN", None, None, words)
    element = format.element.with_choices(rounding=format.rounding, seed=format.seed)
    quantizer = Quantizer(element, np.asarray(scale, np.float32))
    inner = _dissected(element, x, quantizer)
    fields = fields_of(format, quantizer.encode(x), scale)
    formula = formula_of(format, fields, scale, 0)
    return Anatomy(
        format, inner.value, scale, 0, inner.decoded, fields, inner.number_class, inner.below, inner.above, formula
    )


def _special(decoded: float, has_code: bool) -> str:
    if not has_code:
        return "NaN has no code"
    return "the pattern of NaN" if math.isnan(decoded) else f"the pattern of {'-' if decoded < 0 else ''}infinity"


def _class_of(
    format: Format, x: np.ndarray, decoded: float, fields: tuple[Field, ...], quantizer: Quantizer
) -> NumberClass:
    if math.isnan(decoded):
        return "NaN"
    if math.isinf(decoded):
        return "infinity"
    if format.overflow != "infinity" and not isinstance(format, IdentityFormat):
        below, above = saturation_cuts(*quantizer.end_levels)
        if x[0] <= below[0] or x[0] > above[0]:
            return "saturated"
    if decoded == 0:
        return "zero"
    exponents = [field.number for field in fields if field.name == "exponent"]
    return "subnormal" if layout_of(format) is not None and exponents == [0] else "normal"


def _neighbours(format: Format, x: float, quantizer: Quantizer) -> tuple[float | None, float | None]:
    if math.isnan(x):
        return None, None
    levels = quantizer.levels
    if levels is None:  # float32: the next numbers themselves
        with np.errstate(over="ignore"):
            below, above = (float(np.nextafter(np.float32(x), np.float32(side))) for side in (-np.inf, np.inf))
        return (None if x == -math.inf else below), (None if x == math.inf else above)
    infinite = isinstance(format, FloatingFormat) and format.has_infinity and format.overflow != "saturate"
    first, last = int(np.searchsorted(levels, x, "left")), int(np.searchsorted(levels, x, "right"))
    lowest = -math.inf if infinite and x > -math.inf else None
    highest = math.inf if infinite and x < math.inf else None
    return (float(levels[first - 1]) if first else lowest), (float(levels[last]) if last < levels.size else highest)


def _rounded(anatomy: Anatomy, mode: Rounding) -> Rounded:
    """By the kernels themselves: the mode under every overflow policy, by chance the two candidates of up and down."""
    format = anatomy.format
    if isinstance(format, BlockFormat):
        if math.isnan(anatomy.decoded):
            return Rounded(mode, ((math.nan, 1.0),), {})
        format = format.element
    x = as_float32([anatomy.value])

    def result(rounding: Rounding, overflow: Overflow) -> float:
        choice = format.with_choices(rounding=rounding, overflow=overflow)
        return float(Quantizer(choice, np.asarray(anatomy.scale, np.float32), anatomy.zero_point).fake_quantize(x)[0])

    if mode != "stochastic":
        by_overflow = {policy: result(mode, policy) for policy in format.overflows}
        return Rounded(mode, ((by_overflow[format.overflow], 1.0),), by_overflow)
    lower, upper = result("down", format.overflow), result("up", format.overflow)
    width = upper - lower
    if not width > 0 or not math.isfinite(width):  # no choice, or infinity on one side: the finite one
        return Rounded(mode, ((upper if math.isinf(lower) else lower, 1.0),), {})
    share = (anatomy.value - lower) / width
    outcomes = ((lower, 1 - share), (upper, share))
    return Rounded(mode, tuple(each for each in outcomes if each[1] > 0), {})
