"""The documented meaning of `choose`, word by word."""

import itertools

import numpy as np
import pytest

from tests.workflow.small_models import constant, saved
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.opening import load

WEIGHTS = ["conv1.weight", "conv2.weight", "fc.weight"]


def test_what_is_quantized_by_default(small, small_calibration):
    recipe = choose(small, small_calibration)
    assert list(recipe) == [*WEIGHTS, "image", "relu1_out", "flat_out"]
    for name in WEIGHTS:
        quantizer = recipe[name].quantizer
        assert quantizer.axis == 0 and not np.any(quantizer.zero_point) and recipe[name].symmetric is True
        assert quantizer.scale.shape == small.tensors[name].shape[:1] and quantizer.scale.dtype == np.float32
    assert recipe["relu1_out"].quantizer.zero_point == -128  # affine, nothing below 0
    assert recipe["image"].axis is None
    assert recipe.model_sha256 == small.sha256


def test_residual_adds_symmetric_and_sides(small, small_calibration):
    assert set(choose(small, small_calibration, residual_adds=True)) - set(choose(small, small_calibration)) == {
        "conv2_out"
    }
    symmetric = choose(small, small_calibration, symmetric=True)
    assert symmetric["relu1_out"].quantizer.zero_point == 0
    assert symmetric["relu1_out"].low == -symmetric["relu1_out"].high
    assert set(choose(small, small_calibration, activations=None)) == set(WEIGHTS)
    assert not set(choose(small, small_calibration, weights=None)) & set(WEIGHTS)
    assert len(choose(small, small_calibration, weights="fp32", activations="fp32")) == 0
    whole = choose(small, small_calibration, per_channel=False)
    assert whole["conv1.weight"].axis is None


def test_weights_of_eight_bits_keep_their_range_fewer_bits_are_clipped(small):
    weight = small.tensors["conv1.weight"].array()
    wide = choose(small, None, weights="int8", activations=None)["conv1.weight"]
    np.testing.assert_array_equal(wide.high, np.abs(weight).max(axis=(1, 2, 3)))
    narrow = choose(small, None, weights="int4", activations=None)["conv1.weight"]
    assert (narrow.high <= wide.high).all() and (narrow.high < wide.high).any()
    clipped = choose(small, None, weights="int8", activations=None, weight_clipping="percentile")["conv1.weight"]
    assert clipped.method == "percentile"


# Every format meets a method, and every method a few kinds of formats; one range a tensor where the search takes long.
QUICK = ("least_error", "min_max", "percentile", "aciq_laplace", "power_of_two_max", "moving_average")
EVERY_FORMAT = list(zip([name for name in FORMATS if name != "fp32"], itertools.cycle(QUICK), strict=False))
EVERY_METHOD = [(format, method) for method in CLIPPING for format in ("int4", "fp4_e2m1", "q8", "log2_4")]


@pytest.mark.parametrize(("format", "method"), EVERY_FORMAT + EVERY_METHOD)
def test_every_format_and_method_gives_a_recipe(small, small_calibration, format, method):
    options = dict(weights=format, activations=format, clipping=method, weight_clipping=method)
    recipe = choose(small, small_calibration, per_channel=method in QUICK, **options)
    assert len(recipe) == 6
    assert {choice.method for choice in recipe.values()} == ({method} if FORMATS[format].has_scale else {"own"})
    assert {choice.format for choice in recipe.values()} == {format}


def test_without_data_there_are_weights_and_formats_with_their_own_range(small):
    recipe = choose(small, None)
    assert list(recipe) == WEIGHTS
    assert any("'relu1_out' has no calibration" in str(notice) for notice in recipe.notices)
    assert len(choose(small, None, weights="bf16", activations="fp16")) == 6


def test_without_data_batch_norm_gives_estimates(tmp_path):
    from onnx import helper

    rng = np.random.default_rng(0)
    gamma, beta = rng.uniform(0.5, 1.5, 4), rng.normal(size=4)
    constants = [
        constant("conv.weight", rng.normal(size=(4, 2, 1, 1))),
        constant("gamma", gamma),
        constant("beta", beta),
        constant("mean", np.zeros(4)),
        constant("var", np.ones(4)),
        constant("next.weight", rng.normal(size=(3, 4, 1, 1))),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["conv_out"]),
        helper.make_node("BatchNormalization", ["conv_out", "gamma", "beta", "mean", "var"], ["bn_out"]),
        helper.make_node("Relu", ["bn_out"], ["relu_out"]),
        helper.make_node("Conv", ["relu_out", "next.weight"], ["y"]),
    ]
    model = load(saved(tmp_path / "bn.onnx", nodes, {"x": ["N", 2, 5, 5]}, {"y": ["N", 3, 5, 5]}, constants))
    recipe = choose(model, None)
    chosen = recipe["relu_out"]
    assert chosen.estimated and chosen.low == 0.0
    assert chosen.high == pytest.approx(float(np.max(beta + 4 * gamma)), rel=1e-6)
    assert "x" not in recipe


def test_names_that_do_not_exist(small, small_calibration):
    with pytest.raises(WorkbenchError, match="unknown format 'int99'; expected one of"):
        choose(small, small_calibration, weights="int99")
    with pytest.raises(WorkbenchError, match="unknown clipping method 'best'; expected one of least_error"):
        choose(small, small_calibration, clipping="best")
    with pytest.raises(WorkbenchError, match="no tensor 'nothing'"):
        choose_tensor(small, small_calibration, "nothing", format="int8")
    with pytest.raises(WorkbenchError, match="has no calibration"):
        choose_tensor(small, {}, "relu1_out", format="int8")


def test_blocks_along_the_input_axis(small):
    chosen = choose_tensor(small, None, "fc.weight", format="int4", block_size=3)
    assert (chosen.axis, chosen.block_size, chosen.high.shape) == (1, 3, (10,))
    with pytest.raises(WorkbenchError, match="does not divide"):
        choose_tensor(small, None, "fc.weight", format="int4", block_size=4)
