"""Block formats (MX) on arrays: the contract of formats, and a block worked out value by value."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tests.numerics.samples import data, same_bits
from workbench.messages import WorkbenchError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.rounding import ROUNDINGS
from workbench.numerics.formats.shared_exponent import BlockFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums

BLOCKS = [name for name, format in FORMATS.items() if isinstance(format, BlockFormat)]


def by_hand(format: BlockFormat, block: np.ndarray) -> list[float]:
    """Each value over the block's 2^e, to the nearest element in exact arithmetic, ties to the even place."""
    largest = max(abs(Fraction(float(x))) for x in block)
    if not largest:
        return [0.0] * len(block)
    elements = [Fraction(float(level)) for level in format.element.unit_levels()]
    exponent = math.floor(math.log2(largest)) - math.floor(math.log2(max(elements)))
    scale = Fraction(2) ** exponent
    zero = elements.index(0)

    def nearest(x: Fraction) -> Fraction:
        at = min(range(len(elements)), key=lambda i: (abs(elements[i] - x), abs(i - zero) % 2))
        return elements[at]

    return [float(nearest(Fraction(float(x)) / scale) * scale) for x in block]


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_what_the_specification_says(name):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(3, 70)) * 10.0 ** rng.uniform(-3, 3, (3, 1))).astype(np.float32)
    y = Quantizer.covering(name, -1, 1, axis=0).fake_quantize(x)
    for row, found in zip(x, y, strict=True):
        for at in range(0, 70, 32):  # the last block has six values
            assert found[at : at + 32].tolist() == by_hand(FORMATS[name], row[at : at + 32])


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_keep_the_contract_on_arrays(name, rounding):
    """Idempotent, monotone within a block, no code lost on the way; zeros, infinities and NaN."""
    format = FORMATS[name].with_choices(rounding=rounding)
    quantizer = Quantizer.covering(format, -1, 1, axis=0)
    x = np.sort(data("student", 32 * 40).reshape(40, 32), axis=1)
    y = quantizer.fake_quantize(x)
    assert y.dtype == np.float32 and y.shape == x.shape
    assert np.array_equal(quantizer.decode(quantizer.encode(x)), y)
    if rounding in ("nearest_even", "nearest_away", "toward_zero"):  # up may reach the next power of two
        assert same_bits(quantizer.fake_quantize(y), y)
    if rounding != "stochastic":
        assert not (np.diff(y, axis=1) < 0).any()
    assert not quantizer.fake_quantize(np.zeros((2, 40), np.float32)).any()
    broken = x.copy()
    broken[0, 3], broken[1, 4] = np.nan, np.inf
    found = quantizer.fake_quantize(broken)
    assert np.isnan(found[:2]).all() and same_bits(found[2:], y[2:]), "a broken block is NaN, others do not notice"


def test_blocks_run_within_each_index_of_the_axis_and_scale_by_themselves():
    x = np.ones((2, 4, 3, 3), np.float32) * np.float32([2**-10, 2**10]).reshape(2, 1, 1, 1)
    assert measured_error(x, Quantizer.covering("mxfp4", -1, 1, axis=0)).mse == 0, "powers of two are elements"
    mixed = Quantizer.covering("mxfp4", -1, 1).fake_quantize(x.transpose(1, 0, 2, 3).copy())
    assert (mixed[0, 0] == 0).all(), "in one row large neighbours drown the small ones"
    assert FORMATS["mxfp4"].bits_with_scale == 4.25


def test_a_distribution_knows_no_blocks():
    with pytest.raises(WorkbenchError, match="mxint8 scales each block .* use measured_error"):
        expected_error(SortedSums.of(data("gaussian", 100)), Quantizer.covering("mxint8", -1, 1))


@pytest.mark.parametrize(("finer", "coarser"), [("mxint8", "mxfp8_e4m3"), ("mxfp6_e2m3", "mxfp4")])
def test_more_mantissa_is_less_error(finer, coarser):
    x = data("gaussian", 3200).reshape(10, 320)
    errors = [measured_error(x, Quantizer.covering(name, -1, 1, axis=0)).mse for name in (finer, coarser)]
    assert errors[0] < errors[1]
