"""The segment chain: the same bits as one session, and every promise of `run`."""

import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.models.graphs import graph, node, numbers, opened, residual_network, same_bits, value, whole
from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled, SegmentChain
from workbench.models.sessions import VARIANTS

FEEDS = {"x": numbers(2, 3, 8, 8, seed=7)}


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return opened(residual_network(), tmp_path)


def halved(array: np.ndarray) -> np.ndarray:
    return (array / 2).astype(array.dtype)


def operators(chain: SegmentChain) -> list[list[str]]:
    return [[entry.op_type for entry in segment.nodes] for segment in chain.segments]


def test_without_changes_it_computes_what_one_session_computes(model: Model) -> None:
    assert same_bits(model.chain.run(FEEDS), whole(model.proto(), FEEDS))


def test_one_segment_for_each_weighted_operator(model: Model) -> None:
    assert operators(model.chain) == [
        ["Conv", "Relu"],
        ["Conv", "Add", "Relu", "GlobalAveragePool", "Flatten"],
        ["Gemm"],
    ]
    assert model.chain.borders == ("r1", "flat")
    assert [segment.inputs for segment in model.chain.segments] == [("x",), ("r1",), ("flat",)]


def test_nodes_join_their_producer_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    constants = {"a.weight": numbers(4, 3, 1, 1), "b.weight": numbers(4, 3, 1, 1, seed=1)}
    nodes = [
        node("Conv", ["x", "a.weight"], ["a"]),
        node("Conv", ["x", "b.weight"], ["b"]),
        node("Relu", ["a"], ["ra"]),
        node("Relu", ["b"], ["rb"]),
        node("Concat", ["ra", "rb"], ["y"], axis=1),
    ]
    model = opened(graph(nodes, {"x": ["N", 3, 8, 8]}, {"y": ["N", 8, 8, 8]}, constants), tmp_path)
    assert operators(model.chain) == [["Conv", "Relu"], ["Conv", "Relu", "Concat"]]
    assert same_bits(model.chain.run(FEEDS), whole(model.proto(), FEEDS))


def test_a_residual_add_is_split_off_only_while_its_inputs_are_changed(model: Model) -> None:
    chain = model.chain
    chain.run(FEEDS)
    assert chain.n_built == 3
    for _ in range(2):
        chain.run(FEEDS, transforms={"c2": halved})
        assert chain.n_built == 5  # the Conv, and the Add with what follows
    chain.run(FEEDS, keep=["c2", "sum"])
    assert chain.n_built == 8  # split at both


def test_chain_is_built_once_and_sessions_late(model: Model) -> None:
    assert model.chain is model.chain and model.chain.n_built == 0
    model.chain.run(FEEDS)
    model.chain.run(FEEDS)
    assert model.chain.n_built == 3


def test_keep_returns_raw_values(model: Model) -> None:
    result = model.chain.run(FEEDS, keep=["x", "r1", "flat", "fc.weight"], transforms={"r1": halved})
    assert list(result) == ["y", "x", "r1", "flat", "fc.weight"]
    plain = model.chain.run(FEEDS, keep=["r1", "flat"])
    assert result["r1"].tobytes() == plain["r1"].tobytes() and result["flat"].tobytes() != plain["flat"].tobytes()
    assert result["x"] is FEEDS["x"] and np.array_equal(result["fc.weight"], model.tensors["fc.weight"].array())


def changed_graph(model: Model, changed: list[str]) -> onnx.ModelProto:
    """The folded graph with a Mul by 0.5 between each of some tensors and all its readers."""
    proto = model.proto()
    halving = {name: node("Mul", [name, "half"], [f"{name}_halved"], name=f"halve {name}") for name in changed}
    nodes = [halving[name] for name in halving if name in {port.name for port in model.inputs}]
    for entry in proto.graph.node:
        for position, source in enumerate(entry.input):
            if source in halving:
                entry.input[position] = f"{source}_halved"
        nodes.extend([entry, *(halving[name] for name in entry.output if name in halving)])
    kept = onnx.GraphProto(node=nodes)
    del proto.graph.node[:]
    proto.graph.node.extend(kept.node)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0.5), "half"))
    return proto


