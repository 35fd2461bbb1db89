"""Ranges found while the network runs: planned, simulated, exported, and refused where they mean nothing."""

import numpy as np
import onnx
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.numerics.dynamic import DynamicQuantizer
from workbench.numerics.errors.measured import measured_error
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.data import as_batches
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load
from workbench.workflow.plan import plan
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import quantized_outputs, simulate


def dynamic_recipe(model, calibration, *, format="uint8", per="batch", symmetric=False, weights="int8"):
    """All activations dynamic."""
    recipe = choose(model, calibration, weights=weights, activations=None)
    options = dict(format=format, dynamic=per, symmetric=symmetric)
    return recipe.with_choices(*(choose_tensor(model, calibration, name, **options) for name in model.observed))


def test_a_plan_holds_dynamic_quantizers(small, small_calibration):
    recipe = dynamic_recipe(small, small_calibration)
    worked_out = plan(small, recipe)
    assert set(worked_out.activations) == set(small.observed)
    x = images(8)
    for name, quantizer in worked_out.activations.items():
        assert quantizer == DynamicQuantizer(recipe[name].variation, "batch", symmetric=False)
        np.testing.assert_array_equal(worked_out.transforms()[name](x), quantizer.fake_quantize(x))


def test_biases_behind_a_dynamic_input_stay_float_and_are_named(small, small_calibration):
    worked_out = plan(small, dynamic_recipe(small, small_calibration))
    assert not worked_out.biases
    (notice,) = worked_out.notices
    assert str(notice) == (
        "bias 'conv1.bias' (and those of 2 more layers) stays float: a dynamic input has no fixed scale."
    )
    one = choose(small, small_calibration).with_tensor("relu1_out", dynamic="sample")
    assert set(plan(small, one).biases) == {"conv1.bias", "fc.bias"}
    assert "bias 'conv2.bias' stays float" in str(plan(small, one).notices[0])


def test_a_weight_with_a_dynamic_range_is_refused(small, small_calibration):
    recipe = choose(small, small_calibration).with_tensor("conv1.weight", dynamic="batch")
    with pytest.raises(WorkbenchError, match="weight 'conv1.weight' never changes"):
        plan(small, recipe)


def test_a_format_without_a_threshold_has_nothing_dynamic(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration).with_tensor("image", dynamic="batch").with_tensor("image", format="fp16")
    assert recipe["image"].dynamic == "batch"
    worked_out = plan(small, recipe)
    assert worked_out.activations["image"] == recipe["image"].quantizer
    assert "'image': fp16 has no threshold" in str(worked_out.notices[0])
    assert export(small, recipe, tmp_path / "a.onnx", data=images(8)).bit_equal == 1.0


@pytest.mark.parametrize("format", ["uint8", "int8", "int4", "gfpq8", "q8", "fp8_e4m3"])
def test_one_range_a_sample_does_not_depend_on_the_others(small, small_calibration, format):
    recipe = dynamic_recipe(small, small_calibration, format=format, per="sample", weights=None)
    x = images(12)

    def answers(size, chosen):
        feeds = [{"image": x[i : i + size]} for i in range(0, 12, size)]
        return np.concatenate([y["logits"] for y in quantized_outputs(small, chosen, feeds)])

    # onnxruntime may add in another order in another batch, which moves a value by a step where it lay between two
    np.testing.assert_allclose(answers(1, recipe), answers(12, recipe), rtol=0.2, atol=0.02)
    batch = dynamic_recipe(small, small_calibration, format=format, per="batch", weights=None)
    np.testing.assert_array_equal(answers(1, batch), answers(1, recipe))
    if format == "uint8":
        assert not np.array_equal(answers(12, batch), answers(12, recipe))


def test_simulation_is_written_out(small, small_calibration):
    recipe = choose_tensor(small, small_calibration, "image", format="uint8", dynamic="sample", symmetric=False)
    only = Recipe(small.name, small.sha256, {"image": recipe})
    x = images(16)
    seen = DynamicQuantizer("uint8", "sample", symmetric=False).fake_quantize(x)
    (got,) = quantized_outputs(small, only, as_batches(small, x))
    np.testing.assert_array_equal(got["logits"], small.chain.run({"image": seen})["logits"])
    error = simulate(small, only, x).tensors["image"]
    measured = measured_error(x, DynamicQuantizer("uint8", "sample", symmetric=False))
    assert error.mse == pytest.approx(measured.mse, rel=1e-6)


@pytest.mark.parametrize("weights", ["int8", "int3", "fp8_e4m3", None])
@pytest.mark.parametrize("n", [1, 32, 45])
def test_the_export_is_equal_in_all_bits(small, small_calibration, tmp_path, weights, n):
    recipe = dynamic_recipe(small, small_calibration, weights=weights)
    report = export(small, recipe, tmp_path / "a.onnx", data=images(n, 5))
    assert report.bit_equal == 1.0 and report.simulated == simulate(small, recipe, images(n, 5)).outputs["logits"]
    assert any("found in each batch" in str(notice) for notice in report.notices)
    kinds = [node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node]
    assert kinds.count("DynamicQuantizeLinear") == len(small.observed) and "QuantizeLinear" not in kinds


def test_fixed_and_dynamic_ranges_mix(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, activations="uint8", residual_adds=True)
    mixed = recipe.with_tensor("relu1_out", dynamic="batch").with_tensor("conv2_out", dynamic="batch")
    assert export(small, mixed, tmp_path / "a.onnx", data=images(40, 5)).bit_equal == 1.0


def test_a_dynamic_choice_is_saved_and_loaded(small, small_calibration, tmp_path):
    recipe = dynamic_recipe(small, small_calibration, per="sample")
    again = Recipe.load(recipe.save(tmp_path / "a.json"))
    assert again == recipe and again["image"].dynamic == "sample"


@needs_assets
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_vit_a"])  # a fixed batch of 1, and one of any size
def test_a_real_network_with_dynamic_ranges(name, tmp_path):
    model = load(model_path(name))
    calibration = calibrate(model, inputs(name, "calib")[0][:60])
    data = inputs(name, "eval")[0][:50]
    report = export(model, dynamic_recipe(model, calibration), tmp_path / "a.onnx", data=data)
    assert report.bit_equal == 1.0
    fixed = simulate(model, choose(model, calibration, activations="uint8", clipping="min_max"), data)
    per_sample = simulate(model, dynamic_recipe(model, calibration, per="sample"), data)
    output = model.outputs[0].name
    assert per_sample.outputs[output].sqnr_db > fixed.outputs[output].sqnr_db + 1
    if name == "cifar10_resnet20":  # one sample is the batch
        assert per_sample.outputs[output] == report.simulated
