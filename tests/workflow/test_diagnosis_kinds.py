"""Each kind of evidence on a network small enough to know what is true."""

import dataclasses

import numpy as np
import pytest
from onnx import helper

from tests.workflow.small_models import constant, images, saved
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.diagnose import diagnose
from workbench.workflow.diagnosis.case import Case
from workbench.workflow.diagnosis.catalogue import KINDS
from workbench.workflow.diagnosis.local_noise import energies
from workbench.workflow.opening import load
from workbench.workflow.simulate import simulate

DATA = images(16, seed=1)


def found(model, recipe, calibration, kind, data=None, **options):
    """Findings of one kind of evidence, by tensor."""
    diagnosis = diagnose(model, recipe, calibration, data, kinds=[kind], **options)
    return {finding.tensor: finding for finding in diagnosis}


@pytest.fixture(scope="module")
def recipe(small, small_calibration):
    return choose(small, small_calibration)


def test_outliers_name_the_sample_that_made_them(small):
    data = images(64)
    data[17] *= 40
    calibration = calibrate(small, data)
    finding = found(small, choose(small, calibration, clipping="min_max"), calibration, "outliers", DATA)["image"]
    assert finding.evidence["samples"] == (17,) and "sample 17 made them" in str(finding)
    assert finding.evidence["n_beyond"] > 100 and finding.evidence["stretch"] > 20
    remedied = finding.remedy.changes["image"]
    assert max(-remedied.low, remedied.high) < 6 and finding.measured_gain_db > 2


def test_outliers_of_a_weight(tmp_path):
    weight = np.random.default_rng(0).standard_normal((32, 64)).astype(np.float32)
    weight[3, 5] = 15
    model = two_layers(tmp_path, weight)
    calibration = calibrate(model, vectors())
    recipe = choose(model, calibration, weights="int4", weight_clipping="min_max", per_channel=False)
    finding = found(model, recipe, calibration, "outliers")["first.weight"]
    kept = finding.remedy.changes["first.weight"]
    n = int(((weight < np.float32(kept.low)) | (weight > np.float32(kept.high))).sum())
    assert n == finding.evidence["n_beyond"] and finding.sentence.startswith(f"{n} of 2,048 values are beyond")
    assert finding.evidence["stretch"] > 3 and finding.evidence["samples"] == ()


def test_a_range_far_too_wide(small, small_calibration, recipe):
    wide = recipe.with_tensor("relu1_out", low=0.0, high=40.0)
    finding = found(small, wide, small_calibration, "wide")["relu1_out"]
    assert finding.evidence["empty"] == pytest.approx(1 - small_calibration["relu1_out"].high / 40)
    assert finding.remedy.changes["relu1_out"].high < small_calibration["relu1_out"].high + 1e-6
    assert not found(small, recipe, small_calibration, "wide")


@pytest.mark.parametrize("name", ["conv2.weight", "relu1_out"])
def test_a_threshold_far_too_small(small, small_calibration, recipe, name):
    choice = recipe[name]
    low, high = np.multiply(choice.low, 0.2), np.multiply(choice.high, 0.2)
    clipped = recipe.with_choice(dataclasses.replace(choice, low=low, high=high, method="hand"))
    finding = found(small, clipped, small_calibration, "clipped", DATA)[name]
    assert finding.evidence["share"] > 0.02 and finding.measured_gain_db > 5
    assert "cut off" in finding.sentence
    assert not found(small, recipe, small_calibration, "clipped")


def test_values_of_one_sign_in_a_mirrored_range(small, small_calibration, recipe):
    mirrored = recipe.with_choice(choose_tensor(small, small_calibration, "relu1_out", format="int4", symmetric=True))
    finding = found(small, mirrored, small_calibration, "one_sided", DATA)["relu1_out"]
    assert finding.evidence["unused"] == 0.5 and "50 % of the 16 codes are never used" in finding.sentence
    assert finding.remedy.changes["relu1_out"].symmetric is False and finding.measured_gain_db > 2
    assert not found(small, recipe, small_calibration, "one_sided")


def test_too_few_levels(small, small_calibration, recipe):
    coarse = recipe.with_choice(choose_tensor(small, small_calibration, "conv2.weight", format="int3"))
    finding = found(small, coarse, small_calibration, "coarse", DATA)["conv2.weight"]
    assert "8 levels (int3)" in finding.sentence and "most others have int8" in finding.sentence
    assert finding.remedy.changes["conv2.weight"].format == "int8" and finding.measured_gain_db > 5


