"""The error of single channels: against numpy, and their sums against the error of the whole array."""

import numpy as np
import pytest

from workbench.messages import WorkbenchError
from workbench.numerics.errors import channels as module
from workbench.numerics.errors.channels import channel_errors
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

ARRAY = (np.random.default_rng(7).standard_normal((5, 8, 3)) * np.arange(1, 6)[:, None, None]).astype(np.float32)
PER_CHANNEL = np.abs(ARRAY).max(axis=(1, 2)) * np.float32(0.8)
QUANTIZERS = {
    "one range": Quantizer.covering("int8", -4.0, 4.0),
    "channels": Quantizer.covering("int8", -PER_CHANNEL, PER_CHANNEL, axis=0),
    "affine": Quantizer.covering("int4", -PER_CHANNEL, PER_CHANNEL / 3, symmetric=False, axis=0),
    "other channels": Quantizer.covering("int8", -np.full(8, 2.0), np.full(8, 2.0), axis=1),
    "blocks": Quantizer.covering("int8", -np.full(30, 2.0), np.full(30, 2.0), axis=1, block_size=4),
    "own range": Quantizer.covering("fp8_e4m3", -4.0, 4.0),
    "half": Quantizer.covering("fp16", -4.0, 4.0),
    "pruned": Quantizer.covering("int8", -4.0, 4.0, zero_band=0.5),
}


@pytest.mark.parametrize("name", QUANTIZERS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_against_numpy_and_the_whole_array(name, axis, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 50)  # in several turns
    quantizer = QUANTIZERS[name]
    found = channel_errors(ARRAY, quantizer, axis)
    x, y = (np.moveaxis(a.astype(np.float64), axis, 0) for a in (ARRAY, quantizer.fake_quantize(ARRAY)))
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    squared = ((x - y) ** 2).sum(axis=1)
    assert len(found) == len(x)
    np.testing.assert_array_equal(found.low, x.min(axis=1))
    np.testing.assert_array_equal(found.high, x.max(axis=1))
    np.testing.assert_allclose(found.mse, squared / x.shape[1], rtol=1e-12)
    np.testing.assert_allclose(found.sqnr_db, 10 * np.log10((x**2).sum(axis=1) / squared), rtol=1e-12)
    np.testing.assert_allclose(found.share, squared / squared.sum(), rtol=1e-12)
    whole = measured_error(ARRAY, quantizer, divergence=False)
    assert found.squared_error.sum() / ARRAY.size == pytest.approx(whole.mse, rel=1e-12)
    assert found.saturated.sum() / ARRAY.size == pytest.approx(whole.saturated_fraction, rel=1e-12)
    assert (found.saturated.sum() > 0) == (name != "half")


def test_without_a_quantizer_nothing_changes():
    found = channel_errors(ARRAY, None, 0)
    assert not found.squared_error.any() and np.isposinf(found.sqnr_db).all() and not found.share.any()


def test_what_is_not_finite_is_left_out():
    array = ARRAY.copy()
    array[0], array[1, 0], array[2, 0, 0] = np.nan, np.inf, -np.inf
    found = channel_errors(array, QUANTIZERS["one range"], 0)
    assert found.count.tolist() == [0, 21, 23, 24, 24]
    assert np.isnan([found.low[0], found.high[0], found.mse[0], found.saturated_fraction[0]]).all()
    assert found.share[0] == 0 and found.share.sum() == pytest.approx(1)
    alone = channel_errors(array[1:2, 1:], QUANTIZERS["one range"], 0)
    assert found.mse[1] == pytest.approx(alone.mse[0], rel=1e-12) and found.high[1] == alone.high[0]


def test_channels_that_overflow_share_the_error():
    array = ARRAY.copy()
    array[[1, 3], 0, 0] = 1e6
    half = FORMATS["fp16"].with_choices(overflow="infinity")
    found = channel_errors(array, Quantizer.covering(half, -1.0, 1.0), 0)
    assert found.share.tolist() == [0, 0.5, 0, 0.5, 0]
    assert np.isneginf(found.sqnr_db[[1, 3]]).all() and np.isfinite(found.sqnr_db[[0, 2, 4]]).all()


def test_it_ends_where_it_is_told_and_refuses_what_does_not_fit():
    class Enough(Exception):
        pass

    def enough():
        raise Enough

    with pytest.raises(Enough):
        channel_errors(ARRAY, None, 0, enough)
    with pytest.raises(WorkbenchError, match="axis 3 is not an axis"):
        channel_errors(ARRAY, None, 3)
    with pytest.raises(WorkbenchError, match="has 8 groups along axis 1"):
        channel_errors(ARRAY[:, :, :2], Quantizer.covering("int8", -np.ones(5), np.ones(5), axis=1), 0)
