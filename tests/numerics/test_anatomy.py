"""A number taken apart: its bits mean what they say, neighbours are neighbours, roundings are the kernels' own."""

import math

import ml_dtypes
import numpy as np
import pytest

from tests.numerics.samples import same_bits
from workbench.messages import WorkbenchError
from workbench.numerics.formats.anatomy import Anatomy, dissect
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import format_from_levels
from workbench.numerics.formats.fields import layout_of, signed_number
from workbench.numerics.formats.rounding import ROUNDINGS

KNOWN = [name for name, format in FORMATS.items() if not format.needs_values]
TABULATED = [name for name in KNOWN if FORMATS[name].unit_levels() is not None]
VALUES = [0.1, -0.1, 1 / 3, 1.0, -1.0, 0.0, 1e-8, 6e-8, 0.75, 2049.0, -65504.0, 65520.0, 3.4e38, 1e-45, -math.pi]
SPECIAL = [math.inf, -math.inf, math.nan, -0.0]


def names_and_bits(anatomy: Anatomy) -> list[tuple[str, str]]:
    return [(field.name, field.bits) for field in anatomy.fields]


def number_of_fields(anatomy: Anatomy) -> float:
    """The fields of a float read by the formula of IEEE 754, without the formats' own decoder."""
    layout = layout_of(anatomy.format)
    assert layout is not None
    sign, exponent, mantissa = (field.number for field in anatomy.fields)
    power, whole = (exponent, 1) if exponent else (1, 0)
    significand = whole + mantissa / 2**layout.mantissa_bits
    return (-1) ** sign * math.ldexp(significand, power - layout.bias)


def test_a_float_falls_into_its_fields():
    anatomy = dissect("fp16", 0.1)
    assert names_and_bits(anatomy) == [("sign", "0"), ("exponent", "01011"), ("mantissa", "1001100110")]
    assert anatomy.bits == "0010111001100110"
    assert anatomy.formula == "(-1)^{0} · 2^{11 - 15} · (1 + 614/1024)"
    assert (anatomy.decoded, anatomy.number_class) == (0.0999755859375, "normal")
    assert (anatomy.below, anatomy.above) == (0.0999755859375, 0.10003662109375)
    assert anatomy.value == float(np.float32(0.1))
    assert anatomy.error == anatomy.value - anatomy.decoded
    assert anatomy.relative_error == anatomy.error / anatomy.value


@pytest.mark.parametrize(
    "name, value, bits, number_class, decoded",
    [
        ("fp32", 0.1, "00111101110011001100110011001101", "normal", float(np.float32(0.1))),
        ("fp32", 1e-45, "0" * 31 + "1", "subnormal", 2.0**-149),
        ("tf32", 1.0, "0011111110000000000", "normal", 1.0),
        ("bf16", -2.0, "1100000000000000", "normal", -2.0),
        ("fp16", 65519.0, "0111101111111111", "normal", 65504.0),
        ("fp16", 65520.0, "0111110000000000", "infinity", math.inf),
        ("fp16", 6e-8, "0000000000000001", "subnormal", 2.0**-24),
        ("fp16", 2049.0, "0110100000000000", "normal", 2048.0),
        ("fp16", -0.0, "1000000000000000", "zero", -0.0),
        ("fp16", 1e-8, "0000000000000000", "zero", 0.0),
        ("fp16", math.nan, "0111111000000000", "NaN", math.nan),
    ],
)
def test_bits_classes_and_numbers_without_a_scale(name, value, bits, number_class, decoded):
    anatomy = dissect(name, value)
    assert (anatomy.bits, anatomy.number_class) == (bits, number_class)
    assert same_bits([anatomy.decoded], [decoded])


@pytest.mark.parametrize(
    "name, value, bits, number_class, decoded",
    [
        ("fp8_e4m3", 448.0, "0 1111 110", "normal", 448.0),
        ("fp8_e4m3", 500.0, "0 1111 110", "saturated", 448.0),
        ("fp8_e4m3", 2.0**-9, "0 0000 001", "subnormal", 2.0**-9),
        ("fp8_e4m3fnuz", math.nan, "1 0000 000", "NaN", math.nan),
        ("fp8_e5m2", -1.25, "1 01111 01", "normal", -1.25),
        ("fp6_e3m2", 0.0625, "0 000 01", "subnormal", 0.0625),
        ("fp4_e2m1", -6.0, "1 11 1", "normal", -6.0),
        ("int8", -3.0, "1 1111101", "normal", -3.0),
        ("int8", 200.0, "0 1111111", "saturated", 127.0),
        ("uint8", 200.0, "11001000", "normal", 200.0),
        ("uint4", -1.0, "0000", "saturated", 0.0),
        ("int4", 0.4, "0 000", "zero", 0.0),
        ("log2_4", 0.25, "0 101", "normal", 0.25),
        ("log2_4", -1.0, "1 111", "normal", -1.0),
        ("log2_4", 0.0, "1 000", "zero", 0.0),
        ("nf4", 1.0, "1111", "normal", 1.0),
        ("binary", -0.3, "0", "normal", -1.0),
        ("ternary", 0.7, "10", "normal", 1.0),
    ],
)
def test_bits_classes_and_numbers_at_scale_one(name, value, bits, number_class, decoded):
    anatomy = dissect(name, value, scale=1.0)
    assert " ".join(field.bits for field in anatomy.fields) == bits
    assert anatomy.number_class == number_class
    assert same_bits([anatomy.decoded], [decoded])


