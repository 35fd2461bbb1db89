"""`Quantizer.covering` word by word, grouped quantizers, and what is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import SCALED, cases, data, member, same_bits, seeded, steps_by_powers_of_two
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer

INTEGERS = [name for name in SCALED if isinstance(FORMATS[name], IntegerFormat) and FORMATS[name].affine]
SIGNED = [name for name in INTEGERS if FORMATS[name].signed]
TINY, LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_format_with_mirrored_ends_is_symmetric(name):
    format = FORMATS[name]
    for quantizer in (Quantizer.covering(format, -2.7, 2.7), Quantizer.covering(name, -1.0, 2.7, symmetric=True)):
        assert quantizer.zero_point == 0 and quantizer.scale == np.float32(2.7 / format.qmax)
        assert quantizer.scale.dtype == np.float32 and quantizer.scale.shape == ()
    forced = Quantizer.covering(name, -2.7, 2.7, symmetric=False)
    assert forced.scale == np.float32(5.4 / (format.qmax - format.qmin))


@pytest.mark.parametrize("name", ["uint8", "uint4", "uint16"])
def test_an_unsigned_symmetric_format_has_its_middle_code_at_zero(name):
    format = FORMATS[name]
    middle = (format.qmax + 1) // 2
    quantizer = Quantizer.covering(name, -1.5, 1.0, symmetric=True)
    assert quantizer.zero_point == middle and quantizer.scale == np.float32(1.5 / (format.qmax - middle))
    one_sided = Quantizer.covering(name, 0.0, 1.5, symmetric=True)
    assert one_sided.zero_point == 0 and one_sided.scale == np.float32(1.5 / format.qmax)
    assert Quantizer.covering(name, -1.5, 1.5) == Quantizer.covering(name, -1.5, 1.5, symmetric=False)
    assert Quantizer.covering(name, -1.5, 1.5).zero_point in (middle - 1, middle)


RANGES = [(-1.0, 3.0), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.1), (-1e-3, 0.0), (-255.0, 256.0), (-1.0, 1.0)]


@pytest.mark.parametrize(("name", "ends"), cases(INTEGERS, RANGES))
def test_the_affine_rule(name, ends):
    format, (low, high) = FORMATS[name], ends
    quantizer = Quantizer.covering(name, low, high, symmetric=False)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / (format.qmax - format.qmin))
    assert quantizer.scale == scale
    zero_point = int(np.clip(np.rint(format.qmin - low / float(scale)), format.qmin, format.qmax))
    assert quantizer.zero_point == zero_point and type(quantizer.zero_point) is int
    assert quantizer.levels[zero_point - format.qmin] == 0
    assert quantizer.low >= low - 0.5001 * scale and quantizer.high <= high + 0.5001 * scale
    assert quantizer.high - quantizer.low == pytest.approx(high - low, rel=1e-6)
    if not (format.signed and low == -high):
        assert Quantizer.covering(name, *ends) == quantizer


@pytest.mark.parametrize("name", [name for name in SCALED if FORMATS[name].family == "floating"])
def test_small_floats_cover_with_their_largest_level(name):
    quantizer = Quantizer.covering(name, -3.0, 1.0)
    assert quantizer.scale == np.float32(3.0 / FORMATS[name].largest) and quantizer.zero_point == 0
    assert quantizer == Quantizer.covering(name, -3.0, 3.0, symmetric=False)


@pytest.mark.parametrize("name", ["fp32", "fp16", "bf16", "tf32", "kmeans3", "pruned"])
def test_formats_without_a_scale_ignore_the_range(name):
    format = member(name)
    for ends in ((-1, 1), (0, 0), (np.nan, np.inf), (2, 1)):
        quantizer = Quantizer.covering(format, *ends, axis=0)
        assert quantizer.scale == 1 and quantizer.zero_point == 0 and quantizer.axis is None
    x = data("gaussian", 60).reshape(3, 20)
    assert same_bits(quantizer.decode(quantizer.encode(x)), quantizer.fake_quantize(x))


EXTREME = [(0, 0), (0, 1e-45), (-1e-45, 1e-45), (-1e-40, 0), (0, 3e38), (-3e38, 3e38), (-LARGEST, LARGEST)]
EXTREME += [(-LARGEST, 0), (-1e-45, LARGEST)]


def reached_at_the_end(name: str) -> float:
    """Share of a range near the end of float32 that is covered: the level of the lowest code must be finite too.

    Integers that are not narrow have one code more below zero: int2 and uint2 around its middle code have levels from
    -2 to 1, so that the highest one ends at half. Scales in powers of two lose up to half of what is left.
    """
    format, reached = FORMATS[name], 1.0
    if isinstance(format, IntegerFormat):
        middle = 0 if format.signed else (format.qmax + 1) // 2
        reached = min(1.0, (format.qmax - middle) / (middle - format.qmin))
    return 0.98 * reached / (2 if steps_by_powers_of_two(name) else 1)


@pytest.mark.parametrize(("name", "ends"), cases(SCALED, EXTREME))
def test_scales_are_finite_positive_and_normal(name, ends):
    for symmetric in (None, True, False):
        quantizer = Quantizer.covering(name, *ends, symmetric=symmetric)
        assert TINY <= quantizer.scale <= LARGEST
        levels = quantizer.levels
        assert np.isfinite(levels).all() and (levels[1:] > levels[:-1]).all()
        assert np.count_nonzero(levels == 0) == (name != "binary")
        if ends == (0, 0):
            assert quantizer.scale == 1
        x = np.array([ends[0], 0, ends[1], -LARGEST, LARGEST], np.float32)
        y = quantizer.fake_quantize(x)
        assert np.isfinite(y).all() and y[3] == quantizer.low and y[4] == quantizer.high
        assert y[1] == (quantizer.high if name == "binary" else 0)  # without a level at 0 it goes to the upper one
        assert quantizer.high >= reached_at_the_end(name) * ends[1] or ends[1] < 1
        assert quantizer.low <= reached_at_the_end(name) * ends[0] or ends[0] > -1


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((np.nan, 1), "not finite"),
        ((-1, np.nan), "not finite"),
        ((-np.inf, 1), "not finite"),
        ((-1, np.inf), "not finite"),
        ((-1e39, 1), "not finite in float32"),
        ((1, -1), "crossed; expected low <= high"),
    ],
)
def test_impossible_ranges_are_refused(ends, text):
    for name in SCALED:
        with pytest.raises(WorkbenchError, match=text):
            Quantizer.covering(name, *ends)
        with pytest.raises(WorkbenchError, match=text):
            Quantizer.covering(name, [-1.0, ends[0]], [1.0, ends[1]], axis=0)
    with pytest.raises(WorkbenchError, match="unknown format 'int99'"):
        Quantizer.covering("int99", -1, 1)


@seeded
@given(name=st.sampled_from(SCALED), low=st.floats(-3e37, 3e37), high=st.floats(-3e37, 3e37))
def test_any_range_is_covered_to_half_a_step(name, low, high):
    low, high = min(low, high), max(low, high)
    quantizer = Quantizer.covering(name, low, high)
    step = float(quantizer.levels[-1]) - float(quantizer.levels[-2])
    if FORMATS[name].family == "logarithmic":  # the top level is the last at or below T, not the first above it
        threshold, ratio = max(abs(low), abs(high)), 2.0 ** (1 / FORMATS[name].steps_per_octave)
        assert threshold == 0 or threshold / ratio * (1 - 1e-6) <= quantizer.high <= threshold * (1 + 1e-6)
        return
    slack = 1.001 if name in ("q4", "q8", "q16") else 0.501  # m = ceil(log2 T) cuts a T that is a power of two
    assert quantizer.high >= high - slack * step - 1e-6 * abs(high)
    assert quantizer.low <= low + slack * step + 1e-6 * abs(low)


@pytest.mark.parametrize(
    ("scale", "zero_point", "axis", "block_size", "text"),
    [
        (0.0, 0, None, None, "no positive normal"),
        (-1.0, 0, None, None, "no positive normal"),
        (np.nan, 0, None, None, "no positive normal"),
        (np.inf, 0, None, None, "no positive normal"),
        (1e-40, 0, None, None, "no positive normal"),
        (1e300, 0, None, None, "no positive normal"),
        ([[1.0]], 0, 0, None, "no positive normal"),
        (1.0, 128, None, None, "zero point 128 is no code of int8; expected -128 to 127"),
        (1.0, -129, None, None, "no code of int8"),
        (1.0, 0.5, None, None, "no code of int8"),
        ([1.0, 2.0], [0, 1, 2], 0, None, "3 zero points were given for 2 scales"),
        ([1.0, 2.0], 0, None, None, "name the channel axis too"),
        (1.0, 0, None, 32, "name the channel axis too"),
    ],
)
def test_impossible_scales_and_zero_points_are_refused(scale, zero_point, axis, block_size, text):
    with pytest.raises(WorkbenchError, match=text):
        Quantizer(FORMATS["int8"], scale, zero_point, axis, block_size)


def test_a_quantizer_takes_plain_numbers_and_cannot_be_changed():
    quantizer = Quantizer(FORMATS["int8"], 0.1, np.int64(3))
    assert quantizer.scale.dtype == np.float32 and type(quantizer.zero_point) is int
    scales = np.array([0.1, 0.2])
    grouped = Quantizer(FORMATS["uint8"], scales, 128, axis=0)
    scales[0] = 9
    assert grouped.scale[0] == np.float32(0.1) and grouped.zero_point.tolist() == [128, 128]
    with pytest.raises(dataclasses.FrozenInstanceError):
        quantizer.scale = np.float32(1)
    with pytest.raises(ValueError):
        grouped.scale[0] = 1
    with pytest.raises(TypeError):
        hash(quantizer)
    with pytest.raises(WorkbenchError, match="no code of fp8_e4m3"):
        Quantizer(FORMATS["fp8_e4m3"], 1.0, 1)


def test_equality_looks_at_everything():
    a = Quantizer.covering("int8", [-1.0, -2.0], [1.0, 2.0], axis=0)
    assert a == Quantizer.covering("int8", np.float32([-1, -2]), np.float32([1, 2]), axis=0)
    others = [
        Quantizer.covering("int8_narrow", [-1.0, -2.0], [1.0, 2.0], axis=0),
        Quantizer.covering("int8", [-1.0, -2.0], [1.0, 2.0], axis=1),
        Quantizer.covering("int8", [-1.0, -2.0], [1.0, 2.0], axis=0, block_size=2),
        Quantizer.covering("int8", [-1.0, -2.5], [1.0, 2.5], axis=0),
        Quantizer.covering("int8", [-1.0, -2.0], [1.0, 2.0], axis=0, symmetric=False),
        Quantizer.covering("int8", -1, 1),
    ]
    assert all(a != other for other in others) and a != "int8"
    assert Quantizer.covering("int8", -1, 1) == Quantizer.covering("int8", -1.0, 1.0, axis=0)  # floats: one group


GROUPINGS = [(0, None), (1, None), (-1, None), (2, 5), (-2, 4), (0, 3)]


@pytest.mark.parametrize(("name", "grouping"), cases(SCALED, GROUPINGS))
def test_groups_are_quantized_each_by_its_own(name, grouping):
    axis, block_size = grouping
    x = data("laplace", 3 * 4 * 5).reshape(3, 4, 5)
    n = x.shape[axis] if block_size is None else x.size // block_size
    rng = np.random.default_rng(0)
    low, high = -rng.uniform(0.1, 3, n), rng.uniform(0.1, 5, n)
    grouped = Quantizer.covering(name, low, high, axis=axis, block_size=block_size)
    assert grouped.n_groups == n and grouped.scale.dtype == np.float32 and grouped.scale.shape == (n,)
    rows, y = grouped.grouping.split(x), grouped.fake_quantize(x)
    for i in range(n):
        alone = Quantizer.covering(name, low[i], high[i])
        assert grouped.group(i) == alone
        assert same_bits(grouped.grouping.split(y)[i], alone.fake_quantize(rows[i]))
        if FORMATS[name].bits <= 8:
            assert same_bits(grouped.levels[i], alone.levels) and same_bits(grouped.boundaries[i], alone.boundaries)
        assert (grouped.end_levels[0][i], grouped.end_levels[1][i]) == (alone.low, alone.high)
    codes = grouped.encode(x)
    assert codes.shape == x.shape and codes.dtype == grouped.format.storage
    assert same_bits(grouped.decode(codes), y)
    assert (grouped.low, grouped.high) == (grouped.end_levels[0].min(), grouped.end_levels[1].max())


def test_a_mixture_of_mirrored_and_affine_groups():
    quantizer = Quantizer.covering("int8", [-1.0, -1.0], [1.0, 3.0], axis=0)
    assert quantizer.zero_point.tolist() == [0, -64] and quantizer.zero_point.dtype == np.int64


def test_a_tensor_with_other_groups_is_refused():
    quantizer = Quantizer.covering("int8", [-1.0, -2.0], [1.0, 2.0], axis=0)
    for function in (quantizer.fake_quantize, quantizer.encode):
        with pytest.raises(WorkbenchError, match=r"shape \(3, 2\) has 3 groups along axis 0.*has 2 scales"):
            function(np.zeros((3, 2), np.float32))
    with pytest.raises(WorkbenchError, match="3 groups"):
        quantizer.decode(np.zeros((3, 2), np.int8))
    with pytest.raises(WorkbenchError, match="axis 0 is not an axis of shape"):
        quantizer.fake_quantize(np.float32(1))


@pytest.mark.parametrize("name", FORMATS)
def test_any_shape_and_memory_layout_is_taken_and_nothing_is_written_into(name):
    format = member(name)
    quantizer = Quantizer.covering(format, -2, 2)
    x = data("gaussian", 120).reshape(2, 3, 4, 5)
    kept = x.copy()
    expected = quantizer.fake_quantize(x)
    for layout in (np.asfortranarray(x), x.astype(np.float64), x.astype(">f4"), np.repeat(x, 2, axis=1)[:, ::2]):
        assert same_bits(quantizer.fake_quantize(layout), expected)
    x.setflags(write=False)
    assert same_bits(quantizer.fake_quantize(x), expected) and same_bits(x, kept)
    assert same_bits(quantizer.fake_quantize(x.transpose(3, 1, 0, 2)), expected.transpose(3, 1, 0, 2))
    for shape in ((), (0,), (0, 3), (3, 0)):
        assert quantizer.fake_quantize(np.zeros(shape, np.float32)).shape == shape
        assert quantizer.encode(np.zeros(shape, np.float32)).shape == shape
