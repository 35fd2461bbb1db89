"""What the workbench answers to a reference case: one function an operation, each gives every key of `expected`.

Scales are float32 in the workbench, and the cases ask for more digits: `exact` checks that a float32 number is the
right one to its last bit and hands on the float64 number that it was rounded from.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from workbench.models.folding import BatchNorm, folded_bias, folded_weight
from workbench.numerics.errors.sums import ErrorSums
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer

Case = dict[str, Any]
Answer = dict[str, Any]
NAMES = {"fp8_e4m3fn": "fp8_e4m3"}  # the cases' name of a format -> ours


class Later(Exception):
    """The workbench has no answer yet; the text says why."""


def plain(array: Any) -> Any:
    """Nested lists of Python numbers."""
    return np.asarray(array).tolist()


def numbers(values: list[Any]) -> np.ndarray:
    """float64, from numbers and words such as "nan" or "-0.0"."""
    return np.array([float(v) for v in values])


def need(params: dict[str, Any], **wanted: Any) -> None:
    """Later where a parameter has another value than the one the workbench offers."""
    for name, value in wanted.items():
        if params.get(name, value) != value:
            raise Later(f"{name} {params[name]!r} is not offered yet")


def known(params: dict[str, Any], *names: str) -> None:
    """Later where there is a parameter that this operation does not know."""
    for name in params:
        if name not in names:
            raise Later(f"the parameter {name!r} is not offered yet")


def exact(found: np.ndarray, float64: Any) -> Any:
    """The float64 numbers, after checking that `found` holds them rounded to float32."""
    assert np.array_equal(found, np.asarray(float64, np.float32)), f"{found} is not {float64} rounded to float32"
    return float64


def format_named(name: str) -> Any:
    if NAMES.get(name, name) not in FORMATS:
        raise Later(f"the format {name} is not in the catalogue yet")
    return FORMATS[NAMES.get(name, name)]


def integers(qmin: int, qmax: int) -> IntegerFormat:
    bits = (qmax - qmin + 1).bit_length() - 1 + (qmax - qmin + 1 & qmax - qmin > 0)
    return IntegerFormat(name=f"{qmin}..{qmax}", title="", bits=bits, signed=qmin < 0, qmin=qmin, qmax=qmax)


def floating(name: str) -> FloatingFormat:
    format = format_named(name)
    if not isinstance(format, FloatingFormat):
        raise Later(f"{name} is the identity; its levels are not tabulated")
    return format


def patterns(codes: np.ndarray) -> np.ndarray:
    """The bits of codes, as unsigned integers."""
    return codes.view(f"u{codes.dtype.itemsize}")


def bits_of(format: FloatingFormat, values: np.ndarray) -> list[int | None]:
    """Bit pattern of each value, None for NaN."""
    codes = Quantizer.covering(format, -format.largest, format.largest).encode(values)
    return [None if nan else int(b) for b, nan in zip(patterns(codes), np.isnan(codes.astype(np.float32)), strict=True)]


def with_overflow(format: FloatingFormat, policy: str) -> FloatingFormat:
    """The format with `inf` or `saturate`; rounding to nearest, `ieee` is `inf`."""
    return dataclasses.replace(format, overflow="saturate" if policy == "saturate" else "infinity")


def round_float(case: Case) -> Answer:
    known(case["params"], "format", "rounding", "overflow")
    need(case["params"], rounding="nearest_even")
    format = with_overflow(floating(case["params"]["format"]), case["params"]["overflow"])
    inputs = case["inputs"]
    x = numbers(inputs["x"]).astype(np.float32)
    if "x_bits_f32" in inputs:
        x = np.array([int(b, 16) for b in inputs["x_bits_f32"]], np.uint32).view(np.float32)
    elif not np.array_equal(x, numbers(inputs["x"]), equal_nan=True):
        raise Later("values that are no float32 numbers; the workbench holds float32")
    quantizer = Quantizer(format, np.float32(1))
    return {"bits": bits_of(format, x), "value": plain(quantizer.fake_quantize(x))}


def describe(case: Case) -> Answer:
    format = format_named(case["system"])
    if isinstance(format, IntegerFormat):
        levels = format.unit_levels()
        return {
            "min": int(levels[0]),
            "max": int(levels[-1]),
            "levels": levels.size,
            "min_positive": int(levels[levels > 0][0]),
        }
    format = floating(case["system"])
    levels = format.unit_levels().astype(np.float64)
    positive = levels[levels > 0]
    fraction, _ = np.frexp(positive)
    first_normal = positive[2**format.mantissa_bits - 1]  # behind all subnormals
    one = int(np.searchsorted(levels, 1.0))
    with np.errstate(over="ignore"):
        infinite = bool(np.isinf(np.float32(np.inf).astype(format.storage).astype(np.float32)))
    assert ((fraction >= 0.5) & (fraction < 1)).all()
    return {
        "storage_bits": format.bits,
        "sign_bits": format.bits - format.exponent_bits - format.mantissa_bits,
        "exponent_bits": format.exponent_bits,
        "mantissa_bits": format.mantissa_bits,
        "precision_bits": format.mantissa_bits + 1,
        "bias": 1 - int(math.log2(first_normal)),
        "max": format.largest,
        "min_normal": float(first_normal),
        "min_subnormal": float(positive[0]),
        "epsilon": float(levels[one + 1] - levels[one]),
        "has_inf": infinite,
        "has_negative_zero": bool(np.signbit(format.round_unit(np.float32([-0.0]))[0])),
        "finite_codes": levels.size + 1,  # levels hold zero once
        "max_bits": hex(bits_of(format, np.float32([format.largest]))[0]),
    }


def decode_bits(case: Case) -> Answer:
    format = floating(case["params"]["format"])
    bits = np.array([int(b, 16) for b in case["inputs"]["bits"]], f"u{format.storage.itemsize}")
    values = Quantizer(format, np.float32(1)).decode(bits.view(format.storage))
    rows = []
    for pattern, value in zip(plain(bits), plain(values), strict=True):
        exponent = pattern >> format.mantissa_bits & 2**format.exponent_bits - 1
        finite = "zero" if value == 0 else "normal" if exponent else "subnormal"
        kind = "nan" if math.isnan(value) else "inf" if math.isinf(value) else finite
        row = {"bits": hex(pattern), "sign": pattern >> (format.bits - 1), "cls": kind, "value": value}
        mantissa = pattern & 2**format.mantissa_bits - 1
        rows.append({**row, "exponent_field": exponent, "mantissa_field": mantissa})
    return {"rows": rows}


def integer_answer(x: np.ndarray, quantizer: Quantizer, scale: float) -> Answer:
    """q by the kernel; what follows from it in float64, with float32 agreeing to its own precision."""
    codes = quantizer.encode(x).astype(np.int64)
    read_back = (codes - quantizer.zero_point) * scale
    assert np.allclose(quantizer.fake_quantize(x), read_back, rtol=2e-7, atol=0)
    error = read_back - x
    format = quantizer.format
    unclamped = np.rint(x / scale) + quantizer.zero_point
    return {
        "scale": exact(quantizer.scale, scale),
        "zero_point": quantizer.zero_point,
        "q": plain(codes),
        "dequantized": plain(read_back),
        "mse": float((error**2).mean()),
        "max_abs_error": float(np.abs(error).max()),
        "saturated_count": int(((unclamped < format.qmin) | (unclamped > format.qmax)).sum()),
    }


def quantize_symmetric(case: Case) -> Answer:
    params, x = case["params"], numbers(case["inputs"]["x"])
    known(params, "qmin", "qmax", "scale_divisor", "rounding", "scale_given", "scale")
    need(params, rounding="nearest_even")
    format = integers(params["qmin"], params["qmax"])
    largest = float(np.abs(x).max())
    # a given scale that no parameter names is the one that the case expects
    scale = (
        params.get("scale", case["expected"]["scale"])
        if params.get("scale_given")
        else largest / params["scale_divisor"]
    )
    if params["scale_divisor"] == params["qmax"] and not params.get("scale_given"):
        return integer_answer(x, Quantizer.covering(format, -largest, largest, symmetric=True), scale)
    return integer_answer(x, Quantizer(format, scale), scale)


def quantize_asymmetric(case: Case) -> Answer:
    params, x = case["params"], numbers(case["inputs"]["x"])
    known(params, "qmin", "qmax", "range", "include_zero", "zero_point_rule", "zero_point_rounding", "rounding")
    need(params, rounding="nearest_even", zero_point_rounding="nearest_even", zero_point_rule="from_min")
    need(params, include_zero=True)
    low, high = min(params["range"][0], 0.0), max(params["range"][1], 0.0)
    scale = (high - low) / (params["qmax"] - params["qmin"])
    quantizer = Quantizer.covering(integers(params["qmin"], params["qmax"]), *params["range"], symmetric=False)
    return {**integer_answer(x, quantizer, scale), "zero_point_unrounded": params["qmin"] - low / scale}


def quantize_per_channel(case: Case) -> Answer:
    params = case["params"]
    known(params, "axis", "qmin", "qmax", "rounding")
    need(params, rounding="nearest_even")
    x = numbers(case["inputs"]["x"]).reshape(case["inputs"]["shape"])
    format, axis = integers(params["qmin"], params["qmax"]), params["axis"]
    others = tuple(i for i in range(x.ndim) if i != axis)
    largest = np.abs(x).max(axis=others)
    scales = largest / params["qmax"]
    quantizer = Quantizer.covering(format, -largest, largest, symmetric=True, axis=axis)
    codes = quantizer.encode(x).astype(np.int64)
    error = codes * np.expand_dims(scales, others) - x
    whole = integer_answer(
        x.reshape(-1), Quantizer.covering(format, -largest.max(), largest.max()), float(scales.max())
    )
    return {
        "scales": plain(exact(quantizer.scale, scales)),
        "q": plain(codes.reshape(-1)),
        "mse_per_channel": float((error**2).mean()),
        "per_layer_scale": whole["scale"],
        "q_per_layer": whole["q"],
        "mse_per_layer": whole["mse"],
    }


def quantize_with_threshold(case: Case) -> Answer:
    params, x = case["params"], numbers(case["inputs"]["x"])
    known(params, "threshold", "qmax")
    threshold, largest = params["threshold"], float(np.abs(x).max())
    format = integers(-params["qmax"], params["qmax"])
    answer: Answer = {"saturated_count": int((np.abs(x) > threshold).sum())}
    for name, t in (("saturated", threshold), ("max", largest)):
        quantizer = Quantizer.covering(format, -t, t)
        given = integer_answer(x, quantizer, t / params["qmax"])
        answer[f"mse_{name}"] = given["mse"]
        answer[f"median_abs_error_{name}"] = float(np.median(np.abs(numbers(given["dequantized"]) - x)))
        answer[f"distinct_codes_{name}"] = len(set(given["q"]))
    return answer


def compare(case: Case) -> Answer:
    sums = ErrorSums()
    sums.add(numbers(case["inputs"]["reference"]), numbers(case["inputs"]["quantized"]))
    cosine: Any = sums.cosine
    if isinstance(case["expected"]["cosine"], str):  # of zero vectors: "nan or 1 with a flag, never raise"
        assert cosine == 1
        cosine = case["expected"]["cosine"]
    return {
        "cosine": cosine,
        "euclidean": math.sqrt(sums.mse * sums.count),
        "mse": sums.mse,
        "rmse": math.sqrt(sums.mse),
        "mean_abs": sums.mean_abs,
        "max_abs": sums.max_abs,
        "sqnr_db": sums.sqnr_db,
    }


def flag_layers(case: Case) -> Answer:
    cosines = {
        layer["name"]: compare({"inputs": layer, "expected": {"cosine": 0.0}})["cosine"]
        for layer in case["inputs"]["layers"]
    }
    flagged = [name for name, cosine in cosines.items() if cosine < case["params"]["threshold"]]
    order = "from the input layer downwards; the first flagged layer is examined first"
    return {"cosine": list(cosines.values()), "flagged": flagged, "order": order}


def convert_initializer_fp16(case: Case) -> Answer:
    need(case["params"], rounding="nearest_even")
    x, format = numbers(case["inputs"]["w"]).astype(np.float32), floating("fp16")
    y = np.abs(Quantizer(format, np.float32(1)).fake_quantize(x))
    return {
        "bits_overflow_inf": bits_of(format, x),
        "bits_overflow_saturate": bits_of(with_overflow(format, "saturate"), x),
        "overflow_count": int(np.isinf(y).sum()),
        "subnormal_count": int(((y > 0) & (y < np.finfo(np.float16).tiny)).sum()),
        "flushed_to_zero_count": int(((y == 0) & (x != 0)).sum()),
    }


def qdq_matmul(case: Case) -> Answer:
    need(case["params"], rounding="nearest_even", activation="uint8 asymmetric per tensor", opset=13)
    need(case["params"], weight="int8 symmetric per output channel (axis 1)")
    rows, inner, columns = case["inputs"]["shape"]
    x = numbers(case["inputs"]["x"]).astype(np.float32).reshape(rows, inner)
    w = numbers(case["inputs"]["w"]).astype(np.float32).reshape(inner, columns)
    bias = numbers(case["inputs"]["bias"]).astype(np.float32)
    largest = np.abs(w).max(axis=0)
    for_x = Quantizer.covering("uint8", float(x.min()), float(x.max()))
    for_w = Quantizer.covering("int8", -largest, largest, axis=1)
    result = for_x.fake_quantize(x).astype(np.float64) @ for_w.fake_quantize(w) + bias
    for_y = Quantizer.covering("uint8", float(result.min()), float(result.max()))
    constants = {"w_q": for_w.encode(w), "bias": bias}
    nodes = []
    for name, q, dtype in (("x", for_x, np.uint8), ("w", for_w, np.int8), ("y", for_y, np.uint8)):
        constants |= {f"{name}_scale": np.asarray(q.scale), f"{name}_zero": np.asarray(q.zero_point).astype(dtype)}
        source = {"x": "x", "y": "sum"}.get(name)
        parameters = [f"{name}_scale", f"{name}_zero"]
        if source:
            nodes.append(helper.make_node("QuantizeLinear", [source, *parameters], [f"{name}_q"]))
        axis = {"axis": q.axis} if q.axis is not None else {}
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *parameters], [f"{name}_dq"], **axis))
        if name == "w":
            nodes.append(helper.make_node("MatMul", ["x_dq", "w_dq"], ["product"]))
            nodes.append(helper.make_node("Add", ["product", "bias"], ["sum"]))
    outputs = {"x_q": TensorProto.UINT8, "y_q": TensorProto.UINT8, "y_dq": TensorProto.FLOAT}
    graph = helper.make_graph(
        nodes,
        "qdq",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info(n, t, x.shape if n == "x_q" else result.shape) for n, t in outputs.items()],
        [numpy_helper.from_array(np.ascontiguousarray(v).reshape(np.shape(v)), n) for n, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    q_x, q_y, y = session.run(list(outputs), {"x": x})
    assert np.array_equal(q_x, for_x.encode(x)) and np.array_equal(y, for_y.decode(q_y))
    return {
        "x_scale": float(for_x.scale),
        "x_zero_point": for_x.zero_point,
        "w_scale": plain(for_w.scale),
        "q_w": plain(for_w.encode(w).reshape(-1)),
        "y_scale": float(for_y.scale),
        "y_zero_point": for_y.zero_point,
        "q_x": plain(q_x.reshape(-1)),
        "q_y": plain(q_y.reshape(-1)),
        "y": plain(y.reshape(-1)),
        "float_y": plain((x.astype(np.float64) @ w + bias).reshape(-1)),
    }


def fold_bn(case: Case) -> Answer:
    inputs = {name: numbers(values) for name, values in case["inputs"].items()}
    weight = inputs["W"].reshape(case["inputs"]["W_shape"])
    statistics = (inputs[name] for name in ("gamma", "beta", "mean", "var"))
    batch_norm = BatchNorm("y", (), *statistics, case["params"]["epsilon"])
    kind = "Conv" if weight.ndim > 2 else "Gemm"
    operator = helper.make_node(kind, ["x", "w", "b"], ["y"], **({"transB": 1} if kind == "Gemm" else {}))
    new_weight = folded_weight(operator, weight, batch_norm.factor)
    new_bias = folded_bias(operator, inputs["b"], batch_norm)
    y = new_weight.reshape(len(new_weight), -1) @ inputs["x"] + new_bias  # one valid position
    return {"W_new": plain(new_weight.reshape(-1)), "b_new": plain(new_bias), "y": plain(y)}


ANSWERS: dict[str, Callable[[Case], Answer]] = {
    function.__name__: function
    for function in (
        round_float,
        describe,
        decode_bits,
        quantize_symmetric,
        quantize_asymmetric,
        quantize_per_channel,
        quantize_with_threshold,
        compare,
        flag_layers,
        convert_initializer_fp16,
        qdq_matmul,
        fold_bn,
    )
}
