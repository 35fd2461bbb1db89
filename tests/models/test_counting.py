"""Parameters of the file before the fold, and multiply-accumulates against formulas and published figures."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from tests.models.graphs import batch_norm, bn_node, graph, node, numbers, opened, residual_network, value
from workbench.models.counting import conv_outputs, multiply_accumulates
from workbench.models.model import Model


def test_batch_norm_scale_and_shift_count_running_statistics_do_not(tmp_path: Path) -> None:
    model = opened(residual_network(), tmp_path)
    assert model.n_parameters == 4 * 3 * 9 + 4 + 4 + (4 * 4 * 9 + 4) + (5 * 4 + 5)


def test_layers_count_their_own_parameters_after_the_fold(tmp_path: Path) -> None:
    model = opened(residual_network(), tmp_path)
    assert [layer.n_parameters for layer in model.layers] == [4 * 27 + 4, 4 * 36 + 4, 0, 25]


def test_settings_and_shapes_do_not_count(tmp_path: Path) -> None:
    constants = {
        "w": numbers(4, 2),
        "low": np.float32(0),
        "shape": np.array([1, 2]),
        "divisor": np.float32([8.0]),
        "exponent": np.float32([2.0, 2.0]),
    }
    nodes = [
        node("MatMul", ["x", "w"], ["a"]),
        node("Clip", ["a", "low"], ["b"]),
        node("Div", ["b", "divisor"], ["c"]),
        node("Pow", ["c", "exponent"], ["d"]),
        node("Reshape", ["d", "shape"], ["y"]),
    ]
    assert opened(graph(nodes, {"x": [1, 4]}, {"y": [1, 2]}, constants), tmp_path).n_parameters == 8


def test_tables_in_constant_nodes_do_not_count_beside_initializers(tmp_path: Path) -> None:
    table = node("Constant", [], ["table"], value=numpy_helper.from_array(numbers(1, 2)))
    nodes = [table, node("MatMul", ["x", "w"], ["a"]), node("Mul", ["a", "table"], ["y"])]
    model = opened(graph(nodes, {"x": [1, 4]}, {"y": [1, 2]}, {"w": numbers(4, 2)}), tmp_path)
    assert model.n_parameters == 8


def test_shared_weights_count_once(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "w"], ["y"])]
    model = opened(graph(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, {"w": numbers(4, 4)}), tmp_path)
    assert model.n_parameters == 16 and model.n_macs == 32


def test_embeddings_norms_and_branches_count(tmp_path: Path) -> None:
    branches = {
        f"{name}_branch": helper.make_graph(
            [node("Add", ["g", f"{name}_w"], [name])],
            name,
            [],
            [value(name, [1, 4])],
            [numpy_helper.from_array(numbers(4), f"{name}_w")],
        )
        for name in ("then", "else")
    }
    nodes = [
        node("Gather", ["table", "ids"], ["e"]),
        node("LayerNormalization", ["e", "scale", "shift"], ["g"]),
        node("If", ["flag"], ["y"], **branches),
    ]
    constants = {"table": numbers(10, 4), "scale": numbers(4), "shift": numbers(4)}
    model = opened(graph(nodes, [value("ids", [1], 7), value("flag", [], 9)], {"y": [1, 4]}, constants), tmp_path)
    assert model.n_parameters == 40 + 8 + 8


def macs(nodes: list, shape: list, constants: dict[str, np.ndarray], folder: Path) -> Model:
    return opened(graph(nodes, {"x": shape}, {"y": None}, constants), folder)


def test_conv_macs(tmp_path: Path) -> None:
    operator = node("Conv", ["x", "w"], ["y"], strides=[2, 1], pads=[1, 0, 1, 0], dilations=[1, 2], group=2)
    model = macs([operator], ["N", 4, 9, 9], {"w": numbers(6, 2, 3, 3)}, tmp_path)
    assert model.n_macs == 6 * 5 * 5 * (2 * 9)


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_conv_macs_with_automatic_padding(mode: str, tmp_path: Path) -> None:
    operator = node("Conv", ["x", "w"], ["y"], strides=[2, 2], auto_pad=mode)
    model = macs([operator], [1, 4, 9, 9], {"w": numbers(6, 4, 3, 3)}, tmp_path)
    assert model.n_macs == 6 * (16 if mode == "VALID" else 25) * 36


@given(
    size=st.integers(3, 12),
    width=st.integers(1, 3),
    stride=st.integers(1, 3),
    pad=st.integers(0, 2),
    dilation=st.integers(1, 2),
)
def test_conv_size_is_what_shape_inference_says(size: int, width: int, stride: int, pad: int, dilation: int) -> None:
    import onnx

    if size + 2 * pad < dilation * (width - 1) + 1:
        return
    operator = node("Conv", ["x", "w"], ["y"], strides=[stride], pads=[pad, pad], dilations=[dilation])
    proto = graph([operator], {"x": [1, 1, size]}, {"y": None}, {"w": numbers(1, 1, width)})
    shape = onnx.shape_inference.infer_shapes(proto).graph.output[0].type.tensor_type.shape
    assert conv_outputs(operator, (1, 1, size), (1, 1, width)) == [shape.dim[2].dim_value]


def test_conv_transpose_macs(tmp_path: Path) -> None:
    operator = node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    assert macs([operator], [1, 4, 5, 5], {"w": numbers(4, 3, 2, 2)}, tmp_path).n_macs == 4 * 25 * 3 * 4


@pytest.mark.parametrize(
    ("first", "second", "count"), [((2, 3), (3, 5), 30), ((7, 2, 3), (3, 5), 210), ((3,), (3,), 3)]
)
@pytest.mark.parametrize("swap", [False, True])
def test_matmul_macs(first: tuple[int, ...], second: tuple[int, ...], count: int, swap: bool) -> None:
    if swap:
        first, second = second[::-1], (*first[:-2], *first[:-3:-1])
    assert multiply_accumulates(node("MatMul", ["a", "b"], ["y"]), first, second) == count


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("right", [0, 1])
def test_gemm_macs(left: int, right: int) -> None:
    operator = node("Gemm", ["a", "b"], ["y"], transA=left, transB=right)
    assert multiply_accumulates(operator, (3, 2) if left else (2, 3), (5, 3) if right else (3, 5)) == 30


def test_product_of_two_activations_has_macs_and_no_parameters(tmp_path: Path) -> None:
    nodes = [node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), node("MatMul", ["x", "t"], ["y"], name="scores")]
    layer = macs(nodes, ["N", 5, 3], {}, tmp_path).layers[0]
    assert (layer.n_parameters, layer.n_macs, layer.weight) == (0, 75, None)


def test_a_fixed_batch_is_divided_out(tmp_path: Path) -> None:
    one, eight = opened(residual_network(batch=1), tmp_path), opened(residual_network(batch=8), tmp_path)
    assert one.n_macs == eight.n_macs > 0


def test_shapes_that_only_a_run_can_tell(tmp_path: Path) -> None:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Slice", ["s", "zero", "two"], ["head"]),
        node("Concat", ["head", "rest"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["flat"]),
        node("MatMul", ["flat", "w"], ["y"]),
    ]
    constants = {"zero": np.array([0]), "two": np.array([2]), "rest": np.array([-1]), "w": numbers(16, 2)}
    model = macs(nodes, ["N", 3, 4, 4], constants, tmp_path)
    assert model.n_macs == 3 * 16 * 2


def test_dynamic_image_sizes_are_assumed_and_said(tmp_path: Path) -> None:
    model = macs([node("Conv", ["x", "w"], ["y"])], ["N", 3, "h", "w_"], {"w": numbers(2, 3, 1, 1)}, tmp_path)
    assert model.n_macs == 224 * 224 * 6
    assert any("axis 2 of input 'x' as 224" in str(notice) for notice in model.notices)


def test_shapes_nobody_can_tell_count_nothing(tmp_path: Path) -> None:
    nodes = [node("Magic", ["x"], ["m"], domain="com.example"), node("MatMul", ["m", "w"], ["y"])]
    proto = graph(nodes, {"x": [1, 4]}, {"y": None}, {"w": numbers(4, 2)}, domains=["com.example"])
    assert opened(proto, tmp_path).n_macs == 0


def test_macs_ask_for_one_measurement_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.models import building

    calls: list[int] = []
    monkeypatch.setattr(building, "measured_shapes", lambda _: calls.append(1) or {})
    nodes = [node("Magic", ["x"], ["m"], domain="com.example"), node("MatMul", ["m", "w"], ["y"])]
    proto = graph(nodes, {"x": [1, 4]}, {"y": None}, {"w": numbers(4, 2)}, domains=["com.example"])
    model = opened(proto, tmp_path)
    assert not calls
    assert model.layers[0].n_macs == model.layers[0].n_macs == 0 and calls == [1]


def test_running_statistics_do_not_count_without_a_fold(tmp_path: Path) -> None:
    model = opened(graph([bn_node("bn", "x", "y")], {"x": [1, 4]}, {"y": [1, 4]}, batch_norm("bn", 4)), tmp_path)
    assert model.n_parameters == 8
