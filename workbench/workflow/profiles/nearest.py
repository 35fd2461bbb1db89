"""The nearest choice that one side of a profile can express, worked out from its data alone."""

import dataclasses
from typing import Any

import numpy as np

from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import CodebookFormat
from workbench.numerics.formats.format import Format
from workbench.workflow.choice import TensorChoice, own_range_of
from workbench.workflow.profiles.side import (
    Side,
    grid_at_least,
    grouping_of,
    is_dynamic,
    is_float_constant,
    reasons,
    same_but_ties,
)


def nearest(side: Side, choice: TensorChoice, *, is_weight: bool) -> TensorChoice | None:
    """The choice itself where it can be expressed, else the nearest that can; None: leave the tensor float.

    The format keeps as many bits as it can, then its family and its grouping; the range is kept, mirrored where there
    are no zero points and widened to the grid of the scales. A format that brings its own range has none to give to
    one with a scale: float then.
    """
    if not reasons(side, choice, is_weight=is_weight):
        return choice
    if is_float_constant(dataclasses.replace(choice, dynamic=None), is_weight=True):
        return None
    format = _nearest_format(side, choice, is_weight=is_weight)
    if format is None:
        return None
    values: dict[str, Any] = {"format": format.name, "overflow": None, "levels": None, "dynamic": None}
    if not is_weight:
        kept = side.rounding is None or same_but_ties(side, choice.rounding)
        values |= {"rounding": choice.rounding if kept else side.rounding, "zero_band": 0.0}
    if is_dynamic(choice) and format.name in side.dynamic:
        values |= {"dynamic": "batch", "symmetric": False}
        return dataclasses.replace(choice, **values)
    if not format.has_scale:
        return dataclasses.replace(choice, **values, **own_range_of(format))
    return dataclasses.replace(choice, **values, **_range(side, choice, format))


def _has_range(choice: TensorChoice) -> bool:
    """Whether low and high say something of the tensor, not of its format alone."""
    format = choice.variation
    return isinstance(format, CodebookFormat) or (format.has_scale and format.block_size is None)


def _nearest_format(side: Side, choice: TensorChoice, *, is_weight: bool) -> Format | None:
    format, grouping = choice.variation, grouping_of(choice)
    if is_dynamic(choice) and side.dynamic:
        return FORMATS[side.dynamic[0]]
    held = side.held_by(format, is_weight=is_weight)
    known = [FORMATS[name] for name in side.formats if "tensor" in side.groupings_of(name) or grouping == "block"]
    possible = [one for one in known if not one.has_scale or _has_range(choice)]
    if choice.format in held and FORMATS[choice.format] in possible and choice.format in side.formats:
        return FORMATS[choice.format]
    negative = bool(np.min(choice.low) < 0)

    def distance(one: Format) -> tuple[Any, ...]:
        return (
            one.bits < format.bits,
            one.family != format.family,
            negative and not one.signed,
            one.has_scale != format.has_scale,
            abs(one.bits - format.bits),
            grouping not in side.groupings_of(one.name),
            one.signed != format.signed,
        )

    return min(possible, key=distance, default=None)


def _range(side: Side, choice: TensorChoice, format: Format) -> dict[str, Any]:
    """The fields of the range for a format with a scale."""
    low, high = np.asarray(choice.low, np.float64), np.asarray(choice.high, np.float64)
    values: dict[str, Any] = {"symmetric": choice.symmetric, "axis": choice.axis, "block_size": choice.block_size}
    if grouping_of(choice) not in side.groupings_of(format.name):
        low, high = low.min(), high.max()
        values |= {"axis": None, "block_size": None}
    if format.affine and (side.zero_points == "none" or side.scales != "free"):
        low, high = _mirrored(side, format, low, high)
        values["symmetric"] = True
    method = "hand" if choice.method == "own" else choice.method
    bounds = (low, high) if low.ndim else (float(low), float(high))
    return {**values, "low": bounds[0], "high": bounds[1], "method": method}


def _mirrored(side: Side, format: Format, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The range of a symmetric quantizer, its scale on the grid; unsigned codes begin at 0."""
    largest = np.maximum(np.abs(low), np.abs(high)) if format.signed else np.maximum(high, 0.0)
    if side.scales != "free":
        scale, _ = format.scale_covering(largest)
        largest = np.where(largest > 0, grid_at_least(side.scales, scale).astype(np.float64) * format.largest, 0.0)
    return (-largest if format.signed else np.zeros_like(largest)), largest


def in_words(choice: TensorChoice, found: TensorChoice | None) -> str:
    """What the nearest is, told by what it changes."""
    if found is None:
        return "float32 (no entry)" + ("" if _has_range(choice) else ", or a format with a range of its own")
    parts = [found.format]
    if grouping_of(found) != grouping_of(choice):
        parts.append(f"one range per {grouping_of(found)}")
    was, now = (bool(np.any(c.quantizer.zero_point)) and c.variation.affine for c in (choice, found))
    if was and not now:
        parts.append("symmetric")
    elif found.dynamic and choice.symmetric:
        parts.append("asymmetric")
    if is_dynamic(choice):
        parts.append("one range per batch, or a fixed one" if found.dynamic else "a fixed range")
    if found.rounding != choice.rounding:
        parts.append(f"rounding {found.rounding}")
    if choice.overflow is not None and found.overflow is None:
        parts.append(f"overflow {found.variation.overflow!r}")
    if choice.zero_band and not found.zero_band:
        parts.append("no zero band")
    return ", ".join(parts)
