"""`onnx_fp16` with its options, on operators that conversions to float16 get wrong, and on real networks."""

import os
import wave
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.real_networks import ASSETS, NAMES, inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, saved
from workbench.messages import WorkbenchError
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.export.fp16_graph import to_float16
from workbench.workflow.opening import load

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def in_float16(model, path: Path, data=None, recipe=None, **options):
    """The report, and the file after the checks that any must pass."""
    recipe = recipe or choose(model, None, weights="fp16", activations="fp16")
    report = export(model, recipe, path, target="onnx_fp16", data=data, **options)
    onnx.checker.check_model(str(path), full_check=True)
    return report, onnx.load(path)


def stored(proto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def types_of(ports) -> set[int]:
    return {port.type.tensor_type.elem_type for port in ports}


def opened(path) -> ort.InferenceSession:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


# the options


def test_inputs_and_outputs_in_float16(small, tmp_path):
    report, proto = in_float16(small, tmp_path / "a.onnx", images(32, 5), keep_io_types=False)
    assert types_of(proto.graph.input) == types_of(proto.graph.output) == {HALF}
    assert [port.name for port in proto.graph.input] == ["image"] and proto.graph.output[0].name == "logits"
    assert not any(node.op_type == "Cast" for node in proto.graph.node)
    assert report.deployed.agreement == 1.0 and report.sqnr_db > 45
    (answer,) = opened(tmp_path / "a.onnx").run(None, {"image": images(4).astype(np.float16)})
    assert answer.dtype == np.float16


@pytest.mark.parametrize("kept", ["Gemm", ["fc"], ["fc", "Conv"]])
@pytest.mark.parametrize("keep_io_types", [True, False])
def test_some_operators_stay_float32(small, tmp_path, kept, keep_io_types):
    recipe = choose(small, None, weights="fp16", activations="fp16")
    options = dict(keep_float=kept, keep_io_types=keep_io_types)
    report, proto = in_float16(small, tmp_path / "a.onnx", images(32, 5), recipe, **options)
    held = stored(proto)
    # its weight holds the recipe's numbers, as float32; its bias, which the recipe does not have, is as it was
    weight = small.tensors["fc.weight"].array()
    assert held["fc.weight"].dtype == np.float32
    np.testing.assert_array_equal(held["fc.weight"], weight.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(held["fc.bias"], small.tensors["fc.bias"].array())
    assert held["conv1.weight"].dtype == (np.float32 if "Conv" in kept else np.float16)
    assert types_of(proto.graph.output) == {FLOAT if keep_io_types else HALF}
    assert any("stay float32, with casts around them" in str(n) and "1 Gemm" in str(n) for n in report.notices)
    assert report.deployed.agreement == 1.0


def large_weight(path: Path) -> Path:
    weights = [constant("w", np.array([[1e5, 1.0], [2.0, -3e5]])), constant("b", np.array([1e-6, 1e-9]))]
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="fc")]
    return saved(path, nodes, {"x": ["N", 2]}, {"y": ["N", 2]}, weights)


def test_overflow_is_clamped_and_counted_or_refused_by_name(tmp_path):
    model = load(large_weight(tmp_path / "n.onnx"))
    report, proto = in_float16(model, tmp_path / "a.onnx")
    np.testing.assert_array_equal(stored(proto)["w"], np.array([[65504, 1], [2, -65504]], np.float16))
    sentences = [str(notice) for notice in report.notices]
    assert any("'w': 2 of 4 values lie beyond" in s and "the farthest was -3e+05" in s for s in sentences)
    assert any("1 became zero, 1 keep fewer digits" in s for s in sentences)
    before = (tmp_path / "a.onnx").read_bytes()
    for recipe in (
        choose(model, None, weights="fp16", activations="fp16"),
        choose(model, None, weights="fp16", activations="fp16", weight_sparsity=0.25),
    ):
        with pytest.raises(WorkbenchError, match="tensor 'w': 2 of 4 values lie beyond .* .the farthest at 3e.05"):
            in_float16(model, tmp_path / "a.onnx", recipe=recipe, overflow="refuse")
    assert (tmp_path / "a.onnx").read_bytes() == before and len(os.listdir(tmp_path)) == 2


