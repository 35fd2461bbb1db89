"""Ranges of single channels: which choices have them, and a choice's ranges with one of them changed."""

import math
import operator

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.scaling import LARGEST
from workbench.workflow.choice import TensorChoice


def has_channel_ranges(choice: TensorChoice | None) -> bool:
    """Whether each channel has a threshold of its own."""
    return choice is not None and choice.quantizer.scale.ndim > 0 and choice.block_size is None


def is_mirrored(choice: TensorChoice) -> bool:
    """Whether one threshold rules both ends: asked for, or as the rule of `Quantizer.covering` has it."""
    if choice.symmetric is None and choice.variation.affine:
        return choice.variation.signed and np.array_equal(-np.asarray(choice.low), np.asarray(choice.high))
    return bool(choice.symmetric) or not choice.variation.affine


def with_channel(choice: TensorChoice, channel: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), float32 (channels,) each, of a choice with one channel's range in place of its present one.

    Raises WorkbenchError for a choice without ranges of channels, an index that is none, and a range that is none.
    """
    name = choice.tensor
    if not choice.variation.has_scale:
        raise WorkbenchError(f"tensor {name!r} as {choice.format} has the format's own range; no threshold")
    if choice.block_size is not None:
        raise WorkbenchError(
            f"tensor {name!r} has ranges of blocks, not of channels; study.set_per_channel({name!r}, True) changes it"
        )
    lows, highs = (np.array(bound, np.float32) for bound in (choice.low, choice.high))
    if choice.axis is None or not lows.ndim:
        raise WorkbenchError(
            f"tensor {name!r} has one range for all channels; study.set_per_channel({name!r}, True) gives each its own"
        )
    at = _index(name, channel, lows.size)
    bottom, top = _bound(name, at, "low", low), _bound(name, at, "high", high)
    if not bottom < top:
        raise WorkbenchError(f"tensor {name!r}, channel {at}: the range {low} to {high} is none; expected low < high")
    if is_mirrored(choice) and bottom != -top and (choice.variation.signed or bottom != 0):
        raise WorkbenchError(
            f"tensor {name!r} is symmetric, but channel {at} was given {low} to {high}; give low = -high, "
            f"or make it affine first: study.set_symmetric({name!r}, False)"
        )
    lows[at], highs[at] = bottom, top
    return lows, highs


def _index(name: str, channel: int, n: int) -> int:
    try:
        at = operator.index(channel)
    except TypeError:
        at = -1
    if isinstance(channel, bool) or not 0 <= at < n:
        raise WorkbenchError(f"tensor {name!r} has no channel {channel!r}; expected a whole number from 0 to {n - 1}")
    return at


def _bound(name: str, channel: int, field: str, value: float) -> np.float32:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= LARGEST:
        raise WorkbenchError(
            f"tensor {name!r}, channel {channel}: {field} is {value!r}; expected a number that is finite in float32"
        )
    return np.float32(number)
