"""`onnx_qdq` where onnxruntime's own rewriting of a graph stands in the way."""

import numpy as np
import pytest
from onnx import helper

from tests.workflow.small_models import constant, images, saved
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load


@pytest.fixture(scope="module")
def clipping(tmp_path_factory):
    """A network with a Clip to [0, 6] between two layers, and its calibration."""
    rng = np.random.default_rng(4)
    constants = [
        constant("a.weight", rng.standard_normal((4, 2, 3, 3))),
        constant("b.weight", rng.standard_normal((3, 4, 3, 3))),
        constant("least", np.float32(0)),
        constant("most", np.float32(6)),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "a.weight"], ["a"], name="a"),
        helper.make_node("Clip", ["a", "least", "most"], ["clipped"], name="clip"),
        helper.make_node("Conv", ["clipped", "b.weight"], ["b"], name="b"),
    ]
    path = tmp_path_factory.mktemp("clip") / "n.onnx"
    model = load(saved(path, nodes, {"image": ["N", 2, 8, 8]}, {"b": ["N", 3, 4, 4]}, constants))
    return model, calibrate(model, images(16))


@pytest.mark.parametrize("low", [0.0, -1.0])
@pytest.mark.parametrize("format", ["int4", "uint4", "int8", "uint8", "int16", "uint16", "fp8_e4m3", "fp8_e5m2"])
def test_a_clip_before_any_format(clipping, tmp_path, format, low):
    model, calibration = clipping
    recipe = choose(model, calibration).with_tensor("clipped", format=format, low=low, high=6.0)
    report = export(model, recipe, tmp_path / "a.onnx", data=images(8, 5))
    assert report.bit_equal == 1.0
