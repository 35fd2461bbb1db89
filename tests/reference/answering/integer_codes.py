"""Integer codes: scale, zero point, channels, thresholds."""

import numpy as np

from tests.reference.answering.common import Answer, Case, exact, known, need, numbers, plain
from workbench.numerics.arithmetic.affine import affine_parameters
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.rounding import round_to_integer
from workbench.numerics.quantizer import Quantizer


def integers(qmin: int, qmax: int) -> IntegerFormat:
    bits = (qmax - qmin + 1).bit_length() - 1 + (qmax - qmin + 1 & qmax - qmin > 0)
    return IntegerFormat(name=f"{qmin}..{qmax}", title="", bits=bits, signed=qmin < 0, qmin=qmin, qmax=qmax)


def integer_answer(x: np.ndarray, quantizer: Quantizer, scale: float) -> Answer:
    """q by the kernel; what follows from it in float64, with float32 agreeing to its own precision."""
    codes = quantizer.encode(x).astype(np.int64)
    read_back = (codes - quantizer.zero_point) * scale
    assert np.allclose(quantizer.fake_quantize(x), read_back, rtol=2e-7, atol=0)
    error = read_back - x
    format = quantizer.format
    unclamped = round_to_integer(x / scale, format.rounding) + quantizer.zero_point
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
    format = integers(params["qmin"], params["qmax"]).with_choices(rounding=params["rounding"])
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
    """By the float64 arithmetic of lessons; where the rule is the kernel's, the kernel gives the same codes."""
    params, x = case["params"], numbers(case["inputs"]["x"])
    known(params, "qmin", "qmax", "range", "include_zero", "zero_point_rule", "zero_point_rounding", "rounding")
    found = affine_parameters(
        *params["range"],
        params["qmin"],
        params["qmax"],
        include_zero=params["include_zero"],
        rule=params["zero_point_rule"],
        rounding={"floor": "down"}.get(params["zero_point_rounding"], params["zero_point_rounding"]),
    )
    codes = found.encode(x, params["rounding"])
    if params["include_zero"] and params["zero_point_rule"] == "from_min":
        quantizer = Quantizer.covering(integers(params["qmin"], params["qmax"]), *params["range"], symmetric=False)
        kernel = integer_answer(x, quantizer, found.scale)
        assert kernel["q"] == plain(codes) and kernel["zero_point"] == found.zero_point
    return {
        "scale": found.scale,
        "zero_point": found.zero_point,
        "zero_point_unrounded": found.unrounded,
        "q": plain(codes),
        "dequantized": plain(found.decode(codes)),
        "mse": float(((found.decode(codes) - x) ** 2).mean()),
        "max_abs_error": float(np.abs(found.decode(codes) - x).max()),
        "saturated_count": found.saturated(x, params["rounding"]),
    }


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


ANSWERS = {
    f.__name__: f for f in (quantize_symmetric, quantize_asymmetric, quantize_per_channel, quantize_with_threshold)
}
