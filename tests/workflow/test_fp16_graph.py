"""`to_float16`: a valid graph in true float16 that answers as the float one does, and says what it could not hold."""

import re
import warnings
import wave
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.real_networks import ASSETS, NAMES, inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, small_cnn
from workbench.workflow.export.fp16_graph import to_float16
from workbench.workflow.opening import load

FLOAT, HALF, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64


def value(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, ins, outs, constants=(), opset=13, **more):
    made = helper.make_graph(nodes, "g", ins, outs, list(constants))
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def session(proto):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def converted(proto, **options):
    """The new model after all checks that any result must pass, its types, and the notices' sentences."""
    before = proto.SerializeToString(deterministic=True)
    half, notices = to_float16(proto, **options)
    assert proto.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(half, full_check=True)
    assert list(half.graph.input) == list(proto.graph.input) and list(half.graph.output) == list(proto.graph.output)
    assert not half.graph.value_info
    casts = [(n.input[0], n.attribute[0].i) for n in half.graph.node if n.name.startswith("cast_to_")]
    assert len(set(casts)) == len(casts)
    names = [name for node in half.graph.node for name in node.output if name]
    names += [t.name for t in half.graph.initializer]
    assert len(set(names)) == len(names)
    session(half)
    inferred = onnx.shape_inference.infer_shapes(half, strict_mode=True).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*inferred.input, *inferred.value_info, *inferred.output)}
    types |= {t.name: t.data_type for t in half.graph.initializer}
    return half, types, [str(notice) for notice in notices]


def stored(proto):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def run(proto, **feeds):
    return session(proto).run(None, feeds)


def operators(proto):
    return Counter(node.op_type for node in proto.graph.node)


def sqnr_db(reference, other):
    reference, other = reference.astype(np.float64), other.astype(np.float64)
    return 10 * np.log10(np.square(reference).sum() / np.square(reference - other).sum())


def test_small_network(tmp_path):
    model = load(small_cnn(tmp_path))
    half, types, notices = converted(model.proto())
    assert operators(half)["Cast"] == 2 and not notices
    assert types["conv1_out"] == types["relu2_out"] == types["logits_float16"] == HALF
    weights = stored(half)
    for name in ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc.weight", "fc.bias"):
        np.testing.assert_array_equal(weights[name], model.tensors[name].array().astype(np.float16))
        assert weights[name].dtype == np.float16
    x = images()
    assert sqnr_db(run(model.proto(), image=x)[0], run(half, image=x)[0]) > 50
    again, _ = to_float16(model.proto())
    assert again.SerializeToString(deterministic=True) == half.SerializeToString(deterministic=True)


def test_replacements(tmp_path):
    model = load(small_cnn(tmp_path))
    new = np.random.default_rng(0).standard_normal((5, 6))
    for dtype in (np.float16, np.float32):
        half, _, _ = converted(model.proto(), replacements={"fc.weight": new.astype(dtype)})
        np.testing.assert_array_equal(stored(half)["fc.weight"], new.astype(dtype).astype(np.float16))


def test_rounding_clamping_and_what_is_too_small():
    values = np.array([[1 + 2**-11, 1 + 3 * 2**-11, 65519.0, 1e6, -1e38, np.inf, 1e-6, 1e-9]], np.float32)
    nodes = [helper.make_node("Mul", ["x", "w"], ["y"])]
    half, _, notices = converted(graph(nodes, [value("x", ["N", 8])], [value("y", ["N", 8])], [constant("w", values)]))
    expected = np.array([[1, 1 + 2**-9, 65504, 65504, -65504, np.inf, 1e-6, 0]], np.float16)
    np.testing.assert_array_equal(stored(half)["w"], expected)
    assert "Tensor 'w': 3 of 8 values lie beyond" in notices[0] and "the farthest was -1e+38" in notices[0]
    assert notices[1].startswith("2 of 8 constants are below float16's normal range (6.1e-05): 1 became zero, 1 keep")


def test_an_epsilon_does_not_become_zero():
    nodes = [helper.make_node("Add", ["x", "eps"], ["s"]), helper.make_node("Div", ["x", "s"], ["y"])]
    half, _, notices = converted(
        graph(nodes, [value("x", [2])], [value("y", [2])], [constant("eps", np.float32(1e-12))])
    )
    assert stored(half)["eps"] == np.float16(2**-24)
    assert notices == ["'eps': too small for float16 and set to its smallest number (6e-08), so that it is not zero."]
    np.testing.assert_array_equal(run(half, x=np.array([0, 1], np.float32))[0], [0, 1])


