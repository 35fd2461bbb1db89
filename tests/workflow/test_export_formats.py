"""What `onnx_qdq` and `onnx_fp16` can express of each format and choice: equal in all bits, or refused by name."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS as CATALOGUE
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.exporting import export
from workbench.workflow.export.onnx_qdq import ONNX_QDQ
from workbench.workflow.opening import load

CODED = {  # what ONNX can hold; every other format is refused by name
    "weights": [
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in range(2, 17)),
        *(f"int{bits}_narrow" for bits in range(2, 17)),
        *("q4", "q8", "q16", "int4_pow2", "int8_pow2", "int16_pow2", "flex16_5"),
        *("fp8_e4m3", "fp8_e5m2", "fp8_e4m3fnuz", "fp8_e5m2fnuz", "fp16", "bf16", "pruned"),
    ],
    "activations": [
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (4, 8, 16)),
        *("q4", "q8", "q16", "int4_pow2", "int8_pow2", "int16_pow2", "flex16_5"),
        *("fp8_e4m3", "fp8_e5m2", "fp8_e4m3fnuz", "fp8_e5m2fnuz", "fp16", "bf16"),
    ],
}


@pytest.mark.parametrize("side", list(CODED))
@pytest.mark.parametrize("format", [name for name in CATALOGUE if name != "fp32"])
def test_every_format_of_the_catalogue_is_equal_in_all_bits_or_refused_by_name(
    small, small_calibration, tmp_path, side, format
):
    sides = {"weights": None, "activations": None} | {side: format}
    recipe = choose(small, small_calibration, clipping="min_max", **sides)
    if format in CODED[side]:
        report = export(small, recipe, tmp_path / "a.onnx", data=images(8, 5))
        assert report.bit_equal == 1.0 and np.isfinite(report.sqnr_db)
        return
    refusals = ONNX_QDQ.refusals(small, recipe)
    assert len(refusals) == len(recipe)
    for name, sentence in zip(recipe, refusals, strict=True):
        assert repr(name) in sentence and f" {format}" in sentence
        nearest = sentence.rstrip(".").split("nearest is ")[1]
        if nearest != "fp32 (no entry)":
            instead = choose_tensor(small, small_calibration, name, format=nearest, method="min_max")
            assert not ONNX_QDQ.refusals(small, recipe.without(*recipe).with_choice(instead))
    with pytest.raises(WorkbenchError, match="onnx_qdq cannot express"):
        export(small, recipe, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["q4", "int4_pow2", "q8", "fp8_e4m3fnuz", "fp8_e5m2fnuz"])
def test_a_relu_before_other_types_stays(small, small_calibration, tmp_path, format):
    recipe = choose(small, small_calibration).with_tensor("relu1_out", format=format, low=-3.0, high=3.0)
    assert export(small, recipe, tmp_path / "a.onnx", data=images(16, 5)).bit_equal == 1.0


@pytest.mark.parametrize(
    "format", ["int3", "int8", "q8", "int4_narrow", "fp8_e4m3", "fp8_e5m2", "fp16", "bf16", "pruned"]
)
@pytest.mark.parametrize("rounding", ["nearest_away", "toward_zero", "up", "down", "stochastic"])
def test_weights_are_stored_whatever_made_their_codes(small, small_calibration, tmp_path, format, rounding):
    recipe = choose(small, small_calibration, weights=format, rounding=rounding, weight_sparsity=0.3)
    recipe = recipe.with_choices(*(choose_tensor(small, small_calibration, n, format="uint8") for n in small.observed))
    assert recipe["conv1.weight"].zero_band > 0 and recipe["conv1.weight"].rounding == rounding
    assert export(small, recipe, tmp_path / "a.onnx", data=images(8, 5)).bit_equal == 1.0


def test_codes_of_any_width_lie_in_the_next_wider_type(small, small_calibration, tmp_path):
    for format, expected in (("int3", "int4"), ("int5", "int8"), ("uint9", "uint16"), ("int7_narrow", "int8")):
        recipe = choose(small, small_calibration, weights=format, activations=None)
        export(small, recipe, tmp_path / "a.onnx")
        stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(tmp_path / "a.onnx").graph.initializer}
        codes = stored["conv2.weight_quantized"]
        assert codes.dtype.name == expected
        weight = small.tensors["conv2.weight"].array()
        np.testing.assert_array_equal(codes.astype(np.int64), recipe["conv2.weight"].quantizer.encode(weight))


def test_pruned_float32_is_a_plain_constant(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, weights="pruned", activations=None)
    export(small, recipe, tmp_path / "a.onnx", data=images(4))
    graph = onnx.load(tmp_path / "a.onnx").graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weight = small.tensors["conv2.weight"].array()
    kept = np.abs(weight) > recipe["conv2.weight"].zero_band
    assert 0.4 < kept.mean() < 0.6
    np.testing.assert_array_equal(stored["conv2.weight"], np.where(kept, weight, 0))
    assert {node.op_type for node in graph.node}.isdisjoint({"QuantizeLinear", "DequantizeLinear", "Cast"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(rounding="up"), "nearest even, not up; nearest is int8 with rounding nearest_even"),
        (dict(rounding="stochastic"), "not stochastic"),
        (dict(zero_band=0.1), "no zero band; nearest is int8 with no zero band"),
        (dict(format="fp16", overflow="saturate"), "the end level there; nearest is fp16 with overflow infinity"),
        (dict(format="fp8_e5m2", overflow="infinity"), "infinite or NaN there; nearest is fp8_e5m2 with overflow sat"),
        (dict(format="int5", rounding="up", zero_band=0.1), "for weights only, and .* up, and .* nearest is int8 with"),
        (dict(dynamic="batch"), "asymmetric, with one range a batch; nearest is uint8 with symmetric=False and"),
        (dict(format="uint8", dynamic="sample"), "one range a batch; nearest is uint8"),
        (dict(format="uint8", dynamic="batch", symmetric=True), "asymmetric"),
        (dict(format="uint8", dynamic="batch", rounding="down"), "not down; nearest is uint8 with rounding"),
    ],
)
def test_choices_that_no_operator_makes_are_refused_for_activations(small, small_calibration, tmp_path, changes, words):
    recipe = choose(small, small_calibration).with_tensor("relu1_out", **changes)
    with pytest.raises(WorkbenchError, match=f"Activation 'relu1_out': .*{words}"):
        export(small, recipe, tmp_path / "a.onnx")


@pytest.fixture(scope="module")
def resnet20():
    model = load(model_path("cifar10_resnet20"))
    return model, calibrate(model, inputs("cifar10_resnet20", "calib")[0][:60])


# name -> least output SQNR in dB, well below what was measured
@needs_assets
@pytest.mark.parametrize(
    ("options", "sqnr_db"),
    [
        (dict(weights="q8", activations="q8"), 22.0),
        (dict(weights="int8_pow2", activations="int8_pow2"), 22.0),
        (dict(weights="flex16_5", activations="flex16_5"), 65.0),
        (dict(weights="int3"), 0.5),
        (dict(weights="int8", activations="q4"), 2.0),
        (dict(weights="fp8_e4m3fnuz", activations="fp8_e5m2fnuz"), 9.0),
        (dict(weights="pruned"), 1.0),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_new_formats_on_a_real_network(resnet20, tmp_path, options, sqnr_db):
    model, calibration = resnet20
    data = inputs("cifar10_resnet20", "eval")[0][:40]
    report = export(model, choose(model, calibration, **options), tmp_path / "a.onnx", data=data)
    assert report.bit_equal == 1.0 and report.sqnr_db > sqnr_db


@needs_assets
def test_pruned_weights_rounded_up_on_a_real_network(resnet20, tmp_path):
    model, calibration = resnet20
    options = dict(format="int8", method="min_max", rounding="up", sparsity=0.3)
    recipe = choose(model, calibration)
    recipe = recipe.with_choices(*(choose_tensor(model, None, name, **options) for name in weight_names(model)))
    report = export(model, recipe, tmp_path / "a.onnx", data=inputs("cifar10_resnet20", "eval")[0][:40])
    assert report.bit_equal == 1.0 and report.sqnr_db > 4


def test_overflow_by_ieee_is_that_of_a_cast_to_nearest(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, activations="fp16").with_tensor("relu1_out", overflow="ieee")
    assert export(small, recipe, tmp_path / "a.onnx", data=images(8)).bit_equal == 1.0


def test_fp16_weights_may_be_rounded_and_pruned_as_chosen(small, small_calibration, tmp_path):
    for changes in (dict(rounding="up"), dict(rounding="stochastic"), dict(overflow="saturate"), dict(zero_band=0.3)):
        recipe = choose(small, small_calibration, weights="fp16", activations="fp16")
        recipe = recipe.with_tensor("conv1.weight", **changes)
        export(small, recipe, tmp_path / "a.onnx", target="onnx_fp16")
        graph = onnx.load(tmp_path / "a.onnx").graph
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        weight = small.tensors["conv1.weight"].array()
        expected = recipe["conv1.weight"].quantizer.fake_quantize(weight)
        assert stored["conv1.weight"].dtype == np.float16
        np.testing.assert_array_equal(stored["conv1.weight"].astype(np.float32), expected)
        assert (expected != weight.astype(np.float16)).any() == ("overflow" not in changes)
        np.testing.assert_array_equal(stored["conv2.weight"], small.tensors["conv2.weight"].array().astype(np.float16))


@pytest.mark.parametrize("changes", [dict(rounding="toward_zero"), dict(overflow="saturate"), dict(zero_band=0.1)])
def test_fp16_activations_are_as_the_operators_round(small, small_calibration, tmp_path, changes):
    recipe = choose(small, small_calibration, weights="fp16", activations="fp16").with_tensor("relu1_out", **changes)
    with pytest.raises(WorkbenchError, match="'relu1_out': float16 operators .* nearest is fp16 as it comes"):
        export(small, recipe, tmp_path / "a.onnx", target="onnx_fp16")