@pytest.mark.parametrize(
    "names", [["x"], ["r1"], ["flat"], ["c2"], ["c2", "r1"], ["x", "r1", "c2", "flat"], ["r2"], ["sum"]]
)
def test_transforms_change_what_all_readers_see(names: list[str], model: Model) -> None:
    result = model.chain.run(FEEDS, transforms=dict.fromkeys(names, halved))
    assert same_bits(result, whole(changed_graph(model, names), FEEDS))


def test_a_graph_output_stays_raw_while_its_readers_see_the_change(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["y"]), node("MatMul", ["y", "w"], ["z"])]
    model = opened(graph(nodes, {"x": ["N", 4]}, {"y": ["N", 4], "z": ["N", 2]}, {"w": numbers(4, 2)}), tmp_path)
    feeds = {"x": numbers(3, 4)}
    plain, result = model.chain.run(feeds), model.chain.run(feeds, transforms={"y": np.zeros_like})
    assert result["y"].tobytes() == plain["y"].tobytes() and not result["z"].any()


def test_a_transform_is_applied_once_for_all_readers(model: Model) -> None:
    calls: list[int] = []

    def counting(array: np.ndarray) -> np.ndarray:
        calls.append(1)
        return array

    model.chain.run(FEEDS, transforms={"r1": counting, "c2": counting})
    assert len(calls) == 2


def test_replaced_weights(model: Model) -> None:
    other = numbers(4, 4, 3, 3, seed=50)
    proto = model.proto()
    tensor = next(entry for entry in proto.graph.initializer if entry.name == "conv2.weight")
    tensor.CopyFrom(onnx.numpy_helper.from_array(other, "conv2.weight"))
    assert same_bits(model.chain.run(FEEDS, weights={"conv2.weight": other}), whole(proto, FEEDS))
    assert same_bits(model.chain.run(FEEDS), whole(model.proto(), FEEDS))


def test_only_the_segment_of_a_replaced_weight_is_rebuilt(model: Model) -> None:
    model.chain.run(FEEDS)
    other = numbers(4, 4, 3, 3, seed=50)
    for _ in range(3):
        model.chain.run(FEEDS, weights={"conv2.weight": other})
    assert model.chain.n_built == 4
    model.chain.run(FEEDS, weights={"conv2.weight": other.copy()})
    assert model.chain.n_built == 5
    model.chain.run(FEEDS)
    assert model.chain.n_built == 5


def test_few_variants_are_kept_and_the_float_one_always(model: Model) -> None:
    model.chain.run(FEEDS)
    variants = [numbers(5, 4, seed=seed) for seed in range(VARIANTS + 3)]
    for array in variants:
        model.chain.run(FEEDS, weights={"fc.weight": array})
    built = model.chain.n_built
    model.chain.run(FEEDS)
    model.chain.run(FEEDS, weights={"fc.weight": variants[-1]})
    assert model.chain.n_built == built
    model.chain.run(FEEDS, weights={"fc.weight": variants[0]})
    assert model.chain.n_built == built + 1


def test_half_precision_weights_take_float32_replacements(tmp_path: Path) -> None:
    half = numbers(4, 2).astype(np.float16)
    ports = [value("x", [1, 4], TensorProto.FLOAT16)], [value("y", [1, 2], TensorProto.FLOAT16)]
    model = opened(graph([node("MatMul", ["x", "w"], ["y"])], *ports, {"w": half}), tmp_path)
    feeds = {"x": numbers(1, 4).astype(np.float16)}
    same = model.chain.run(feeds, weights={"w": half.astype(np.float32)})
    assert same_bits(same, model.chain.run(feeds)) and same["y"].dtype == np.float16