@pytest.mark.parametrize("opset", [13, 14, 15])
def test_batch_norm_with_variances_that_float16_cannot_hold(opset):
    rng = np.random.default_rng(1)
    deviation = np.array([1e-4, 0.02, 1, 200, 3000], np.float32)
    parameters = {
        "scale": rng.uniform(0.5, 2, 5),
        "shift": rng.standard_normal(5),
        "mean": deviation * np.float32(7.123),
        "var": np.square(deviation),
    }
    node = helper.make_node("BatchNormalization", ["x", *parameters], ["y"], epsilon=1e-12)
    constants = [constant(name, values) for name, values in parameters.items()]
    proto = graph([node], [value("x", ["N", 5])], [value("y", ["N", 5])], constants, opset)
    half, types, notices = converted(proto)
    assert types["y_float16"] == HALF and not any("beyond" in words for words in notices)
    x = (deviation * (rng.standard_normal((4000, 5)) + 7.123)).astype(np.float16).astype(np.float32)
    expected, found = run(proto, x=x)[0], run(half, x=x)[0]
    for channel in (1, 2, 3, 4):  # values of the first are subnormal themselves
        assert sqnr_db(expected[:, channel], found[:, channel]) > 55


def test_batch_norms_that_share_their_parameters():
    names = ["scale", "shift", "mean", "var"]
    constants = [constant(name, np.full(3, size)) for name, size in zip(names, [2, 1, 300, 1e5], strict=True)]
    nodes = [
        helper.make_node("BatchNormalization", ["x", *names], ["a"]),
        helper.make_node("BatchNormalization", ["x", *names], ["b"]),
        helper.make_node("Sub", ["a", "b"], ["y"]),
        helper.make_node("Sum", ["a", "var"], ["z"]),
    ]
    proto = graph(nodes, [value("x", [4, 3])], [value("y", [4, 3]), value("z", [4, 3])], constants)
    half, _, notices = converted(proto)
    assert "scale" not in stored(half) and stored(half)["scale_a"].dtype == np.float16
    x = np.linspace(0, 600, 12, dtype=np.float32).reshape(4, 3)
    y, z = run(half, x=x)
    assert not y.any() and any("'var'" in words and "beyond" in words for words in notices)
    np.testing.assert_allclose(z - 65504, run(proto, x=x)[1] - 1e5, atol=40)


def test_operators_without_float16_stay_float32():
    """Resize's scales, NonMaxSuppression, Range and LayerNormalization with a mean cannot be or stay float16."""
    nodes = [
        helper.make_node(
            "Resize", ["x", "roi", "scales"], ["r"], mode="nearest", coordinate_transformation_mode="asymmetric"
        ),
        helper.make_node("Relu", ["r"], ["p"]),
        helper.make_node("Range", ["start", "limit", "one"], ["steps"]),
        helper.make_node("Add", ["p", "steps"], ["y"]),
    ]
    constants = [constant("roi", np.zeros(8)), constant("scales", np.array([1, 1, 2, 2]))]
    constants += [constant(name, np.float32(v)) for name, v in (("start", 0), ("limit", 8), ("one", 1))]
    proto = graph(nodes, [value("x", [1, 2, 4, 4])], [value("y", [1, 2, 8, 8])], constants)
    half, types, notices = converted(proto)
    assert types["r"] == types["p"] == HALF and types["scales"] == types["roi"] == types["steps"] == FLOAT
    assert notices == ["1 of 4 operators stay float32, with casts around them: 1 Range."]
    x = np.random.default_rng(0).integers(-4, 4, (1, 2, 4, 4)).astype(np.float32)
    np.testing.assert_array_equal(run(half, x=x)[0], run(proto, x=x)[0])


