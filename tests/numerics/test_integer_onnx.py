"""Integers and fp8, bit for bit against QuantizeLinear and DequantizeLinear of onnx.reference and onnxruntime.

Subnormal inputs, ties, -0.0 and huge values are among the values; only here do the tests of numerics import onnx.
"""

import warnings

import ml_dtypes
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tests.numerics.samples import neighbours, same_bits
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

TYPES = {
    "int8": np.int8,
    "uint8": np.uint8,
    "int16": np.int16,
    "uint16": np.uint16,
    "int4": ml_dtypes.int4,
    "uint4": ml_dtypes.uint4,
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
}
SHAPE = (6, 64, 4)
GROUPINGS = {"tensor": (None, None), "channel": (0, None), "last": (2, None), "block": (1, 32)}


def values(scale: np.ndarray, seed: int) -> np.ndarray:
    """float32 of SHAPE: random, exact ties and their neighbours, both zeros, subnormals, huge."""
    rng = np.random.default_rng(seed)
    step = float(np.asarray(scale).reshape(-1)[0])
    ties = neighbours((np.arange(-40, 40) + 0.5) * step)
    special = np.array([0.0, -0.0, 1e-45, -1e-45, 1e-39, -1e-39, 1e30, -1e30, 3.4e38, -3.4e38], np.float32)
    fixed = np.concatenate([ties, special])
    x = (rng.normal(size=SHAPE) * step * 60).astype(np.float32)
    x.reshape(-1)[rng.permutation(x.size)[: fixed.size]] = fixed
    return x


def quantizer_for(name: str, grouping: str, seed: int, power_of_two: bool = False) -> Quantizer:
    axis, block_size = GROUPINGS[grouping]
    rng = np.random.default_rng(seed + 1000)
    n_groups = {"tensor": 1, "channel": SHAPE[0], "last": SHAPE[2], "block": SHAPE[0] * SHAPE[2] * SHAPE[1] // 32}[
        grouping
    ]
    format = FORMATS[name]
    scale = (rng.uniform(0.5, 2, n_groups) * 10.0 ** rng.integers(-3, 2)).astype(np.float32)
    if power_of_two:
        scale = np.full(n_groups, 2.0**-5, np.float32)
    zero_point = rng.integers(format.qmin, format.qmax + 1, n_groups) if format.affine else np.zeros(n_groups, int)
    if axis is None:
        return Quantizer(format, scale[0], int(zero_point[0]))
    return Quantizer(format, scale, zero_point, axis, block_size)


def model_bytes(name: str, quantizer: Quantizer) -> bytes:
    """x -> QuantizeLinear -> DequantizeLinear -> y, opset 21, with the codes as a second output."""

    def laid_out(per_group: np.ndarray) -> np.ndarray:
        if quantizer.block_size is None:
            return per_group
        others = tuple(n for i, n in enumerate(SHAPE) if i != quantizer.axis)
        blocks = per_group.reshape(*others, SHAPE[quantizer.axis] // quantizer.block_size)
        return np.ascontiguousarray(np.moveaxis(blocks, -1, quantizer.axis))

    dtype = np.dtype(TYPES[name])
    scale = laid_out(np.asarray(quantizer.scale))
    zero_point = laid_out(np.asarray(quantizer.zero_point)).astype(np.int32).astype(dtype)
    element = helper.np_dtype_to_tensor_dtype(dtype)
    attributes = {k: v for k, v in (("axis", quantizer.axis), ("block_size", quantizer.block_size)) if v is not None}
    graph = helper.make_graph(
        [
            helper.make_node("QuantizeLinear", ["x", "scale", "zero_point"], ["codes"], **attributes),
            helper.make_node("DequantizeLinear", ["codes", "scale", "zero_point"], ["y"], **attributes),
        ],
        "qdq",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPE),
            helper.make_tensor_value_info("codes", element, SHAPE),
        ],
        [numpy_helper.from_array(scale, "scale"), numpy_helper.from_array(zero_point, "zero_point")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


def by_reference(model: bytes, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        y, codes = ReferenceEvaluator(model).run(None, {"x": x})
    return y, codes


def by_onnxruntime(model: bytes, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


CASES = [(n, g, s, p) for n in TYPES for g in GROUPINGS for s, p in ((0, False), (1, False), (2, True))]


def judged(quantizer: Quantizer, x: np.ndarray, wraps: bool) -> np.ndarray:
    """Where a judge can be trusted: one that rounds through int32 turns a larger quotient into the opposite end."""
    trusted = np.abs(x) < 2.0**31 * float(np.min(quantizer.scale)) if wraps else np.ones(x.shape, bool)
    assert np.count_nonzero(~trusted) <= 4
    return trusted


@pytest.mark.parametrize(("name", "grouping", "seed", "power_of_two"), CASES)
def test_onnx_reference_agrees_in_every_bit(name, grouping, seed, power_of_two):
    quantizer = quantizer_for(name, grouping, seed, power_of_two)
    x = values(quantizer.scale, seed)
    y, codes = by_reference(model_bytes(name, quantizer), x)
    at = judged(quantizer, x, wraps=quantizer.format.affine)
    assert np.array_equal(quantizer.encode(x)[at].astype(np.float32), codes[at].astype(np.float32))
    assert same_bits(quantizer.fake_quantize(x)[at], y[at].astype(np.float32))


@pytest.mark.parametrize(("name", "grouping", "seed", "power_of_two"), CASES)
def test_onnxruntime_agrees_in_every_bit(name, grouping, seed, power_of_two):
    quantizer = quantizer_for(name, grouping, seed, power_of_two)
    x = values(quantizer.scale, seed)
    mine, theirs = quantizer.fake_quantize(x), by_onnxruntime(model_bytes(name, quantizer), x)
    in_int32 = grouping == "block" or (grouping == "last" and quantizer.format.bits == 4)
    at = judged(quantizer, x, wraps=quantizer.format.affine and in_int32)
    assert same_bits(mine[at], theirs[at])


@pytest.mark.parametrize("name", ["fp16", "bf16"])
def test_a_cast_and_back_agrees_in_every_bit(name):
    element = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}[name]
    x = values(np.float32(0.3), 0)
    x.reshape(-1)[:6] = [65519.99, 65520, -65520, np.inf, -np.inf, np.nan]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["small"], to=element),
            helper.make_node("Cast", ["small"], ["y"], to=TensorProto.FLOAT),
        ],
        "cast",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPE)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    assert same_bits(Quantizer.covering(name, 0, 0).fake_quantize(x), by_onnxruntime(model, x))
