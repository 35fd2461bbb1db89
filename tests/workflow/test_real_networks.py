"""The whole line on real networks: calibrate, choose, simulate, export, with the documented defaults."""

import numpy as np
import onnx
import pytest

from tests.real_networks import NAMES, inputs, model_path, needs_assets
from workbench.numerics.clipping.sweep import sweep
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load

pytestmark = needs_assets

# name -> least share of equal answers, least output SQNR in dB
INT8 = {
    "imagenet_squeezenet": (0.945, 23.5),
    "cifar10_resnet20": (0.983, 29.5),
    "cifar10_mobilenet": (0.987, 33.0),
    "cifar10_vit_a": (0.97, 28.0),
}


@pytest.fixture(scope="module", params=NAMES)
def network(request):
    """(name, model, calibration on the calib part)"""
    model = load(model_path(request.param))
    return request.param, model, calibrate(model, inputs(request.param, "calib")[0])


def said(name, recipe, report):
    """One line of the table in README."""
    deployed = "-" if report.deployed is None else f"{report.deployed.agreement:.2%} {report.deployed.sqnr_db:.2f} dB"
    print(
        f"{name} {recipe}: bit-equal {report.bit_equal}, simulated {report.sqnr_db:.2f} dB, default kernels {deployed}"
    )


def test_int8_by_default(network, tmp_path):
    name, model, calibration = network
    images = inputs(name, "eval")[0]
    recipe = choose(model, calibration, weights="int8", activations="int8", per_channel=True)
    report = export(model, recipe, tmp_path / "net.onnx", target="onnx_qdq", data=images)
    out = report.simulated
    said(name, "int8", report)
    agreement, sqnr_db = INT8[name]
    assert report.bit_equal == 1.0
    assert out.agreement >= agreement and out.sqnr_db >= sqnr_db
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)


@pytest.mark.parametrize(
    "options", [dict(residual_adds=True), dict(symmetric=True)], ids=["residual_adds", "symmetric"]
)
def test_int8_with_options(network, tmp_path, options):
    name, model, calibration = network
    recipe = choose(model, calibration, **options)
    report = export(model, recipe, tmp_path / "net.onnx", data=inputs(name, "eval")[0][:200])
    said(name, str(options), report)
    assert report.bit_equal == 1.0


def test_fp16(network, tmp_path):
    name, model, calibration = network
    recipe = choose(model, calibration, weights="fp16", activations="fp16")
    report = export(model, recipe, tmp_path / "net.onnx", target="onnx_fp16", data=inputs(name, "eval")[0])
    said(name, "fp16", report)
    assert report.deployed.agreement >= 0.998


def test_live_divergence_is_finite(network):
    name, _, calibration = network
    for tensor, distribution in calibration.items():
        thresholds = np.linspace(0.05, 1.0, 39) * distribution.absmax
        assert np.isfinite(sweep(distribution, "int8", thresholds=thresholds).kl).all(), f"{name} {tensor}"


@pytest.mark.parametrize(
    "options",
    [
        dict(weights="int4", activations="int16", clipping="min_max"),
        dict(weights="fp8_e4m3", activations="fp8_e5m2", clipping="min_max"),
        dict(weights="bf16", activations="uint8"),
    ],
    ids=["int4-int16", "fp8", "bf16-uint8"],
)
def test_other_formats_are_equal_in_all_bits(network, tmp_path, options):
    name, model, calibration = network
    report = export(
        model, choose(model, calibration, **options), tmp_path / "net.onnx", data=inputs(name, "eval")[0][:32]
    )
    assert report.bit_equal == 1.0