def test_no_casts_between_operators_that_stay_float32():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("QuantizeLinear", ["a", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"]),
        helper.make_node("QuantizeLinear", ["d", "s"], ["q2"]),
        helper.make_node("DequantizeLinear", ["q2", "s"], ["d2"]),
        helper.make_node("Relu", ["d2"], ["e"]),
        helper.make_node("Add", ["e", "d"], ["y"]),
    ]
    scale = constant("s", np.float32(0.1))
    proto = graph(nodes, [value("x", [8])], [value("y", [8])], [scale], opset=21)
    half, types, _ = converted(proto)
    assert types["s"] == types["d"] == types["d2"] == FLOAT and types["a"] == types["e"] == HALF
    assert stored(half)["s"] == np.float32(0.1)
    assert operators(half)["Cast"] == 1 + 1 + 2 + 1  # x, a, d and d2, y


def test_values_that_inner_graphs_use():
    """An If that captures an activation, a weight and a graph input, whose result is used on both sides."""
    then = helper.make_graph([helper.make_node("Mul", ["a", "w"], ["t"])], "then", [], [value("t", [4])])
    other = helper.make_graph([helper.make_node("Sub", ["x", "w"], ["o"])], "other", [], [value("o", [4])])
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("If", ["flag"], ["b"], then_branch=then, else_branch=other),
        helper.make_node("Mul", ["b", "w"], ["c"]),
        helper.make_node("Add", ["c", "a"], ["y"]),
    ]
    weight = constant("w", np.array([1, 2, 3, 4.001]))
    proto = graph(nodes, [value("x", [4]), value("flag", [], TensorProto.BOOL)], [value("y", [4])], [weight])
    half, types, notices = converted(proto)
    assert types["w"] == FLOAT and types["w_float16"] == HALF and types["a"] == FLOAT and types["a_float16"] == HALF
    assert types["c"] == HALF and notices == ["1 of 4 operators stay float32, with casts around them: 1 If."]
    x = np.array([-1.5, 2, 0.25, 7], np.float32)
    for flag in (np.array(True), np.array(False)):
        np.testing.assert_allclose(run(half, x=x, flag=flag)[0], run(proto, x=x, flag=flag)[0], rtol=2e-3)


def test_loop_with_float_state():
    body = helper.make_graph(
        [helper.make_node("Mul", ["s", "w"], ["s2"]), helper.make_node("Identity", ["c"], ["c2"])],
        "body",
        [value("i", [], INT64), value("c", [], TensorProto.BOOL), value("s", [2])],
        [value("c2", [], TensorProto.BOOL), value("s2", [2])],
    )
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Loop", ["n", "", "a"], ["b"], body=body)]
    nodes.append(helper.make_node("Relu", ["b"], ["y"]))
    constants = [constant("w", np.array([2, 3])), numpy_helper.from_array(np.array(4), "n")]
    proto = graph(nodes, [value("x", [2])], [value("y", [2])], constants)
    half, _, _ = converted(proto)
    np.testing.assert_array_equal(run(half, x=np.ones(2, np.float32))[0], [16, 81])


def test_arithmetic_on_shapes_stays_exact():
    """5001 columns, halved through float32 as upsampling exporters do it: in float16 it would be 5000 / 2."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["wide"], to=FLOAT),
        helper.make_node("Mul", ["wide", "factor"], ["scaled"]),
        helper.make_node("Floor", ["scaled"], ["floored"]),
        helper.make_node("Cast", ["floored"], ["sizes"], to=INT64),
        helper.make_node("ConstantOfShape", ["sizes"], ["zeros"]),
        helper.make_node("ReduceSum", ["x", "axes"], ["s"]),
        helper.make_node("Add", ["s", "zeros"], ["y"]),
    ]
    constants = [constant("factor", np.array([1, 3.0])), numpy_helper.from_array(np.array([1]), "axes")]
    proto = graph(nodes, [value("x", ["N", "M"])], [value("y", ["N", "K"])], constants)
    half, types, notices = converted(proto)
    assert types["wide"] == types["scaled"] == types["factor"] == FLOAT and types["zeros"] == HALF and not notices
    assert run(half, x=np.zeros((1, 5001), np.float32))[0].shape == (1, 15003)


def test_a_scale_made_from_a_shape_becomes_float16():
    """Attention: scores / sqrt(head size); float32 would pull the data up with it."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "last"], ["size"]),
        helper.make_node("Cast", ["size"], ["wide"], to=FLOAT),
        helper.make_node("Sqrt", ["wide"], ["root"]),
        helper.make_node("Div", ["x", "root"], ["y"]),
    ]
    last = numpy_helper.from_array(np.array(-1), "last")
    half, types, _ = converted(graph(nodes, [value("x", ["N", "M"])], [value("y", ["N", "M"])], [last]))
    assert types["root"] == types["wide"] == types["y_float16"] == HALF
    np.testing.assert_array_equal(run(half, x=np.ones((1, 64), np.float32))[0], np.full((1, 64), 0.125))


