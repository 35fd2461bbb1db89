"""Rounding a float32 to fewer mantissa bits, in any deterministic mode and under any overflow policy."""

import math
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.formats.rounding import Overflow, Rounding

_MODES = ("nearest_even", "nearest_away", "toward_zero", "up", "down")
_POLICIES = ("saturate", "infinity", "ieee")


@compiled("float32[:] float32[:]! int64 int64 int64 int64 float64 float64")
def _round(
    values: Any, out: Any, mantissa_bits: Any, min_exponent: Any, mode: Any, policy: Any, largest: Any, beyond: Any
) -> None:
    for i in range(values.size):
        x = np.float64(values[i])
        if x != x:
            out[i] = values[i]
            continue
        magnitude = abs(x)
        negative = math.copysign(1.0, x) < 0
        rounded = float(x)
        if not math.isinf(x):
            exponent = math.frexp(magnitude)[1] - 1 if magnitude > 0 else min_exponent
            last_place = max(exponent, min_exponent) - mantissa_bits
            steps = math.ldexp(magnitude, -last_place)
            whole = math.floor(steps)
            rest = steps - whole
            if mode == 0:
                up = rest > 0.5 or (rest == 0.5 and whole % 2 == 1)
            elif mode == 1:
                up = rest >= 0.5
            elif mode == 2:
                up = False
            elif mode == 3:
                up = rest > 0 and not negative
            else:
                up = rest > 0 and negative
            rounded = math.copysign(math.ldexp(whole + 1.0 if up else whole, last_place), x)
        if abs(rounded) > largest:
            back = mode == 2 or (mode == 3 and negative) or (mode == 4 and not negative)
            stops = policy == 0 or (policy == 2 and back and not math.isinf(x))
            rounded = math.copysign(largest if stops else beyond, x)
        out[i] = np.float32(rounded)


def round_to_mantissa(
    values: np.ndarray,
    mantissa_bits: int,
    min_exponent: int,
    rounding: Rounding,
    overflow: Overflow,
    largest: float,
    beyond: float,
) -> np.ndarray:
    """float32 in, float32 out, same shape: the exact value rounded with an unbounded upper exponent, then the policy.

    min_exponent: of the smallest normal number; below it the last place stays (gradual underflow). largest: the largest
    finite level. beyond: what stands for infinity, NaN in formats without one. NaN stays NaN, -0 stays -0.
    Source: IEEE 754-2019, sections 4.3 and 7.4.
    """
    flat = np.ascontiguousarray(values, np.float32).reshape(-1)
    out = np.empty_like(flat)
    mode, policy = _MODES.index(rounding), _POLICIES.index(overflow)
    _round(flat, out, mantissa_bits, min_exponent, mode, policy, float(largest), float(beyond))
    return out.reshape(np.shape(values))