def test_nearly_all_values_in_a_few_codes(small, small_calibration, recipe):
    wide = recipe.with_tensor("relu1_out", low=0.0, high=300.0)
    finding = found(small, wide, small_calibration, "few_codes", DATA)["relu1_out"]
    assert finding.evidence["n_codes"] <= 4 and "of 256 codes hold 99 %" in finding.sentence
    assert not found(small, recipe, small_calibration, "few_codes")


def two_layers(folder, weight, *, between=("Relu",), second=None, bias=None, opset=13):
    """Gemm, some operators, Gemm; 64 in, 8 out. weight: (32, 64) of the first."""
    rng = np.random.default_rng(5)
    second = rng.standard_normal((8, 32)) * 0.2 if second is None else second
    constants = [constant("first.weight", weight), constant("second.weight", second)]
    constants += [constant("first.bias", rng.standard_normal(32) * 0.1 if bias is None else bias)]
    nodes = [helper.make_node("Gemm", ["x", "first.weight", "first.bias"], ["h0"], name="first", transB=1)]
    for i, operator in enumerate(between):
        nodes.append(helper.make_node(operator, [f"h{i}"], [f"h{i + 1}"], name=f"step{i}"))
    nodes.append(helper.make_node("Gemm", [f"h{len(between)}", "second.weight"], ["y"], name="second", transB=1))
    return load(saved(folder / "two.onnx", nodes, {"x": ["N", 64]}, {"y": ["N", 8]}, constants, opset))


def vectors(n=64, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 64)).astype(np.float32)


def test_unequal_channels_of_weight_and_activation(tmp_path):
    rng = np.random.default_rng(1)
    weight, second = rng.standard_normal((32, 64)), rng.standard_normal((8, 32)) * 0.2
    weight[7] *= 64
    second[:, 7] /= 64
    model = two_layers(tmp_path, weight, second=second)
    calibration = calibrate(model, vectors())
    shared, each = (choose(model, calibration, per_channel=together) for together in (False, True))
    weight_finding = found(model, shared, calibration, "channels", vectors(16, 1))["first.weight"]
    findings = found(model, each, calibration, "channels", vectors(), n_runs=0)
    assert weight_finding.evidence["channel"] == findings["h1"].evidence["channel"] == 7
    assert weight_finding.remedy.words.startswith("one scale for each channel") and weight_finding.measured_gain_db > 1
    assert set(findings) == {"h1"} and "equalize" in findings["h1"].advice
    assert findings["h1"].remedy.changes["h1"].format == "int16"


def test_values_that_fp16_cannot_hold(tmp_path):
    rng = np.random.default_rng(2)
    weight, second = rng.standard_normal((32, 64)), rng.standard_normal((8, 32))
    loud, quiet = two_layers(tmp_path, weight * 2e4), two_layers(tmp_path, weight, second=second * 2e-8)
    for model, tensor, kind in ((loud, "h1", "overflow"), (quiet, "second.weight", "flushed")):
        calibration = calibrate(model, vectors())
        recipe = choose(model, calibration, weights="fp16", activations="fp16")
        finding = found(model, recipe, calibration, "float_range", vectors(16, 1))[tensor]
        assert finding.kind == kind
        repaired = simulate(model, finding.remedy.apply(recipe), vectors(16, 1)).outputs["y"].sqnr_db
        assert repaired > 30
    assert finding.evidence["share"] > 0.5
    assert (
        found(loud, choose(loud, calibrate(loud, vectors()), weights="bf16", activations="bf16"), {}, "float_range")
        == {}
    )


def test_subnormal_weights(tmp_path):
    model = two_layers(tmp_path, np.random.default_rng(2).standard_normal((32, 64)) * 5e-6)
    calibration = calibrate(model, vectors())
    recipe = choose(model, calibration, weights="fp16", activations=None)
    finding = found(model, recipe, calibration, "float_range")["first.weight"]
    assert finding.kind == "subnormal" and [r.words for r in finding.remedies][-1] == "leave it in float32"


