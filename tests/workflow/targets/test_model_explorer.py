"""Node data for Model Explorer: keys are of the graph, values those measured."""

import json

import onnx
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images, small_cnn
from workbench.messages import WorkbenchError
from workbench.numerics.errors.expected import expected_error
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load
from workbench.workflow.simulate import simulate


def node_data(path):
    """Read as the format is described: {graph: {results: {key: {value}}, gradient: [{stop, bgColor}]}}."""
    document = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda text: pytest.fail(f"no JSON: {text}"))
    ((graph, data),) = document.items()
    stops = [item["stop"] for item in data["gradient"]]
    assert stops[0] == 0 and stops[-1] == 1 and stops == sorted(stops)
    return graph, {key: result["value"] for key, result in data["results"].items()}, data["gradient"]


def test_values_are_those_of_the_simulation_at_the_nodes_that_compute_them(small, small_calibration, tmp_path):
    recipe, path = choose(small, small_calibration), tmp_path / "data.json"
    expected = simulate(small, recipe, images(16))
    report = export(small, recipe, path, target="model_explorer", data=images(16))
    graph, values, gradient = node_data(path)
    assert graph == "small"
    assert values == {
        "image": expected.tensors["image"].sqnr_db,
        "relu1": expected.tensors["relu1_out"].sqnr_db,
        "flatten": expected.tensors["flat_out"].sqnr_db,
        "fc": expected.outputs["logits"].sqnr_db,
    }
    assert report.sqnr_db == expected.outputs["logits"].sqnr_db
    export(small, recipe, path, target="model_explorer", data=images(16), figure="mse")
    _, values, turned = node_data(path)
    assert values["fc"] == expected.outputs["logits"].mse
    assert [item["bgColor"] for item in turned] == [item["bgColor"] for item in gradient][::-1]


def test_with_calibration_alone_each_has_its_own_error(small, small_calibration, tmp_path):
    recipe, path = choose(small, small_calibration), tmp_path / "data.json"
    export(small, recipe, path, target="model_explorer", calibration=small_calibration, figure="cosine")
    _, values, _ = node_data(path)
    assert set(values) == {"image", "relu1", "flatten", "conv1.weight", "conv2.weight", "fc.weight"}
    own = expected_error(small_calibration["relu1_out"], recipe["relu1_out"].quantizer)
    assert values["relu1"] == own.cosine


def test_without_any_error_there_is_a_word(small, tmp_path):
    recipe, path = choose(small, None, weights=None, activations=None), tmp_path / "data.json"
    export(small, recipe, path, target="model_explorer", data=images(4))
    _, values, _ = node_data(path)
    assert set(values.values()) == {"no error"}


def test_nodes_without_a_name_go_by_what_they_compute(tmp_path):
    proto = onnx.load(small_cnn(tmp_path))
    for node in proto.graph.node:
        node.name = ""
    onnx.save(proto, tmp_path / "unnamed.onnx")
    model = load(tmp_path / "unnamed.onnx")
    export(model, choose(model, None), tmp_path / "d.json", target="model_explorer", data=images(4))
    _, values, _ = node_data(tmp_path / "d.json")
    assert set(values) == {"image", "relu1_out", "flat_out", "logits"}


def test_refusals_are_in_words(small, small_calibration, tmp_path):
    recipe, path = choose(small, small_calibration), tmp_path / "data.json"
    with pytest.raises(WorkbenchError, match="give data=, or calibration="):
        export(small, recipe, path, target="model_explorer")
    with pytest.raises(WorkbenchError, match="figure='kl'; expected one of sqnr_db, mse, cosine"):
        export(small, recipe, path, target="model_explorer", data=images(4), figure="kl")
    assert not list(tmp_path.iterdir())


@needs_assets
def test_keys_are_nodes_of_the_file_that_people_open(tmp_path):
    model = load(model_path("cifar10_resnet20"))
    data, _ = inputs("cifar10_resnet20", "calib")
    export(model, choose(model, None), tmp_path / "d.json", target="model_explorer", data=data[:8])
    graph, values, _ = node_data(tmp_path / "d.json")
    original = onnx.load(model_path("cifar10_resnet20")).graph
    assert graph == original.name
    known = {node.name for node in original.node} | {port.name for port in original.input}
    assert set(values) <= known and len(values) > 20
