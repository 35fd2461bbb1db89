"""Model, Layer, Tensor: the values that the rest of the workbench builds on."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node, numbers, opened, residual_network, same_bits, value, whole
from workbench.messages import WorkbenchError
from workbench.models.model import Model


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return opened(residual_network(), tmp_path)


def test_layers_in_order(model: Model) -> None:
    assert [(layer.name, layer.op_type) for layer in model.layers] == [
        ("conv1", "Conv"),
        ("conv2", "Conv"),
        ("Add", "Add"),
        ("fc", "Gemm"),
    ]
    conv1, conv2, add, fc = model.layers
    assert (conv1.inputs, conv1.weight, conv1.bias, conv1.output) == (("x",), "conv1.weight", "conv1.bias", "n1")
    assert (conv2.inputs, conv2.weight, conv2.bias, conv2.output) == (("r1",), "conv2.weight", "conv2.bias", "c2")
    assert (add.inputs, add.weight, add.bias, add.weight_axis, add.n_macs) == (("c2", "r1"), None, None, None, 0)
    assert (fc.inputs, fc.weight, fc.bias, fc.output) == (("flat",), "fc.weight", "fc.bias", "y")


def test_observed_tensors_in_graph_order(model: Model) -> None:
    assert model.observed == ("x", "r1", "flat")
    assert model.residual_inputs == ("r1", "c2")


def test_observed_output_is_behind_the_fused_activation(model: Model) -> None:
    assert [layer.observed_output for layer in model.layers] == ["r1", "c2", "r2", "y"]


def test_observed_output_of_a_matmul_is_behind_its_bias(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["m"]),
        node("Add", ["b", "m"], ["a"]),
        node("Relu", ["a"], ["r"]),
        node("Sin", ["r"], ["y"]),
    ]
    model = opened(graph(nodes, {"x": [1, 4]}, {"y": [1, 2]}, {"w": numbers(4, 2), "b": numbers(2)}), tmp_path)
    assert (model.layers[0].output, model.layers[0].observed_output, model.layers[0].bias) == ("m", "r", None)
    assert model.residual_inputs == ()


def test_ports(tmp_path: Path) -> None:
    model = opened(residual_network(batch="N"), tmp_path)
    assert [(port.name, port.shape, port.dtype) for port in model.inputs] == [("x", ("N", 3, 8, 8), np.float32)]
    assert [(port.name, port.shape) for port in model.outputs] == [("y", ("N", 5))]


def test_output_without_a_stated_shape_gets_the_inferred_one(tmp_path: Path) -> None:
    proto = graph([node("MatMul", ["x", "w"], ["y"])], {"x": ["N", 4]}, {"y": None}, {"w": numbers(4, 2)})
    proto.graph.output[0].ClearField("type")
    model = opened(proto, tmp_path)
    assert model.outputs[0].shape == ("N", 2) and model.outputs[0].dtype == np.float32
    onnx.checker.check_model(model.proto(), full_check=True)


def test_tensors(model: Model) -> None:
    kinds = {name: tensor.kind for name, tensor in model.tensors.items()}
    assert kinds == {
        "x": "input",
        "conv1.weight": "weight",
        "conv2.weight": "weight",
        "conv2.bias": "bias",
        "fc.weight": "weight",
        "fc.bias": "bias",
        "conv1.bias": "bias",
        **dict.fromkeys(["n1", "r1", "c2", "sum", "r2", "pool", "flat", "y"], "activation"),
    }
    assert list(model.tensors)[0] == "x" and list(model.tensors)[-1] == "y"
    assert model.tensors["r1"].readers == ("conv2", "Add") and model.tensors["fc.weight"].readers == ("fc",)
    assert model.tensors["r1"].shape == ("N", 4, 8, 8) and model.tensors["r1"].dtype == np.float32
    assert model.tensors["fc.weight"].shape == (5, 4)


def test_unknown_tensor_names_the_nearest(model: Model) -> None:
    with pytest.raises(WorkbenchError, match=r"net\.onnx has no tensor 'fc\.weigth'.*'fc\.weight'"):
        model.tensors["fc.weigth"]
    assert "nothing" not in model.tensors and model.tensors.get("nothing") is None
    assert 7 not in model.tensors and model.tensors.get("r1") is model.tensors["r1"]


def test_arrays_are_read_only(model: Model) -> None:
    array = model.tensors["fc.weight"].array()
    assert array.dtype == np.float32 and np.array_equal(array, numbers(5, 4, seed=5))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(WorkbenchError, match=r"'r1' is an activation.*calibrate"):
        model.tensors["r1"].array()
    with pytest.raises(WorkbenchError, match="'x' is an input"):
        model.tensors["x"].array()


def test_distributions_are_worked_out_once(tmp_path: Path) -> None:
    calls: list[tuple[int, ...]] = []

    def distribution_of(array: np.ndarray) -> float:
        assert array.flags.c_contiguous and array.dtype == np.float32
        calls.append(array.shape)
        return float(array.sum())

    tensor = opened(residual_network(), tmp_path, distribution_of=distribution_of).tensors["conv2.weight"]
    array = tensor.array()
    assert tensor.distribution() == tensor.distribution() == float(array.sum())
    per_channel = tensor.distribution(axis=1)
    assert per_channel == tuple(float(np.ascontiguousarray(array[:, i]).sum()) for i in range(4))
    assert tensor.distribution(axis=-3) is per_channel
    assert calls == [(4, 4, 3, 3), *[(4, 3, 3)] * 4]
    with pytest.raises(WorkbenchError, match=r"has no axis 4; its shape is \(4, 4, 3, 3\)"):
        tensor.distribution(axis=4)


def test_distribution_needs_statistics(model: Model) -> None:
    with pytest.raises(WorkbenchError, match=r"open the file with workbench\.load"):
        model.tensors["fc.weight"].distribution()


def test_a_model_does_not_change(model: Model) -> None:
    with pytest.raises(AttributeError, match="does not change"):
        model.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        model.renamed["a"] = "b"  # type: ignore[index]
    proto = model.proto()
    proto.graph.node[0].op_type = "Broken"
    del proto.graph.initializer[:]
    assert model.proto().graph.node[0].op_type == "Conv" and len(model.proto().graph.initializer) == 6
    assert model.proto() is not model.proto()


def test_proto_is_valid_and_complete(model: Model) -> None:
    proto = model.proto()
    onnx.checker.check_model(proto, full_check=True)
    assert [entry.op_type for entry in proto.graph.node] == [
        "Conv", "Relu", "Conv", "Add", "Relu", "GlobalAveragePool", "Flatten", "Gemm"
    ]  # fmt: skip
    assert {tensor.name for tensor in proto.graph.initializer} == {
        name for name, tensor in model.tensors.items() if tensor.kind in ("weight", "bias", "constant")
    }


@pytest.mark.parametrize("opset", [None, 9, 17, 21, 24])
def test_proto_at_a_newer_opset(opset: int | None, model: Model) -> None:
    proto = model.proto(opset=opset)
    assert proto.opset_import[0].version == max(17, opset or 0) and model.opset == 17
    onnx.checker.check_model(proto, full_check=True)
    feeds = {"x": numbers(2, 3, 8, 8)}
    assert same_bits(whole(proto, feeds), model.chain.run(feeds))


def test_repr(model: Model) -> None:
    assert repr(model) == "<Model net: 4 layers, 289 parameters, opset 17>"
    assert repr(model.tensors) == "<15 tensors of net.onnx>"


@pytest.mark.parametrize(
    ("operator", "shape", "weight", "axis"),
    [
        (node("Conv", ["x", "w"], ["y"]), [1, 4, 5, 5], (6, 4, 3, 3), 0),
        (node("ConvTranspose", ["x", "w"], ["y"]), [1, 4, 5, 5], (4, 6, 3, 3), 1),
        (node("Gemm", ["x", "w"], ["y"]), [1, 4], (4, 6), 1),
        (node("Gemm", ["x", "w"], ["y"], transB=1), [1, 4], (6, 4), 0),
        (node("Gemm", ["w", "x"], ["y"]), [4, 2], (6, 4), 0),
        (node("Gemm", ["w", "x"], ["y"], transA=1), [4, 2], (4, 6), 1),
        (node("MatMul", ["x", "w"], ["y"]), [1, 4], (4, 6), 1),
        (node("MatMul", ["x", "w"], ["y"]), [3, 1, 4], (3, 4, 6), 2),
        (node("MatMul", ["w", "x"], ["y"]), [4, 2], (6, 4), 0),
        (node("MatMul", ["x", "w"], ["y"]), [1, 4], (4,), None),
    ],
)
def test_weight_axis(
    operator: onnx.NodeProto, shape: list[int], weight: tuple[int, ...], axis: int | None, tmp_path: Path
) -> None:
    model = opened(graph([operator], {"x": shape}, {"y": None}, {"w": numbers(*weight)}), tmp_path)
    layer = model.layers[0]
    assert (layer.weight, layer.weight_axis, layer.inputs) == ("w", axis, ("x",))
    if axis is not None:
        assert weight[axis] == 6
    assert model.observed == ("x",)


def test_weight_shared_by_layers_appears_once(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["a"], name="one"), node("Gemm", ["a", "w"], ["y"], name="two", transB=1)]
    model = opened(graph(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, {"w": numbers(4, 4)}), tmp_path)
    assert model.tensors["w"].readers == ("one", "two")
    assert [layer.weight_axis for layer in model.layers] == [1, 0]


def test_shapes_constants_and_integers_are_not_observed(tmp_path: Path) -> None:
    nodes = [
        node("Add", ["ids", "ids"], ["doubled"], name="of integers"),
        node("Gather", ["table", "doubled"], ["e"]),
        node("Shape", ["e"], ["s"]),
        node("Cast", ["s"], ["scale"], to=TensorProto.FLOAT),
        node("Sin", ["w"], ["constant"]),
        node("MatMul", ["e", "constant"], ["a"], name="unfoldable"),
        node("MatMul", ["a", "a"], ["b"], name="itself"),
        node("Add", ["b", "scale"], ["c"], name="of a shape"),
        node("Add", ["c", "bias"], ["d"], name="of a constant"),
        node("Add", ["d", "a"], ["y"], name="residual"),
    ]
    constants = {"table": numbers(9, 2), "w": numbers(2, 2), "bias": numbers(2)}
    model = opened(graph(nodes, [value("ids", [2], 7)], {"y": None}, constants), tmp_path)
    assert [layer.name for layer in model.layers] == ["unfoldable", "itself", "residual"]
    assert [layer.inputs for layer in model.layers] == [("e",), ("a",), ("d", "a")]
    assert model.layers[0].weight is None
    assert model.observed == ("e", "a") and model.residual_inputs == ("a", "d")


def test_convolution_with_a_computed_weight(tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["y"])]
    model = opened(graph(nodes, {"x": [1, 4, 5, 5], "w": [6, 4, 1, 1]}, {"y": None}), tmp_path)
    assert model.layers[0].inputs == ("x", "w") and model.layers[0].weight is None
    assert model.layers[0].n_macs == 25 * 24
