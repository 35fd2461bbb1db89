"""Broken and hostile files are refused in words that name the file and the field; nothing hangs, nothing crashes."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from tests.models.graphs import graph, node, numbers, residual_network, saved, value
from workbench.messages import WorkbenchError
from workbench.models.guard_functions import MOST_NODES
from workbench.models.reader import load


def refused(model: ModelProto | bytes, folder: Path) -> str:
    """The words with which a file is refused; they start with the file's name and end with advice."""
    path = folder / "net.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    with pytest.raises(WorkbenchError) as caught:
        load(path)
    text = str(caught.value)
    assert text.startswith("net.onnx: ") and "; expected " in text and text.count("; ") >= 2
    hidden = caught.value.__context__ is None or caught.value.__suppress_context__
    assert caught.value.__cause__ is None and hidden  # no traceback of a library
    return text


def relu() -> ModelProto:
    return graph([node("Relu", ["x"], ["y"])], {"x": [1, 4]}, {"y": [1, 4]})


def weighted(weight: TensorProto) -> ModelProto:
    model = graph([node("MatMul", ["x", weight.name], ["y"])], {"x": [1, 4]}, {"y": [1, 4]})
    model.graph.initializer.append(weight)
    return model


@pytest.mark.parametrize("path", [None, 3.5, "a\0b.onnx", b"net.onnx"])
def test_what_is_no_path(path: object) -> None:
    with pytest.raises(WorkbenchError, match="no file path"):
        load(path)  # type: ignore[arg-type]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"gone\.onnx: there is no such file.*check the path"):
        load(tmp_path / "gone.onnx")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="this is a folder"):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(WorkbenchError, match=r"pipe\.onnx: this is a named pipe"):
        load(tmp_path / "pipe.onnx")


def test_empty_file(tmp_path: Path) -> None:
    assert "the file is empty" in refused(b"", tmp_path)


@pytest.mark.parametrize("content", [b"hello world, no protobuf", b"\x80" * 40, b"\x89PNG\r\n\x1a\n" + b"x" * 50])
def test_another_format(content: bytes, tmp_path: Path) -> None:
    text = refused(content, tmp_path)
    assert "not a complete ONNX message" in text or "no graph" in text  # some bytes happen to be a message


def test_cut_off(tmp_path: Path) -> None:
    assert "cut off" in refused(residual_network().SerializeToString()[:-100], tmp_path)


def test_no_graph(tmp_path: Path) -> None:
    assert "no graph" in refused(ModelProto(ir_version=8, producer_name="nobody"), tmp_path)


def test_no_nodes(tmp_path: Path) -> None:
    assert "no nodes" in refused(graph([], {"x": [1]}, {"x": [1]}), tmp_path)


def test_no_outputs(tmp_path: Path) -> None:
    assert "no outputs" in refused(graph([node("Relu", ["x"], ["y"])], {"x": [1]}, {}), tmp_path)


@pytest.mark.parametrize("opset", [0, 1, 6, 25, 400])
def test_opset_out_of_range(opset: int, tmp_path: Path) -> None:
    model = relu()
    model.opset_import[0].version = opset
    assert f"opset {opset}; expected opset 7 to 24" in refused(model, tmp_path)


def test_no_default_opset(tmp_path: Path) -> None:
    model = relu()
    model.opset_import[0].domain = "com.example"
    assert "no version of the default domain" in refused(model, tmp_path)


def test_two_default_opsets(tmp_path: Path) -> None:
    model = relu()
    model.opset_import.append(helper.make_opsetid("ai.onnx", 11))
    assert "opset 11 and 17" in refused(model, tmp_path)


def test_unknown_ir_version(tmp_path: Path) -> None:
    model = relu()
    model.ir_version = 99
    assert "ir_version is 99" in refused(model, tmp_path)


@pytest.mark.parametrize("old", [b"xzz", b"nzz", b"Relu"])
def test_names_that_are_not_utf8(old: bytes, tmp_path: Path) -> None:
    model = graph([node("Relu", ["xzz"], ["y"], name="nzz")], {"xzz": [1]}, {"y": [1]})
    broken = model.SerializeToString().replace(old, old[:-2] + b"\xff\xfe")
    assert "not UTF-8" in refused(broken, tmp_path)


def test_duplicate_inputs_and_initializers(tmp_path: Path) -> None:
    twice = relu()
    twice.graph.input.append(twice.graph.input[0])
    assert "graph.input lists 'x' twice" in refused(twice, tmp_path)
    constants = relu()
    constants.graph.initializer.extend([helper.make_tensor("w", 1, [1], [1.0])] * 2)
    assert "graph.initializer lists 'w' twice" in refused(constants, tmp_path)


