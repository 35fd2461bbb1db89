"""How the browser follows a format: by which rule its scale goes with a threshold, whether its levels are listed."""

from typing import Any, Literal

import numpy as np

from workbench.numerics.formats.fixed_point import FixedPointFormat
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.logarithmic import LogarithmicFormat

MOST_INTEGERS = 1024  # levels; finer integers have a formula, which is as good where bins are no narrower than steps
MOST_LISTED = 8192  # levels of any other format, times its zero points
Rule = Literal["fixed", "affine", "continuous", "power_of_two", "sixteenth_octave", "unknown"]


def rule_of(format: Format) -> Rule:
    """The step rule, read from the function that holds it; "unknown" is a rule of somebody's own."""
    if not format.has_scale:
        return "fixed"
    if isinstance(format, IntegerFormat) and format.affine:
        return "affine"
    rules: dict[Any, Rule] = {
        Format.scale_covering: "continuous",
        FixedPointFormat.scale_covering: "power_of_two",
        LogarithmicFormat.scale_covering: "sixteenth_octave",
    }
    return rules.get(type(format).scale_covering, "unknown")


def n_levels_of(format: Format) -> int:
    """How many levels a format has; 0 where there is no list of them."""
    if isinstance(format, IntegerFormat):
        return format.qmax - format.qmin + 1
    levels = format.unit_levels()
    return 0 if levels is None else int(levels.size)


def is_fine(format: Format) -> bool:
    """Whether a format has too many levels to be walked through at each threshold."""
    if isinstance(format, IntegerFormat):
        return n_levels_of(format) > MOST_INTEGERS
    first, last = format.zero_points
    return n_levels_of(format) * (last - first + 1) > MOST_LISTED


def is_followed(format: Format) -> bool:
    """Whether the browser can compute figures itself; else Python sends them for many thresholds."""
    formulas = isinstance(format, IntegerFormat | LogarithmicFormat)
    return rule_of(format) != "unknown" and (formulas or not is_fine(format))


def is_stepped(format: Format) -> bool:
    """Whether the scale goes in steps that can be seen: thresholds between two of them have one and the same scale."""
    return rule_of(format) == "power_of_two" or (rule_of(format) == "sixteenth_octave" and not is_fine(format))


def jumps_beside(format: Format, low: float, high: float) -> np.ndarray:
    """Thresholds right before and right after each step of the scale, ascending, strictly between low and high."""
    if not is_stepped(format):
        return np.zeros(0)
    if isinstance(format, FixedPointFormat):
        jumps = format.reach * np.exp2(
            np.arange(np.floor(np.log2(low / format.reach)), np.log2(high / format.reach) + 1)
        )
    else:
        assert isinstance(format, LogarithmicFormat)
        steps = format.steps_per_octave
        jumps = np.exp2(np.arange(np.floor(np.log2(low) * steps), np.log2(high) * steps + 1) / steps)
    beside = np.sort(np.concatenate([jumps * (1 - 1e-7), jumps * (1 + 1e-7)]))
    return beside[(beside > low) & (beside < high)]


def middle_code(format: Format, one_sided: bool) -> int:
    """The zero point of a mirrored range: 0 for signed codes and for values that are never negative."""
    if format.signed or one_sided or not isinstance(format, IntegerFormat) or not format.affine:
        return 0
    return (format.qmax + 1) // 2


def unit_end(format: Format, one_sided: bool) -> float:
    """The level at scale 1 that a mirrored threshold goes to."""
    if not isinstance(format, IntegerFormat):
        return format.largest
    return float(format.qmax - middle_code(format, one_sided))


def listed_levels(format: Format, mirrored: bool, one_sided: bool) -> dict[str, np.ndarray]:
    """`unit_level` and `unit_boundary`, float32: of integers one row that serves all zero points, of other formats one
    list after the other for each zero point. Nothing for fine formats."""
    if is_fine(format) or format.unit_levels() is None:
        return {}
    if isinstance(format, IntegerFormat):
        if rule_of(format) != "affine":
            zero_points = [0]
        elif mirrored:
            zero_points = [middle_code(format, one_sided)]
        else:
            zero_points = [format.qmax, format.qmin]  # -n .. 0 and 0 .. n
    else:
        zero_points = list(range(format.zero_points[0], format.zero_points[1] + 1))
    levels, boundaries = [], []
    for i, zero_point in enumerate(zero_points):
        some, between = format.unit_levels(zero_point), format.unit_boundaries(zero_point)
        assert some is not None and between is not None
        levels.append(some[1:] if i and isinstance(format, IntegerFormat) else some)
        boundaries.append(between)
    return {"unit_level": np.concatenate(levels), "unit_boundary": np.concatenate(boundaries)}


def format_facts(
    format: Format, mirrored: bool = True, one_sided: bool = False, zero_band: float = 0.0
) -> dict[str, Any]:
    """What the browser needs to know of a format, JSON values."""
    facts: dict[str, Any] = {
        "title": format.title,
        "family": format.family,
        "bits": format.bits,
        "rule": rule_of(format),
        "stepped": is_stepped(format),
        "rounding": format.rounding,
        "n_levels": n_levels_of(format),
        "fine": is_fine(format),
        "uniform": isinstance(format, IntegerFormat),
        "largest": format.largest,
        "least_scale": format.least_scale,
        "zero_band": float(np.float32(zero_band)),
        "overflow_limits": None,
    }
    if isinstance(format, IntegerFormat):
        middle = middle_code(format, one_sided)
        window = middle if mirrored or not format.affine else format.qmax
        facts |= {"qmin": format.qmin, "qmax": format.qmax, "first_listed": format.qmin - window}
        facts |= {"middle": middle, "end": unit_end(format, one_sided)}
    if isinstance(format, FixedPointFormat):
        facts["reach"] = format.reach
    if isinstance(format, LogarithmicFormat):
        facts |= {"steps_per_octave": format.steps_per_octave, "top": 2 ** (format.bits - 1) - 1}
    if isinstance(format, FloatingFormat):
        facts |= {"mantissa_bits": format.mantissa_bits, "least_exponent": 1 - format.bias}
        if format.overflow != "saturate" and format.has_scale:
            facts["overflow_limits"] = list(format.overflow_limits)
    return facts