def test_nothing_overflows_and_nothing_is_refused(small, tmp_path):
    _, refused = in_float16(small, tmp_path / "a.onnx", overflow="refuse")
    _, clamped = in_float16(small, tmp_path / "b.onnx", overflow="clamp")
    assert refused == clamped


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(keep_float=["Softmax"]), "no operator type and no node 'Softmax'"),
        (dict(keep_float=3), "keep_float is 3; expected operator types or names"),
        (dict(keep_float=[3]), "keep_float is .3.; expected"),
        (dict(keep_io_types="no"), "keep_io_types is 'no'; expected True or False"),
        (dict(overflow="wrap"), "overflow is 'wrap'; expected 'clamp' or 'refuse'"),
        (dict(keep_types=True), "no option 'keep_types'; its options: keep_io_types, keep_float, overflow"),
    ],
)
def test_options_that_mean_nothing_are_refused(small, tmp_path, options, words):
    with pytest.raises(WorkbenchError, match=words):
        in_float16(small, tmp_path / "a.onnx", **options)
    assert not os.listdir(tmp_path)


# operators that conversions get wrong


def value(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def network(nodes, ins, outs, constants=(), opset=17) -> onnx.ModelProto:
    made = helper.make_graph(nodes, "g", ins, outs, list(constants))
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def both_ways(proto, feeds, tolerance=2e-3, keep_float=()):
    """Converted with and without float32 ports: valid, loads, and gives nearly the same. Returns the two models."""
    reference = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)
    made = []
    for keep in (True, False):
        half, _ = to_float16(proto, keep_io_types=keep, keep_float=keep_float)
        onnx.checker.check_model(half, full_check=True)
        onnx.shape_inference.infer_shapes(half, strict_mode=True, data_prop=True)
        running = ort.InferenceSession(half.SerializeToString(), providers=["CPUExecutionProvider"])
        wanted = {port.name: np.float16 if port.type == "tensor(float16)" else None for port in running.get_inputs()}
        given = {name: array.astype(wanted[name] or array.dtype) for name, array in feeds.items()}
        for expected, found in zip(reference, running.run(None, given), strict=True):
            assert found.dtype == (np.float16 if expected.dtype == np.float32 and not keep else expected.dtype)
            np.testing.assert_allclose(found.astype(np.float64), expected, rtol=tolerance, atol=tolerance)
        made.append(half)
    return made


def test_resize_keeps_scales_and_region_in_float32():
    constants = [
        constant("roi", np.array([0, 0, 0.1, 0.1, 1, 1, 0.9, 0.9])),
        constant("scales", np.array([1, 1, 3, 1.5])),
    ]
    resize = helper.make_node(
        "Resize",
        ["x", "roi", "scales"],
        ["y"],
        mode="linear",
        coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=0.0,
    )
    x = np.random.default_rng(0).standard_normal((1, 1, 10, 10)).astype(np.float32)
    proto = network([resize], [value("x", [1, 1, 10, 10])], [value("y", [1, 1, "H", "W"])], constants)
    for half in both_ways(proto, {"x": x}, 5e-3):
        assert {name: array.dtype for name, array in stored(half).items()} == {"roi": np.float32, "scales": np.float32}


def test_non_max_suppression_and_its_thresholds():
    constants = [
        numpy_helper.from_array(np.array([10], np.int64), "most"),
        constant("overlap", np.array([0.5])),
        constant("least", np.array([0.3])),
    ]
    nodes = [
        helper.make_node("Relu", ["boxes"], ["b"]),
        helper.make_node("Sigmoid", ["scores"], ["s"]),
        helper.make_node("NonMaxSuppression", ["b", "s", "most", "overlap", "least"], ["picked"]),
    ]
    rng = np.random.default_rng(1)
    corner = rng.integers(0, 4, (1, 12, 2))
    boxes = np.concatenate([corner, corner + rng.integers(2, 5, (1, 12, 2))], axis=2).astype(np.float32)
    scores = rng.permutation(np.linspace(-3, 3, 12)).reshape(1, 1, 12).astype(np.float32)
    proto = network(
        nodes,
        [value("boxes", [1, 12, 4]), value("scores", [1, 1, 12])],
        [value("picked", ["n", 3], TensorProto.INT64)],
        constants,
    )
    both_ways(proto, {"boxes": boxes, "scores": scores})


