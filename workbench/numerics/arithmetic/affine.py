"""Scale and zero point worked out in float64: the rules that libraries differ in."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.rounding import Rounding, round_to_integer

ZeroPointRule = Literal["from_min", "from_max"]


@dataclass(frozen=True)
class AffineParameters:
    """real = scale * (q - zero_point). unrounded: the zero point before it was rounded and clamped."""

    scale: float
    unrounded: float
    zero_point: int
    lowest: int
    highest: int

    def encode(self, values: np.ndarray, rounding: Rounding = "nearest_even") -> np.ndarray:
        """int64 codes of float64 values: round(x / scale) + zero_point, clamped."""
        steps = round_to_integer(np.asarray(values, np.float64) / self.scale, rounding)
        return np.clip(steps + self.zero_point, self.lowest, self.highest).astype(np.int64)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """float64 values of codes."""
        return (np.asarray(codes, np.int64) - self.zero_point) * self.scale

    def saturated(self, values: np.ndarray, rounding: Rounding = "nearest_even") -> int:
        """How many values have a code that clamping changes."""
        steps = round_to_integer(np.asarray(values, np.float64) / self.scale, rounding) + self.zero_point
        return int(((steps < self.lowest) | (steps > self.highest)).sum())


def affine_parameters(
    low: float,
    high: float,
    lowest: int,
    highest: int,
    *,
    include_zero: bool = True,
    rule: ZeroPointRule = "from_min",
    rounding: Rounding = "nearest_even",
) -> AffineParameters:
    """Scale (high - low) / (highest - lowest) and the zero point that belongs to a range.

    include_zero: widen the range to hold 0 first (ONNX). rule: "from_min" gives lowest - low / scale, "from_max" gives
    highest - high / scale; they differ in the last bits, and at a half they may round to two codes ([-1, 1] on 0..255
    has 127.5). rounding: of the zero point, which is then clamped to lowest..highest.
    Raises WorkbenchError for a range without width.
    Sources: Jacob et al. 2018 (arXiv:1712.05877), equation 1; ONNX operator DynamicQuantizeLinear.
    """
    if include_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if not low < high:
        raise WorkbenchError(f"the range [{low}, {high}] has no width; expected low < high")
    scale = (high - low) / (highest - lowest)
    unrounded = lowest - low / scale if rule == "from_min" else highest - high / scale
    rounded = float(round_to_integer(np.array(unrounded, np.float64), rounding))
    return AffineParameters(scale, unrounded, int(np.clip(rounded, lowest, highest)), lowest, highest)
