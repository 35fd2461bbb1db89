"""What ONNX can hold: the element types of QuantizeLinear, DequantizeLinear and Cast, and which choice fits which."""

from dataclasses import dataclass
from typing import Literal

import ml_dtypes
import numpy as np

from workbench.numerics.formats.fixed_point import FixedPointFormat
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.identity import IdentityFormat
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.shared_exponent import BlockFormat
from workbench.workflow.choice import TensorChoice

Operator = Literal["QuantizeLinear", "Cast", "constant"]


@dataclass(frozen=True)
class Element:
    """An ONNX element type that can hold codes.

    dtype: numpy type in the file. opset: the lowest whose operator knows it. operator: what turns values into it;
    "constant": nothing, float32 is stored as it is. overflow: what the operator does beyond the end levels.
    relu_is_lost: onnxruntime removes a Relu before its QuantizeLinear whatever the zero point, see `onnx_qdq`.
    """

    dtype: np.dtype
    opset: int
    operator: Operator = "QuantizeLinear"
    relu_is_lost: bool = False

    @property
    def overflow(self) -> str:
        return "infinity" if self.operator == "Cast" else "saturate"

    @property
    def bits(self) -> int:
        narrow = (ml_dtypes.int4, ml_dtypes.uint4)
        return 4 if self.dtype in narrow else 8 * self.dtype.itemsize


# narrowest first: a weight takes the first that holds its codes
INTEGERS = (
    Element(np.dtype(ml_dtypes.int4), 21, relu_is_lost=True),
    Element(np.dtype(ml_dtypes.uint4), 21, relu_is_lost=True),
    Element(np.dtype(np.int8), 13),
    Element(np.dtype(np.uint8), 13),
    Element(np.dtype(np.int16), 21),
    Element(np.dtype(np.uint16), 21),
)
FLOATS = (
    Element(np.dtype(ml_dtypes.float8_e4m3fn), 21, relu_is_lost=True),
    Element(np.dtype(ml_dtypes.float8_e5m2), 21, relu_is_lost=True),
    Element(np.dtype(ml_dtypes.float8_e4m3fnuz), 21, relu_is_lost=True),
    Element(np.dtype(ml_dtypes.float8_e5m2fnuz), 21, relu_is_lost=True),
    Element(np.dtype(np.float16), 13, "Cast"),
    Element(np.dtype(ml_dtypes.bfloat16), 13, "Cast"),
)
FLOAT32 = Element(np.dtype(np.float32), 13, "constant")


def element_of(format: Format, *, is_weight: bool) -> Element | None:
    """The type in the file for a format; None where ONNX has none.

    Codes of weights are stored, so that any type which holds them will do, and pruned float32 is a plain constant.
    Activations are quantized by the operator, whose codes must be those of the format exactly.
    """
    if isinstance(format, IntegerFormat):
        for element in INTEGERS:
            ends = ml_dtypes.iinfo(element.dtype)
            if is_weight and (ends.min < 0) == format.signed and ends.min <= format.qmin and format.qmax <= ends.max:
                return element
            if (ends.min, ends.max) == (format.qmin, format.qmax):
                return element
    if isinstance(format, FloatingFormat):
        for element in FLOATS:
            if (element.dtype, element.bits) == (format.storage, format.bits):
                return element if format.has_scale == (element.operator == "QuantizeLinear") else None
    if isinstance(format, IdentityFormat) and is_weight:
        return FLOAT32
    return None


def nearest_format(format: Format, *, is_weight: bool) -> str:
    """Name of the catalogue's format that ONNX can hold and that comes nearest."""
    if isinstance(format, IntegerFormat):
        bits = next((b for b in (4, 8, 16) if b >= format.bits), 16)
        if isinstance(format, FixedPointFormat):
            return f"q{bits}"
        return f"{'int' if format.signed else 'uint'}{bits}"
    if isinstance(format, BlockFormat):
        return nearest_format(format.element, is_weight=is_weight)
    if isinstance(format, FloatingFormat) and element_of(format, is_weight=is_weight) is not None:
        return format.name
    if isinstance(format, IdentityFormat):
        return "fp32 (no entry)"
    if format.family in ("floating", "logarithmic"):
        return "fp8_e4m3" if format.bits <= 8 else "fp16"
    if format.family == "binary" and is_weight:
        return "int2_narrow"
    return "int4" if format.bits <= 4 else "int8"


def is_dynamic(choice: TensorChoice) -> bool:
    """Whether the range is found while the network runs; without a threshold there is none to find."""
    return choice.dynamic is not None and choice.variation.has_scale


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """What ONNX cannot say of a tensor and what comes nearest; None where it can, and for a tensor that stays float.

    ONNX has no type for some formats, and of activations no other codes, rounding or ranges than those of its
    operators.
    """
    if choice is None:
        return None
    element = element_of(choice.variation, is_weight=is_weight)
    if is_weight:
        if element is not None:
            return None
        nearest = nearest_format(choice.variation, is_weight=True)
        return f"ONNX has no type for {choice.format}; nearest is {nearest}"
    reasons, nearest = _activation_reasons(choice, element)
    return f"{', and '.join(reasons)}; nearest is {nearest}" if reasons else None


def _activation_reasons(choice: TensorChoice, element: Element | None) -> tuple[list[str], str]:
    """What stands against an activation as chosen, and the format with the choices that can be written."""
    format, reasons, changes = choice.variation, [], []
    nearest = choice.format
    if element is None:
        nearest = nearest_format(format, is_weight=False)
        reasons.append(_no_operator(choice))
    if format.rounding != "nearest_even" and not isinstance(format, IdentityFormat):
        reasons.append(f"ONNX rounds values to nearest even, not {format.rounding}")
        changes.append("rounding nearest_even")
    native = element.overflow if element is not None else format.overflow
    # to nearest, IEEE's overflow is infinity
    if format.overflow != native and (format.overflow, native) != ("ieee", "infinity"):
        reasons.append(f"what overflows does not become {_WORDS[format.overflow]} there")
        changes.append(f"overflow {native}")
    if choice.zero_band and not isinstance(format, IdentityFormat):
        reasons.append("it has no zero band")
        changes.append("no zero band")
    if is_dynamic(choice) and not (_is_byte(format) and choice.dynamic == "batch" and not choice.symmetric):
        reasons.append("DynamicQuantizeLinear is uint8, asymmetric, with one range a batch")
        nearest = "uint8"
        changes.append("symmetric=False and dynamic='batch', or a fixed range")
    return reasons, nearest + (f" with {', '.join(changes)}" if changes else "")


_WORDS = {"saturate": "the end level", "infinity": "infinite or NaN", "ieee": "what IEEE 754 says"}


def _no_operator(choice: TensorChoice) -> str:
    format = choice.variation
    if isinstance(format, IntegerFormat):
        return f"QuantizeLinear saturates at the ends of its type, so {choice.format} is for weights only"
    if isinstance(format, IdentityFormat):
        return "pruned float32 is a constant, so it is for weights only"
    return f"ONNX has no operator that quantizes to {choice.format}"


def _is_byte(format: Format) -> bool:
    return isinstance(format, IntegerFormat) and format.affine and (format.qmin, format.qmax) == (0, 255)
