"""Layer names for people."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.graphs import batch_norm, bn_node, graph, node, numbers, opened
from workbench.models.naming import layer_name, unique


def named(op_type: str = "Conv", name: str = "", scopes: str = "", **kinds: str | None) -> str:
    made = node(op_type, ["x", "w"], ["y"], name=name)
    if scopes:
        made.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scopes)
    return layer_name(
        made, weight=kinds.get("weight"), bias=kinds.get("bias"), batch_norm=kinds.get("batch_norm"), index=3
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/layer1/layer1.0/conv1/Conv", "layer1.0.conv1"),
        ("/conv1/Conv_2", "conv1"),
        ("/f/f.3/m/m.0/Conv", "f.3.m.0"),
        ("/1/1.0/1.0.0/fn/fn.1/query/Conv", "1.0.0.fn.1.query"),
        ("F0::If_0_then_branch__Inline_0__/encoder/0/reparam_conv/Conv", "encoder.0.reparam_conv"),
        ("model/block_1/expand/Conv2D", "model.block_1.expand.Conv2D"),
        ("stem", "stem"),
    ],
)
def test_node_names_become_paths(name: str, expected: str) -> None:
    assert named(name=name, weight="onnx::Conv_12") == expected


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ("conv1_w_0", "conv1"),
        ("f.weight", "f"),
        ("fire2/squeeze1x1_w_0", "fire2/squeeze1x1"),
        ("features.0.weight", "features.0"),
        ("ResBlock1.0.conv1.weight", "ResBlock1.0.conv1"),
        ("dense/kernel:0", "dense"),
        ("block/conv/Conv2D/ReadVariableOp", "block/conv"),
    ],
)
@pytest.mark.parametrize("name", ["", "Conv_0", "conv_17", "node_conv2d_3", "Conv", "12", "n4"])
def test_a_weight_name_is_better_than_a_generic_node_name(weight: str, expected: str, name: str) -> None:
    assert named(name=name, weight=weight) == expected


@pytest.mark.parametrize("weight", ["onnx::Conv_193", "193", "val_7", "W", "w1", "/f/Transpose_output_0", "", None])
def test_generated_weight_names_do_not_count(weight: str | None) -> None:
    assert named(weight=weight) == "Conv_3"
    assert named(weight=weight, name="Conv_0") == "Conv_0"
    assert named(weight=weight, bias="fc.bias") == "fc"


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("ResBlock1.0.bn1.weight", "ResBlock1.0.conv1"),
        ("bn.weight", "conv"),
        ("downsample.1.weight", "downsample.0"),
        ("stem.normaliser.weight", "stem.normaliser"),
        ("onnx::BatchNorm_7", "Conv_3"),
    ],
)
def test_the_batch_norm_behind_a_layer_names_it(parameter: str, expected: str) -> None:
    assert named(weight="193", batch_norm=parameter) == expected


def test_module_paths_come_first() -> None:
    scopes = "['', 'layer1', 'layer1.0.conv1', 'conv2d_1']"
    assert named(name="node_conv2d_1", scopes=scopes, weight="other.weight") == "layer1.0.conv1"
    assert named("MatMul", name="node_matmul", scopes="['', 'attention', 'matmul']") == "attention.matmul"
    assert named(scopes="['', 'conv2d_1']", weight="conv.weight") == "conv"
    assert named(scopes="no list at all", weight="conv.weight") == "conv"


def test_without_a_weight_the_operator_stays_in_the_name() -> None:
    assert named("MatMul", name="/attention/MatMul_1") == "attention.MatMul_1"
    assert named("Add", name="/layer1/layer1.0/Add") == "layer1.0.Add"


def test_a_part_of_a_module_has_the_more_exact_name() -> None:
    assert named("Gemm", name="/attn/Gemm", weight="attn.out_proj.weight") == "attn.out_proj"
    assert named("Conv", name="/stft/Conv", weight="stft.basis_buffer") == "stft"


@given(st.lists(st.sampled_from(["a", "b", "a (2)", "a (3)"]), max_size=12))
def test_unique_names_are_unique_and_keep_the_first(names: list[str]) -> None:
    result = unique(names)
    assert len(result) == len(names) == len(set(result))
    for position, name in enumerate(names):
        assert result[position].startswith(name)
        assert result[position] == name or result[position].endswith(")")


def test_equal_names_get_a_number() -> None:
    assert unique(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]


def test_names_in_a_model(tmp_path: Path) -> None:
    constants = {"12": numbers(4, 3, 1, 1), "13": numbers(4, 4), "q.bias": numbers(4), **batch_norm("block.bn1", 4)}
    nodes = [
        node("Conv", ["x", "12"], ["c"], name="Conv_0"),
        bn_node("block.bn1", "c", "n"),
        node("MatMul", ["n", "13"], ["m"]),
        node("Add", ["q.bias", "m"], ["a"]),
        node("Add", ["a", "n"], ["b"]),
        node("MatMul", ["b", "b"], ["y"]),
    ]
    model = opened(graph(nodes, {"x": [1, 3, 4, 4]}, {"y": [1, 4, 4, 4]}, constants), tmp_path)
    assert [layer.name for layer in model.layers] == ["block.conv1", "q", "Add_4", "MatMul_5"]