@pytest.mark.parametrize(("operator", "cut"), [("Sigmoid", 6.0), ("Tanh", 3.0)])
def test_inputs_of_saturating_functions(tmp_path, operator, cut):
    rng = np.random.default_rng(3)
    constants = [
        constant("a.weight", rng.standard_normal((64, 64)) * 3),
        constant("b.weight", rng.standard_normal((8, 64))),
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "a.weight"], ["h"], name="a", transB=1),
        helper.make_node("Add", ["h", "x"], ["sum"], name="add"),
        helper.make_node(operator, ["h"], ["s"], name="gate"),
        helper.make_node("Mul", ["s", "sum"], ["m"], name="mul"),
        helper.make_node("Gemm", ["m", "b.weight"], ["y"], name="b", transB=1),
    ]
    model = load(saved(tmp_path / "gate.onnx", nodes, {"x": ["N", 64]}, {"y": ["N", 8]}, constants))
    calibration = calibrate(model, vectors())
    finding = found(model, choose(model, calibration, residual_adds=True), calibration, "saturating")["h"]
    assert finding.evidence["cut"] == cut and f"{operator.lower()} is flat beyond {cut:g}" in finding.sentence
    assert finding.remedy is None and "clip at" in str(finding)  # the Add needs the whole range
    assert not found(model, choose(model, calibration), calibration, "saturating")


def test_parts_of_different_size_in_a_concat(tmp_path):
    rng = np.random.default_rng(4)
    constants = [constant("w", rng.standard_normal((8, 96)) * 0.1), constant("big", np.float32(50))]
    nodes = [
        helper.make_node("Mul", ["x", "big"], ["boxes"], name="boxes"),
        helper.make_node("Sigmoid", ["z"], ["scores"], name="scores"),
        helper.make_node("Concat", ["boxes", "scores"], ["joined"], name="join", axis=1),
        helper.make_node("Gemm", ["joined", "w"], ["y"], name="head", transB=1),
    ]
    ports = {"x": ["N", 64], "z": ["N", 32]}
    model = load(saved(tmp_path / "joined.onnx", nodes, ports, {"y": ["N", 8]}, constants))
    data = {"x": vectors(), "z": vectors(seed=1)[:, :32].copy()}
    calibration = calibrate(model, data)
    finding = found(model, choose(model, calibration), calibration, "concat", data)["joined"]
    assert "2 scores and boxes" in finding.sentence
    assert finding.evidence["sizes"][0] > 100 * finding.evidence["sizes"][1]
    assert finding.remedy.changes["joined"].format == "int16"


def test_channels_that_a_relu6_holds_at_its_ends(tmp_path):
    rng = np.random.default_rng(6)
    bias = np.zeros(6)
    bias[1], bias[4] = 100, -100
    constants = [
        constant("a.weight", rng.standard_normal((6, 2, 3, 3))),
        constant("a.bias", bias),
        constant("b.weight", rng.standard_normal((3, 6, 1, 1))),
        constant("low", np.float32(0)),
        constant("high", np.float32(6)),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "a.weight", "a.bias"], ["a"], name="a", pads=[1] * 4),
        helper.make_node("Clip", ["a", "low", "high"], ["c"], name="relu6"),
        helper.make_node("Conv", ["c", "b.weight"], ["y"], name="b"),
    ]
    model = load(saved(tmp_path / "relu6.onnx", nodes, {"image": ["N", 2, 8, 8]}, {"y": ["N", 3, 8, 8]}, constants))
    calibration = calibrate(model, images(16))
    finding = found(model, choose(model, calibration), calibration, "relu_n", DATA)["c"]
    assert finding.evidence == {"saturated": (1,), "dead": (4,), "share": 2 / 6}
    assert "channel 1 is mostly at the upper end 6 and channel 4 is 0 throughout" in finding.sentence
    assert finding.remedy is None and str(finding).endswith(f": {finding.advice}.")


def test_a_bias_that_int32_cannot_hold(tmp_path):
    weight = np.random.default_rng(8).standard_normal((32, 64))
    weight[3] = 1e-9
    bias = np.full(32, 0.5)
    model = two_layers(tmp_path, weight, bias=bias)
    calibration = calibrate(model, vectors())
    recipe = choose(model, calibration)
    finding = found(model, recipe, calibration, "bias")["first.weight"]
    assert "channel 3" in finding.sentence and finding.evidence["n_channels"] == 1
    before, after = (simulate(model, r, vectors(8)).notices for r in (recipe, finding.remedy.apply(recipe)))
    assert any("first.bias" in str(notice) for notice in before) and not any("first.bias" in str(n) for n in after)


def test_evaluation_data_that_calibration_did_not_cover(small, small_calibration, recipe):
    louder = images(16, seed=2) * 3
    finding = found(small, recipe, small_calibration, "coverage", louder)["image"]
    assert finding.evidence["share"] > 10 * finding.evidence["share_in_calibration"]
    assert finding.predicted_gain_db > 1 and finding.remedy.changes["image"].high > recipe["image"].high
    assert not found(small, recipe, small_calibration, "coverage", DATA)
    known = found(small, recipe, small_calibration, "coverage", evaluation=calibrate(small, louder))
    assert "image" in known