@pytest.mark.parametrize("name", ["x", "conv1.weight", "r1", "conv2.bias", "c2", "flat", "fc.weight", "sum"])
def test_resuming_at_the_reader_gives_the_same_bits(name: str, model: Model) -> None:
    chain = model.chain
    kept = chain.run(FEEDS, keep=chain.borders)
    start = chain.segment_reading(name)
    assert start == {"x": 0, "conv1.weight": 0, "flat": 2, "fc.weight": 2}.get(name, 1)
    change = {"weights": {name: numbers(*model.tensors[name].shape)}} if "." in name else {"transforms": {name: halved}}
    again = chain.run(FEEDS, start=start, values=kept, **change)
    assert same_bits(again, chain.run(FEEDS, **change))


def test_resuming_after_the_last_segment_returns_what_was_kept(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["y"]), node("MatMul", ["y", "w"], ["z"])]
    model = opened(graph(nodes, {"x": ["N", 4]}, {"y": None, "z": None}, {"w": numbers(4, 4)}), tmp_path)
    feeds = {"x": numbers(3, 4)}
    plain = model.chain.run(feeds, keep=model.chain.borders)
    assert model.chain.borders == ("y",)
    assert same_bits(model.chain.run({}, start=1, values={"y": plain["y"]}), model.chain.run(feeds))


def test_resuming_without_the_values_says_which(model: Model) -> None:
    with pytest.raises(WorkbenchError, match=r"to start at segment 2 `values` must hold 'flat'"):
        model.chain.run(FEEDS, start=2)
    with pytest.raises(WorkbenchError, match="start=9; expected 0 to 3"):
        model.chain.run(FEEDS, start=9)


def test_segment_reading_refuses_what_nothing_reads(model: Model) -> None:
    with pytest.raises(WorkbenchError, match="nothing reads tensor 'y'"):
        model.chain.segment_reading("y")
    with pytest.raises(WorkbenchError, match="has no tensor 'ghost'"):
        model.chain.segment_reading("ghost")


def test_cancelling_between_segments(model: Model) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) == 2

    with pytest.raises(Cancelled, match="before segment 1 of 3"):
        model.chain.run(FEEDS, cancelled=cancelled)
    assert same_bits(model.chain.run(FEEDS, cancelled=lambda: False), whole(model.proto(), FEEDS))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"feeds": {}}, "no data for the input 'x'; expected 'x'"),
        ({"feeds": {"x": numbers(2, 3, 8, 8).astype(np.float64)}}, "came as float64; expected a float32 array"),
        ({"feeds": {"x": [1.0]}}, "came as list; expected a float32 array"),
        ({"feeds": {"x": numbers(2, 4, 8, 8)}}, "onnxruntime stopped.*check the shapes"),
        ({"keep": ["ghost"]}, "has no tensor 'ghost'"),
        ({"keep": ["c1"]}, "its values are now called 'n1'"),
        ({"weights": {"r1": numbers(1)}}, "'r1' is no initializer; use transforms="),
        ({"weights": {"fc.weight": numbers(4, 5)}}, r"has shape \(4, 5\); expected \(5, 4\)"),
        ({"weights": {"ghost": numbers(1)}}, "has no tensor 'ghost'"),
        ({"transforms": {"fc.weight": halved}}, "is an initializer; use weights="),
        ({"transforms": {"ghost": halved}}, "has no tensor 'ghost'"),
        ({"transforms": {"r1": lambda array: array[:1]}}, "the transform of 'r1' made"),
        ({"transforms": {"r1": lambda array: array.astype(np.float64)}}, "expected the same shape and type"),
        ({"transforms": {"r1": lambda array: None}}, "the transform of 'r1' made"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arguments: dict, words: str, model: Model) -> None:
    feeds = arguments.pop("feeds", FEEDS)
    with pytest.raises(WorkbenchError, match=words):
        model.chain.run(feeds, **arguments)


