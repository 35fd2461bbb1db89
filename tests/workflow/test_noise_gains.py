"""The ranking before any run, against networks whose noise can be written down."""

import numpy as np
import pytest
from onnx import helper

from tests.workflow.small_models import constant, images, saved
from workbench.models.segments import Cancelled
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow import noise_gains as noise_gains_module
from workbench.workflow.choose import choose
from workbench.workflow.noise_gains import NoiseModel, mean_square, noise_gains
from workbench.workflow.opening import load
from workbench.workflow.settings import Settings


def settings_of(model, recipe):
    return Settings.of(model, recipe, {})


def test_in_a_chain_every_ratio_arrives_as_it_is(tmp_path):
    rng = np.random.default_rng(0)
    weights = [constant(f"w{i}", rng.standard_normal((16, 16))) for i in range(3)]
    nodes = [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(3)]
    model = load(saved(tmp_path / "chain.onnx", nodes, {"x0": ["N", 16]}, {"x3": ["N", 16]}, weights))
    gains = noise_gains(model, {}, "x3")
    assert {gains[f"x{i}"] for i in range(4)} == {1.0}
    x = rng.standard_normal((64, 16)).astype(np.float32)
    noise = NoiseModel(model, {"x0": x}, (), "x3")
    recipe = choose(model, None, activations=None, weights="int4")
    ratios = noise.noise_to_signal(settings_of(model, recipe))
    for name, ratio in ratios.items():
        array = model.tensors[name].array()
        error = recipe[name].quantizer.fake_quantize(array) - array
        assert ratio == pytest.approx(mean_square(error) / mean_square(array))
    assert noise.sqnr_db(settings_of(model, recipe)) == pytest.approx(-10 * np.log10(sum(ratios.values())))
    assert noise.sqnr_db(Settings()) == np.inf


def test_an_add_weakens_each_side_by_its_share(small):
    gains = noise_gains(small, {"conv2_out": 3.0, "relu1_out": 1.0, "add_out": 5.0}, "logits")
    assert gains["add_out"] == gains["logits"] == 1.0
    assert gains["conv2_out"] == pytest.approx(0.6)
    assert gains["relu1_out"] == pytest.approx(0.6 + 0.2)  # through conv2, and directly
    assert gains["image"] == pytest.approx(0.8)


def test_powers_are_measured_on_the_batch(small, small_calibration):
    noise = NoiseModel(small, {"image": images(16, 9)}, small.observed, "logits")
    recipe = choose(small, small_calibration)
    found = noise.noise_to_signal(settings_of(small, recipe))
    assert set(found) == set(recipe) and all(0 < ratio < 0.01 for ratio in found.values())


def test_what_did_not_change_is_not_worked_out_again(small, small_calibration, monkeypatch):
    noise = NoiseModel(small, {"image": images(16, 9)}, small.observed, "logits")
    recipe = choose(small, small_calibration)
    first = noise.noise_to_signal(settings_of(small, recipe))
    sums = []
    monkeypatch.setattr(noise_gains_module, "ErrorSums", lambda: sums.append(1) or ErrorSums())
    assert noise.noise_to_signal(settings_of(small, recipe)) == first and sums == []
    changed = recipe.with_tensor("relu1_out", low=0.0, high=0.5)
    other = noise.noise_to_signal(settings_of(small, changed))
    assert len(sums) == 1 and {name for name in other if other[name] != first[name]} == {"relu1_out"}


def test_of_large_activations_the_first_samples_are_looked_at(small, small_calibration, monkeypatch):
    data = {"image": images(16, 9)}
    recipe = choose(small, small_calibration)
    few = NoiseModel(small, {"image": data["image"][:1]}, small.observed, "logits")
    monkeypatch.setattr(noise_gains_module, "MOST_VALUES", 1)
    one = NoiseModel(small, data, small.observed, "logits")
    last = small.observed[-1]  # behind the Add, whose shares are those of the whole batch
    ratios = [model.noise_to_signal(settings_of(small, recipe))[last] for model in (few, one)]
    assert ratios[0] == ratios[1]
    with pytest.raises(Cancelled):
        NoiseModel(small, data, small.observed, "logits", cancelled=lambda: True)
