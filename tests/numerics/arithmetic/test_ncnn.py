import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.ncnn import float2int8, float_dot, int8_dot
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer


@seeded
@given(st.lists(st.floats(-300, 300, width=32), max_size=30))
def test_float2int8_is_the_catalogues_int8_with_halves_away(values):
    x = np.array(values, np.float32)
    for name, lowest in (("int8_narrow", -127), ("int8", -128)):
        quantizer = Quantizer(FORMATS[name].with_choices(rounding="nearest_away"), np.float32(1))
        assert float2int8(x, lowest).tolist() == quantizer.encode(x).tolist()


@seeded
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-0.5, 0.5)), min_size=1, max_size=50), st.floats(-9, 9))
def test_a_dot_product_errs_by_no_more_than_its_roundings(pairs, bias):
    x, w = np.array(pairs).T
    found = int8_dot(x, w, 127.0, 254.0, bias)
    assert found.accumulator == sum(int(a) * int(b) for a, b in zip(found.x_codes, found.w_codes, strict=True))
    bound = sum(abs(a) / 2 / 254 + abs(b) / 2 / 127 + 0.25 / 127 / 254 for a, b in pairs)
    assert abs(found.value - float_dot(x, w, bias)) <= bound + 1e-12


def test_nan_is_refused():
    with pytest.raises(WorkbenchError, match="NaN"):
        float2int8([np.nan])
