"""The table of README: the documented defaults on real networks, as simulated and as the default kernels compute it.

Run with `make tables`; needs WORKBENCH_TEST_ASSETS.
"""

import pytest

from tests.real_networks import NAMES, inputs, model_path, needs_assets
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.data import as_batches
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load
from workbench.workflow.simulate import Simulator

pytestmark = needs_assets
RECIPES = {
    "int8 (defaults)": ("onnx_qdq", {}),
    "int8, residual adds": ("onnx_qdq", {"residual_adds": True}),
    "int8, symmetric": ("onnx_qdq", {"symmetric": True}),
    "fp16": ("onnx_fp16", {"weights": "fp16", "activations": "fp16"}),
}


@pytest.mark.parametrize("name", NAMES)
def test_table(name, tmp_path, capsys):
    model = load(model_path(name))
    images, labels = inputs(name, "eval")
    calibration = calibrate(model, inputs(name, "calib")[0])
    simulator = Simulator(model, as_batches(model, images), labels)
    for title, (target, options) in RECIPES.items():
        recipe = choose(model, calibration, **options)
        out = next(iter(simulator.compare(recipe, tensors=False).outputs.values()))
        report = export(model, recipe, tmp_path / "net.onnx", target=target, data=images)
        equal = "not promised" if report.bit_equal is None else f"{report.bit_equal:.0%}"
        difference = report.deployed.sqnr_db - out.sqnr_db
        row = [
            name,
            title,
            f"{out.agreement:.2%}",
            f"{out.sqnr_db:.1f} dB",
            f"{out.accuracy:.2%} ({out.float_accuracy:.2%})",
        ]
        with capsys.disabled():
            print(f"\n| {' | '.join([*row, equal, f'{report.deployed.agreement:.2%}, {difference:+.2f} dB'])} |")
        assert report.bit_equal in (1.0, None)
