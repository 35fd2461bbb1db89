"""Answers of `numerics/arithmetic`: integer kernels, converters, logarithmic and binary codes, cut-offs, sizes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.numerics.arithmetic import binary, cut_offs, elimination, integers, logarithmic, nvdla, pruning
from workbench.numerics.arithmetic import powers_of_two as powers
from workbench.numerics.arithmetic import requantization as requantizing
from workbench.numerics.arithmetic import tensorflow as tf
from workbench.numerics.arithmetic.accumulation import accumulate, difference
from workbench.numerics.arithmetic.flexpoint import flexpoint, zeroed
from workbench.numerics.arithmetic.float_rounding import (
    bit_patterns,
    overflowed,
    round_to_float,
    upper_half,
    upper_half_keeping_nan,
)
from workbench.numerics.arithmetic.ncnn import float2int8, float_dot, int8_dot
from workbench.numerics.arithmetic.q_format import QFormat, format_for, multiply_accumulate, range_table
from workbench.numerics.arithmetic.storage import codebook_bytes, packed_bytes
from workbench.numerics.arithmetic.training import float_copy, momentum, overwriting
from workbench.numerics.errors.sums import ErrorSums
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.quantizer import Quantizer

Case = dict[str, Any]
Answer = dict[str, Any]
HALF_AWAY = "half_away_from_zero"
# the cases' words -> ours
ROUNDINGS: dict[str, Any] = {HALF_AWAY: "nearest_away"}
SHIFT_ROUNDINGS: dict[str, Any] = {HALF_AWAY: "half_away", "nearest_even": "half_even", "down": "floor"}
OVERFLOWS: dict[str, Any] = {"inf": "infinity"}
NAMES = {"fp8_e4m3fn": "fp8_e4m3"}


def plain(array: Any) -> Any:
    """Nested lists of Python numbers."""
    return np.asarray(array).tolist()


def numbers(values: list[Any]) -> np.ndarray:
    """float64, from numbers and words such as "nan" or "-0.0"."""
    return np.array([float(v) for v in values])


def patterns(values: np.ndarray, bits: np.ndarray) -> list[int | None]:
    """Bit patterns, None where the value is NaN."""
    return [None if nan else b for b, nan in zip(plain(bits), np.isnan(values), strict=True)]


def mse(x: Any, values: np.ndarray) -> float:
    sums = ErrorSums()
    sums.add(np.asarray(x, np.float64), values)
    return sums.mse


def given(case: Case, **params: Any) -> None:
    """The rules that the functions follow are the ones that the case asks for."""
    for name, value in params.items():
        assert case["params"].get(name, value) == value, f"{name} is {case['params'][name]!r}; expected {value!r}"


def rounding_of(case: Case) -> Any:
    word = case["params"]["rounding"]
    return ROUNDINGS.get(word, word)


# requantize.json


def requantize(case: Case) -> Answer:
    p, accumulators = case["params"], case["inputs"]["accumulator"]
    factor = requantizing.requantization_scale(p["scale_x"], p["scale_y"], p["scale_z"])
    fixed = requantizing.fixed_multiplier(factor)
    target = (p["zero_point_z"], p["qmin"], p["qmax"])
    return {
        "multiplier": factor,
        "fixed_point_multiplier_q31": fixed.mantissa,
        "right_shift": fixed.right_shift,
        "q": plain(requantizing.requantize(accumulators, fixed, *target)),
        "q_single_rounding": plain(requantizing.requantize_exactly(accumulators, factor, *target)),
        "unrounded": plain(requantizing.unrounded(accumulators, factor, p["zero_point_z"])),
    }


def quantized_matmul(case: Case) -> Answer:
    p, (rows, inner, columns) = case["params"], case["inputs"]["shape"]
    x = np.reshape(case["inputs"]["qx"], (rows, inner))
    w = np.reshape(case["inputs"]["qw"], (inner, columns))
    sums = accumulate(x, w, p["zero_point_x"], p["zero_point_w"], case["inputs"]["qbias_int32"])
    factor = requantizing.requantization_scale(p["scale_x"], p["scale_w"], p["scale_z"])
    fixed = requantizing.fixed_multiplier(factor)
    target = (p["zero_point_z"], p.get("qmin", 0), p.get("qmax", 255))
    return {
        "acc_int32": plain(sums.reshape(-1)),
        "fixed_point_multiplier_q31": fixed.mantissa,
        "right_shift": fixed.right_shift,
        "qz": plain(requantizing.requantize(sums, fixed, *target).reshape(-1)),
    }


def difference_of_codes(case: Case) -> Answer:
    found = difference(case["inputs"]["q"], case["inputs"]["zero_point"])
    return {"difference": int(found), "fits_uint8": integers.fits(found, 8, signed=False)}


# tensorflow.json


def tf_quantize(case: Case) -> Answer:
    given(case, rounding=HALF_AWAY)
    p, x = case["params"], numbers(case["inputs"]["x"])
    within = (p["min"], p["max"], p["dtype"])
    codes = tf.min_first(x, *within)
    return {
        "range_scale": tf.range_scale(*within),
        "q": plain(codes),
        "q_subtract_then_round": plain(tf.min_first_drifting(x, *within)),
        "dequantized_min_rounded": plain(tf.dequantize_min_rounded(codes, *within)),
        "dequantized_plain_min": plain(tf.dequantize(codes, *within)),
        "min_combined_unrounded": plain(tf.min_first_unrounded(x, *within)),
    }


def dequantize_codes(case: Case) -> Answer:
    return {"value": plain(tf.dequantize(case["inputs"]["q"], case["params"]["min"], case["params"]["max"]))}


def quantize_down_and_shrink_range(case: Case) -> Answer:
    p = case["params"]
    shrunk = tf.quantize_down_and_shrink(case["inputs"]["q_int32"], p["input_min"], p["input_max"], p["out_dtype"])
    without = tf.min_first(shrunk.real, p["input_min"], p["input_max"], p["out_dtype"])
    return {
        "real": plain(shrunk.real),
        "output_min": shrunk.low,
        "output_max": shrunk.high,
        "q": plain(shrunk.codes),
        "distinct_codes": len(np.unique(shrunk.codes)),
        "distinct_codes_without_shrink": len(np.unique(without)),
    }


def requantize_same_params(case: Case) -> Answer:
    assert case["inputs"]["q"] == "0..255"
    quantizer = Quantizer(FORMATS["uint8"], np.float32(case["params"]["scale"]), case["params"]["zero_point"])
    return {"identity": elimination.pair_cancels(quantizer, quantizer)}


def bits_needed(case: Case) -> Answer:
    a, b, terms = (case["params"][name] for name in ("a_bits", "b_bits", "terms"))
    return {
        "sum_of_two_bits": integers.sum_bits(a, b),
        "product_bits": integers.product_bits(a, b),
        "accumulator_bits": [integers.accumulator_bits(a, b, n) for n in terms],
    }


# qformat.json


def q_range_table(case: Case) -> Answer:
    formats = range_table(case["params"]["bits"])
    return {"rows": [{"format": q.name, "min": q.low, "max": q.high, "step": q.step} for q in formats]}


def q_select(case: Case) -> Answer:
    rows, bits = [], case["params"]["bits"]
    for largest in case["inputs"]["max_abs"]:
        formula, clamped = format_for(largest, bits, clamped=False), format_for(largest, bits)
        rows.append(
            {
                "max_abs": largest,
                "m_formula": formula.integer_bits,
                "n_formula": formula.fraction_bits,
                "m_clamped": clamped.integer_bits,
                "n_clamped": clamped.fraction_bits,
                "max_saturates": bool(formula.saturates(largest)),
            }
        )
    return {"rows": rows}


def q_mac(case: Case) -> Answer:
    given(case, rounding=HALF_AWAY)
    x, w, bias = (case["inputs"][name] for name in ("x", "w", "bias"))
    formats = [QFormat.parse(case["params"][name]) for name in ("input", "weight", "bias", "output")]
    found = multiply_accumulate(x, w, bias, *formats)
    fitting = found.smallest_fitting()
    assert fitting is not None
    return {
        "q_input": plain(found.x_codes),
        "q_weight": plain(found.w_codes),
        "q_bias": found.bias_code,
        "input_saturated": plain(formats[0].saturates(x)),
        "weight_saturated": plain(formats[1].saturates(w)),
        "bias_saturated": bool(formats[2].saturates(bias)),
        "product_sum": found.product_sum,
        "product_fraction_bits": found.product_fraction_bits,
        "product_integer_bits": found.product_integer_bits,
        "bias_shift_left": found.bias_shift_left,
        "bias_aligned": found.bias_aligned,
        "accumulator": found.accumulator,
        "accumulator_value": found.accumulator_value,
        "accumulator_fits_int16": integers.fits(found.accumulator, 16),
        "output_shift_right": found.output_shift_right,
        "output_shifted_floor": found.shifted_floor,
        "output_shifted_nearest": found.shifted_nearest,
        "output_q_floor": found.output_code_floor,
        "output_q_nearest": found.output_code,
        "output_value_nearest": found.output_value,
        "output_saturated": found.saturated,
        "float_result": float_dot(x, w, bias),
        "smallest_fitting_output": fitting.output.name,
        "fitting_output_q_nearest": fitting.output_code,
        "fitting_output_value": fitting.output_value,
    }


# nvdla.json


def nvdla_fp16_output(case: Case) -> Answer:
    given(case, overflow="saturate")
    p = case["params"]
    found = nvdla.fp16_output(numbers(case["inputs"]["x"]), flush_nan=p["flush_nan"], rounding=p["rounding"])
    return {
        "bits": patterns(found.values, found.patterns),
        "value": plain(found.values),
        "nan_input_count": found.nan_inputs,
        "nan_output_count": found.nan_outputs,
        "inf_input_count": found.inf_inputs,
    }


def inf_replacement(case: Case) -> Answer:
    table: Answer = {unit: "inf (kept internally)" if math.isinf(v) else v for unit, v in nvdla.INF_REPLACEMENT.items()}
    return {**table, "output_saturation": {name: list(limits) for name, limits in nvdla.OUTPUT_LIMITS.items()}}


def saturate_round_shift(case: Case) -> Answer:
    p = case["params"]
    converter = (p["offset"], p["scaling"], p["shifter"], p["output_bits"])
    rounding = SHIFT_ROUNDINGS.get(p["rounding"], p["rounding"])
    return {"y": plain(nvdla.convert(case["inputs"]["x"], *converter, rounding))}


# int_affine.json


def float2int8_codes(case: Case) -> Answer:
    given(case, rounding=HALF_AWAY)
    v = numbers(case["inputs"]["v"])
    return {"clamp_m128": plain(float2int8(v, -128)), "clamp_m127": plain(float2int8(v))}


def int8_dot_dequant(case: Case) -> Answer:
    x, w, bias = (case["inputs"][name] for name in ("x", "w", "bias"))
    found = int8_dot(x, w, case["params"]["data_scale"], case["params"]["weight_scale"], bias)
    return {
        "qx": plain(found.x_codes),
        "qw": plain(found.w_codes),
        "acc_int32": found.accumulator,
        "y": found.value,
        "y_float": float_dot(x, w, bias),
    }


# gfpq.json


def gfpq(case: Case) -> Answer:
    p, x = case["params"], numbers(case["inputs"]["x"])
    sizes = (p["bits"], p["steps_per_octave"])
    z = logarithmic.next_coefficient(p["mode"], p.get("z_given"), logarithmic.coefficient(x, *sizes))
    code = logarithmic.LogarithmicCode(z, *sizes)
    codes = code.encode(x)
    values, unsaturated = code.decode(codes), code.unsaturated(x)
    in_steps = code.exponents(values) + z
    single = plain(values.astype(np.float32))
    return {
        "z": z,
        "codes_hex": [hex(c) for c in plain(codes)],
        "values": plain(values),
        "values_float32": single,
        "values_printed_float32": single,
        "exponent_16ths": [int(e) if math.isfinite(e) else None for e in in_steps],
        "max_relative_error_unsaturated": float((np.abs(values - x)[unsaturated] / np.abs(x)[unsaturated]).max()),
    }


def gfpq_levels(case: Case) -> Answer:
    p = case["params"]
    code = logarithmic.LogarithmicCode(p["z"], p["bits"], p["steps_per_octave"])
    decoded = code.decode(np.arange(2 ** p["bits"]))
    return {
        "largest": code.largest,
        "smallest_positive": code.smallest_positive,
        "smallest_negative": code.smallest_negative,
        "zero_below_positive": code.smallest_positive / 2,
        "zero_above_negative": code.smallest_negative / 2,
        "levels_per_octave": code.steps_per_octave,
        "octaves": code.octaves,
        "positive_levels": int((decoded > 0).sum()),
        "negative_levels": int((decoded < 0).sum()),
        "zero_code": hex(code.zero_code),
        "ratio_between_levels": code.ratio,
        "largest_relative_error": code.largest_relative_error,
    }


def gfpq_sequence(case: Case) -> Answer:
    sizes = (case["params"]["bits"], case["params"]["steps_per_octave"])
    rows, z = [], None
    for step in case["inputs"]["steps"]:
        generated = logarithmic.coefficient(step["x"], *sizes)
        z = logarithmic.next_coefficient(step["mode"], z, generated)
        values = plain(logarithmic.LogarithmicCode(z, *sizes).apply(step["x"]))
        rows.append({**step, "generated_z": generated, "z": z, "values": values})
    return {"rows": rows}


def z_candidates(case: Case) -> Answer:
    largest = case["inputs"]["max"]
    printed = {"printed": logarithmic.PRINTED_Z} if largest == max(logarithmic.PRINTED_INPUTS) else {}
    return {"16*log2(max)": 16 * math.log2(largest), **logarithmic.coefficient_rules(largest), **printed}


def decode_param_block(case: Case) -> Answer:
    block = logarithmic.decode_parameter_block(case["inputs"]["signed_bytes"])
    return {"int32_le": list(block.words), "z": block.z, "word3_is_bitwise_not_of_word2": block.intact}


def finetune_steps(case: Case) -> Answer:
    p, start = case["params"], case["inputs"]["w0"]
    code = logarithmic.LogarithmicCode(p["z"])
    arguments = (start, [p["gradient"]] * p["steps"], p["learning_rate"], lambda w: float(code.apply(w)))
    overwritten = overwriting(*arguments)
    return {
        "overwrite_each_step": overwritten,
        "float_copy_then_quantize": float_copy(*arguments),
        "overwrite_is_stuck": set(overwritten) == {start},
    }


def momentum_steps(case: Case) -> Answer:
    given(case, sign="as printed: w + delta")
    p, inputs = case["params"], case["inputs"]
    steps = momentum(inputs["w0"], inputs["gradients"], p["momentum"], p["learn_rate"])
    return {"delta_w": [list(step) for step in steps]}


# power_of_two.json


def dynamic_fixed_point(case: Case) -> Answer:
    p, x = case["params"], numbers(case["inputs"]["x"])
    with_sign = {"ceil(log2(max)+1)": True, "ceil(log2(max))": False}[p["integer_length_rule"]]
    found = powers.dynamic_fixed_point(x, p["bit_width"], room_for_sign=with_sign, rounding=rounding_of(case))
    return {
        "max_abs": powers.largest_magnitude(x),
        "integer_length": found.integer_length,
        "fraction_length": found.fraction_length,
        "scale": found.scale,
        "q": plain(found.codes),
        "dequantized": plain(found.values),
        "mse": mse(x, found.values),
    }


def power_of_two_weights(case: Case) -> Answer:
    arguments = (case["inputs"]["x"], case["params"]["exp_min"], case["params"]["exp_max"])
    return {
        "exponent": plain(powers.power_of_two_exponents(*arguments)),
        "y": plain(powers.power_of_two_weights(*arguments)),
    }


def power_of_two_scale(case: Case) -> Answer:
    x, qmax, rounding = numbers(case["inputs"]["x"]), case["params"]["qmax"], rounding_of(case)
    exponent, errors = powers.covering_exponent(x, qmax), powers.errors_by_exponent(x, qmax, rounding=rounding)
    return {
        "float_scale": powers.largest_magnitude(x) / qmax,
        "no_saturation_exponent": exponent,
        "q": plain(powers.power_of_two_codes(x, exponent, qmax, rounding)),
        "mse_by_exponent": [list(pair) for pair in errors.items()],
        "best_mse_exponent": min(errors, key=errors.__getitem__),
    }


# flexpoint.json


def flexpoint_tensor(case: Case) -> Answer:
    x, bits = numbers(case["inputs"]["x"]), case["params"]["mantissa_bits"]
    given(case, rounding="nearest_even", exponent_rule=f"smallest e with round(max/2^e) <= {2 ** (bits - 1) - 1}")
    found = flexpoint(x, bits)
    return {
        "exponent": found.exponent,
        "mantissa": plain(found.mantissas),
        "value": plain(found.values),
        "zeroed": zeroed(x, found.values),
        "mse": mse(x, found.values),
    }


# binarize_prune.json


def binarize(case: Case) -> Answer:
    given(case, sign_of_zero=1)
    w = numbers(case["inputs"]["w"]).reshape(case["inputs"]["shape"])
    return {
        "sign": plain(binary.signs(w).reshape(-1)),
        "alpha_per_row": plain(binary.binary_scale(w, axis=0)),
        "alpha_tensor": float(binary.binary_scale(w)),
        "mse_per_row_scale": mse(w, binary.binarized(w, axis=0)),
        "mse_tensor_scale": mse(w, binary.binarized(w)),
    }


def binary_dot(case: Case) -> Answer:
    found = binary.binary_dot(case["inputs"]["a"], case["inputs"]["b"])
    identity = "dot = 2*popcount - n"
    assert found.dot == 2 * found.matches - found.length
    return {"dot": found.dot, "popcount_xnor": found.matches, "identity": identity, "n": found.length}


def prune_weights(case: Case) -> Answer:
    given(case, tie_break="lower index first")
    w = numbers(case["inputs"]["w"])
    found = pruning.prune_weights(w, case["params"]["sparsity"])
    return {
        "kept_mask": plain(found.kept.astype(int)),
        "w": plain(found.weights),
        "removed": found.removed,
        "energy_kept": pruning.energy_kept(w, found.weights),
    }


def prune_filters(case: Case) -> Answer:
    given(case, score="L1 norm")
    w = numbers(case["inputs"]["w"]).reshape(case["inputs"]["shape"])
    found = pruning.prune_filters(w, case["params"]["remove"])
    return {"scores": plain(found.scores), "removed": plain(found.removed), "new_shape": list(found.weights.shape)}


# saturation_tricks.json


def cutoff(case: Case) -> Answer:
    at_sigmoid, at_tanh = case["inputs"]["sigmoid_cut"], case["inputs"]["tanh_cut"]
    tanh = 2 * float(cut_offs.sigmoid(2 * at_tanh)) - 1
    assert math.isclose(tanh, math.tanh(at_tanh), rel_tol=1e-12)
    return {
        f"sigmoid_at_{at_sigmoid}": float(cut_offs.sigmoid(at_sigmoid)),
        f"sigmoid_at_minus{at_sigmoid}": float(cut_offs.sigmoid(-at_sigmoid)),
        "max_output_error_sigmoid": cut_offs.largest_sigmoid_error(at_sigmoid),
        f"tanh_at_{at_tanh}": tanh,
        "max_output_error_tanh": cut_offs.largest_tanh_error(at_tanh),
        "note_equivalence": f"tanh({at_tanh})=2*sigmoid({at_sigmoid})-1" if at_sigmoid == 2 * at_tanh else "",
    }


def apply_cutoff(case: Case) -> Answer:
    x = numbers(case["inputs"]["x"])
    answer: Answer = {"int8_step_without": cut_offs.symmetric_step(float(np.abs(x).max()))}
    for name, function in (("sigmoid", cut_offs.sigmoid), ("tanh", np.tanh)):
        limit = case["params"][f"{name}_cut"]
        clipped = cut_offs.cut(x, limit)
        answer |= {
            f"clipped_{name}": plain(clipped),
            name: plain(function(clipped)),
            f"max_abs_error_{name}": float(np.abs(function(clipped) - function(x)).max()),
            f"int8_step_{name}": cut_offs.symmetric_step(limit),
        }
    return answer


# published_figures.json


def storage_bytes(case: Case) -> Answer:
    n = case["inputs"]["parameters"]
    sizes = {name: packed_bytes(n, format.bits) for name, format in FORMATS.items()}
    packed = {f"{name}_packed": size for name, size in sizes.items()}
    return {"bytes": {**sizes, **packed, **{f"codebook{bits}": codebook_bytes(n, bits) for bits in range(1, 9)}}}


# rounding_*.json


def truncate_low_16_bits(case: Case) -> Answer:
    x = np.array([int(b, 16) for b in case["inputs"]["x_bits_f32"]], np.uint32)
    safe = upper_half_keeping_nan(x)
    is_nan = (safe & 0x7FFF) > 0x7F80
    return {
        "raw_bits": plain(upper_half(x)),
        "nan_safe_bits": [None if nan else b for b, nan in zip(plain(safe), is_nan, strict=True)],
    }


def to_format(x: Any, format: FloatingFormat, params: dict[str, Any], rounding: Any) -> np.ndarray:
    overflow = OVERFLOWS.get(params["overflow"], params["overflow"])
    rounded = round_to_float(x, format.mantissa_bits, 1 - format.bias, rounding)
    values = overflowed(rounded, format.largest, overflow, rounding)
    return values if format.has_infinity else np.where(np.isinf(values), np.nan, values)


def floating(case: Case) -> FloatingFormat:
    name = case["params"]["format"]
    format = FORMATS[NAMES.get(name, name)]
    assert isinstance(format, FloatingFormat), f"{name} is the identity"
    return format


def round_float_from_f64(case: Case) -> Answer:
    x, p, format = numbers(case["inputs"]["x_f64"]), case["params"], floating(case)
    assert format.has_infinity, f"{format.name} has patterns of its own for its largest exponent"
    mantissa_bits = 23 if format.name == "tf32" else format.mantissa_bits
    direct = to_format(x, format, p, p["rounding"])
    twice = to_format(round_to_float(x, 23, -126), format, p, p["rounding"])
    return {
        "direct_bits": patterns(direct, bit_patterns(direct, format.exponent_bits, mantissa_bits)),
        "via_fp32_bits": patterns(twice, bit_patterns(twice, format.exponent_bits, mantissa_bits)),
    }


def round_float_many(case: Case) -> Answer:
    p, format = case["params"], floating(case)
    return {"value": [float(to_format(item["x"], format, p, item["rounding"])) for item in case["inputs"]["items"]]}


ANSWERS: dict[str, Callable[[Case], Answer]] = {
    "difference": difference_of_codes,
    "float2int8": float2int8_codes,
    "momentum": momentum_steps,
    "flexpoint": flexpoint_tensor,
    **{
        function.__name__: function
        for function in (
            requantize,
            quantized_matmul,
            tf_quantize,
            dequantize_codes,
            quantize_down_and_shrink_range,
            requantize_same_params,
            bits_needed,
            q_range_table,
            q_select,
            q_mac,
            nvdla_fp16_output,
            inf_replacement,
            saturate_round_shift,
            int8_dot_dequant,
            gfpq,
            gfpq_levels,
            gfpq_sequence,
            z_candidates,
            decode_param_block,
            finetune_steps,
            dynamic_fixed_point,
            power_of_two_weights,
            power_of_two_scale,
            binarize,
            binary_dot,
            prune_weights,
            prune_filters,
            cutoff,
            apply_cutoff,
            storage_bytes,
            truncate_low_16_bits,
            round_float_from_f64,
            round_float_many,
        )
    },
}