def branch(name, op_type, read):
    return helper.make_graph(
        [helper.make_node(op_type, read, [f"{name}_out"])], name, [], [value(f"{name}_out", ["N", 3])]
    )


@pytest.mark.parametrize("truth", [True, False])
def test_if_whose_branches_read_inputs_outputs_and_weights(truth):
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["y"]),
        helper.make_node(
            "If",
            ["flag"],
            ["z"],
            then_branch=branch("a", "Add", ["x", "y"]),
            else_branch=branch("b", "Sub", ["y", "w"]),
        ),
        helper.make_node("Exp", ["z"], ["e"]),
    ]
    ins = [value("x", ["N", 3]), value("flag", [], TensorProto.BOOL)]
    outs = [value("y", ["N", 3]), value("z", ["N", 3]), value("e", ["N", 3])]
    proto = network(nodes, ins, outs, [constant("w", np.array([0.5, 2.0, -1.0]))])
    x = np.random.default_rng(2).standard_normal((4, 3)).astype(np.float32)
    both_ways(proto, {"x": x, "flag": np.array(truth)}, 5e-3)


def test_loop_and_scan_bodies():
    step = helper.make_graph(
        [
            helper.make_node("Mul", ["h_in", "decay"], ["kept"]),
            helper.make_node("Add", ["kept", "row"], ["h_out"]),
            helper.make_node("Tanh", ["h_out"], ["out"]),
        ],
        "step",
        [value("h_in", [3]), value("row", [3])],
        [value("h_out", [3]), value("out", [3])],
    )
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Mul", ["v", "decay"], ["v_out"]),
        ],
        "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("v", [3])],
        [value("go_on", [], TensorProto.BOOL), value("v_out", [3])],
    )
    nodes = [
        helper.make_node("Scan", ["h0", "rows"], ["h", "outs"], num_scan_inputs=1, body=step),
        helper.make_node("Loop", ["n", "", "h"], ["last"], body=body),
        helper.make_node("Add", ["last", "h"], ["y"]),
    ]
    constants = [constant("decay", np.array([0.9, 0.5, -0.3])), numpy_helper.from_array(np.array(3), "n")]
    proto = network(
        nodes, [value("h0", [3]), value("rows", [5, 3])], [value("outs", [5, 3]), value("y", [3])], constants
    )
    rng = np.random.default_rng(3)
    feeds = {"h0": rng.standard_normal(3).astype(np.float32), "rows": rng.standard_normal((5, 3)).astype(np.float32)}
    both_ways(proto, feeds, 5e-3)


def test_casts_ranges_and_constants():
    """Range has no float16; positions beyond 2048 that become integers are counted exactly."""
    nodes = [
        helper.make_node("Constant", [], ["step"], value_float=1.0),
        helper.make_node("Constant", [], ["start"], value_float=0.0),
        helper.make_node("Constant", [], ["end"], value_float=3000.0),
        helper.make_node("Range", ["start", "end", "step"], ["places"]),
        helper.make_node("Cast", ["places"], ["numbers"], to=TensorProto.INT64),
        helper.make_node("Gather", ["x", "numbers"], ["taken"], axis=0),
        helper.make_node("Cast", ["marks"], ["m"], to=FLOAT),
        helper.make_node("Mul", ["taken", "m"], ["y"]),
        helper.make_node("Cast", ["y"], ["whole"], to=TensorProto.DOUBLE),
    ]
    ins = [value("x", [3000]), value("marks", [1], TensorProto.INT64)]
    outs = [value("y", [3000]), value("whole", [3000], TensorProto.DOUBLE)]
    x = (np.arange(3000) % 7).astype(np.float32)
    for half in both_ways(network(nodes, ins, outs), {"x": x, "marks": np.array([2])}):
        assert not half.graph.value_info


