"""Every kind of recipe on real networks: the file computes what was simulated, to the last bit.

Formats for weights beside formats for activations are in test_real_networks; here are the other combinations.
"""

import pytest

from tests.real_networks import NAMES, inputs, model_path, needs_assets
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load

pytestmark = needs_assets
N_SAMPLES = 8
QUICK = dict(clipping="min_max", weight_clipping="min_max")


@pytest.fixture(scope="module", params=NAMES)
def network(request):
    """(name, model, calibration, samples)"""
    model = load(model_path(request.param))
    calibration = calibrate(model, inputs(request.param, "calib")[0][:16])
    return request.param, model, calibration, inputs(request.param, "eval")[0][:N_SAMPLES]


def blocked(model, calibration, format="int4"):
    """Weights in blocks along their input axis where it can be cut in blocks, per channel elsewhere."""
    recipe = choose(model, calibration, weights="int4", activations="int8", **QUICK)
    entries = []
    for layer in model.layers:
        if layer.weight in recipe and layer.weight_axis is not None:
            shape = model.tensors[layer.weight].array().shape
            sizes = [size for size in (32, 16, 8, 4) if shape[1 - layer.weight_axis] % size == 0]
            if sizes:
                options = dict(format=format, block_size=sizes[0], method="min_max")
                entries.append(choose_tensor(model, None, layer.weight, **options))
    assert len(entries) >= 2
    return recipe.with_choices(*entries)


def mixed(model, calibration):
    """Another format for every tensor, in turn; every fifth stays float."""
    recipe = choose(model, calibration, **QUICK)
    weights, formats = set(weight_names(model)), ["int8", "int4", "fp8_e4m3", "int16", None, "bf16", "uint8", "fp16"]
    for i, name in enumerate(list(recipe)):
        format = formats[i % len(formats)]
        options = dict(format=format, method="min_max", per_channel=bool(i % 2) if name in weights else None)
        recipe = (
            recipe.without(name)
            if format is None
            else recipe.with_choices(choose_tensor(model, calibration, name, **options))
        )
    assert len({choice.format for choice in recipe.values()}) == 7
    return recipe


RECIPES = {
    "int8": lambda *of: choose(*of, **QUICK),
    "uint8": lambda *of: choose(*of, weights="uint8", activations="uint8", **QUICK),
    "int16": lambda *of: choose(*of, weights="int16", activations="int16", **QUICK),
    "int4 in blocks": blocked,
    "fp8": lambda *of: choose(*of, weights="fp8_e4m3", activations="fp8_e4m3", **QUICK),
    "mixed": mixed,
    "weights only": lambda *of: choose(*of, activations=None, **QUICK),
    "activations only": lambda *of: choose(*of, weights=None, **QUICK),
    "int8 with int16 activations, per tensor": lambda *of: choose(*of, activations="int16", per_channel=False, **QUICK),
}


@pytest.mark.parametrize("kind", RECIPES)
def test_equal_in_all_bits(network, kind, tmp_path):
    name, model, calibration, samples = network
    report = export(model, RECIPES[kind](model, calibration), tmp_path / "net.onnx", data=samples)
    if report.deployed is None:
        default = "refused by the default kernels"
    else:
        default = f"default kernels {report.deployed.sqnr_db - report.sqnr_db:+.2f} dB"
    print(f"{name}, {kind}: {report.bit_equal:.0%} bit-equal, {report.sqnr_db:.2f} dB, {default}")
    assert report.bit_equal == 1.0
