import numpy as np
import pytest

from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.elimination import pair_cancels
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer


@pytest.mark.parametrize("name", ["uint8", "int8", "int4", "int8_narrow", "int16"])
def test_the_same_parameters_cancel_at_any_scale(name):
    format, rng = FORMATS[name], np.random.default_rng(3)
    for _ in range(20):
        scale = np.float32(10.0 ** rng.uniform(-6, 3))
        quantizer = Quantizer(format, scale, int(rng.integers(format.qmin, format.qmax + 1)))
        assert pair_cancels(quantizer, quantizer)


def test_other_parameters_do_not():
    format = FORMATS["uint8"]
    one = Quantizer(format, np.float32(0.1), 64)
    assert not pair_cancels(one, Quantizer(format, np.float32(0.1), 65))
    assert not pair_cancels(one, Quantizer(format, np.float32(0.101), 64))
    assert not pair_cancels(one, Quantizer(FORMATS["int8"], np.float32(0.1), -64))


def test_a_narrower_type_inside_a_wider_one_cancels_one_way_alone():
    narrow, wide = (Quantizer(FORMATS[name], np.float32(0.1)) for name in ("int4", "int8"))
    assert pair_cancels(narrow, wide) and not pair_cancels(wide, narrow)


def test_what_has_no_single_integer_scale_is_refused():
    channels = Quantizer(FORMATS["int8"], np.ones(3, np.float32), axis=0)
    for other in (channels, Quantizer(FORMATS["fp16"], np.float32(1))):
        with pytest.raises(WorkbenchError, match="only integer formats with one scale"):
            pair_cancels(Quantizer(FORMATS["int8"], np.float32(1)), other)
