"""`check_inputs`: wrong mean, scale and order are said before anything is quantized; right inputs are not doubted."""

import functools
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.real_networks import ASSETS, NAMES, inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, saved, small_cnn
from workbench import demo
from workbench.messages import WorkbenchError
from workbench.workflow.check_inputs import check_inputs
from workbench.workflow.comparison import wilson_interval
from workbench.workflow.images import Images
from workbench.workflow.opening import load

CHECK = "Check the preprocessing first: "


def trained_cnn(folder: Path, colours: int = 3):
    """Conv and BatchNorm whose statistics fit standard normal inputs exactly, then a Gemm; five classes."""
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((6, colours, 1, 1)).astype(np.float32)
    constants = [
        constant("w", weight),
        constant("gamma", rng.uniform(0.5, 2, 6)),
        constant("beta", rng.standard_normal(6)),
        constant("mean", np.zeros(6)),
        constant("var", np.square(weight.astype(np.float64)).sum(axis=(1, 2, 3))),
        constant("fc", rng.standard_normal((5, 6))),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "gamma", "beta", "mean", "var"], ["n"]),
        helper.make_node("Relu", ["n"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "fc"], ["y"], transB=1),
    ]
    return load(saved(folder / "net.onnx", nodes, {"x": ["N", colours, 4, 4]}, {"y": ["N", 5]}, constants))


def normal(n=64, colours=3, seed=0):
    """Standard normal pixels, half of whose variance is a level by sample and channel, so that answers differ."""
    rng = np.random.default_rng(seed)
    levels, grain = rng.standard_normal((n, colours, 1, 1)), rng.standard_normal((n, colours, 4, 4))
    return ((levels + grain) / np.sqrt(2)).astype(np.float32)


def test_right_inputs(tmp_path):
    x = normal()
    report = check_inputs(trained_cnn(tmp_path), x)
    assert report.ok and report.sentences[0] == "The inputs look like those that net was trained on."
    assert report.spread == pytest.approx(1, abs=0.05) and report.shift < 0.2
    assert (report.low, report.high) == (float(x.min()), float(x.max()))
    assert report.mean == pytest.approx(x.mean(), abs=1e-6) and report.std == pytest.approx(x.std(), rel=1e-6)
    assert report.n_samples == 64 and len(report.samples) == 3
    np.testing.assert_array_equal(np.stack(report.samples), x[:3])
    assert report.accuracy is report.accuracy_interval is report.chance is None
    assert str(report).splitlines() == list(report.sentences)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x * 255, "the inputs are about 25. times too large for net."),
        (lambda x: x / 4, "the inputs are about (3.9|4.0|4.1) times too small for net."),
        (lambda x: x + 3, "the mean of the inputs is not the one net was trained with"),
        (lambda x: x * 0, "every value of input 'x' is 0."),
        (lambda x: np.where(x > 2, np.nan, x), r"\d+ values of input 'x' are NaN or infinite."),
        (lambda x: np.where(x > 2, np.inf, x), r"\d+ values of input 'x' are NaN or infinite."),
        (lambda x: x * np.nan, "3072 values of input 'x' are NaN or infinite."),
    ],
)
def test_wrong_inputs(tmp_path, change, words):
    report = check_inputs(trained_cnn(tmp_path), change(normal()).astype(np.float32))
    assert not report.ok
    assert re.match(CHECK + words, report.sentences[0]), report.sentences[0]


def test_half_as_wide_is_a_doubt(tmp_path):
    report = check_inputs(trained_cnn(tmp_path), normal() * np.float32(0.58))
    assert report.ok and "times as wide as those that net was trained on; look at their mean" in report.sentences[0]


def test_few_samples_give_no_verdict_by_a_factor_of_three(tmp_path):
    model = trained_cnn(tmp_path)
    assert check_inputs(model, normal(4) * np.float32(3)).ok
    assert not check_inputs(model, normal(4) * np.float32(8)).ok


def test_labels(tmp_path):
    model, x = trained_cnn(tmp_path), normal(256)
    labels = model.chain.run({"x": x})["y"].argmax(axis=1)
    report = check_inputs(model, x, labels)
    assert report.ok and report.accuracy == 1 and report.chance == 0.2
    assert report.accuracy_interval == wilson_interval(1.0, 256)
    assert "net answers 100.0 % right" in report.sentences[0]
    moved = check_inputs(model, x, labels + 1)
    assert not moved.ok and moved.sentences[0].startswith("Check the labels first: they seem to be counted from")
    assert "with -1 on every label 100 % are right" in moved.sentences[0]
    guessed = check_inputs(model, x, np.random.default_rng(1).integers(0, 5, 256))
    assert not guessed.ok and guessed.sentences[0].startswith(CHECK + "the float network answers")
    turned = check_inputs(model, x[:, ::-1].copy(), labels)
    assert not turned.ok and "with the colours in reverse order 100.0 % of the answers are right" in turned.sentences[0]


def test_labels_that_come_with_the_data(tmp_path):
    model, x = trained_cnn(tmp_path), normal(20)
    labels = model.chain.run({"x": x})["y"].argmax(axis=1)
    found = check_inputs(model, Images(x, labels, tuple(map(str, range(20)))))
    assert found.accuracy == 1


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(10, np.int64), "10 labels for 64 samples"),
        (np.zeros((64, 5), np.int64), r"shape \(64, 5\)"),
        (np.zeros(64), "dtype float64"),
        (np.full(64, -1), "labels hold -1"),
    ],
)
def test_labels_in_words(tmp_path, labels, words):
    with pytest.raises(WorkbenchError, match=words):
        check_inputs(trained_cnn(tmp_path), normal(), labels)


