"""Whole operators and layers: ONNX QuantizeLinear models, BatchNorm folding, comparison of outputs."""

import math
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tests.reference.answering.common import Answer, Case, need, numbers, plain
from workbench.models.folding import BatchNorm, folded_bias, folded_weight
from workbench.numerics.errors.sums import ErrorSums
from workbench.numerics.quantizer import Quantizer


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


ANSWERS = {f.__name__: f for f in (compare, flag_layers, qdq_matmul, fold_bn)}