def test_inputs_that_were_not_normalised():
    from workbench import demo

    model = demo.model()
    data, evaluation, _ = demo.data()
    calibration = calibrate(model, data * 16)
    recipe = choose(model, calibration)
    diagnosis = diagnose(model, recipe, calibration, evaluation[:32] * 16)
    assert diagnosis[0].kind == "inputs" and diagnosis[0].tensor == "image" and diagnosis[0].remedy is None
    right = diagnose(model, choose(model, calibrate(model, data)), calibrate(model, data), evaluation[:32])
    assert all(finding.kind != "inputs" for finding in right)


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "fp32"])
def test_every_format_can_be_diagnosed(small, small_calibration, format):
    for weights, activations in ((format, "int8"), ("int8", format)):
        recipe = choose(small, small_calibration, weights=weights, activations=activations)
        case = Case(small, recipe, small_calibration)
        findings = [finding for evidence in KINDS.values() for finding in evidence(case)]
        changed = [remedy.apply(recipe) for finding in findings for remedy in finding.remedies]
        assert all(set(other) <= set(recipe) for other in changed)
        assert case.noise >= 0


def impulses(n):
    return np.eye(n, dtype=np.float32)


def layer_cases():
    """Weighted operators that map n channels at one position, with the shape of their input."""
    rng = np.random.default_rng(9)
    yield "Conv", {"group": 2}, rng.standard_normal((6, 2, 1, 1)), (4, 1, 1)
    yield "Conv", {}, rng.standard_normal((5, 4, 1, 1)), (4, 1, 1)
    yield "ConvTranspose", {"group": 2}, rng.standard_normal((4, 3, 1, 1)), (4, 1, 1)
    yield "Gemm", {"transB": 1}, rng.standard_normal((5, 4)), (4,)
    yield "Gemm", {}, rng.standard_normal((4, 5)), (4,)
    yield "MatMul", {}, rng.standard_normal((4, 5)), (4,)


@pytest.mark.parametrize(("operator", "attributes", "weight", "shape"), tuple(layer_cases()))
def test_energies_are_the_answers_to_impulses(tmp_path, operator, attributes, weight, shape):
    """The noise that white noise in one input channel makes in an output channel."""
    rest = [None] * (len(shape) - 1)
    node = helper.make_node(operator, ["x", "w"], ["y"], name="layer", **attributes)
    ports = {"x": ["N", *shape]}, {"y": ["N", None, *rest]}
    model = load(saved(tmp_path / "one.onnx", [node], *ports, [constant("w", weight)]))
    answers = model.chain.run({"x": impulses(shape[0]).reshape(-1, *shape)})["y"].reshape(shape[0], -1)
    per, places = energies(model.layers[0], model.tensors["w"].array())
    dense = np.zeros_like(answers.T, dtype=np.float64)
    np.put_along_axis(dense, places, per, axis=1)
    np.testing.assert_allclose(dense, np.square(answers.T, dtype=np.float64), rtol=1e-5)


def test_local_noise_does_not_depend_on_the_size_of_channels(tmp_path):
    """A channel multiplied in one layer and divided in the next costs as much as before, with a scale of its own."""
    rng = np.random.default_rng(11)
    weight, second = rng.standard_normal((32, 64)), rng.standard_normal((8, 32))
    sizes = 2.0 ** rng.integers(-6, 7, 32)
    for folder in ("plain", "scaled"):
        (tmp_path / folder).mkdir()
    bias = np.zeros(32)
    plain = two_layers(tmp_path / "plain", weight, second=second, bias=bias)
    scaled = two_layers(tmp_path / "scaled", weight * sizes[:, None], second=second / sizes, bias=bias)
    ratios = []
    for model in (plain, scaled):
        calibration = calibrate(model, vectors())
        ratios.append(Case(model, choose(model, calibration), calibration).points["first.weight"].ratio)
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)
    shared = [
        Case(m, choose(m, calibrate(m, vectors()), per_channel=False), calibrate(m, vectors())) for m in (plain, scaled)
    ]
    assert shared[1].points["first.weight"].ratio > 20 * shared[0].points["first.weight"].ratio


def test_each_kind_says_what_it_is():
    assert all(function.__doc__ for function in KINDS.values())