def test_a_token_number_is_not_rounded():
    nodes = [helper.make_node("Cast", ["x"], ["ids"], to=INT64), helper.make_node("Gather", ["table", "ids"], ["y"])]
    table = constant("table", np.arange(5000)[:, None] % 7)
    half, _, _ = converted(graph(nodes, [value("x", [1])], [value("y", [1, 1])], [table]))
    assert run(half, x=np.array([4097], np.float32))[0] == 4097 % 7


def test_constants_in_nodes_and_types_in_attributes():
    nodes = [
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Constant", [], ["some"], value_floats=[1.0, 2.0]),
        helper.make_node("Constant", [], ["more"], value=numpy_helper.from_array(np.array([3, 1e6], np.float32))),
        helper.make_node("Constant", [], ["shape"], value_ints=[2]),
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ConstantOfShape", ["shape"], ["fill"], value=numpy_helper.from_array(np.float32([2]))),
        helper.make_node("RandomUniformLike", ["x"], ["noise"], dtype=FLOAT, low=0.0, high=1e-3, seed=1.0),
        helper.make_node("RandomNormal", [], ["normal"], shape=[2], scale=1e-3, seed=1.0),
        helper.make_node("Sum", ["x", "one", "some", "more", "zeros", "fill", "noise", "normal"], ["y"]),
    ]
    half, types, notices = converted(graph(nodes, [value("x", [2])], [value("y", [2])]))
    assert {types[name] for name in ("one", "some", "more", "zeros", "fill")} == {HALF}
    assert types["noise"] == types["normal"] == FLOAT and "Constant" not in operators(half)
    assert "1 RandomUniformLike, 1 RandomNormal" in notices[-1] and "'more'" in notices[0]
    assert abs(run(half, x=np.zeros(2, np.float32))[0][0] - 7) < 0.1


