"""Profile `nvdla`: symmetric int8 or int16, one scale per tensor or per kernel, converters that multiply and shift.

Pooling, concatenation and memory operations have no converter between their inputs and output, so that they keep one
scale; element-wise operations have one for each operand.
"""

import math
from typing import Any

import numpy as np

from workbench.numerics.arithmetic.nvdla import convert
from workbench.workflow.profiles.profile import Accumulation, Profile, Requantization
from workbench.workflow.profiles.rules import SameScale
from workbench.workflow.profiles.side import Side

MULTIPLIER_BITS = 16  # signed
LONGEST_SHIFT = 62
_KEEPING = (
    "MaxPool",
    "Concat",
    "Split",
    "Slice",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Identity",
)


def codes(accumulators: Any, factor: float, zero_point: int = 0, bits: int = 8) -> np.ndarray:
    """int64, same shape: clamp(accumulator * m / 2^n), halves away from zero, m of 15 bits and a sign.

    zero_point: 0, there is no other. Source: as `numerics.arithmetic.nvdla.convert`.
    """
    fraction, exponent = math.frexp(factor)
    shift = min(MULTIPLIER_BITS - 1 - exponent, LONGEST_SHIFT)
    largest = 2 ** (MULTIPLIER_BITS - 1) - 1
    multiplier = min(round(math.ldexp(factor, shift)), largest) if fraction else 0
    return convert(accumulators, -zero_point, multiplier, shift, bits)


NVDLA = Profile(
    name="nvdla",
    title="NVDLA",
    runs_on="NVDLA",
    weights=Side(
        ("int8", "int16", "fp16"), groupings=("tensor", "channel"), grouped={"fp16": ("tensor",)}, zero_points="none"
    ),
    activations=Side(("int8", "int16", "fp16"), zero_points="none", rounding="nearest_away"),
    accumulation=Accumulation(bits=34),
    requantization=Requantization("to nearest, halves away from zero", MULTIPLIER_BITS, codes),
    bias="int16",
    rules=(SameScale(_KEEPING),),
    sources=(
        "NVDLA hardware documentation, precision",
        "nvdla/sw release notes 1.2.0: INT8 precision, per-tensor and per-kernel scale factors, symmetric scaling",
    ),
)
