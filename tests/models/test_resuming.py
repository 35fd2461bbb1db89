"""What a chain offers to runs that begin, end or are kept in the middle."""

import numpy as np
import pytest
from onnx import helper

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, saved, small_cnn
from workbench.messages import WorkbenchError
from workbench.workflow.opening import load

FEEDS = {"image": images(3)}


@pytest.fixture
def model(tmp_path):
    return load(small_cnn(tmp_path))


def halved(values: np.ndarray) -> np.ndarray:
    return values * np.float32(0.5)


def test_what_is_needed_is_enough_and_nothing_of_it_can_be_left_out(model):
    chain = model.chain
    kept = chain.run(FEEDS, keep=chain.borders)
    for start in range(chain.n_segments):
        values = {name: kept[name] for name in chain.needed(start)}
        assert chain.run(FEEDS, start=start, values=values)["logits"].tobytes() == kept["logits"].tobytes()
        for name in values:
            with pytest.raises(WorkbenchError, match=name):
                chain.run(FEEDS, start=start, values={n: v for n, v in values.items() if n != name})
    assert chain.needed(0) == ()


def test_an_early_output_is_needed_to_the_end(tmp_path):
    weights = [constant("w1", np.eye(4)), constant("w2", np.eye(4) * 2)]
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["early"]), helper.make_node("MatMul", ["early", "w2"], ["late"])]
    model = load(saved(tmp_path / "two.onnx", nodes, {"x": ["N", 4]}, {"early": ["N", 4], "late": ["N", 4]}, weights))
    x = {"x": np.arange(8, dtype=np.float32).reshape(2, 4)}
    kept = model.chain.run(x, keep=model.chain.borders)
    assert model.chain.needed(1) == ("early",)
    again = model.chain.run(x, start=1, values=kept)
    assert again["early"].tobytes() == kept["early"].tobytes() and again["late"].tobytes() == kept["late"].tobytes()
    assert set(model.chain.run(x, stop=1)) == {"early"}


def test_a_run_can_stop_before_the_end(model):
    chain = model.chain
    kept = chain.run(FEEDS, keep=chain.borders)
    built = chain.n_built
    for stop in range(chain.n_segments + 1):
        names = [name for name in chain.borders if chain.segment_making(name) < stop]
        part = chain.run(FEEDS, keep=names, stop=stop)
        assert set(part) == set(names) | ({"logits"} if stop == chain.n_segments else set())
        assert all(part[name].tobytes() == kept[name].tobytes() for name in part)
    assert chain.n_built == built  # keeping a border splits nothing


def test_where_tensors_are_made(model):
    assert [model.chain.segment_making(name) for name in ("image", "conv1.weight")] == [-1, -1]
    assert model.chain.segment_making("logits") == model.chain.n_segments - 1
    with pytest.raises(WorkbenchError, match="no tensor"):
        model.chain.segment_making("nothing")


def test_a_joined_rest_still_sees_what_is_changed(model):
    chain = model.chain
    for name in ("image", "relu1_out", "flat_out", "conv2_out"):
        apart = chain.run(FEEDS, transforms={name: halved})["logits"]
        for joined in range(chain.n_segments + 1):
            together = chain.run(FEEDS, transforms={name: halved}, joined=joined)["logits"]
            np.testing.assert_allclose(together, apart, rtol=1e-5, atol=1e-6)
    weights = {"conv2.weight": np.zeros((6, 6, 3, 3), np.float32)}
    apart = chain.run(FEEDS, weights=weights)["logits"]
    np.testing.assert_allclose(chain.run(FEEDS, weights=weights, joined=0)["logits"], apart, rtol=1e-5, atol=1e-6)


def test_a_replaced_bias_needs_no_session_of_its_own(model):
    chain = model.chain
    for name in ("conv1.bias", "fc.bias"):
        shape = model.tensors[name].array().shape
        for seed in range(3):
            bias = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
            built = chain.n_built
            found = chain.run(FEEDS, weights={name: bias})["logits"]
            assert seed == 0 or chain.n_built == built
            proto = model.proto()
            for initializer in proto.graph.initializer:
                if initializer.name == name:
                    initializer.raw_data = bias.tobytes()
            assert found.tobytes() == whole_file(proto)["logits"].tobytes()


def whole_file(proto):
    import onnxruntime as ort

    from workbench.models.sessions import session_options

    session = ort.InferenceSession(proto.SerializeToString(), session_options(), providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, FEEDS), strict=True))


def test_a_bias_that_may_be_fused_with_what_follows_stays_a_constant(tmp_path):
    constants = [constant("w", np.ones((2, 2, 1, 1))), constant("b", np.ones(2)), constant("s", np.full((2, 1, 1), 3))]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["y"]),
        helper.make_node("Mul", ["y", "s"], ["z"]),
    ]
    model = load(saved(tmp_path / "mul.onnx", nodes, {"x": ["N", 2, 3, 3]}, {"z": ["N", 2, 3, 3]}, constants))
    assert all(not segment.biases for segment in model.chain.segments if "y" in segment.made)


@needs_assets
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_mobilenet", "cifar10_vit_a"])
def test_joined_segments_of_real_networks_compute_the_same_bits(name):
    model = load(model_path(name))
    shape = model.inputs[0].shape
    feeds = {model.inputs[0].name: inputs(name, "eval")[0][: shape[0] if isinstance(shape[0], int) else 8]}
    chain, output = model.chain, model.outputs[0].name
    kept = chain.run(feeds, keep=chain.borders)
    for start in range(0, chain.n_segments, 4):
        assert chain.run(feeds, start=start, values=kept, joined=start)[output].tobytes() == kept[output].tobytes()
