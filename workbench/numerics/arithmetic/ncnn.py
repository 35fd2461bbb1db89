"""ncnn's eight-bit arithmetic: float2int8, and a dot product in codes brought back to float."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.arithmetic.integers import to_codes


def float2int8(values: Any, lowest: int = -127) -> np.ndarray:
    """int64 codes, same shape: rounded with halves away from zero, clamped to lowest..127.

    values: float64, already multiplied by the scale. lowest: -127 in present releases, -128 in early ones.
    Raises WorkbenchError for NaN.
    Source: Tencent ncnn, src/mat.h and src/layer/quantize.cpp, float2int8.
    """
    return to_codes(values, lowest, 127, "nearest_away")


@dataclass(frozen=True, eq=False)
class Int8Dot:
    """x_codes, w_codes: int64 (n,). accumulator: their dot product. value: back in float64, bias added."""

    x_codes: np.ndarray
    w_codes: np.ndarray
    accumulator: int
    value: float


def int8_dot(x: Any, w: Any, data_scale: float, weight_scale: float, bias: float = 0.0) -> Int8Dot:
    """sum(x * w) + bias through int8 codes; ncnn's scales multiply: code = round(x * scale), scale = 127 / T.

    x, w: float64 (n,). The int32 sum is divided by both scales, and the float bias is added after that.
    Source: BUG1989/caffe-int8-convert-tools, README; Tencent ncnn, src/layer/convolution.cpp.
    """
    x_codes = float2int8(np.asarray(x, np.float64) * data_scale)
    w_codes = float2int8(np.asarray(w, np.float64) * weight_scale)
    accumulator = int(x_codes @ w_codes)
    return Int8Dot(x_codes, w_codes, accumulator, accumulator / (data_scale * weight_scale) + bias)


def float_dot(x: Any, w: Any, bias: float = 0.0) -> float:
    """The same sum in float64, to compare with. x, w: (n,)."""
    return float(np.asarray(x, np.float64) @ np.asarray(w, np.float64)) + bias
