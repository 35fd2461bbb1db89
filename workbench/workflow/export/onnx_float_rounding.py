"""Fake quantization as a graph of float32 operators of opset 13, equal to `Quantizer.fake_quantize` in all bits.

Each kernel is the cheapest one that is exact: a Cast and back, 8-bit QuantizeLinear, arithmetic, or a table lookup.
"""

import dataclasses

import ml_dtypes
import numpy as np
from onnx import helper

from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.identity import IdentityFormat
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.shared_exponent import BlockFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.export.onnx_float_lookup import looked_up, table_of
from workbench.workflow.export.onnx_float_nodes import Nodes, number

ZERO = number(0.0)


def quantized(graph: Nodes, value: str, quantizer: Quantizer) -> str:
    """Name of what `quantizer` makes of a float32 value of the graph: the value itself where that is the same.

    quantizer: one scale, rounding not by chance; block formats have their blocks within each index of axis 0.
    """
    if quantizer.zero_band:
        inside = graph("LessOrEqual", graph("Abs", value), number(quantizer.zero_band))
        value = graph("Where", inside, ZERO, value)
        quantizer = dataclasses.replace(quantizer, zero_band=0.0)
    format = quantizer.format
    to_even = format.rounding == "nearest_even"
    if isinstance(format, IdentityFormat):
        return value
    if isinstance(format, BlockFormat):
        return _in_blocks(graph, value, format)
    if isinstance(format, IntegerFormat) and to_even:
        return _integers(graph, value, quantizer, format)
    if isinstance(format, FloatingFormat) and not format.has_scale:
        if to_even and format.storage in (np.float16, ml_dtypes.bfloat16):
            return _there_and_back(graph, value, format)
        if format.storage == np.float32:
            return _shorter_mantissa(graph, value, format)
    boundaries, levels = table_of(quantizer)
    if isinstance(format, FloatingFormat) and format.has_minus_zero:
        levels = np.where(levels == 0, np.float32(-0.0), levels)
        return _nan_kept(graph, value, _signed_zero(graph, value, looked_up(graph, value, boundaries, levels)))
    return _nan_kept(graph, value, looked_up(graph, value, boundaries, levels))


def _nan_kept(graph: Nodes, value: str, found: str) -> str:
    return graph("Where", graph("IsNaN", value), value, found)


def _signed_zero(graph: Nodes, value: str, found: str) -> str:
    """`found`, in which zeros of values that are not negative may be -0, with the value's own sign of zero.

    Not by Where: onnxruntime's turns -0 into 0 where the condition is true, and takes a Not before it away.
    """
    bounded = graph("Clip", value, number(-1.0), number(1.0))  # infinity times zero would be NaN
    return graph("Add", found, graph("Mul", bounded, number(0.0)))


def _there_and_back(graph: Nodes, value: str, format: FloatingFormat) -> str:
    """Cast rounds to nearest even and overflows to infinity."""
    read = value
    if format.overflow == "saturate":
        read = _nan_kept(graph, value, graph("Clip", value, number(-format.largest), number(format.largest)))
    return graph.as_float(graph.cast(read, int(helper.np_dtype_to_tensor_dtype(format.storage))))


def _integers(graph: Nodes, value: str, quantizer: Quantizer, format: IntegerFormat) -> str:
    """Codes within 8 bits by QuantizeLinear, clipped where they are fewer; wider ones by arithmetic."""
    scale, zero_point = np.asarray(quantizer.scale, np.float32), int(quantizer.zero_point)
    for dtype in (np.int8, np.uint8):
        ends = np.iinfo(dtype)
        if not ends.min <= format.qmin <= format.qmax <= ends.max:
            continue
        read = value
        if (ends.min, ends.max) != (format.qmin, format.qmax):
            # not by Clip: onnxruntime removes it before QuantizeLinear, below scales of 1e-7 even if it cuts off a code
            read = graph("Max", graph("Min", value, number(quantizer.high)), number(quantizer.low))
        parameters = scale, np.array(zero_point, dtype)
        codes = graph("QuantizeLinear", read, *parameters)
        return _nan_kept(graph, value, graph("DequantizeLinear", codes, *parameters))
    # adding 1 and taking it away again turns -0 into 0; runtimes remove an addition of 0
    low, high = format.qmin - zero_point, format.qmax - zero_point
    moved = graph("Add", graph("Round", graph("Div", value, scale)), number(1.0))
    levels = graph("Sub", graph("Clip", moved, number(low + 1), number(high + 1)), number(1.0))
    return _nan_kept(graph, value, graph("Mul", levels, scale))


