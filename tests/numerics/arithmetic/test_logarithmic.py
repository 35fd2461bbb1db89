import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.logarithmic import (
    PRINTED_INPUTS,
    PRINTED_VALUES,
    PRINTED_Z,
    LogarithmicCode,
    coefficient,
    coefficient_rules,
    decode_parameter_block,
    next_coefficient,
)
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

KINDS = ((8, 16), (16, 2048), (16, 4096), (5, 1))
MAGNITUDES = st.floats(1e-6, 1e6)


def test_the_table_that_the_vendor_prints():
    assert coefficient(PRINTED_INPUTS) == PRINTED_Z == coefficient_rules(9.0)["floor_minus_127"]
    found = LogarithmicCode(PRINTED_Z).apply(PRINTED_INPUTS).astype(np.float32)
    assert np.abs(found - np.array(PRINTED_VALUES)).max() < 1e-9


@pytest.mark.parametrize(("bits", "steps"), KINDS)
@pytest.mark.parametrize("z", [-77, 0, 9])
def test_every_code_is_read_and_found_again(bits, steps, z):
    code = LogarithmicCode(z - 2 ** (bits - 1), bits, steps)
    codes = np.arange(2**bits)
    values = code.decode(codes)
    assert np.array_equal(code.encode(values), codes)
    assert len(np.unique(values)) == codes.size and values[code.zero_code] == 0
    assert code.unsaturated(values)[values != 0].all()
    assert (values > 0).sum() == (values < 0).sum() + 1
    assert (values.max(), values[values > 0].min()) == (code.largest, code.smallest_positive)
    assert values[values < 0].max() == code.smallest_negative


@pytest.mark.parametrize(("bits", "steps"), KINDS)
@seeded
@given(MAGNITUDES)
@example(8.0)
@example(2.0 ** (50 / 16))
def test_the_coefficient_puts_the_top_level_at_the_maximum(bits, steps, largest):
    code = LogarithmicCode(coefficient([largest / 3, -largest], bits, steps), bits, steps)
    assert code.largest <= largest * (1 + 1e-9) < code.largest * code.ratio * (1 + 1e-9)
    assert coefficient([code.largest], bits, steps) == code.z  # a level keeps itself


@seeded
@given(st.lists(st.floats(-50, 50), max_size=40), st.integers(-120, -60))
def test_quantizing_is_idempotent_monotone_and_near(values, z):
    code = LogarithmicCode(z)
    x = np.sort(np.array(values, np.float64))
    y = code.apply(x)
    assert np.array_equal(code.apply(y), y) and (np.diff(y) >= 0).all()
    inside = code.unsaturated(x)
    assert (np.abs(y - x)[inside] <= np.abs(x)[inside] * code.largest_relative_error * (1 + 1e-12)).all()
    levels = code.decode(np.arange(256))
    positive = levels[levels > 0]
    for v, found in zip(x[inside & (x > 0)], y[inside & (x > 0)], strict=True):
        assert found == positive[np.argmin(np.abs(np.log2(positive) - np.log2(v)))]


def test_the_largest_relative_error_is_reached():
    code = LogarithmicCode(-77)
    x = np.linspace(1, 2, 100_001)
    worst = (np.abs(code.apply(x) - x) / x).max()
    assert worst == pytest.approx(code.largest_relative_error, rel=1e-3) and code.octaves == 8


def test_the_dead_zone_ends_at_half_of_the_smallest_level():
    code = LogarithmicCode(-77)
    edge = code.smallest_positive / 2
    below, above = np.nextafter(edge, 0), np.nextafter(edge, 1)
    assert code.encode([below, edge, above, 0.0]).tolist() == [128, 0, 0, 128]
    edge = code.smallest_negative / 2
    below, above = np.nextafter(edge, -1), np.nextafter(edge, 0)
    assert code.encode([below, edge, above, -0.0]).tolist() == [129, 128, 128, 128]


def test_beyond_the_ends():
    code = LogarithmicCode(-77)
    assert code.encode([np.inf, -np.inf, 1e9, -1e9]).tolist() == [127, 255, 127, 255]
    assert not code.unsaturated([9.0, -9.0, 1e-9]).any()


def test_the_formats_levels_are_these():
    x = np.random.default_rng(0).normal(size=2000).astype(np.float32)
    threshold = float(np.abs(x).max())
    for name, (bits, steps) in {"gfpq8": (8, 16), "gfpq16": (16, 2048)}.items():
        code = LogarithmicCode(coefficient(x, bits, steps), bits, steps)
        quantizer = Quantizer.covering(FORMATS[name], -threshold, threshold)
        assert np.array_equal(quantizer.fake_quantize(x), code.apply(x).astype(np.float32))


def test_modes_keep_what_they_promise():
    assert next_coefficient("INIT", -10, -40) == -40 and next_coefficient("INIT", None, -40) == -40
    assert next_coefficient("UPDATE", -10, -40) == -10 and next_coefficient("UPDATE", -50, -40) == -40
    assert next_coefficient("UPDATE", None, -40) == -40
    assert next_coefficient("APPLY_ONLY", -10, -5) == -10
    with pytest.raises(WorkbenchError, match="run INIT"):
        next_coefficient("APPLY_ONLY", None, -5)
    with pytest.raises(WorkbenchError, match="unknown mode 'init'"):
        next_coefficient("init", None, -5)


def test_three_rules_for_z():
    assert coefficient_rules(9.0) == {"floor_minus_127": -77, "round_minus_127": -76, "round_minus_128": -77}
    eight = coefficient_rules(8.0)
    assert LogarithmicCode(eight["floor_minus_127"]).largest == 8
    assert LogarithmicCode(eight["round_minus_128"]).largest < 8
    for rule, z in coefficient_rules(7.3).items():
        assert abs(z - (math.log2(7.3) * 16 - 127)) <= 1.5, rule


def test_a_parameter_block_is_read_as_little_endian_words():
    words = [0x0102, -77, 0x7F800080, ~0x7F800080]
    block = decode_parameter_block(list(b"".join(w.to_bytes(4, "little", signed=True) for w in words[:1])) + [0] * 12)
    assert block.words == (0x0102, 0, 0, 0) and not block.intact
    signed = np.frombuffer(b"".join(w.to_bytes(4, "little", signed=True) for w in words), np.int8)
    assert decode_parameter_block(signed).words == tuple(words)
    assert decode_parameter_block(signed).z == -77 and decode_parameter_block(signed).intact


def test_what_has_no_logarithm_is_refused():
    assert coefficient([0.0, 0.0]) == -127 == coefficient([1.0])
    with pytest.raises(WorkbenchError, match="infinite value"):
        coefficient([1.0, np.inf])
    with pytest.raises(WorkbenchError, match="NaN has no logarithmic code"):
        LogarithmicCode(-77).encode([np.nan])
    with pytest.raises(WorkbenchError, match="not all zero"):
        coefficient_rules(0.0)
    for block in ([0] * 15, [200] + [0] * 15):
        with pytest.raises(WorkbenchError, match="16 signed bytes"):
            decode_parameter_block(block)
