"""What `load` makes of a file: one normal form, whatever the exporter wrote."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from tests.models.graphs import (
    graph,
    node,
    numbers,
    opened,
    residual_network,
    same_bits,
    saved,
    sqnr_db,
    value,
    whole,
)
from workbench.messages import WorkbenchError
from workbench.models import guard, upgrading
from workbench.models.reader import load


def topics(model: object) -> list[str]:
    return [notice.topic for notice in model.notices]  # type: ignore[attr-defined]


def test_the_file_is_not_touched(tmp_path: Path) -> None:
    path = saved(residual_network(opset=9), tmp_path)
    before, content = path.stat(), path.read_bytes()
    model = load(path)
    model.chain.run({"x": numbers(1, 3, 8, 8)})
    assert path.read_bytes() == content and path.stat().st_mtime_ns == before.st_mtime_ns
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.onnx"]


def test_string_paths_and_identity(tmp_path: Path) -> None:
    import hashlib

    path = saved(residual_network(), tmp_path, "my net.v2.onnx")
    model = load(str(path))
    assert model.name == "my net.v2" and model.path == path
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("opset", range(7, 25))
def test_every_opset_from_7_to_24(opset: int, tmp_path: Path) -> None:
    model = opened(residual_network(opset=opset), tmp_path)
    assert model.opset == max(opset, 13)
    onnx.checker.check_model(model.proto(), full_check=True)
    feeds = {"x": numbers(2, 3, 8, 8)}
    reference = whole(residual_network(opset=max(opset, 7)), feeds)
    assert sqnr_db(reference["y"], model.chain.run(feeds)["y"]) > 110
    assert [layer.name for layer in model.layers] == ["conv1", "conv2", "Add", "fc"]
    assert ("opset" in topics(model)) == (opset < 13)


def test_initializers_among_the_inputs(tmp_path: Path) -> None:
    proto = graph(
        [node("MatMul", ["x", "w"], ["y"])],
        {"w": [4, 2], "x": [1, 4]},
        {"y": [1, 2]},
        {"w": numbers(4, 2)},
        opset=7,
        ir=3,
    )
    model = opened(proto, tmp_path)
    assert [port.name for port in model.inputs] == ["x"]
    assert model.proto().ir_version >= 8 and [entry.name for entry in model.proto().graph.input] == ["x"]
    assert "input" in topics(model)
    assert "1 initializers were also listed" in str(model.notices[0])


def test_newer_ir_than_needed_is_lowered(tmp_path: Path) -> None:
    proto = residual_network()
    proto.ir_version = onnx.IR_VERSION
    assert opened(proto, tmp_path).proto().ir_version == 10


def test_constant_nodes_become_initializers(tmp_path: Path) -> None:
    weights = numbers(4, 2)
    nodes = [
        node("Constant", [], ["w"], value=onnx.numpy_helper.from_array(weights)),
        node("Constant", [], ["low"], value_float=-1.0),
        node("Constant", [], ["shape"], value_ints=[2, -1]),
        node("MatMul", ["x", "w"], ["m"]),
        node("Clip", ["m", "low"], ["c"]),
        node("Reshape", ["c", "shape"], ["y"]),
    ]
    model = opened(graph(nodes, {"x": [1, 4]}, {"y": None}), tmp_path)
    assert {entry.op_type for entry in model.proto().graph.node} == {"MatMul", "Clip", "Reshape"}
    assert np.array_equal(model.tensors["w"].array(), weights)
    assert model.tensors["shape"].dtype == np.int64 and model.tensors["shape"].kind == "constant"
    assert model.n_parameters == 8


def test_constant_that_is_an_output_stays(tmp_path: Path) -> None:
    nodes = [node("Constant", [], ["k"], value_floats=[1.0, 2.0]), node("Relu", ["x"], ["y"])]
    model = opened(graph(nodes, {"x": [1]}, {"y": [1], "k": [2]}), tmp_path)
    assert model.chain.run({"x": numbers(1)})["k"].tolist() == [1.0, 2.0]


def test_local_functions_are_inlined(tmp_path: Path) -> None:
    opsets = [helper.make_opsetid("", 17)]
    inner = helper.make_function(
        "loc", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["t"]), node("Relu", ["t"], ["b"])], opsets
    )
    nodes = [
        node("Twice", ["x"], ["m"], domain="loc", name="first"),
        node("MatMul", ["m", "w"], ["p"], name="mm"),
        node("Twice", ["p"], ["y"], domain="loc", name="second"),
    ]
    proto = graph(nodes, {"x": ["N", 4]}, {"y": ["N", 2]}, {"w": numbers(4, 2)}, domains=["loc"], functions=[inner])
    model = opened(proto, tmp_path)
    assert model.network.operators() == {"Add": 2, "Relu": 2, "MatMul": 1} and not model.proto().functions
    assert model.observed == ("m",)
    assert same_bits(model.chain.run({"x": numbers(3, 4)}), whole(proto, {"x": numbers(3, 4)}))


def test_large_weights_survive_the_opset_conversion_bit_for_bit(tmp_path: Path) -> None:
    weights = numbers(64, 64)
    proto = graph([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 64]}, {"y": [1, 64]}, {"w": weights}, opset=9)
    model = opened(proto, tmp_path)
    assert model.opset == 13 and model.tensors["w"].array().tobytes() == weights.tobytes()


def test_metadata_survives_the_opset_conversion(tmp_path: Path) -> None:
    proto = graph([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 4]}, {"y": [1, 2]}, {"w": numbers(4, 2)}, opset=9)
    proto.graph.node[0].metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'head', 'linear_0']")
    assert opened(proto, tmp_path).layers[0].name == "head"


@pytest.mark.parametrize("reason", ["time", "crash", "lost value"])
def test_old_opset_stays_where_the_conversion_fails(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "time":
        monkeypatch.setitem(upgrading.upgraded.__kwdefaults__, "seconds", 0.001)
    else:
        child = tmp_path / "child.py"
        code = "import os; os.abort()" if reason == "crash" else "import sys; sys.stdout.buffer.write(OTHER)"
        other = residual_network(opset=13)
        other.graph.node[0].output[0] = other.graph.node[1].input[0] = "elsewhere"
        child.write_text(code.replace("OTHER", repr(other.SerializeToString())))
        monkeypatch.setattr(upgrading, "CHILD", child)
    model = opened(residual_network(opset=9), tmp_path)
    assert model.opset == 9
    words = {"time": "did not finish", "crash": "crashed", "lost value": "lost the value 'c1'"}[reason]
    notice = next(notice for notice in model.notices if notice.topic == "opset")
    assert words in str(notice) and "per-channel" in str(notice)
    feeds = {"x": numbers(1, 3, 8, 8)}
    assert same_bits(model.chain.run(feeds), whole(model.proto(), feeds))


def test_nodes_are_sorted(tmp_path: Path) -> None:
    proto = residual_network()
    nodes = list(proto.graph.node)[::-1]
    shuffled = ModelProto()
    shuffled.CopyFrom(proto)
    del shuffled.graph.node[:]
    shuffled.graph.node.extend(nodes)
    feeds = {"x": numbers(1, 3, 8, 8)}
    ordered = opened(proto, tmp_path)
    assert same_bits(opened(shuffled, tmp_path).chain.run(feeds), ordered.chain.run(feeds))
    onnx.checker.check_model(opened(shuffled, tmp_path).proto())


def test_nodes_get_unique_names(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["a"]), node("Neg", ["a"], ["b"], name="n"), node("Abs", ["b"], ["y"], name="n")]
    names = [entry.name for entry in opened(graph(nodes, {"x": [1]}, {"y": [1]}), tmp_path).proto().graph.node]
    assert len(set(names)) == 3 and all(names) and "n" in names


def test_dead_nodes_and_constants_go(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["y"]), node("MatMul", ["x", "w"], ["unused"])]
    model = opened(graph(nodes, {"x": [1, 4]}, {"y": [1, 4]}, {"w": numbers(4, 2)}), tmp_path)
    assert len(model.proto().graph.node) == 1 and "w" not in model.tensors and model.n_parameters == 0


def test_identity_and_dropout_go(tmp_path: Path) -> None:
    nodes = [
        node("Identity", ["w"], ["w2"]),
        node("MatMul", ["x", "w2"], ["a"]),
        node("Dropout", ["a"], ["b", "mask"]),
        node("Identity", ["b"], ["c"]),
        node("MatMul", ["c", "w"], ["d"]),
        node("Identity", ["d"], ["y"]),
    ]
    model = opened(graph(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, {"w": numbers(4, 4)}), tmp_path)
    assert model.network.operators() == {"MatMul": 2}
    assert model.renamed == {"w2": "w", "b": "a", "c": "a", "d": "y"}
    assert model.tensors["w"].readers == tuple(layer.name for layer in model.layers)
    assert model.layers[1].output == "y"


def test_chained_renaming_ends_at_a_living_name(tmp_path: Path) -> None:
    model = opened(residual_network(), tmp_path)
    assert model.renamed == {"c1": "n1"} and "n1" in model.tensors
    with pytest.raises(WorkbenchError, match="its values are now called 'n1'"):
        model.tensors["c1"]


@pytest.mark.parametrize("reader", ["mask read", "mask output", "training"])
def test_dropout_that_does_something_stays(reader: str, tmp_path: Path) -> None:
    nodes = [node("Dropout", ["x", "ratio", *(["training"] if reader == "training" else [])], ["y", "mask"])]
    outputs = [value("y", [4])]
    if reader == "mask read":
        nodes.append(node("Not", ["mask"], ["z"]))
        outputs.append(value("z", [4], TensorProto.BOOL))
    if reader == "mask output":
        outputs.append(value("mask", [4], TensorProto.BOOL))
    constants = {"ratio": np.float32(0.5), "training": np.array(reader == "training")}
    model = opened(graph(nodes, [value("x", [4])], outputs, constants), tmp_path)
    assert model.network.operators()["Dropout"] == 1


def test_identity_from_input_to_output_stays(tmp_path: Path) -> None:
    nodes = [node("Identity", ["x"], ["y"]), node("Identity", ["x"], ["z"])]
    model = opened(graph(nodes, {"x": [2]}, {"y": [2], "z": [2]}), tmp_path)
    assert same_bits(model.chain.run({"x": numbers(2)}), {"y": numbers(2), "z": numbers(2)})


def test_names_that_a_branch_captures_are_renamed_too(tmp_path: Path) -> None:
    branches = {
        "then_branch": helper.make_graph([node("Neg", ["b"], ["t"])], "t", [], [value("t", [4])]),
        "else_branch": helper.make_graph([node("MatMul", ["b", "w"], ["e"])], "e", [], [value("e", [4])]),
    }
    nodes = [node("Relu", ["x"], ["a"]), node("Identity", ["a"], ["b"]), node("If", ["c"], ["y"], **branches)]
    inputs = [value("x", [4]), value("c", [], TensorProto.BOOL)]
    model = opened(graph(nodes, inputs, {"y": [4]}, {"w": numbers(4, 4)}), tmp_path)
    assert model.renamed == {"b": "a"} and "w" in model.tensors
    for flag in (True, False):
        feeds = {"x": numbers(4), "c": np.array(flag)}
        assert same_bits(model.chain.run(feeds), whole(graph(nodes, inputs, {"y": [4]}, {"w": numbers(4, 4)}), feeds))


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ([node("Transpose", ["w"], ["v"], perm=[1, 0])], (2, 4)),
        ([node("Transpose", ["w"], ["t"]), node("Identity", ["t"], ["v"])], (2, 4)),
        ([node("Reshape", ["w", "shape"], ["v"])], (2, 4)),
        ([node("Unsqueeze", ["w", "zero"], ["u"]), node("Squeeze", ["u", "zero"], ["v"])], (4, 2)),
        ([node("Cast", ["half"], ["v"], to=TensorProto.FLOAT)], (4, 2)),
        ([node("Mul", ["w", "two"], ["v"])], (4, 2)),
        ([node("Flatten", ["w"], ["v"])], (4, 2)),
    ],
)
def test_weights_behind_movements_become_initializers(
    path: list[onnx.NodeProto], shape: tuple[int, int], tmp_path: Path
) -> None:
    constants = {
        "w": numbers(*((4, 2) if shape == (4, 2) or path[0].op_type == "Reshape" else (4, 2))),
        "half": numbers(4, 2).astype(np.float16),
        "shape": np.array([2, -1]),
        "zero": np.array([0]),
        "two": np.float32(2),
    }
    used = {name for entry in path for name in entry.input}
    proto = graph(
        [*path, node("MatMul", ["x", "v"], ["y"])],
        {"x": ["N", shape[0]]},
        {"y": ["N", shape[1]]},
        {name: array for name, array in constants.items() if name in used},
    )
    model = opened(proto, tmp_path)
    name = model.layers[0].weight
    assert model.network.operators() == {"MatMul": 1} and name in ("v", "t") and model.tensors[name].kind == "weight"
    assert model.tensors[name].shape == shape and model.n_parameters == 8
    feeds = {"x": numbers(3, shape[0])}
    assert same_bits(model.chain.run(feeds), whole(proto, feeds))


def test_shared_weight_behind_a_transpose_keeps_both(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["a"]),
        node("Transpose", ["w"], ["v"]),
        node("MatMul", ["a", "v"], ["y"]),
    ]
    model = opened(graph(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, {"w": numbers(4, 2)}), tmp_path)
    assert [layer.weight for layer in model.layers] == ["w", "v"]
    assert np.array_equal(model.tensors["v"].array(), model.tensors["w"].array().T)


def test_half_precision_weights_stay_and_are_noticed(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    inputs, outputs = [value("x", [1, 4], TensorProto.FLOAT16)], [value("y", [1, 2], TensorProto.FLOAT16)]
    model = opened(graph(nodes, inputs, outputs, {"w": numbers(4, 2).astype(np.float16)}), tmp_path)
    assert model.tensors["w"].dtype == np.float16 and model.tensors["w"].array().dtype == np.float32
    assert "type" in topics(model)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_noticed(bad: float, tmp_path: Path) -> None:
    weights = numbers(4, 2)
    weights[1, 1] = bad
    model = opened(graph([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 4]}, {"y": [1, 2]}, {"w": weights}), tmp_path)
    notice = next(notice for notice in model.notices if notice.topic == "weights")
    assert "'w' holds" in str(notice) and str(notice).startswith("net.onnx: ")


def test_custom_and_quantized_operators_are_noticed(tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", ["x", "s"], ["q"]),
        node("DequantizeLinear", ["q", "s"], ["d"]),
        node("Magic", ["d"], ["y"], domain="com.example"),
    ]
    model = opened(graph(nodes, {"x": [4]}, {"y": None}, {"s": np.float32(0.1)}, domains=["com.example"]), tmp_path)
    sentences = " ".join(map(str, model.notices))
    assert "already quantized" in sentences and "com.example" in sentences
    with pytest.raises(WorkbenchError, match="onnxruntime cannot run"):
        model.chain.run({"x": numbers(4)})


def test_default_domain_by_its_long_name(tmp_path: Path) -> None:
    proto = residual_network()
    proto.opset_import[0].domain = "ai.onnx"
    for entry in proto.graph.node:
        entry.domain = "ai.onnx"
    assert opened(proto, tmp_path).layers[0].name == "conv1"


def test_loading_builds_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object, **__: object) -> None:
        raise AssertionError("a session was built")

    monkeypatch.setattr("onnxruntime.InferenceSession", no)
    opened(residual_network(), tmp_path)


def test_every_check_runs_before_a_library_sees_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    for name in ("check_names", "check_versions", "check_interface", "check_functions", "check_tensors"):
        original = getattr(guard, name)
        monkeypatch.setattr(
            guard, name, lambda *args, _name=name, _original=original: (seen.append(_name), _original(*args))[1]
        )
    monkeypatch.setattr(onnx.checker, "check_model", lambda *_: seen.append("library"))
    opened(residual_network(), tmp_path)
    assert seen.index("library") == 5
