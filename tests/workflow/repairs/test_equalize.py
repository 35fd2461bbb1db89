"""Equalization keeps the function and names, brings channels to one size, and saves int8 with one scale a tensor."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflow.repairs.chains import Chain, inverted_residual
from workbench import demo
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.export import saving
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load
from workbench.workflow.repairs import equalize as module
from workbench.workflow.repairs.balancing import Ranges
from workbench.workflow.repairs.equalize import equalize
from workbench.workflow.repairs.pairs import find_pairs
from workbench.workflow.simulate import simulate

UNIT = 2.0**-24  # largest relative error of one rounding to float32


def ranges(model, pair):
    return Ranges([pair], lambda name: model.tensors[name].array()).of(pair)


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """The hard twin, and what equalizing it gives."""
    model = demo.model(hard=True)
    return model, equalize(model, tmp_path_factory.mktemp("twin") / "twin.onnx", data=demo.data()[1])


@pytest.mark.parametrize("hard", [False, True])
def test_the_demo_computes_the_same(tmp_path, hard):
    """Measured: 2.4e-6, of logits up to 7.8, whose own rounding is 2.4e-7; with powers of two every bit is the same."""
    model, pictures = demo.model(hard=hard), demo.data()[1]
    result = equalize(model, tmp_path / "net.onnx", data=pictures)
    assert 0 < result.outputs.largest < 2e-5 and result.outputs.sqnr_db > 110
    exact = equalize(model, tmp_path / "exact.onnx", power_of_two=True, data=pictures)
    assert exact.outputs.bit_equal == 1.0 and exact.outputs.largest == 0.0
    logits = [each.chain.run({"image": pictures})["logits"] for each in (model, exact.model)]
    assert logits[0].tobytes() == logits[1].tobytes()
    assert max(pair.largest_factor for pair in exact.pairs) >= 2


@pytest.mark.parametrize("activations", [None, "int8"])
def test_the_hard_twin_can_be_held_by_one_scale_a_tensor(twin, activations):
    """Measured, weights alone: -0.4 dB before, 25.1 dB after; with int8 activations -0.5 and 22.6 dB."""
    calibration, pictures, labels = demo.data()
    figures = []
    for model in (twin[0], twin[1].model):
        measured = None if activations is None else calibrate(model, calibration)
        recipe = choose(model, measured, weights="int8", activations=activations, per_channel=False)
        figures.append(simulate(model, recipe, pictures, labels=labels).outputs["logits"])
    before, after = figures
    assert before.agreement < 0.5 and before.sqnr_db < 1
    assert after.agreement > 0.99 and after.sqnr_db > 21 and after.accuracy > 0.98


def test_the_report_says_what_was_done(twin):
    model, result = twin
    assert [(pair.first, pair.second) for pair in result.pairs] == [
        ("blocks.0.expand.conv", "blocks.0.depthwise.conv"),
        ("blocks.0.depthwise.conv", "blocks.0.project.conv"),
        ("blocks.1.expand.conv", "blocks.1.depthwise.conv"),
        ("blocks.1.gate.reduce", "blocks.1.gate.expand"),
    ]
    first = result.table()[0]
    assert first["n_channels"] == 32 and first["second_spread_before"] > 20
    assert first["first_spread_after"] == pytest.approx(first["second_spread_after"], rel=1e-5) and (
        first["first_spread_after"] < 1.5
    )
    assert 4 < first["largest_factor"] < 6
    words = str(result)
    assert "4 pairs" in words and "equal in all bits" in words and str(result.model.path) in words
    assert "several operators read what it computes: stem.conv, blocks.1.depthwise.conv." in words
    assert {each.layer for each in result.left_out}.isdisjoint(pair.first for pair in result.pairs)


def test_names_shapes_and_operators_stay(twin):
    model, result = twin
    assert list(result.model.tensors) == list(model.tensors)
    assert [layer.name for layer in result.model.layers] == [layer.name for layer in model.layers]
    assert all(result.model.tensors[name].shape == tensor.shape for name, tensor in model.tensors.items())
    assert result.model.network.operators() == model.network.operators()
    assert result.model.sha256 != model.sha256 and demo.model(hard=True).sha256 == model.sha256


def test_the_result_is_a_model_like_any(twin, tmp_path):
    calibration, pictures, _ = demo.data()
    model = twin[1].model
    recipe = choose(model, calibrate(model, calibration), weights="int8", activations="int8")
    report = export(model, recipe, tmp_path / "net.onnx", data=pictures[:50])
    assert report.bit_equal == 1.0 and recipe.model_sha256 == model.sha256


LAYERS = st.sampled_from(["Conv", "depthwise", "grouped", "ConvTranspose", "grouped ConvTranspose"])
BETWEEN = st.sampled_from(["nothing", "Relu", "LeakyRelu", "PRelu", "MaxPool", "AveragePool"])
ENDS = st.sampled_from(["nothing", "Flatten", "transB", "GlobalAveragePool"])


@st.composite
def chains(draw):
    chain = Chain(draw(st.integers(0, 1000)), 4)
    kinds = draw(st.lists(LAYERS, min_size=2, max_size=4))
    for kind in kinds:
        group = {"depthwise": chain.width, "grouped": 2, "grouped ConvTranspose": 2}.get(kind, 1)
        width = draw(st.sampled_from([chain.width, 2 * chain.width])) if chain.width < 16 else chain.width
        options = dict(group=group, taps=draw(st.sampled_from([1, 3])), bias=draw(st.booleans()))
        chain.layer("ConvTranspose" if "Transpose" in kind else "Conv", width, dead=draw(st.booleans()), **options)
        add_between(chain, draw(BETWEEN))
    end = draw(ENDS)
    if end == "GlobalAveragePool":
        chain.node("GlobalAveragePool")
    if end != "nothing":
        chain.node("Flatten")
        chain.width *= 1 if end == "GlobalAveragePool" else 36
        chain.layer("Gemm", 7, **(dict(transB=1) if end == "transB" else {}))
    return chain, len(kinds) - (end == "nothing")


def add_between(chain, kind):
    if kind == "PRelu":
        chain.constants["slope"] = np.full((1, 1, 1), 0.25, np.float32)
        chain.node("PRelu", "slope")
    elif kind.endswith("Pool"):
        chain.node(kind, kernel_shape=[3, 3], pads=[1] * 4)
        chain.n_terms += 9
    elif kind != "nothing":
        chain.node(kind)


@given(case=chains())
@settings(max_examples=60)
def test_any_chain_keeps_its_function(case, tmp_path_factory):
    """Each network is within (terms of all sums + 2 roundings a weight) units of the exact result, to first order.

    Units are those of the same network with absolute values everywhere, which no step of the chain can outgrow.
    """
    chain, n_pairs = case
    folder = tmp_path_factory.mktemp("chain")
    model, images = load(chain.saved(folder)), chain.images()
    result = equalize(model, folder / "equal.onnx", data=images)
    assert len(result.pairs) == n_pairs
    feeds = {"x": images}
    sum_of_sizes = load(chain.saved(folder, absolute=True)).chain.run({"x": np.abs(images)})[chain.last]
    allowed = 2.2 * (chain.n_terms + 2 * len(model.layers)) * UNIT * sum_of_sizes
    before, after = (each.chain.run(feeds)[chain.last] for each in (model, result.model))
    assert (np.abs(before - after) <= allowed).all()
    for pair in find_pairs(result.model)[0]:
        first, second = ranges(result.model, pair)
        both = (first > 0) & (second > 0)
        assert both.any() and np.allclose(first[both], second[both], rtol=1e-5)
    exact = equalize(model, folder / "exact.onnx", power_of_two=True).model
    assert exact.chain.run(feeds)[chain.last].tobytes() == before.tobytes()
    again = equalize(result.model, folder / "again.onnx")
    assert max(pair.largest_factor for pair in again.pairs) < 1.0001


def test_one_pair_is_scaled_as_the_paper_says(tmp_path):
    """By hand: ranges 8 and 2 of the first weight meet 2 and 32 of the second, so s is sqrt(16)/2 and sqrt(64)/32."""
    chain = Chain(0, 1).layer("Conv", 2, taps=1).node("Relu").layer("Conv", 1, taps=1)
    chain.constants |= {
        "conv0.weight": np.array([8, -2], np.float32).reshape(2, 1, 1, 1),
        "conv0.bias": np.array([1, 1], np.float32),
        "conv2.weight": np.array([2, 32], np.float32).reshape(1, 2, 1, 1),
    }
    tensors = equalize(load(chain.saved(tmp_path)), tmp_path / "equal.onnx").model.tensors
    assert np.allclose(tensors["conv0.weight"].array().ravel(), [4, -8])
    assert np.allclose(tensors["conv0.bias"].array(), [0.5, 4])
    assert np.allclose(tensors["conv2.weight"].array().ravel(), [4, 8])


def test_channels_that_are_off_keep_their_scale(tmp_path):
    """A weight of 1e-9 beside others of 1: a fair share of the range would make its bias 30,000 times larger."""
    chain = Chain(3, 2).layer("Conv", 3, taps=1).node("Relu").layer("Conv", 4, taps=1)
    chain.constants["conv0.weight"] = np.array([[1, 0.5], [0, 0], [1e-9, 0]], np.float32).reshape(3, 2, 1, 1)
    tensors = equalize(load(chain.saved(tmp_path)), tmp_path / "equal.onnx").model.tensors
    assert np.array_equal(tensors["conv0.bias"].array()[1:], chain.constants["conv0.bias"][1:])
    assert tensors["conv0.bias"].array()[0] != chain.constants["conv0.bias"][0]


def test_batch_norm_is_folded_first_and_the_opset_stays(tmp_path):
    model = demo.model()
    written = equalize(model, tmp_path / "net.onnx").model
    assert "BatchNormalization" not in written.network.operators() and written.opset == model.opset
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)


def test_weights_that_do_not_fit_into_one_file_lie_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "LARGEST_FILE", 0)
    model, pictures = demo.model(), demo.data()[1][:20]
    result = equalize(model, tmp_path / "net.onnx", power_of_two=True, data=pictures)
    assert result.outputs.bit_equal == 1.0 and len(result.model.data_files) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_an_older_file_is_replaced_and_the_model_never(tmp_path):
    model = load(inverted_residual().saved(tmp_path))
    before = model.path.read_bytes()
    with pytest.raises(WorkbenchError, match="the model itself"):
        equalize(model, model.path)
    (tmp_path / "old.onnx").write_text("old")
    equalize(model, tmp_path / "old.onnx")
    assert load(tmp_path / "old.onnx").layers and model.path.read_bytes() == before
    with pytest.raises(WorkbenchError, match="cannot write"):
        equalize(model, tmp_path / "missing" / "net.onnx")


@pytest.mark.parametrize("older", [False, True])
def test_a_failed_check_leaves_what_was_there(tmp_path, monkeypatch, older):
    chain = inverted_residual()
    model = load(chain.saved(tmp_path))
    if older:
        (tmp_path / "net.onnx").write_text("old")

    def left():
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    there, balanced = left(), module.balanced
    # the function is lost: a factor below 0 does not pass a Relu
    monkeypatch.setattr(module, "balanced", lambda *a, **k: {name: -f for name, f in balanced(*a, **k).items()})
    with pytest.raises(WorkbenchError, match="gives other outputs.*nothing was kept"):
        equalize(model, tmp_path / "net.onnx", data=chain.images())
    assert left() == there
    monkeypatch.setattr(module, "save_network", lambda proto, path: path.write_bytes(b"no network"))
    with pytest.raises(WorkbenchError, match="full check"):
        equalize(model, tmp_path / "net.onnx")
    assert left() == there