def test_outputs_that_are_read_inputs_that_are_outputs_and_constants_that_are():
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Mul", ["a", "w"], ["b"])]
    nodes.append(helper.make_node("Identity", ["x"], ["c"]))
    outs = [value("a", [2]), value("b", [2]), value("c", [2]), value("w", [2])]
    proto = graph(nodes, [value("x", [2])], outs, [constant("w", np.array([2.0, 0.1]))])
    half, types, _ = converted(proto)
    assert types["w"] == FLOAT and types["w_float16"] == HALF
    found = run(half, x=np.array([-1, 3], np.float32))
    for got, expected in zip(found, run(proto, x=np.array([-1, 3], np.float32)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-3)


def test_names_that_are_taken():
    nodes = [helper.make_node("Relu", ["x"], ["x_float16"]), helper.make_node("Relu", ["x_float16"], ["y"])]
    half, types, _ = converted(graph(nodes, [value("x", [2])], [value("y", [2])]))
    assert types["x_float16_2"] == types["x_float16"] == HALF


def test_operators_of_other_domains_stay_float32():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Gelu", ["a"], ["b"], domain="com.microsoft"),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    made = helper.make_graph(nodes, "g", [value("x", [2])], [value("y", [2])])
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(made, opset_imports=imports, ir_version=8)
    half, notices = to_float16(proto)
    onnx.checker.check_model(half)
    assert "1 Gelu" in str(notices[-1])
    np.testing.assert_allclose(run(half, x=np.ones(2, np.float32))[0], 0.8413, atol=1e-3)


def test_integers_strings_and_doubles_are_left_alone():
    nodes = [helper.make_node("Add", ["x", "w"], ["y"]), helper.make_node("Relu", ["f"], ["g"])]
    double = numpy_helper.from_array(np.array([1e300]), "w")
    ins = [value("x", [1], TensorProto.DOUBLE), value("f", [1])]
    half, types, _ = converted(graph(nodes, ins, [value("y", [1], TensorProto.DOUBLE), value("g", [1])], [double]))
    assert types["w"] == TensorProto.DOUBLE and stored(half)["w"] == 1e300


def test_what_the_file_says_of_itself_is_kept():
    nodes = [helper.make_node("Relu", ["x"], ["y"], doc_string="a", name="r")]
    proto = graph(nodes, [value("x", [2])], [value("y", [2])], producer_name="someone", doc_string="about")
    helper.set_model_props(proto, {"key": "value"})
    half, _, _ = converted(proto)
    assert (half.producer_name, half.doc_string, half.metadata_props[0].value) == ("someone", "about", "value")
    assert half.graph.name == "g" and half.graph.node[1].doc_string == "a"


# the real networks


@needs_assets
@pytest.mark.parametrize("name", NAMES)
def test_real_networks_agree_with_float(name):
    model = load(model_path(name))
    half, types, notices = converted(model.proto())
    assert operators(half)["Cast"] == 2 and not any("float32" in words or "beyond" in words for words in notices)
    assert FLOAT not in {t.data_type for t in half.graph.initializer}
    weights = stored(half)
    for layer in model.layers:
        if layer.weight:
            expected = model.tensors[layer.weight].array().astype(np.float16)
            np.testing.assert_array_equal(weights[layer.weight], expected)
    x, _ = inputs(name, "eval")
    size = model.inputs[0].shape[0] if isinstance(model.inputs[0].shape[0], int) else 100
    rows = [[], []]
    for proto, kept in zip((model.proto(), half), rows, strict=True):
        running = session(proto)
        for start in range(0, len(x), size):
            kept.append(running.run(None, {model.inputs[0].name: x[start : start + size]})[0].reshape(size, -1))
    expected, found = (np.concatenate(kept) for kept in rows)
    assert (expected.argmax(axis=1) == found.argmax(axis=1)).mean() >= 0.998
    assert sqnr_db(expected, found) > 55


@needs_assets
def test_speech_detector_agrees_with_float():
    model = load(model_path("speech_vad_lstm"))
    half, _, _ = converted(model.proto())
    with wave.open(str(Path(ASSETS) / "data" / "speech_16k.wav")) as sound:
        samples = np.frombuffer(sound.readframes(20 * 16000), np.int16).astype(np.float32) / 32768
    rows = []
    for proto in (model.proto(), half):
        running, state, before, kept = session(proto), np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32), []
        for start in range(0, len(samples) - 511, 512):
            chunk = samples[start : start + 512]
            speech, state = running.run(None, {"input": np.concatenate([before, chunk])[None], "state": state})
            before = chunk[-64:]
            kept.append(speech[0, 0])
        rows.append(np.array(kept))
    assert ((rows[0] > 0.5) == (rows[1] > 0.5)).all() and sqnr_db(*rows) > 60


@pytest.mark.full
def test_every_operator_of_onnx():
    """onnx's own node tests: what runs in float32 also runs after the conversion, and gives nearly the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = [
            c
            for c in collect_testcases(None)
            if any(i.type.tensor_type.elem_type == FLOAT for i in c.model.graph.input)
        ]
    n_same, different = 0, []
    for case in cases:
        try:
            onnx.checker.check_model(case.model, full_check=True)
            before = session(case.model)
            feeds = dict(zip((i.name for i in case.model.graph.input), case.data_sets[0][0], strict=False))
            expected = before.run(None, feeds)
        except Exception:  # onnxruntime does not know it in float32 either
            continue
        half, _ = to_float16(case.model)
        onnx.checker.check_model(half, full_check=True)
        found = session(half).run(None, feeds)
        same = all(_nearly(a, b) for a, b in zip(expected, found, strict=True))
        n_same += same
        different += [] if same else [case.name]
    assert n_same > 900
    # these return their mask, whose lowest float32 becomes the lowest float16
    assert all(re.match("test_attention_4d_with_past_and_present_qk_matmul_bias_.d_mask_causal", n) for n in different)


def _nearly(a, b):
    if not isinstance(a, np.ndarray) or a.dtype != np.float32:
        return not isinstance(a, np.ndarray) or np.array_equal(a, b)
    usable = np.isfinite(a)
    largest = np.abs(a[usable]).max(initial=1e-3)
    return np.array_equal(usable, np.isfinite(b)) and np.allclose(a[usable], b[usable], rtol=0, atol=0.02 * largest)