def test_types_of_values_in_between_are_not_kept():
    nodes = [helper.make_node("Exp", ["x"], ["e"]), helper.make_node("Log", ["e"], ["y"])]
    proto = network(nodes, [value("x", [4])], [value("y", [4])])
    proto.graph.value_info.append(value("e", [4]))  # true of float32 alone
    for half in both_ways(proto, {"x": np.arange(4, dtype=np.float32)}, 5e-3):
        assert not half.graph.value_info


def test_an_output_that_is_an_input_and_one_that_is_a_constant():
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    outs = [value("y", [2]), value("x", [2]), value("w", [2])]
    both_ways(network(nodes, [value("x", [2])], outs, [constant("w", np.array([1, 2]))]), {"x": np.ones(2, np.float32)})


@pytest.mark.parametrize("kept", ["Exp", "Log", "Add"])
def test_outputs_of_operators_that_stay_float32(kept):
    nodes = [
        helper.make_node("Exp", ["x"], ["e"]),
        helper.make_node("Log", ["e"], ["l"]),
        helper.make_node("Add", ["e", "l"], ["y"]),
    ]
    proto = network(nodes, [value("x", [4])], [value("e", [4]), value("l", [4]), value("y", [4])])
    both_ways(proto, {"x": np.arange(4, dtype=np.float32)}, 5e-3, keep_float=[kept])


# real networks


@needs_assets
@pytest.mark.parametrize("keep_io_types", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_real_networks(name, keep_io_types, tmp_path):
    model = load(model_path(name))
    x = inputs(name, "eval")[0]
    report, proto = in_float16(model, tmp_path / "a.onnx", x, keep_io_types=keep_io_types)
    assert types_of(proto.graph.input) == types_of(proto.graph.output) == {FLOAT if keep_io_types else HALF}
    print(f"{name} keep_io_types={keep_io_types}: {report.deployed.agreement:.2%}, {report.sqnr_db:.1f} dB")
    assert report.deployed.agreement >= 0.998


@needs_assets
@pytest.mark.parametrize("options", [{}, {"keep_io_types": False}, {"keep_float": ["LSTM", "Conv"]}], ids=str)
def test_a_voice_detector_with_its_state(options, tmp_path):
    model, state = load(model_path("speech_vad_lstm")), {"state": "stateN"}
    with wave.open(str(Path(ASSETS) / "data" / "speech_16k.wav")) as sound:
        samples = np.frombuffer(sound.readframes(30 * 16000), np.int16).astype(np.float32) / 32768
    padded = np.concatenate([np.zeros(64, np.float32), samples])
    chunks = [{"input": padded[None, at : at + 576]} for at in range(0, len(padded) - 575, 512)]
    report, proto = in_float16(model, tmp_path / "a.onnx", [chunks], state=state, **options)
    decisions = {}
    for kept, path in (("float", model.path), ("half", tmp_path / "a.onnx")):
        running = opened(path)
        kind = np.float16 if running.get_inputs()[0].type == "tensor(float16)" else np.float32
        memory, decisions[kept] = np.zeros((2, 1, 128), kind), []
        for chunk in chunks:
            speech, memory = running.run(None, {"input": chunk["input"].astype(kind), "state": memory})
            decisions[kept].append(bool(speech[0, 0] > 0.5))
    agreement = np.mean(np.array(decisions["float"]) == decisions["half"])
    print(f"voice detector {options}: {agreement:.2%} of {len(chunks)} decisions, {report.sqnr_db:.1f} dB")
    assert agreement >= 0.998 and report.sqnr_db > 40
    assert 0.2 < np.mean(decisions["half"]) < 0.95


def test_an_infinite_weight_stays(tmp_path):
    weight = np.ones((4, 3), np.float32)
    weight[1, 2], weight[2, 2] = np.inf, 1e6
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="mul")]
    model = load(saved(tmp_path / "net.onnx", nodes, {"x": ["N", 4]}, {"y": ["N", 3]}, [constant("w", weight)]))
    recipe = choose(model, None, weights="fp16", activations="fp16")
    export(model, recipe, tmp_path / "half.onnx", target="onnx_fp16")
    stored = {one.name: numpy_helper.to_array(one) for one in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert stored["w"][1, 2] == np.inf and stored["w"][2, 2] == 65504