def test_data_and_limit_in_words(tmp_path):
    model = trained_cnn(tmp_path)
    with pytest.raises(WorkbenchError, match="takes float32, data is uint8"):
        check_inputs(model, np.zeros((4, 3, 4, 4), np.uint8))
    with pytest.raises(WorkbenchError, match="limit=0"):
        check_inputs(model, normal(), limit=0)
    assert check_inputs(model, normal(100), limit=33).n_samples == 64  # whole batches of 32


def test_fixed_batch_and_list_of_feeds(tmp_path):
    model = load(small_cnn(tmp_path, batch=3))
    x = images(10)
    labels = np.zeros(10, np.int64)
    assert check_inputs(model, x, labels).n_samples == 9
    feeds = [{"image": x[:3]}, {"image": x[3:6]}]
    report = check_inputs(model, feeds)
    assert report.n_samples == 6 and report.ok
    assert report.sentences[0].startswith("Nothing speaks against these inputs; without BatchNorm and labels small")
    assert report.spread is report.shift is None


def test_one_answer_for_everything(tmp_path):
    """Without BatchNorm and labels, an input that is far too small is seen by the biases that decide alone."""
    model = load(small_cnn(tmp_path))
    report = check_inputs(model, images() / np.float32(1000))
    assert not report.ok and "the network gives the same answer for 100 % of the samples" in report.sentences[0]
    assert check_inputs(model, (images() / 1000)[:10].astype(np.float32)).ok  # ten samples may be of one class


def test_raw_pixels_are_remarked_where_nothing_is_known(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20, 2, 8, 8)).astype(np.float32)
    assert any("whole numbers from 0 to 255" in words for words in check_inputs(load(small_cnn(tmp_path)), x).sentences)


def test_network_without_answers(tmp_path):
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"])]
    model = load(
        saved(tmp_path / "one.onnx", nodes, {"x": ["N", 4]}, {"y": ["N", 1]}, [constant("w", np.ones((4, 1)))])
    )
    x = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    report = check_inputs(model, x, np.zeros(40, np.int64))
    assert report.ok and report.accuracy is None and report.samples[0].shape == (4,)


def test_two_inputs_one_of_them_integer(tmp_path):
    path = tmp_path / "two.onnx"
    nodes = [helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("Add", ["e", "x"], ["y"])]
    saved(path, nodes, {"ids": ["N"], "x": ["N", 3]}, {"y": ["N", 3]}, [constant("table", np.eye(3))])
    proto = onnx.load(path)
    proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    onnx.save(proto, path)
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    report = check_inputs(load(path), {"ids": np.zeros(20, np.int64), "x": x})
    assert report.ok and report.low == x.min()


@pytest.mark.parametrize("hard", [False, True])
def test_demo(hard):
    model = demo.model(hard)
    _, evaluation, labels = demo.data()
    assert check_inputs(model, evaluation, labels).ok and check_inputs(model, evaluation).ok
    assert not check_inputs(model, evaluation * np.float32(16)).ok


# the real networks


@functools.cache
def network(name):
    return load(model_path(name))


@needs_assets
@pytest.mark.parametrize("part", ["calib", "eval"])
@pytest.mark.parametrize("name", NAMES)
def test_right_preprocessing_is_not_doubted(name, part):
    x, labels = inputs(name, part)
    with_labels = check_inputs(network(name), x, labels, limit=100)
    assert with_labels.ok and check_inputs(network(name), x, limit=100).ok
    assert with_labels.accuracy > 0.5
    if with_labels.spread is not None:
        assert 0.8 < with_labels.spread < 1.25 and with_labels.shift < 0.3


def pixels():
    stored = np.load(Path(ASSETS) / "data" / "cifar10_calib.npz", allow_pickle=False)
    return stored["images"].astype(np.float32).transpose(0, 3, 1, 2), stored["labels"]


@needs_assets
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("name", NAMES[1:])
def test_scale_0_to_255_by_mistake(name, labelled):
    raw, labels = pixels()
    report = check_inputs(network(name), raw, labels if labelled else None)
    assert not report.ok
    factor = float(report.sentences[0].removeprefix(CHECK + "the inputs are about ").split(" times too large")[0])
    assert factor == pytest.approx(255 * 0.226, rel=0.4)  # a pixel in place of (pixel / 255 - mean) / 0.226
    assert any("whole numbers from 0 to 255, like raw pixels" in words for words in report.sentences)
    assert (report.accuracy is not None) == labelled


@needs_assets
@pytest.mark.parametrize("name", NAMES[1:])
def test_forgotten_mean_deviation_or_division(name):
    x, _ = inputs(name, "calib")
    raw, _ = pixels()
    std = np.float32(0.226)
    assert "too small" in check_inputs(network(name), raw / 255).sentences[0]
    assert "too large" in check_inputs(network(name), x * 255).sentences[0]
    forgotten_mean = check_inputs(network(name), raw / 255 / std)
    assert not forgotten_mean.ok and "the mean of the inputs is not the one" in forgotten_mean.sentences[0]


@needs_assets
@pytest.mark.parametrize("name", NAMES)
def test_reverse_colours(name):
    x, labels = inputs(name, "calib")
    x = np.ascontiguousarray(x[:, ::-1])
    report = check_inputs(network(name), x, labels)
    assert not report.ok and "with the colours in reverse order" in report.sentences[0]
    unlabelled = check_inputs(network(name), x)
    assert unlabelled.ok and "surer of its answers with the colours in reverse order" in unlabelled.sentences[0]


@needs_assets
def test_without_batch_norm_and_labels_a_wrong_scale_shows_in_the_answers():
    x, _ = inputs("imagenet_squeezenet", "calib")
    report = check_inputs(network("imagenet_squeezenet"), x / np.float32(255))
    assert not report.ok and "the network gives the same answer for" in report.sentences[0]