def _shorter_mantissa(graph: Nodes, value: str, format: FloatingFormat) -> str:
    """Floats in a float32 container (TF32): the unit of the last place is looked up, the rest is exact arithmetic."""
    exponents = np.arange(1 - format.bias, 128)
    powers = np.ldexp(np.float32(1), exponents)
    boundaries = np.nextafter(powers[1:], np.float32(0))
    units = np.ldexp(np.float32(1), exponents - format.mantissa_bits).astype(np.float32)
    unit = looked_up(graph, graph("Abs", value), boundaries, units)
    found = graph("Mul", _whole(graph, graph("Div", value, unit), format.rounding), unit)
    if format.overflow == "saturate":
        low, high = number(-format.largest), number(format.largest)
        found = graph("Where", graph("Greater", found, high), high, found)
        found = graph("Where", graph("Less", found, low), low, found)
    return _signed_zero(graph, value, found)


def _whole(graph: Nodes, value: str, rounding: str) -> str:
    """Whole numbers by a mode that is not by chance; values below 2^22."""
    if rounding in ("nearest_even", "up", "down"):
        return graph({"nearest_even": "Round", "up": "Ceil", "down": "Floor"}[rounding], value)
    lower = upper = value
    if rounding == "nearest_away":
        lower, upper = graph("Sub", value, number(0.5)), graph("Add", value, number(0.5))
    return graph("Where", graph("Greater", value, ZERO), graph("Floor", upper), graph("Ceil", lower))


def _in_blocks(graph: Nodes, value: str, format: BlockFormat) -> str:
    """Each sample cut into blocks, the last one filled up with zeros; their scales follow from their largest value."""
    rows = graph("Flatten", value, axis=1)
    length = graph("Gather", graph("Shape", rows), np.array([1], np.int64))
    missing = graph("Mod", graph("Neg", length), np.array([format.block], np.int64))
    filled = graph("Pad", rows, graph("Concat", np.zeros(3, np.int64), missing, axis=0))
    blocks = graph("Reshape", filled, np.array([0, -1, format.block], np.int64))
    scale = _block_scale(graph, blocks, format)
    element = format.element.with_choices(rounding=format.rounding)
    rounded = quantized(graph, graph("Div", blocks, scale), Quantizer(element, number(1.0)))
    spoiled = graph("IsNaN", graph("ReduceSum", graph("Mul", blocks, ZERO), np.array([2], np.int64)))
    found = graph("Where", spoiled, number(np.nan), graph("Mul", rounded, scale))
    joined = graph("Reshape", found, np.array([0, -1], np.int64))
    cut = graph("Slice", joined, np.zeros(1, np.int64), length, np.ones(1, np.int64))
    return graph("Reshape", cut, graph("Shape", value))


def _block_scale(graph: Nodes, blocks: str, format: BlockFormat) -> str:
    """float32 (rows, blocks, 1): a power of two for each power of two that the largest magnitude may reach; 1 for 0."""
    largest = graph("MaxPool", graph("Abs", blocks), kernel_shape=[format.block], strides=[format.block])
    powers = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
    boundaries = np.nextafter(powers, np.float32(0))
    scales = format.block_scales(np.append(np.float32(0), powers)[:, None])[:, 0]
    return looked_up(graph, largest, boundaries, scales)
