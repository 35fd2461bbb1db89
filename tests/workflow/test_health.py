"""What is told of a recipe before it is exported, and what stops an export."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.health import dead_channels, health
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.profiles.fitting import fitted_to

WEIGHT, ACTIVATION = "conv2.weight", "relu1_out"


@pytest.fixture
def recipe(small, small_calibration):
    return choose(small, small_calibration)


def kinds(found):
    return [one.kind for one in found.findings]


def sick(recipe, tensor, scale):
    """The recipe with a scale that no range gives: as another tool's file, or a fault of ours, could bring it."""

    class Broken:
        format = recipe[tensor].variation

        def __init__(self):
            self.scale, self.zero_point = np.float32(scale), 0

        def fake_quantize(self, values):
            return values

    choice = dataclasses.replace(recipe[tensor])
    choice.__dict__["quantizer"] = Broken()
    return dataclasses.replace(recipe, choices={**recipe.choices, tensor: choice})


def test_a_healthy_recipe_has_nothing_to_say(small, small_calibration, recipe):
    found = health(small, recipe, small_calibration, "onnx_qdq", data=images(64))
    assert kinds(found) == [] and str(found) == "Nothing stands out." and found.table() == [] and len(found) == 0


@pytest.mark.parametrize(
    ("scale", "words", "fatal"),
    [(np.inf, "infinite", True), (np.nan, "not a number", True), (0.0, "zero", True), (1e-40, "subnormal", False)],
)
def test_scales_that_are_no_numbers_stop_an_export(small, recipe, tmp_path, scale, words, fatal):
    ill = sick(recipe, ACTIVATION, scale)
    found = health(small, ill)
    one = found.findings[0]
    assert one.kind == "scale" and one.tensor == ACTIVATION and words in str(one) and bool(found.fatal) == fatal
    if fatal and np.isfinite(scale):  # others are refused by the plan, before
        with pytest.raises(WorkbenchError, match=f"nothing was written: Tensor '{ACTIVATION}'"):
            export(small, ill, tmp_path / "x.onnx")
        assert not list(tmp_path.iterdir())


def test_the_scale_of_a_bias_may_be_too_small(small, small_calibration, recipe):
    tiny = recipe.with_tensor(ACTIVATION, low=0.0, high=1e-34)
    found = health(small, tiny.with_tensor(WEIGHT, format="int8", low=-1e-4, high=1e-4), small_calibration)
    assert "scale" in kinds(found) and "bias" in str(found)


def test_dead_channels_and_activations_are_counted(small, small_calibration, recipe):
    wide = recipe.with_tensor(WEIGHT, low=-1000.0, high=1000.0).with_tensor(ACTIVATION, low=0.0, high=1e5)
    found = health(small, wide, small_calibration)
    by_tensor = {one.tensor: one for one in found.findings if one.kind == "dead"}
    assert set(by_tensor) == {WEIGHT, ACTIVATION}
    assert "channels that vary" in str(by_tensor[WEIGHT]) and "one code" in str(by_tensor[ACTIVATION])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 50.0))
def test_dead_channels_are_those_with_one_code(seed, reach):
    rng = np.random.default_rng(seed)
    values = (rng.standard_normal((6, 4, 3)) * 10.0 ** rng.integers(-3, 1, (6, 1, 1))).astype(np.float32)
    values[2] = 0.25  # constant already: nothing died
    quantizer = Quantizer.covering("int8", -reach, reach)
    codes = quantizer.encode(values).reshape(6, -1)
    expected = [i for i in range(6) if i != 2 and len(set(codes[i].tolist())) == 1]
    assert dead_channels(values, quantizer, 0).tolist() == expected


def test_numbers_that_lose_their_digits_in_print(small, recipe):
    mirrored, _ = fitted_to(small, recipe, "ncnn")
    assert "truncation" not in kinds(health(small, mirrored, target="ncnn_table"))
    huge = mirrored.with_tensor(ACTIVATION, low=-1.3e6, high=1.3e6, symmetric=True)
    (one,) = [one for one in health(small, huge, target="ncnn_table").findings if one.kind == "truncation"]
    assert one.tensor == ACTIVATION and "0.000098" in str(one) and "6 digits" in str(one)
    gone = mirrored.with_tensor(ACTIVATION, low=-1e9, high=1e9, symmetric=True)
    assert "printed as 0.000000 (100.0% off)" in str(health(small, gone, target="ncnn_table"))
    assert "truncation" not in kinds(health(small, gone, target="onnx_qdq"))


def test_names_that_match_nothing(small, recipe):
    found = health(small, recipe, names={"toaster": "t"}, known=["image", "conv1.weight"])
    words = [str(one) for one in found.findings if one.kind == "name"]
    assert "has no tensor 'toaster'" in words[0]
    assert f"{len(recipe) - 2} of {len(recipe)} names are not in the target's file" in words[1]


def test_ranges_that_do_not_cover_the_evaluation(small, small_calibration, recipe):
    found = health(small, recipe, small_calibration, data=images(64) * 3)
    assert "image" in [one.tensor for one in found.findings if one.kind == "coverage"]
    assert "of the calibration's do" in str(found)


def test_ties_and_saturation_come_from_the_profile(small, small_calibration):
    recipe = choose(small, small_calibration, weights="uint8", activations="uint8", per_channel=False)
    narrow = recipe.with_tensor("flat_out", low=0.0, high=1e-4).with_tensor(ACTIVATION, low=0.0, high=1e-4)
    found = health(small, narrow, profile="gemmlowp")
    assert kinds(found).count("tie") == 1 and "wb.tied" in str(found)
    plain = choose(small, small_calibration, residual_adds=True)
    assert "saturating" in kinds(health(small, plain, profile="onnxruntime_no_vnni"))
    assert "saturating" not in kinds(health(small, plain, profile="onnxruntime"))


def test_an_export_for_a_device_is_refused_or_tells(small, small_calibration, recipe, tmp_path):
    path = tmp_path / "net.onnx"
    with pytest.raises(WorkbenchError, match=r"tensorrt cannot express.*Activation 'image'.*symmetric.*wb.fitted_to"):
        export(small, recipe, path, profile="tensorrt")
    with pytest.raises(WorkbenchError, match="unknown profile 'toaster'"):
        export(small, recipe, path, profile="toaster")
    assert not list(tmp_path.iterdir())
    fitted, notices = fitted_to(small, recipe, "tensorrt")
    report = export(small, fitted, path, profile="tensorrt", data=images(8))
    assert report.bit_equal == 1.0 and notices and any("adds biases as float" in str(n) for n in report.notices)
    slow = export(small, choose(small, small_calibration, residual_adds=True), path, profile="onnxruntime_no_vnni")
    assert any(notice.topic == "saturating" for notice in slow.notices)


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_fitted_is_healthy_for_its_device(small, small_calibration, recipe, name):
    fitted, _ = fitted_to(small, recipe, name)
    found = health(small, fitted, small_calibration, profile=name)
    assert not found.fatal and "tie" not in kinds(found) and "dead" not in kinds(found)


def test_a_dynamic_range_is_no_business_of_health(small, small_calibration, recipe):
    dynamic = TensorChoice(ACTIVATION, "uint8", "min_max", 0.0, 1e6, False, dynamic="batch")
    found = health(small, recipe.with_choice(dynamic), small_calibration, data=images(8) * 5)
    assert ACTIVATION not in [one.tensor for one in found.findings]