def test_input_without_name(tmp_path: Path) -> None:
    model = relu()
    model.graph.input.append(value("", [1]))
    assert "graph.input has an entry without a name" in refused(model, tmp_path)


def test_missing_value(tmp_path: Path) -> None:
    model = graph([node("Relu", ["ghost"], ["y"], name="act")], {"x": [1]}, {"y": [1]})
    assert "node 'act' reads 'ghost', which nothing provides" in refused(model, tmp_path)


def test_missing_output(tmp_path: Path) -> None:
    assert "no node computes the output 'z'" in refused(
        graph([node("Relu", ["x"], ["y"])], {"x": [1]}, {"z": [1]}), tmp_path
    )


def test_cycle(tmp_path: Path) -> None:
    nodes = [node("Add", ["x", "b"], ["a"], name="one"), node("Relu", ["a"], ["b"], name="two")]
    assert "depends on its own output" in refused(graph(nodes, {"x": [1]}, {"b": [1]}), tmp_path)


def test_value_computed_twice(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["y"], name="one"), node("Neg", ["x"], ["y"], name="two")]
    assert "'y' of node 'two' is already defined" in refused(graph(nodes, {"x": [1]}, {"y": [1]}), tmp_path)


def test_missing_value_in_a_branch(tmp_path: Path) -> None:
    branches = {
        f"{name}_branch": helper.make_graph([node("Relu", ["ghost"], [name])], name, [], [value(name, [1])])
        for name in ("then", "else")
    }
    model = graph([node("If", ["c"], ["y"], **branches)], [value("c", [], TensorProto.BOOL)], {"y": [1]})
    assert "'ghost', which nothing provides" in refused(model, tmp_path)


def test_unknown_operator(tmp_path: Path) -> None:
    model = graph([node("Conf", ["x"], ["y"], name="typo")], {"x": [1]}, {"y": [1]})
    assert "node 'typo' uses the operator 'Conf'; expected an operator of ONNX opset 17" in refused(model, tmp_path)


def test_operator_against_its_definition(tmp_path: Path) -> None:
    model = graph([node("Concat", ["x", "x"], ["y"], name="no axis")], {"x": [1]}, {"y": [2]})
    assert "not valid ONNX" in refused(model, tmp_path)


def test_raw_data_that_does_not_fit_its_dims(tmp_path: Path) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 4], raw_data=b"\0" * 60)
    assert "initializer 'w' has 60 bytes in raw_data; expected 64 for dims [4, 4]" in refused(
        weighted(weight), tmp_path
    )


def test_typed_data_that_does_not_fit_its_dims(tmp_path: Path) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 4], float_data=[0.0] * 15)
    assert "has 15 entries in float_data; expected 16" in refused(weighted(weight), tmp_path)


def test_constant_attribute_that_does_not_fit_its_dims(tmp_path: Path) -> None:
    bad = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 4], raw_data=b"\0" * 60)
    nodes = [node("Constant", [], ["w"], value=bad, name="k"), node("MatMul", ["x", "w"], ["y"])]
    assert "attribute 'value' of node 'k' has 60 bytes" in refused(graph(nodes, {"x": [1, 4]}, {"y": [1, 4]}), tmp_path)


@pytest.mark.parametrize("dims", [[-1, 4], [2**62, 4], [2**40, 2**40, 0]])
def test_impossible_dims(dims: list[int], tmp_path: Path) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims)
    assert "has dims" in refused(weighted(weight), tmp_path)


@pytest.mark.parametrize("data_type", [0, 77])
def test_unknown_element_type(data_type: int, tmp_path: Path) -> None:
    model = weighted(TensorProto(name="w", data_type=data_type, dims=[1], raw_data=b"\0"))
    assert f"has data_type {data_type}" in refused(model, tmp_path)


def test_sparse_initializer(tmp_path: Path) -> None:
    model = relu()
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(helper.make_tensor("s", 1, [1], [1.0]))
    sparse.indices.CopyFrom(helper.make_tensor("i", 7, [1], [0]))
    sparse.dims.append(2**40)
    assert "'s' is sparse" in refused(model, tmp_path)


def external(location: str, **entries: str) -> ModelProto:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 4], data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=text)
    return weighted(weight)