@pytest.mark.parametrize(
    "threshold, fields",
    [
        (1.0, [("sign", "0"), ("fraction", "0001101")]),
        (4.0, [("sign", "0"), ("integer", "00"), ("fraction", "00011")]),
        (128.0, [("sign", "0"), ("integer", "0000000")]),
        (1024.0, [("sign", "0"), ("code", "0000000")]),
    ],
)
def test_the_point_of_a_q_format_follows_the_threshold(threshold, fields):
    assert names_and_bits(dissect("q8", 0.1, threshold=threshold)) == fields


def test_an_element_of_a_block_carries_the_shared_exponent():
    anatomy = dissect("mxfp4", 5.0, threshold=6.0)
    assert names_and_bits(anatomy) == [("shared", "01111111"), ("sign", "0"), ("exponent", "11"), ("mantissa", "0")]
    assert (anatomy.decoded, anatomy.below, anatomy.above) == (4.0, 4.0, 6.0)
    assert dissect("mxfp4", 5.0, threshold=12.0).fields[0].bits == "10000000"
    integer = dissect("mxint8", -0.5, threshold=1.0)
    assert names_and_bits(integer) == [("shared", "01111111"), ("sign", "1"), ("code", "1100000")]
    assert signed_number(integer.fields[1:]) == -32
    lost = dissect("mxfp8_e4m3", math.inf)
    assert (lost.bits, lost.number_class, lost.below, lost.above) == ("1" * 8, "NaN", None, None)
    assert math.isnan(lost.decoded) and math.isnan(lost.roundings[0].outcomes[0][0])


@pytest.mark.parametrize("name", [name for name in KNOWN if layout_of(FORMATS[name]) is not None])
def test_fields_of_floats_give_the_number_by_the_formula(name):
    for anatomy in (dissect(name, value, scale=1.0) for value in VALUES):
        assert len(anatomy.bits) == anatomy.format.bits
        assert math.isinf(anatomy.decoded) or number_of_fields(anatomy) == anatomy.decoded


@pytest.mark.parametrize("name", KNOWN)
def test_every_format_takes_every_number_apart(name):
    format = FORMATS[name]
    shared = 8 if format.block_size else 0
    for value in [*VALUES, *SPECIAL]:
        anatomy = dissect(format, value, threshold=4.0)
        has_code = not math.isnan(value) or format.has_nan
        whole = math.isfinite(value) or not format.block_size
        assert len(anatomy.bits) == ((format.bits if whole else 0) + shared if has_code else 0)
        assert set(anatomy.bits) <= {"0", "1"}
        assert [each.rounding for each in anatomy.roundings] == list(ROUNDINGS)
        if math.isnan(value):
            assert (anatomy.number_class, anatomy.error, anatomy.relative_error) == ("NaN", None, None)
            assert anatomy.below is None and anatomy.above is None
            continue
        assert anatomy.below is None or anatomy.below < anatomy.value
        assert anatomy.above is None or anatomy.above > anatomy.value
        assert anatomy.decoded in (anatomy.below, anatomy.above, anatomy.value) or math.isnan(anatomy.decoded)


@pytest.mark.parametrize("name", TABULATED)
def test_neighbours_have_no_level_between_them(name):
    for value in (0.1, -0.7, 0.0, 3.9):
        anatomy = dissect(name, value, threshold=4.0)
        levels = anatomy.format.unit_levels(anatomy.zero_point) * np.float32(anatomy.scale)
        assert anatomy.below == max((x for x in levels.tolist() if x < anatomy.value), default=None)
        assert anatomy.above == min((x for x in levels.tolist() if x > anatomy.value), default=None)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("value", [0.1, -0.1, 1 / 3, -2.1])