def test_constant_nodes_stay_constant_in_every_segment(tmp_path: Path) -> None:
    nodes = [
        node("Slice", ["w", "zero", "two"], ["head"]),
        node("Sin", ["head"], ["sine"]),
        node("MatMul", ["x", "v"], ["a"]),
        node("Mul", ["a", "sine"], ["b"]),
        node("MatMul", ["b", "v"], ["c"]),
        node("Mul", ["c", "sine"], ["y"]),
    ]
    constants = {"w": numbers(4), "v": numbers(2, 2), "zero": np.array([0]), "two": np.array([2])}
    model = opened(graph(nodes, {"x": ["N", 2]}, {"y": ["N", 2]}, constants), tmp_path)
    assert operators(model.chain) == [["Slice", "Sin", "MatMul", "Mul"]] * 2
    feeds = {"x": numbers(3, 2)}
    result = model.chain.run(feeds, keep=["sine", "b"])
    assert np.allclose(result["sine"], np.sin(constants["w"][:2]))
    assert result["y"].tobytes() == whole(model.proto(), feeds)["y"].tobytes()


def test_random_nodes_are_not_repeated(tmp_path: Path) -> None:
    nodes = [
        node("RandomNormal", [], ["noise"], shape=[2]),
        node("Add", ["x", "noise"], ["a"]),
        node("MatMul", ["a", "v"], ["b"]),
        node("Sub", ["b", "noise"], ["y"]),
    ]
    model = opened(graph(nodes, {"x": ["N", 2]}, {"y": ["N", 2]}, {"v": np.eye(2, dtype=np.float32)}), tmp_path)
    feeds = {"x": numbers(3, 2)}
    assert np.allclose(model.chain.run(feeds)["y"], feeds["x"], atol=1e-5)


def test_branches_are_opaque_and_their_captures_are_inputs(tmp_path: Path) -> None:
    branches = {
        "then_branch": helper.make_graph([node("Mul", ["a", "k"], ["t"])], "t", [], [value("t", ["N", 2])]),
        "else_branch": helper.make_graph([node("MatMul", ["a", "v"], ["e"])], "e", [], [value("e", ["N", 2])]),
    }
    nodes = [
        node("MatMul", ["x", "v"], ["a"]),
        node("MatMul", ["a", "v"], ["m"]),
        node("If", ["flag"], ["i"], **branches),
        node("Add", ["i", "m"], ["y"]),
    ]
    inputs = [value("x", ["N", 2]), value("flag", [], TensorProto.BOOL)]
    proto = graph(nodes, inputs, {"y": ["N", 2]}, {"v": numbers(2, 2), "k": np.float32(3)})
    model = opened(proto, tmp_path)
    assert model.observed == ("x", "a") and [layer.op_type for layer in model.layers] == ["MatMul", "MatMul", "Add"]
    for flag in (True, False):
        feeds = {"x": numbers(3, 2), "flag": np.array(flag)}
        assert same_bits(model.chain.run(feeds), whole(proto, feeds))
        changed = model.chain.run(feeds, transforms={"a": np.zeros_like})
        assert not changed["y"].any()  # the branch, too, sees the changed copy


def test_loops_run(tmp_path: Path) -> None:
    body = helper.make_graph(
        [node("MatMul", ["state", "v"], ["next"]), node("Identity", ["going"], ["on"])],
        "body",
        [value("i", [], 7), value("going", [], 9), value("state", [2])],
        [value("on", [], 9), value("next", [2])],
    )
    nodes = [node("Loop", ["n", "", "x"], ["l"], body=body), node("MatMul", ["l", "v"], ["y"])]
    proto = graph(nodes, {"x": [2]}, {"y": [2]}, {"v": numbers(2, 2), "n": np.array(3)})
    model = opened(proto, tmp_path)
    assert same_bits(model.chain.run({"x": numbers(2)}), whole(proto, {"x": numbers(2)}))


def test_values_whose_type_onnx_does_not_know(tmp_path: Path) -> None:
    nodes = [
        node("FusedMatMul", ["x", "w"], ["m"], domain="com.microsoft", alpha=0.5),
        node("MatMul", ["m", "w"], ["y"]),
    ]
    proto = graph(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, {"w": numbers(4, 4)}, domains=["com.microsoft"])
    model = opened(proto, tmp_path)
    assert model.tensors["m"].dtype is None and model.tensors["m"].shape is None and model.observed == ("m",)
    assert same_bits(model.chain.run({"x": numbers(3, 4)}), whole(proto, {"x": numbers(3, 4)}))