def test_a_text_about_the_model_that_is_no_text(tmp_path: Path) -> None:
    content = weighted(helper.make_tensor("w", 1, [4, 4], [0.0] * 16))
    content.producer_name = "maker_of_this"
    path = tmp_path / "net.onnx"
    path.write_bytes(content.SerializeToString().replace(b"maker_of_this", b"maker\xff\xfe__this"))
    with pytest.raises(WorkbenchError, match="not UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("../secret.bin", "leaves the folder"),
        ("sub/../../secret.bin", "leaves the folder"),
        ("..\\secret.bin", "leaves the folder"),
        ("/etc/hostname", "is absolute"),
        ("C:\\secret.bin", "is absolute"),
        ("weights.bin\0.txt", "no file name"),
        ("", "no file name"),
        ("gone.bin", "which is not there"),
        ("folder", "no regular file"),
    ],
)
def test_external_data_outside_the_folder(location: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    inner = tmp_path / "inner"
    (inner / "folder").mkdir(parents=True)
    (inner / "weights.bin").write_bytes(bytes(64))
    text = refused(external(location), inner)
    assert words in text and "initializer 'w'" in text


def test_external_data_behind_a_link(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    try:
        (inner / "weights.bin").symlink_to(tmp_path / "secret.bin")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    assert "link that leaves the folder" in refused(external("weights.bin"), inner)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"offset": "8"}, "which has 64"),
        ({"length": "60"}, "60 bytes of external data; expected 64"),
        ({"offset": "-1"}, "the external offset"),
        ({"length": "many"}, "the external length"),
        ({"offset": "9" * 30}, "the external offset"),
    ],
)
def test_external_data_of_the_wrong_size(entries: dict[str, str], words: str, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(64))
    assert words in refused(external("weights.bin", **entries), tmp_path)


def test_external_data_inside_the_folder(tmp_path: Path) -> None:
    weights = numbers(4, 4)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "weights.bin").write_bytes(bytes(16) + weights.tobytes())
    model = load(saved(external("sub/weights.bin", offset="16", length="64"), tmp_path))
    assert np.array_equal(model.tensors["w"].array(), weights)
    assert not model.proto().graph.initializer[0].external_data


def functions(depth: int, calls: int) -> ModelProto:
    """Functions that each call the next one several times: calls ** depth nodes in a few lines."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("loc", 1)]
    made = []
    for level in range(depth):
        names = ["a", *(f"t{i}" for i in range(calls - 1)), "b"]
        kind = {"op_type": "Neg"} if level == depth - 1 else {"op_type": f"F{level + 1}", "domain": "loc"}
        nodes = [
            node(kind["op_type"], [s], [t], domain=kind.get("domain", ""))
            for s, t in zip(names, names[1:], strict=False)
        ]
        made.append(helper.make_function("loc", f"F{level}", ["a"], ["b"], nodes, opsets))
    return graph([node("F0", ["x"], ["y"], domain="loc")], {"x": [1]}, {"y": [1]}, domains=["loc"], functions=made)


def test_functions_that_explode(tmp_path: Path) -> None:
    text = refused(functions(depth=30, calls=10), tmp_path)
    assert f"expected at most {MOST_NODES:,}" in text


def test_functions_that_call_themselves(tmp_path: Path) -> None:
    model = functions(depth=3, calls=1)
    model.functions[2].node[0].CopyFrom(node("F1", ["a"], ["b"], domain="loc"))
    assert "calls itself" in refused(model, tmp_path)


def test_functions_that_call_each_other_in_a_long_row(tmp_path: Path) -> None:
    assert load(saved(functions(depth=60, calls=1), tmp_path)).network.operators() == {"Neg": 1}
    deep = functions(depth=1500, calls=1)
    assert "nested more than 100 deep" in refused(deep, tmp_path)
    backwards = list(deep.functions)[::-1]
    del deep.functions[:]
    deep.functions.extend(backwards)
    assert "nested more than 100 deep" in refused(deep, tmp_path)


def test_names_are_quoted_and_cut(tmp_path: Path) -> None:
    name = "<script>\n" + "x" * 5000
    text = refused(graph([node("Relu", [name], ["y"])], {"x": [1]}, {"y": [1]}), tmp_path)
    assert len(text) < 600 and "\n" not in text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_refused_in_words_or_harmless(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(residual_network(opset=17).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "net.onnx"
    path.write_bytes(bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))]))
    try:
        model = load(path)
    except WorkbenchError as error:
        assert str(error).startswith("net.onnx: ")
    else:
        onnx.checker.check_model(model.proto())
