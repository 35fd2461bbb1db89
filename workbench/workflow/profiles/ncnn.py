"""Profile `ncnn`: codes -127..127, weights per output channel, sums brought back to float, where the bias is added."""

from typing import Any

import numpy as np

from workbench.numerics.arithmetic.ncnn import float2int8
from workbench.workflow.profiles.profile import Accumulation, Profile, Requantization
from workbench.workflow.profiles.side import Side


def codes(accumulators: Any, factor: float, zero_point: int = 0) -> np.ndarray:
    """int64, same shape: float2int8 of accumulator * factor in float32; zero_point: 0, there is no other."""
    return float2int8(np.asarray(accumulators, np.float32) * np.float32(factor)) + zero_point


NCNN = Profile(
    name="ncnn",
    title="ncnn",
    runs_on="ncnn",
    weights=Side(
        ("int8_narrow", "fp16", "bf16"),
        groupings=("tensor", "channel"),
        grouped={"fp16": ("tensor",), "bf16": ("tensor",)},
        zero_points="none",
    ),
    activations=Side(("int8_narrow", "fp16", "bf16"), zero_points="none", rounding="nearest_away"),
    accumulation=Accumulation(),
    requantization=Requantization("to nearest, halves away from zero, factor in float32", None, codes),
    bias="float",
    sources=("Tencent ncnn, src/layer/quantize.cpp and src/layer/requantize.cpp; docs, quantized int8 inference",),
)
