"""Floats: fields, bit patterns, rounding."""

import math
from typing import Any

import numpy as np

from tests.reference.answering.common import Answer, Case, format_named, known, need, numbers, plain
from workbench.numerics.formats.fields import fields_of, layout_of
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer

POLICIES = {"inf": "infinity", "saturate": "saturate", "ieee": "ieee"}


def quantizer_of(format: Format) -> Quantizer:
    return Quantizer(format, np.float32(1))


def patterns(codes: np.ndarray) -> np.ndarray:
    """The bits of codes in their container, as unsigned integers."""
    return codes.view(f"u{codes.dtype.itemsize}")


def bits_of(format: Format, values: np.ndarray) -> list[int | None]:
    """Bit pattern of each value, None for NaN."""
    codes = quantizer_of(format).encode(values)
    return [None if nan else int(b) for b, nan in zip(patterns(codes), np.isnan(codes.astype(np.float32)), strict=True)]


def codes_of(format: Format, bits: list[str]) -> np.ndarray:
    found = np.array([int(b, 16) for b in bits], np.uint64)
    return format.codes(found) if isinstance(format, FloatingFormat) else found.astype(np.uint32).view(np.float32)


def round_float(case: Case) -> Answer:
    params, inputs = case["params"], case["inputs"]
    known(params, "format", "rounding", "overflow", "subnormals")
    need(params, subnormals="flush")
    format = format_named(params["format"])
    assert isinstance(format, FloatingFormat)
    format = format.with_choices(rounding=params["rounding"], overflow=POLICIES[params["overflow"]])
    x = numbers(inputs["x"]).astype(np.float32)
    if "x_bits_f32" in inputs:
        x = np.array([int(b, 16) for b in inputs["x_bits_f32"]], np.uint32).view(np.float32)
    assert "x_bits_f32" in inputs or np.array_equal(x, numbers(inputs["x"]), equal_nan=True), "not float32 numbers"
    values = quantizer_of(format).fake_quantize(x)
    if params.get("subnormals") == "flush":
        values = format.flushed(values)
    return {"bits": bits_of(format, values), "value": plain(values)}


def describe(case: Case) -> Answer:
    if case["system"] == "int32":  # an accumulator, no format of the catalogue
        return integer_facts(IntegerFormat(name="int32", title="", bits=32, signed=True, qmin=-(2**31), qmax=2**31 - 1))
    format = format_named(case["system"])
    if isinstance(format, IntegerFormat):
        return integer_facts(format)
    layout = layout_of(format)
    assert layout is not None

    def value(pattern: int) -> float:
        return float(quantizer_of(format).decode(codes_of(format, [hex(pattern)]))[0])

    mantissa, all_ones = layout.mantissa_bits, 2**layout.exponent_bits - 1
    first_normal = value(1 << mantissa)
    assert 0 == value(0) < value(1) < first_normal == 2**mantissa * value(1)
    infinite = math.isinf(value(all_ones << mantissa))
    minus_zero = math.copysign(1, quantizer_of(format).fake_quantize(np.float32([-0.0]))[0]) < 0
    spare = (1 << mantissa) if infinite else 1 if isinstance(format, FloatingFormat) and minus_zero else 0
    largest = ((all_ones + 1) << mantissa) - 1 - spare
    assert value(largest) == format.largest
    one = layout.bias << mantissa
    return {
        "storage_bits": 8 * format.storage.itemsize,
        "sign_bits": format.bits - layout.exponent_bits - mantissa,
        "exponent_bits": layout.exponent_bits,
        "mantissa_bits": mantissa,
        "precision_bits": mantissa + 1,
        "bias": 1 - int(math.log2(first_normal)),
        "max": format.largest,
        "min_normal": first_normal,
        "min_subnormal": value(1),
        "epsilon": value(one + 1) - value(one),
        "has_inf": infinite,
        "has_negative_zero": minus_zero,
        "finite_codes": 2 * (largest + 1) - (not minus_zero),
        "max_bits": hex(largest),
    }


def integer_facts(format: IntegerFormat) -> Answer:
    quantizer = Quantizer(format, np.float32(1))
    assert quantizer.fake_quantize(np.float32([0.4, 1.0])).tolist() == [0, 1]
    return {"min": format.qmin, "max": format.qmax, "levels": format.qmax - format.qmin + 1, "min_positive": 1}


def decode_bits(case: Case) -> Answer:
    format = format_named(case["params"]["format"])
    rows = []
    for bits in case["inputs"]["bits"]:
        code = codes_of(format, [bits])
        value = float(quantizer_of(format).decode(code)[0])
        sign, exponent, mantissa = (field.number for field in fields_of(format, code, 1.0))
        finite = "zero" if value == 0 else "normal" if exponent else "subnormal"
        kind = "nan" if math.isnan(value) else "inf" if math.isinf(value) else finite
        row: dict[str, Any] = {"bits": bits, "sign": sign, "cls": kind, "value": value}
        rows.append({**row, "exponent_field": exponent, "mantissa_field": mantissa})
    return {"rows": rows}


def convert_initializer_fp16(case: Case) -> Answer:
    format = format_named("fp16").with_choices(rounding=case["params"]["rounding"])
    x = numbers(case["inputs"]["w"]).astype(np.float32)
    y = np.abs(quantizer_of(format).fake_quantize(x))
    return {
        "bits_overflow_inf": bits_of(format, x),
        "bits_overflow_saturate": bits_of(format.with_choices(overflow="saturate"), x),
        "overflow_count": int(np.isinf(y).sum()),
        "subnormal_count": int(((y > 0) & (y < np.finfo(np.float16).tiny)).sum()),
        "flushed_to_zero_count": int(((y == 0) & (x != 0)).sum()),
    }


ANSWERS = {f.__name__: f for f in (round_float, describe, decode_bits, convert_initializer_fp16)}