def test_inputs_and_initializers_that_are_outputs(tmp_path: Path) -> None:
    proto = graph([node("Relu", ["x"], ["y"])], {"x": [2]}, {"y": [2], "x": [2], "k": [2]}, {"k": numbers(2, seed=3)})
    model = opened(proto, tmp_path)
    result = model.chain.run({"x": numbers(2)})
    assert list(result) == ["y", "x", "k"] and np.array_equal(result["k"], numbers(2, seed=3))


def test_values_are_freed_on_the_way(tmp_path: Path) -> None:
    import gc
    import weakref

    nodes = [node("MatMul", [f"v{i}" if i else "x", "w"], [f"v{i + 1}"]) for i in range(6)]
    model = opened(graph(nodes, {"x": ["N", 4]}, {"v6": ["N", 4]}, {"w": numbers(4, 4)}), tmp_path)
    alive: list[weakref.ref] = []
    most = []

    def watched(array: np.ndarray) -> np.ndarray:
        copy = array.copy()
        alive.append(weakref.ref(copy))
        gc.collect()
        most.append(sum(reference() is not None for reference in alive))
        return copy

    model.chain.run({"x": numbers(8, 4)}, transforms={f"v{i}": watched for i in range(1, 6)})
    assert max(most) == 1 or max(most) == 2


def test_several_threads_share_a_chain(model: Model) -> None:
    expected = whole(model.proto(), FEEDS)
    results: list[bool] = []

    def work() -> None:
        results.extend(same_bits(model.chain.run(FEEDS), expected) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 80 and model.chain.n_built == 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_network_gives_the_same_bits(data: st.DataObject, tmp_path: Path) -> None:
    values, nodes = ["x"], []
    for index in range(data.draw(st.integers(1, 14))):
        kind = data.draw(st.sampled_from(["MatMul", "MatMul", "Relu", "Add", "bias", "Neg", "product"]))
        first = data.draw(st.sampled_from(values))
        inputs = {
            "MatMul": [first, data.draw(st.sampled_from(["w", "v"]))],
            "Add": [first, data.draw(st.sampled_from(values))],
            "bias": [first, "b"],
            "product": [first, data.draw(st.sampled_from(values))],
        }.get(kind, [first])
        nodes.append(node({"bias": "Add", "product": "MatMul"}.get(kind, kind), inputs, [f"t{index}"]))
        values.append(f"t{index}")
    outputs = {nodes[-1].output[0]: [4, 4], data.draw(st.sampled_from(values[1:])): [4, 4]}
    constants = {"w": numbers(4, 4) / 2, "v": numbers(4, 4, seed=1) / 2, "b": numbers(4)}
    used = {name: array for name, array in constants.items() if any(name in entry.input for entry in nodes)}
    proto = graph(nodes, {"x": [4, 4]}, outputs, used)
    model = opened(proto, tmp_path)
    feeds = {"x": numbers(4, 4, seed=3)}
    expected = whole(model.proto(), feeds)
    chain = model.chain
    plain = chain.run(feeds, keep=chain.borders)
    assert same_bits({name: plain[name] for name in expected}, expected)
    for start in range(chain.n_segments + 1):
        resumed = chain.run(feeds, start=start, values=plain)
        assert same_bits(resumed, expected)
    for segment in chain.segments:
        made = {name for entry in segment.nodes for name in entry.output}
        assert not made & set(model.observed) & set(segment.inner)
        assert sum(entry.op_type == "MatMul" for entry in segment.nodes) <= 1
    points = dict.fromkeys((*model.observed, *model.residual_inputs))
    changed = [name for name in points if data.draw(st.booleans())]
    result = chain.run(feeds, transforms=dict.fromkeys(changed, halved))
    assert same_bits(result, whole(changed_graph(model, changed), feeds))
