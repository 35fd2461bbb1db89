"""Which layers are equalized with each other, and why others are not."""

import numpy as np
import pytest
from onnx import helper

from tests.workflow.repairs.chains import Chain, inverted_residual
from workbench.messages import WorkbenchError
from workbench.workflow.opening import load
from workbench.workflow.repairs.equalize import equalize
from workbench.workflow.repairs.pairs import find_pairs


def two(between="Relu", **attributes):
    """Two convolutions with one operator between them."""
    return Chain(1, 2).layer("Conv", 4).node(between, **attributes).layer("Conv", 4)


def clip(chain, low=0.0, high=6.0):
    chain.constants |= {"low": np.float32(low), "high": np.float32(high)}
    return chain.node("Clip", "low", "high")


def relu6():
    return clip(Chain(1, 2).layer("Conv", 4)).layer("Conv", 4)


def second_reader():
    chain = two()
    chain.nodes.append(helper.make_node("Add", [chain.last, "relu1_out"], ["sum"], name="add"))
    chain.last = "sum"
    return chain


def read_before_the_relu():
    chain = two()
    chain.nodes.append(helper.make_node("Add", [chain.last, "conv0_out"], ["sum"], name="add"))
    chain.last = "sum"
    return chain


def shared_weight():
    chain = two()
    chain.node("Relu").node("Conv", "conv2.weight", pads=[1] * 4)
    return chain


def shared_bias():
    chain = two()
    chain.constants["conv2.weight"] = chain.constants["conv2.weight"][:4]
    chain.nodes[2].input[2] = "conv0.bias"
    return chain


def half_precision():
    chain = two()
    chain.constants = {name: values.astype(np.float16) for name, values in chain.constants.items()}
    chain.nodes = [
        helper.make_node("Cast", ["x"], ["half"], name="cast", to=10),
        *chain.nodes,
    ]
    chain.nodes[1].input[0] = "half"
    return chain


def computed_weight():
    chain = two()
    chain.constants["scale"] = np.float32(2)
    flat = helper.make_node("ReduceSum", ["x"], ["total"], name="total", keepdims=0)
    made = helper.make_node("Mul", ["total", "conv2.weight"], ["made"], name="made")
    chain.nodes = [flat, made, *chain.nodes]
    chain.nodes[-1].input[1] = "made"
    return chain


def broadcast_bias():
    chain = Chain(1, 2).node("GlobalAveragePool").node("Flatten").layer("Gemm", 4).node("Relu").layer("Gemm", 3)
    chain.constants["gemm2.bias"] = np.ones(1, np.float32)
    return chain


CASES = {
    "a Clip follows": relu6,
    "Sigmoid follows": lambda: two("Sigmoid"),
    "Tanh follows": lambda: two("Tanh"),
    "Softmax follows": lambda: two("Softmax", axis=1),
    "Transpose follows": lambda: two("Transpose", perm=[0, 1, 3, 2]),
    "several operators read": second_reader,
    "several operators read what": read_before_the_relu,
    "the weight of the layer behind it is read elsewhere": shared_weight,
    "its bias is read elsewhere": shared_bias,
    "its weight is float16": half_precision,
    "the weight of the layer behind it is computed": computed_weight,
    "its bias is not one float32 value a channel": broadcast_bias,
}


@pytest.mark.parametrize("reason", CASES)
def test_left_out_with_the_reason(reason, tmp_path):
    chain = CASES[reason]()
    model = load(chain.saved(tmp_path))
    pairs, left_out = find_pairs(model)
    first = model.layers[0]
    assert all(pair.first != first.name for pair in pairs)
    assert [each.layer for each in left_out][0] == first.name and left_out[0].reason.startswith(reason)
    if not pairs:
        with pytest.raises(WorkbenchError, match=f"no layers that can be equalized.*{reason}.*one scale a channel"):
            equalize(model, tmp_path / "equal.onnx")
        assert not (tmp_path / "equal.onnx").exists()


@pytest.mark.parametrize("output", ["conv0_out", "relu1_out"])
def test_what_is_an_output_of_the_network_stays(output, tmp_path):
    model = load(two().saved(tmp_path, outputs=(output,)))
    pairs, left_out = find_pairs(model)
    assert not pairs and left_out[0].reason == "what it computes is an output of the network"


