"""`Side`: the numbers that a device takes as weights or as activations, and what stands against a choice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import NEAREST, Format
from workbench.numerics.formats.identity import IdentityFormat
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.rounding import Rounding
from workbench.workflow.choice import TensorChoice

GroupingName = Literal["tensor", "channel", "block"]
ZeroPoints = Literal["none", "any"]
Scales = Literal["free", "power_of_two", "sixteenth_octave"]
STEPS_PER_OCTAVE: dict[Scales, int] = {"power_of_two": 1, "sixteenth_octave": 16}
_SCALE_WORDS = {"power_of_two": "powers of two", "sixteenth_octave": "sixteenths of an octave, 2^(k/16)"}


@dataclass(frozen=True)
class Side:
    """The numbers that weights, or activations, may have; all of it data.

    formats: names in FORMATS. Codes of weights are stored, so that narrower ones of the same sign fit as well.
    groupings: what may share one scale; grouped: format -> its groupings, where they are others.
    zero_points: "none" (0 alone; codes are symmetric) or "any". scales: "free", or the grid that they lie on.
    rounding: how values become codes, ties among those to nearest left open; None: any, because codes are stored.
    dynamic: formats whose range may be found anew in each batch, affine.
    """

    formats: tuple[str, ...]
    groupings: tuple[GroupingName, ...] = ("tensor",)
    grouped: Mapping[str, tuple[GroupingName, ...]] = field(default_factory=dict)
    zero_points: ZeroPoints = "any"
    scales: Scales = "free"
    rounding: Rounding | None = None
    dynamic: tuple[str, ...] = ()

    def groupings_of(self, name: str) -> tuple[GroupingName, ...]:
        """What may share one scale in a format."""
        return self.grouped.get(name, self.groupings)

    def held_by(self, format: Format, *, is_weight: bool) -> tuple[str, ...]:
        """Names of the allowed formats that hold a format's codes."""
        return tuple(name for name in self.formats if _holds(FORMATS[name], format, is_weight))


def _holds(allowed: Format, format: Format, stored: bool) -> bool:
    """Whether codes of a format are codes of an allowed one too; stored: there may be fewer of them."""
    if isinstance(format, IntegerFormat) and isinstance(allowed, IntegerFormat):
        if stored:
            return format.signed == allowed.signed and allowed.qmin <= format.qmin and format.qmax <= allowed.qmax
        return (format.qmin, format.qmax) == (allowed.qmin, allowed.qmax)
    if isinstance(format, FloatingFormat) and isinstance(allowed, FloatingFormat):
        one, other = ((f.storage, f.bits, f.has_scale) for f in (format, allowed))
        return one == other
    return format.name == allowed.name


def grouping_of(choice: TensorChoice) -> GroupingName:
    """What shares one scale in a choice."""
    if choice.variation.block_size is not None or choice.block_size is not None:
        return "block"
    return "tensor" if choice.axis is None or not choice.variation.has_scale else "channel"


def is_dynamic(choice: TensorChoice) -> bool:
    """Whether the range is found while the network runs."""
    return choice.dynamic is not None and choice.variation.has_scale


def is_float_constant(choice: TensorChoice, *, is_weight: bool) -> bool:
    """Whether nothing but a float32 constant is left of it: pruned weights."""
    return is_weight and isinstance(choice.variation, IdentityFormat)


def reasons(side: Side, choice: TensorChoice, *, is_weight: bool) -> list[str]:
    """What stands against a tensor as chosen, in words without a full stop; empty where it can be expressed.

    Weights are stored as codes, so that their rounding, overflow and zero band are nobody's business but ours. What
    stays float32, pruned weights too, is computed beside the device's own arithmetic.
    """
    if is_float_constant(choice, is_weight=is_weight):
        return []
    holding, grouping = side.held_by(choice.variation, is_weight=is_weight), grouping_of(choice)
    found = []
    if not holding:
        found.append(f"it has no {choice.format} for {'weights' if is_weight else 'activations'}")
    elif not any(grouping in side.groupings_of(name) for name in holding):
        known = dict.fromkeys(one for name in holding for one in side.groupings_of(name))
        found.append(f"it has one scale per {' or '.join(known)} for {choice.format}, not one per {grouping}")
    if is_dynamic(choice):
        found += _dynamic_reasons(side, choice)
    else:
        found += _scale_reasons(side, choice)
    return found if is_weight else found + _kernel_reasons(side, choice, holding)


def _dynamic_reasons(side: Side, choice: TensorChoice) -> list[str]:
    known = any(_holds(FORMATS[name], choice.variation, False) and FORMATS[name].affine for name in side.dynamic)
    if known and choice.dynamic == "batch" and not choice.symmetric:
        return []
    if not side.dynamic:
        return ["it has no ranges that are found while the network runs"]
    return [f"ranges found while it runs are {' or '.join(side.dynamic)}, asymmetric, one per batch"]


def _scale_reasons(side: Side, choice: TensorChoice) -> list[str]:
    quantizer, format = choice.quantizer, choice.variation
    found = []
    if side.zero_points == "none" and format.affine and np.any(quantizer.zero_point):
        found.append("it has no zero points, codes are symmetric")
    if format.has_scale and not on_grid(side.scales, quantizer.scale):
        found.append(f"its scales are {_SCALE_WORDS[side.scales]}")
    return found


def _kernel_reasons(side: Side, choice: TensorChoice, holding: tuple[str, ...]) -> list[str]:
    """What the device's own operators do to values of activations while the network runs."""
    format = choice.variation
    native = FORMATS[holding[0]].overflow if holding else format.overflow
    found = []
    if side.rounding is not None and format.rounding != side.rounding and not same_but_ties(side, format.rounding):
        found.append(f"it rounds values by {side.rounding}, not {format.rounding}")
    # to nearest, IEEE's overflow is infinity
    if format.overflow != native and (format.overflow, native) != ("ieee", "infinity"):
        found.append(f"values beyond the ends go by {native!r}, not {format.overflow!r}")
    if choice.zero_band:
        found.append("it has no zero band for activations")
    return found


def same_but_ties(side: Side, rounding: Rounding) -> bool:
    """Whether both go to the nearest level; exact halves are too few to refuse a recipe for."""
    return side.rounding in NEAREST and rounding in NEAREST


def on_grid(scales: Scales, scale: np.ndarray) -> bool:
    """Whether float32 scales lie on a grid."""
    return scales == "free" or bool(np.array_equal(np.asarray(scale, np.float32), grid_at_least(scales, scale)))


def grid_at_least(scales: Scales, scale: np.ndarray) -> np.ndarray:
    """The smallest scales of a grid that are not below these, float32 of the same shape."""
    steps = STEPS_PER_OCTAVE[scales]
    position = np.ceil(steps * np.log2(np.asarray(scale, np.float64)) - 1e-6)  # float32 is within 1e-7 of the grid
    return np.exp2(position / steps).astype(np.float32)