def test_modes_round_to_the_side_they_name(name, value):
    anatomy = dissect(name, value, threshold=4.0)
    results = {each.rounding: each.outcomes for each in anatomy.roundings}
    exact = anatomy.decoded == anatomy.value
    lower = anatomy.value if exact else anatomy.below
    upper = anatomy.value if exact else anatomy.above
    assert lower is not None and upper is not None
    assert results["down"] == ((lower, 1.0),)
    assert results["up"] == ((upper, 1.0),)
    if lower * upper >= 0:
        assert results["toward_zero"] == (((lower if value > 0 else upper), 1.0),)
    assert results[anatomy.format.rounding][0][0] == anatomy.decoded
    mean = sum(x * share for x, share in results["stochastic"])
    assert mean == pytest.approx(anatomy.value, rel=1e-12)
    assert sum(share for _, share in results["stochastic"]) == pytest.approx(1)


def test_shares_of_stochastic_rounding_are_those_of_the_kernel():
    anatomy = dissect("int8", 10.3, scale=1.0)
    (lower, down), (upper, up) = anatomy.roundings[-1].outcomes
    assert (lower, upper) == (10.0, 11.0) and up == pytest.approx(0.3, abs=1e-6)
    draws = FORMATS["int8"].with_choices(rounding="stochastic", seed=3).round_unit(np.full(20_000, 10.3, np.float32))
    assert abs(np.mean(draws == upper) - up) < 4 * math.sqrt(up * down / draws.size)


def test_ties_part_the_two_nearest_modes():
    results = {each.rounding: each.outcomes[0][0] for each in dissect("int8", 2.5, scale=1.0).roundings}
    assert (results["nearest_even"], results["nearest_away"]) == (2.0, 3.0)
    results = {each.rounding: each.outcomes[0][0] for each in dissect("fp16", 2049.0).roundings}
    assert (results["nearest_even"], results["nearest_away"]) == (2048.0, 2050.0)


def test_overflow_policies_are_told_apart():
    by_mode = {each.rounding: dict(each.by_overflow) for each in dissect("fp16", 70000.0).roundings}
    assert by_mode["nearest_even"] == {"saturate": 65504.0, "infinity": math.inf, "ieee": math.inf}
    assert by_mode["toward_zero"] == {"saturate": 65504.0, "infinity": math.inf, "ieee": 65504.0}
    assert by_mode["down"]["ieee"] == 65504.0 and by_mode["up"]["ieee"] == math.inf
    assert by_mode["stochastic"] == {}
    e4m3 = {each.rounding: dict(each.by_overflow) for each in dissect("fp8_e4m3", 1000.0, scale=1.0).roundings}
    assert e4m3["nearest_even"]["saturate"] == 448.0 and math.isnan(e4m3["nearest_even"]["infinity"])


def test_variations_of_a_format_are_taken_apart_as_such():
    assert dissect(FORMATS["fp16"].with_choices(rounding="up"), 0.1).decoded == 0.10003662109375
    assert dissect(FORMATS["fp16"].with_choices(overflow="saturate"), 1e6).number_class == "saturated"
    own = format_from_levels("thirds", [-1.0, 0.0, 1 / 3, 1.0])
    assert names_and_bits(dissect(own, 0.3)) == [("index", "10")]


def test_infinity_lies_beside_the_largest_level_where_overflow_leads_there():
    assert dissect("fp16", 65504.0).above == math.inf
    assert dissect("fp16", math.inf).below == 65504.0 and dissect("fp16", math.inf).above is None
    assert dissect("fp8_e5m2", 57344.0, scale=1.0).above is None
    assert dissect("fp32", math.inf).below == float(np.finfo(np.float32).max)


def test_errors_without_a_share():
    assert dissect("binary", 0.0, threshold=2.0).error == 2.0
    assert dissect("binary", 0.0, threshold=2.0).relative_error is None
    assert dissect("fp16", 1e6).relative_error == math.inf
    assert (dissect("fp16", math.inf).error, dissect("int8", math.inf).error) == (0.0, math.inf)
    assert dissect("fp16", 0.0).relative_error == 0.0


def test_all_codes_of_a_small_float_come_back():
    for code in range(256):
        value = float(np.array([code], np.uint8).view(ml_dtypes.float8_e5m2)[0])
        anatomy = dissect(FORMATS["fp8_e5m2"].with_choices(overflow="infinity"), value, scale=1.0)
        if not math.isnan(value):
            assert int(anatomy.bits, 2) == code and same_bits([anatomy.decoded], [value])


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("int9000", 0.1), "unknown format"),
        (("kmeans4", 0.1), "no levels yet"),
        (("fp16", "ten"), "no real numbers"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(arguments, words):
    with pytest.raises(WorkbenchError, match=words):
        dissect(*arguments)
    with pytest.raises(WorkbenchError, match="no positive finite number"):
        dissect("mxfp4", 0.1, threshold=0.0)
