"""What the number explorer shows of an `Anatomy`, as JSON values. Numbers go as text, so that inf, nan and -0.0 do."""

import math
from typing import Any

import numpy as np

from workbench.numerics.formats.anatomy import Anatomy, dissect
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.fields import layout_of
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.rounding import OVERFLOWS, ROUNDINGS
from workbench.numerics.formats.shared_exponent import BlockFormat

# the formats that a newcomer meets first; the others come with "show all"
FIRST = (
    "fp32",
    "tf32",
    "bf16",
    "fp16",
    "fp8_e4m3",
    "fp8_e5m2",
    "fp6_e3m2",
    "fp4_e2m1",
    "int8",
    "uint8",
    "int4",
    "q8",
    "gfpq8",
    "nf4",
)
_ORDER = ("identity", "floating", "integer", "fixed_point", "logarithmic", "codebook", "binary", "shared_exponent")


def explorable(format: Format) -> bool:
    """Whether one number alone says something: not where levels are still to be fitted, nor for pruning."""
    return not format.needs_values and format.family != "pruning"


def in_order(names: set[str]) -> list[str]:
    """Names by family, then the widest first, then as in `FIRST`, then as in the catalogue."""
    place = {name: i for i, name in enumerate(dict.fromkeys((*FIRST, *FORMATS)))}
    families = {family: i for i, family in enumerate(_ORDER)}

    def key(name: str) -> tuple[int, int, int]:
        return families.get(FORMATS[name].family, len(_ORDER)), -FORMATS[name].bits, place[name]

    return sorted(names, key=key)


def said(number: float | None) -> str | None:
    """A number as text that keeps all of it; None stays None."""
    return None if number is None else repr(float(number))


def row_of(anatomy: Anatomy) -> dict[str, Any]:
    """One line of the table."""
    format = anatomy.format
    return {
        "name": format.name,
        "title": format.title,
        "family": format.family,
        "scaled": format.has_scale or isinstance(format, BlockFormat),
        "fields": [[field.name, field.bits] for field in anatomy.fields],
        "number_class": anatomy.number_class,
        "decoded": said(anatomy.decoded),
        "error": said(anatomy.error),
        "relative_error": said(anatomy.relative_error),
        "below": said(anatomy.below),
        "above": said(anatomy.above),
    }


def detail_of(anatomy: Anatomy) -> dict[str, Any]:
    """What is shown of the chosen format alone: formula, rounding in every mode, and the range on the ruler."""
    return {
        "name": anatomy.format.name,
        "title": anatomy.format.title,
        "value": said(anatomy.value),
        "decoded": said(anatomy.decoded),
        "below": said(anatomy.below),
        "above": said(anatomy.above),
        "formula": anatomy.formula,
        "rounding": anatomy.format.rounding,
        "overflow": anatomy.format.overflow,
        "overflows": {name: OVERFLOWS[name] for name in anatomy.format.overflows},
        "roundings": [
            {
                "name": each.rounding,
                "words": ROUNDINGS[each.rounding],
                "outcomes": [[said(value), said(share)] for value, share in each.outcomes],
                "by_overflow": {policy: said(value) for policy, value in each.by_overflow.items()},
            }
            for each in anatomy.roundings
        ],
        "range": _range(anatomy),
    }


def _range(anatomy: Anatomy) -> dict[str, str | None]:
    """Positive end of the format: smallest level, smallest normal number (floats), largest level; lowest level."""
    format = anatomy.format.element if isinstance(anatomy.format, BlockFormat) else anatomy.format
    layout, scale = layout_of(format), anatomy.scale
    levels = format.unit_levels(anatomy.zero_point)
    if levels is None:
        smallest, largest = float(np.finfo(np.float32).smallest_subnormal), format.largest
        lowest = -largest
    else:
        smallest, largest, lowest = (float(x) for x in (levels[levels > 0].min(), levels[-1], levels[0]))
    normal = 2.0 ** (1 - layout.bias) if layout is not None else smallest
    names = {"smallest": smallest, "normal": normal, "largest": largest, "lowest": lowest}
    return {name: said(x * scale) for name, x in names.items()}


def threshold_for(value: float) -> float:
    """1, or the next power of two where the magnitude is larger; a magnitude that is no finite float32 counts as 1."""
    magnitude = abs(float(np.float32(value))) if abs(value) <= float(np.finfo(np.float32).max) else math.nan
    if not magnitude > 1:
        return 1.0
    return min(2.0 ** math.ceil(math.log2(magnitude)), float(np.finfo(np.float32).max))


def anatomies(names: list[str], value: float, threshold: float) -> dict[str, Anatomy]:
    """The value in each format, all covering [-threshold, threshold] where they have a scale."""
    return {name: dissect(FORMATS[name], value, threshold=threshold) for name in names}
