"""Equalization on trained networks: the function stays, and what int8 with one scale a weight gains."""

import pytest

from tests.real_networks import inputs, model_path, needs_assets
from workbench.messages import WorkbenchError
from workbench.workflow.choose import choose
from workbench.workflow.opening import load
from workbench.workflow.repairs.equalize import equalize
from workbench.workflow.simulate import simulate

pytestmark = needs_assets

# name -> pairs of layers; squeezenet branches and joins everywhere, mobilenet has a ReLU6 behind nearly every layer
PAIRS = {"imagenet_squeezenet": 1, "cifar10_resnet20": 9, "cifar10_mobilenet": 1}


def per_tensor(model, images):
    """Output SQNR in dB with int8 weights of one scale each."""
    recipe = choose(model, None, weights="int8", activations=None, per_channel=False)
    return next(iter(simulate(model, recipe, images).outputs.values()))


@pytest.mark.parametrize("name", PAIRS)
def test_the_function_and_the_names_stay(name, tmp_path):
    """Measured: 121 to 137 dB; with powers of two every bit."""
    model, images = load(model_path(name)), inputs(name, "eval")[0][:32]
    result = equalize(model, tmp_path / "net.onnx", data=images)
    assert len(result.pairs) == PAIRS[name] and result.outputs.sqnr_db > 110
    assert list(result.model.tensors) == list(model.tensors)
    assert [layer.name for layer in result.model.layers] == [layer.name for layer in model.layers]
    exact = equalize(model, tmp_path / "exact.onnx", power_of_two=True, data=images)
    assert exact.outputs.bit_equal == 1.0
    again = equalize(result.model, tmp_path / "again.onnx")
    assert max(pair.largest_factor for pair in again.pairs) < 1.0001


def test_mobilenet_gains_where_its_clips_are_relus(tmp_path):
    """Measured: 12 pairs, 26.4 dB before and 35.0 dB after."""
    name = "cifar10_mobilenet"
    model, images = load(model_path(name)), inputs(name, "eval")[0][:200]
    result = equalize(model, tmp_path / "net.onnx", clip_as_relu=True, data=inputs(name, "calib")[0][:256])
    before, after = (per_tensor(each, images) for each in (model, result.model))
    assert len(result.pairs) == 12 and after.sqnr_db > before.sqnr_db + 6


def test_a_transformer_is_refused_with_the_reason(tmp_path):
    model = load(model_path("cifar10_vit_a"))
    with pytest.raises(WorkbenchError, match="one scale a channel"):
        equalize(model, tmp_path / "net.onnx")
