"""Profile `onnxruntime`: its CPU kernels where products of bytes are added in int32 (VNNI, or ARM's dot products)."""

from typing import Any

import numpy as np

from workbench.workflow.profiles.profile import Accumulation, Profile, Requantization
from workbench.workflow.profiles.side import Side

_FLOATS = ("fp8_e4m3", "fp8_e5m2", "fp8_e4m3fnuz", "fp8_e5m2fnuz", "fp16", "bf16")
_INTEGERS = ("int4", "uint4", "int8", "uint8", "int16", "uint16")


def codes(accumulators: Any, factor: float, zero_point: int, low: int = 0, high: int = 255) -> np.ndarray:
    """int64, same shape: accumulator * factor in float32, to nearest even, plus the zero point, clamped."""
    scaled = np.rint(np.asarray(accumulators, np.float32) * np.float32(factor)).astype(np.int64)
    return np.clip(scaled + zero_point, low, high)


ONNXRUNTIME = Profile(
    name="onnxruntime",
    title="onnxruntime (CPU with VNNI)",
    runs_on="onnxruntime",
    weights=Side((*_INTEGERS, *_FLOATS), groupings=("tensor", "channel", "block")),
    activations=Side((*_INTEGERS, *_FLOATS), rounding="nearest_even", dynamic=("uint8",)),
    accumulation=Accumulation(),
    requantization=Requantization("to nearest even, factor in float32", None, codes),
    sources=(
        "ONNX operators QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, opset 21",
        "onnxruntime documentation, Quantize ONNX models",
    ),
)
