"""BatchNorm folding: exact to float32 rounding where it is legal, left alone where it is not."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import NodeProto

from tests.models.graphs import batch_norm, bn_node, graph, node, numbers, opened, sqnr_db, whole

Constants = dict[str, np.ndarray]


def conv(groups: int = 1, bias: bool = False, outputs: int = 6) -> tuple[NodeProto, Constants]:
    names = ["x", "conv.weight", *(["conv.bias"] if bias else [])]
    constants = {"conv.weight": numbers(outputs, 4 // groups, 3, 3), "conv.bias": numbers(outputs, seed=1)}
    return node("Conv", names, ["c"], group=groups, pads=[1] * 4, name="conv"), {n: constants[n] for n in names[1:]}


def folded_and_reference(nodes: list[NodeProto], constants: Constants, folder: Path, shape: list[int]) -> float:
    """dB between the folded network and the file as it is."""
    proto = graph(nodes, {"x": shape}, {"y": None}, constants)
    proto.graph.output[0].type.tensor_type.elem_type = 1
    model = opened(proto, folder)
    assert "BatchNormalization" not in model.network.operators()
    feeds = {"x": numbers(*shape, seed=9)}
    return sqnr_db(whole(proto, feeds)["y"], model.chain.run(feeds)["y"])


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("bias", [False, True])
def test_conv(groups: int, bias: bool, tmp_path: Path) -> None:
    operator, constants = conv(groups, bias, outputs=8)
    db = folded_and_reference(
        [operator, bn_node("bn", "c", "y")], {**constants, **batch_norm("bn", 8)}, tmp_path, [2, 4, 5, 5]
    )
    assert db > 110


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("bias", [False, True])
def test_conv_transpose(groups: int, bias: bool, tmp_path: Path) -> None:
    names = ["x", "up.weight", *(["up.bias"] if bias else [])]
    channels = 3 * groups
    constants = {"up.weight": numbers(4, 3, 2, 2), "up.bias": numbers(channels), **batch_norm("bn", channels)}
    nodes = [node("ConvTranspose", names, ["c"], group=groups, strides=[2, 2]), bn_node("bn", "c", "y")]
    used = {name for entry in nodes for name in entry.input}
    kept = {name: array for name, array in constants.items() if name in used}
    assert folded_and_reference(nodes, kept, tmp_path, [2, 4, 5, 5]) > 110


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias", [None, (5,), (1, 5), (1,), ()])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 2.0)])
def test_gemm(transposed: int, bias: tuple[int, ...] | None, alpha: float, beta: float, tmp_path: Path) -> None:
    names = ["x", "fc.weight", *([] if bias is None else ["fc.bias"])]
    constants = {"fc.weight": numbers(*((5, 4) if transposed else (4, 5))), **batch_norm("bn", 5)}
    if bias is not None:
        constants["fc.bias"] = numbers(*bias, seed=3).reshape(bias)
    nodes = [node("Gemm", names, ["c"], transB=transposed, alpha=alpha, beta=beta), bn_node("bn", "c", "y")]
    assert folded_and_reference(nodes, constants, tmp_path, [3, 4]) > 110


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.sampled_from([1, 2, 4]), bias=st.booleans(), seed=st.integers(0, 999), eps=st.floats(1e-5, 1e-1))
def test_any_conv(groups: int, bias: bool, seed: int, eps: float, tmp_path: Path) -> None:
    operator, constants = conv(groups, bias, outputs=4)
    nodes = [operator, bn_node("bn", "c", "y", epsilon=eps)]
    assert folded_and_reference(nodes, {**constants, **batch_norm("bn", 4, seed)}, tmp_path, [1, 4, 4, 4]) > 110


def test_arithmetic_is_float64_rounded_once(tmp_path: Path) -> None:
    operator, constants = conv(bias=True)
    constants.update(batch_norm("bn", 6))
    model = opened(
        graph([operator, bn_node("bn", "c", "y")], {"x": [1, 4, 5, 5]}, {"y": [1, 6, 5, 5]}, constants), tmp_path
    )
    wide = {name.removeprefix("bn."): array.astype(np.float64) for name, array in constants.items()}
    factor = wide["weight"] / np.sqrt(wide["running_var"] + np.float64(np.float32(1e-5)))
    weight = wide["conv.weight"] * factor.reshape(-1, 1, 1, 1)
    bias = factor * (wide["conv.bias"] - wide["running_mean"]) + wide["bias"]
    assert np.array_equal(model.tensors["conv.weight"].array(), weight.astype(np.float32))
    assert np.array_equal(model.tensors["conv.bias"].array(), bias.astype(np.float32))


def test_names_after_the_fold(tmp_path: Path) -> None:
    operator, constants = conv()
    constants.update(batch_norm("bn", 6))
    nodes = [operator, bn_node("bn", "c", "n"), node("Relu", ["n"], ["y"])]
    model = opened(graph(nodes, {"x": [1, 4, 5, 5]}, {"y": [1, 6, 5, 5]}, constants), tmp_path)
    layer = model.layers[0]
    assert (layer.weight, layer.bias, layer.output, layer.observed_output) == ("conv.weight", "conv.bias", "n", "y")
    assert dict(model.renamed) == {"c": "n"} and "c" not in model.tensors
    assert set(model.tensors) == {"x", "conv.weight", "conv.bias", "n", "y"}
    assert [entry.name for entry in model.proto().graph.node] == ["conv", "Relu_2"]
    assert any(notice.topic == "fold" for notice in model.notices)


@pytest.mark.parametrize(
    ("weight", "bias"),
    [
        ("conv1_w_0", "conv1_b_0"),
        ("a/kernel", "a/bias"),
        ("onnx::Conv_12", "onnx::Conv_12.bias"),
        ("c.weight", "c.bias_2"),
    ],
)
def test_name_of_the_new_bias(weight: str, bias: str, tmp_path: Path) -> None:
    constants = {weight: numbers(6, 4, 1, 1), **batch_norm("bn", 6)}
    nodes = [node("Conv", ["x", weight], ["c"]), bn_node("bn", "c", "n"), node("Add", ["n", "c.bias"], ["y"])]
    constants["c.bias"] = numbers(1)
    model = opened(graph(nodes, {"x": [1, 4, 5, 5]}, {"y": [1, 6, 5, 5]}, constants), tmp_path)
    assert model.layers[0].bias == bias


def test_two_batch_norms_in_a_row(tmp_path: Path) -> None:
    operator, constants = conv()
    nodes = [operator, bn_node("one", "c", "n"), bn_node("two", "n", "y")]
    constants.update({**batch_norm("one", 6, 1), **batch_norm("two", 6, 2)})
    assert folded_and_reference(nodes, constants, tmp_path, [1, 4, 5, 5]) > 110
    model = opened(graph(nodes, {"x": [1, 4, 5, 5]}, {"y": [1, 6, 5, 5]}, constants), tmp_path)
    assert dict(model.renamed) == {"c": "y", "n": "y"}


def left_alone(nodes: list[NodeProto], constants: Constants, folder: Path, outputs: dict[str, list[int]]) -> None:
    proto = graph(nodes, {"x": [2, 4, 5, 5]}, outputs, constants)
    model = opened(proto, folder)
    assert "BatchNormalization" in model.network.operators()
    feeds = {"x": numbers(2, 4, 5, 5)}
    reference, got = whole(proto, feeds), model.chain.run(feeds)
    assert all(sqnr_db(reference[name], got[name]) > 110 for name in outputs)


def test_output_read_elsewhere(tmp_path: Path) -> None:
    operator, constants = conv()
    nodes = [operator, bn_node("bn", "c", "n"), node("Add", ["n", "c"], ["y"])]
    left_alone(nodes, {**constants, **batch_norm("bn", 6)}, tmp_path, {"y": [2, 6, 5, 5]})


def test_output_that_is_a_graph_output(tmp_path: Path) -> None:
    operator, constants = conv()
    nodes = [operator, bn_node("bn", "c", "y")]
    left_alone(nodes, {**constants, **batch_norm("bn", 6)}, tmp_path, {"y": [2, 6, 5, 5], "c": [2, 6, 5, 5]})


def test_shared_weight(tmp_path: Path) -> None:
    operator, constants = conv()
    second = node("Conv", ["x", "conv.weight"], ["d"], pads=[1] * 4)
    nodes = [operator, bn_node("bn", "c", "n"), second, node("Add", ["n", "d"], ["y"])]
    left_alone(nodes, {**constants, **batch_norm("bn", 6)}, tmp_path, {"y": [2, 6, 5, 5]})


def test_shared_bias_gets_a_copy(tmp_path: Path) -> None:
    constants = {"a.weight": numbers(6, 4, 1, 1), "b.weight": numbers(6, 4, 1, 1, seed=5), "bias": numbers(6)}
    nodes = [
        node("Conv", ["x", "a.weight", "bias"], ["c"]),
        bn_node("bn", "c", "n"),
        node("Conv", ["x", "b.weight", "bias"], ["d"]),
        node("Add", ["n", "d"], ["y"]),
    ]
    constants.update(batch_norm("bn", 6))
    assert folded_and_reference(nodes, constants, tmp_path, [2, 4, 5, 5]) > 110
    model = opened(graph(nodes, {"x": [2, 4, 5, 5]}, {"y": [2, 6, 5, 5]}, constants), tmp_path)
    assert np.array_equal(model.tensors["bias"].array(), constants["bias"]) and model.layers[0].bias == "a.bias"


def test_statistics_that_are_impossible(tmp_path: Path) -> None:
    operator, constants = conv()
    constants.update(batch_norm("bn", 6))
    constants["bn.running_var"][2] = -1
    model = opened(graph([operator, bn_node("bn", "c", "y")], {"x": [1, 4, 5, 5]}, {"y": None}, constants), tmp_path)
    assert "BatchNormalization" in model.network.operators()
    assert any("impossible statistics" in str(notice) for notice in model.notices)


def test_batch_norm_after_matmul_and_before_anything_stays(tmp_path: Path) -> None:
    constants = {"w": numbers(4, 6), **batch_norm("bn", 6), **batch_norm("first", 4)}
    nodes = [bn_node("first", "x", "f"), node("MatMul", ["f", "w"], ["c"]), bn_node("bn", "c", "y")]
    proto = graph(nodes, {"x": ["N", 4]}, {"y": ["N", 6]}, constants)
    model = opened(proto, tmp_path)
    assert model.network.operators()["BatchNormalization"] == 2 and not model.renamed


def test_batch_statistics_follow_relu_and_clip(tmp_path: Path) -> None:
    operator, constants = conv()
    constants.update(batch_norm("bn", 6) | {"zero": np.float32(0), "six": np.float32(6), "v": numbers(2, 6, 1, 1)})
    nodes = [
        operator,
        bn_node("bn", "c", "n"),
        node("Clip", ["n", "zero", "six"], ["k"]),
        node("MaxPool", ["k"], ["p"], kernel_shape=[2, 2]),
        node("Conv", ["p", "v"], ["y"]),
    ]
    model = opened(graph(nodes, {"x": [1, 4, 5, 5]}, {"y": None}, constants), tmp_path)
    statistics = model.batch_statistics["p"]
    assert np.allclose(statistics.mean, constants["bn.bias"])
    assert np.allclose(statistics.deviation, np.abs(constants["bn.weight"]))
    assert (statistics.lowest, statistics.highest) == (0.0, 6.0)
    assert (model.batch_statistics["n"].lowest, model.batch_statistics["n"].highest) == (-np.inf, np.inf)
    assert "y" not in model.batch_statistics
