"""Exported files compute what was simulated, to the last bit, and are written whole or not at all."""

import hashlib

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from tests.workflow.small_models import images, small_cnn
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import export
from workbench.workflow.export.onnx_qdq import ONNX_QDQ
from workbench.workflow.export.target import Order
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import simulate

FORMATS = ["int8", "uint8", "int4", "uint4", "int16", "uint16", "fp8_e4m3", "fp8_e5m2", "fp16", "bf16"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("per_channel", [True, False])
def test_every_format_is_equal_in_all_bits(small, small_calibration, tmp_path, format, per_channel):
    recipe = choose(
        small, small_calibration, weights=format, activations=format, clipping="min_max", per_channel=per_channel
    )
    report = export(small, recipe, tmp_path / "a.onnx", data=images(16, 5))
    assert report.bit_equal == 1.0
    if report.deployed is None:
        assert format.startswith(("fp8", "int4", "uint4")) and "default options onnxruntime refuses" in str(
            report.notices
        )
    assert report.simulated == simulate(small, recipe, images(16, 5)).outputs["logits"]
    assert report.sqnr_db == report.simulated.sqnr_db
    assert [p.name for p in tmp_path.iterdir()] == ["a.onnx"]


def test_residual_adds_one_side_and_mixed_formats(small, small_calibration, tmp_path):
    everything = choose(small, small_calibration, residual_adds=True)
    mixed = (
        everything.with_tensor("relu1_out", format="fp16")
        .with_tensor("conv2_out", format="fp8_e4m3", low=-2.0, high=2.0)
        .with_choice(choose_tensor(small, None, "fc.weight", format="int4", block_size=3))
        .without("image")
    )
    for recipe in (
        everything,
        mixed,
        choose(small, small_calibration, weights=None),
        choose(small, small_calibration, activations=None),
        choose(small, small_calibration, symmetric=True, weights="int8_narrow"),
        Recipe(small.name, small.sha256),
    ):
        assert export(small, recipe, tmp_path / "a.onnx", data=images(16, 5)).bit_equal == 1.0


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("low", [0.0, -1.0, -3.0])
def test_a_relu_before_any_zero_point_stays(small, small_calibration, tmp_path, format, low):
    recipe = choose(small, small_calibration).with_tensor("relu1_out", format=format, low=low, high=3.0)
    assert export(small, recipe, tmp_path / "a.onnx", data=images(16, 5)).bit_equal == 1.0


def test_simulation_sees_the_export_differ(small, small_calibration, tmp_path):
    """The proof can fail: another recipe's file is not equal."""
    from workbench.workflow.data import as_batches

    recipe = choose(small, small_calibration)
    ONNX_QDQ.write(Order(small, recipe.with_tensor("relu1_out", low=0.0, high=0.5)), tmp_path / "other.onnx")
    checked = ONNX_QDQ.check(Order(small, recipe, as_batches(small, images(16))), tmp_path / "other.onnx")
    assert checked.bit_equal is not None and checked.bit_equal < 0.5
    assert "differ from the simulation" in str(checked.notices[0])


def test_what_is_in_the_file(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    export(small, recipe, tmp_path / "a.onnx")
    graph = onnx.load(tmp_path / "a.onnx").graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    codes = stored["conv1.weight_quantized"]
    np.testing.assert_array_equal(codes, recipe["conv1.weight"].quantizer.encode(small.tensors["conv1.weight"].array()))
    assert codes.dtype == np.int8 and stored["conv1.bias_quantized"].dtype == np.int32
    scales = np.float32(recipe["image"].quantizer.scale) * recipe["conv1.weight"].quantizer.scale
    np.testing.assert_array_equal(stored["conv1.bias_scale"], scales)
    assert "conv1.weight" not in stored
    assert [port.name for port in graph.output] == ["logits"] and [port.name for port in graph.input] == ["image"]


def test_a_graph_output_that_a_layer_reads_stays_float(tmp_path):
    from onnx import helper

    from tests.workflow.small_models import constant, saved

    rng = np.random.default_rng(3)
    constants = [constant("a.weight", rng.normal(size=(4, 4))), constant("b.weight", rng.normal(size=(4, 2)))]
    nodes = [
        helper.make_node("MatMul", ["x", "a.weight"], ["middle"], name="a"),
        helper.make_node("MatMul", ["middle", "b.weight"], ["y"], name="b"),
    ]
    path = saved(tmp_path / "net.onnx", nodes, {"x": ["N", 4]}, {"middle": ["N", 4], "y": ["N", 2]}, constants)
    model, x = load(path), rng.normal(size=(9, 4)).astype(np.float32)
    recipe = choose(model, calibrate(model, x))
    assert "middle" in recipe
    assert export(model, recipe, tmp_path / "q.onnx", data=x).bit_equal == 1.0


def test_equal_recipes_give_equal_files(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    recipe.save(tmp_path / "a.recipe.json")
    again = Recipe.load(tmp_path / "a.recipe.json")
    for name, one in (("a.onnx", recipe), ("b.onnx", again)):
        export(load(small.path), one, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_fp16_is_true_float16_with_float32_ports(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, weights="fp16", activations="fp16")
    report = export(small, recipe, tmp_path / "a.onnx", target="onnx_fp16", data=images(32, 5))
    graph = onnx.load(tmp_path / "a.onnx").graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weight = small.tensors["conv1.weight"].array()
    np.testing.assert_array_equal(stored["conv1.weight"], weight.astype(np.float16))
    assert report.bit_equal is None and any("float16" in str(notice) for notice in report.notices)
    assert report.sqnr_db > 50 and report.deployed.agreement == 1.0
    session = ort.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    assert {port.type for port in [*session.get_inputs(), *session.get_outputs()]} == {"tensor(float)"}


def test_what_a_target_cannot_express_is_refused_by_name(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    with pytest.raises(WorkbenchError, match=r"onnx_fp16 cannot express .*'conv1.weight': it is int8.*and \d more"):
        export(small, recipe, tmp_path / "a.onnx", target="onnx_fp16")
    narrow = recipe.with_tensor("relu1_out", format="int8_narrow")
    with pytest.raises(WorkbenchError, match="Activation 'relu1_out'.*nearest is int8"):
        export(small, narrow, tmp_path / "a.onnx")
    with pytest.raises(WorkbenchError, match="unknown export target 'onnx'; expected one of onnx_qdq,"):
        export(small, recipe, tmp_path / "a.onnx", target="onnx")
    assert not list(tmp_path.iterdir())


def test_recipes_that_do_not_belong_are_refused(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    for wrong, words in (
        (recipe.with_tensor("nothing", format="int8", low=-1.0, high=1.0), "no tensor 'nothing'"),
        (recipe.with_tensor("pool_out", format="int8", low=-1.0, high=1.0), "'pool_out' .* is no quantization point"),
        (recipe.with_tensor("conv1.weight", low=np.zeros(3), high=np.ones(3), axis=0), "6 groups .* gives 3 ranges"),
        (recipe.with_tensor("relu1_out", low=np.zeros(6), high=np.ones(6), axis=1), "'relu1_out'.*for weights"),
    ):
        with pytest.raises(WorkbenchError, match=words):
            export(small, wrong, tmp_path / "a.onnx")


def test_the_input_is_never_touched(small, small_calibration, tmp_path):
    path = small_cnn(tmp_path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    model = load(path)
    recipe = choose(model, None)
    with pytest.raises(WorkbenchError, match="is the model itself"):
        export(model, recipe, path)
    export(model, recipe, tmp_path / "b.onnx", data=images(4))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.onnx", "small.onnx"]


def test_a_failed_check_leaves_the_old_file(small, small_calibration, tmp_path, monkeypatch):
    target = tmp_path / "a.onnx"
    target.write_bytes(b"old")

    def fail(path):
        raise WorkbenchError("not sound")

    monkeypatch.setattr("workbench.workflow.export.selfcheck.check_file", fail)
    with pytest.raises(WorkbenchError, match="not sound"):
        export(small, choose(small, small_calibration), target)
    assert target.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.onnx"]


def test_a_link_is_followed_and_stays(small, small_calibration, tmp_path):
    recipe, place, link = choose(small, small_calibration), tmp_path / "real" / "a.onnx", tmp_path / "link.onnx"
    place.parent.mkdir()
    link.symlink_to(place)
    for data in (None, images(8)):
        report = export(small, recipe, link, data=data)
        assert link.is_symlink() and not place.is_symlink() and report.files == (place,)
    plain = export(small, recipe, tmp_path / "b.onnx")
    assert place.read_bytes() == plain.files[0].read_bytes() and len([*place.parent.iterdir()]) == 1


def test_a_file_that_is_read_only_is_refused_before_anything_is_computed(small, small_calibration, tmp_path):
    recipe, place, doing, taken = choose(small, small_calibration), tmp_path / "a.onnx", [], []
    place.write_text("old")
    place.chmod(0o444)
    data = (taken.append(i) or {"image": images(4)} for i in range(2))
    with pytest.raises(WorkbenchError, match="a.onnx is read-only; give another name, or allow its owner to write it"):
        export(small, recipe, place, data=data, watch=doing.append)
    assert place.read_text() == "old" and [*tmp_path.iterdir()] == [place] and not doing and not taken


def test_a_folder_that_cannot_be_written(small, tmp_path):
    with pytest.raises(WorkbenchError, match="cannot write .*choose a folder"):
        export(small, choose(small, None), tmp_path / "none" / "a.onnx")


def test_wrong_data_is_refused_before_anything_is_written(small, tmp_path):
    with pytest.raises(WorkbenchError, match="'image' takes float32"):
        export(small, choose(small, None), tmp_path / "a.onnx", data=images(4).astype(np.float64))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", list(TARGETS))
def test_every_target_describes_itself(name):
    target = TARGETS[name]
    assert target.name == name and target.title and target.runs_on and target.suffix.startswith(".")