def test_the_rest_of_a_network_is_equalized_and_a_notice_names_the_others(tmp_path):
    chain = clip(inverted_residual().node("Relu").layer("Conv", 6)).layer("Conv", 3)
    result = equalize(load(chain.saved(tmp_path)), tmp_path / "equal.onnx", power_of_two=True, data=chain.images())
    assert [pair.first for pair in result.pairs] == ["conv0", "conv2", "conv4"]
    assert [notice.topic for notice in result.notices] == ["equalize"]
    assert str(result.notices[0]) == (
        "Not equalized with what follows, because a Clip follows, whose limits would have to move with each channel "
        "(see clip_as_relu): conv6."
    )
    assert result.outputs.bit_equal == 1.0


@pytest.mark.parametrize("reached", [False, True])
def test_a_clip_becomes_a_relu_where_its_limit_is_not_reached(tmp_path, reached):
    chain = relu6()
    model, images = load(chain.saved(tmp_path)), chain.images()
    inside = model.chain.run({"x": images}, keep=["conv0_out"])["conv0_out"].max()
    images = (images * (2.0 if reached else 0.5) * 6 / inside).astype(np.float32)  # a bias moves it a little
    if reached:
        with pytest.raises(WorkbenchError, match="come to the limit of a Clip"):
            equalize(model, tmp_path / "equal.onnx", clip_as_relu=True, data=images)
        return
    result = equalize(model, tmp_path / "equal.onnx", clip_as_relu=True, data=images, power_of_two=True)
    assert result.outputs.bit_equal == 1.0 and result.model.network.operators()["Clip"] == 0
    assert [notice.topic for notice in result.notices] == ["clip"] and "in place of Clip: 1." in str(result)
    assert not {"low", "high"} & set(result.model.tensors)


def test_a_clip_needs_data_to_be_judged(tmp_path):
    with pytest.raises(WorkbenchError, match="needs data"):
        equalize(load(relu6().saved(tmp_path)), tmp_path / "equal.onnx", clip_as_relu=True)


@pytest.mark.parametrize("low", [-1.0, 0.5])
def test_a_clip_from_elsewhere_than_0_is_never_replaced(tmp_path, low):
    chain = clip(Chain(1, 2).layer("Conv", 4), low, 1e9).layer("Conv", 4)
    with pytest.raises(WorkbenchError, match="does not begin at 0"):
        equalize(load(chain.saved(tmp_path)), tmp_path / "equal.onnx", clip_as_relu=True, data=chain.images())


LARGEST = float(np.finfo(np.float32).max)


@pytest.mark.parametrize("ends", [(0, None), (0, np.inf), (0, LARGEST), (None, 0), (-np.inf, 0), (None, None)])
@pytest.mark.parametrize("asked", [False, True])
def test_a_clip_that_cuts_at_0_alone_passes_and_stays(tmp_path, ends, asked):
    chain = Chain(1, 2).layer("Conv", 4)
    chain.constants |= {f"end{i}": np.float32(end) for i, end in enumerate(ends) if end is not None}
    chain.node("Clip", *(f"end{i}" if end is not None else "" for i, end in enumerate(ends))).layer("Conv", 4)
    result = equalize(
        load(chain.saved(tmp_path)), tmp_path / "equal.onnx", power_of_two=True, clip_as_relu=asked, data=chain.images()
    )
    assert len(result.pairs) == 1 and result.pairs[0].largest_factor >= 2 and not result.notices
    assert result.outputs.bit_equal == 1.0 and result.model.network.operators()["Clip"] == 1


@pytest.mark.parametrize("what", ["computed", "NaN"])
def test_a_clip_whose_limit_is_not_known_does_not_pass(tmp_path, what):
    chain = relu6()
    if what == "NaN":
        chain.constants["high"] = np.float32(np.nan)
    else:
        chain.nodes.insert(0, helper.make_node("ReduceMax", ["x"], ["top"], name="top", keepdims=0))
        chain.nodes[2].input[2] = "top"
    model = load(chain.saved(tmp_path))
    with pytest.raises(WorkbenchError, match="or a limit is no stored number"):
        equalize(model, tmp_path / "equal.onnx", clip_as_relu=True, data=chain.images())


def test_a_network_without_layers_behind_each_other_is_refused(tmp_path):
    model = load(Chain(0, 2).layer("Conv", 3).node("Relu").saved(tmp_path))
    with pytest.raises(WorkbenchError, match="no Conv, ConvTranspose or Gemm that another one follows"):
        equalize(model, tmp_path / "equal.onnx")
