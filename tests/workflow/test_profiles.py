"""Profiles of devices: what they refuse, the nearest that they can express, ties, and sums that saturate."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, saved
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.rounding import ROUNDINGS
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choice import TensorChoice, own_range_of
from workbench.workflow.choose import choose
from workbench.workflow.export.qdq_elements import refusal as refused_by_onnx
from workbench.workflow.opening import load
from workbench.workflow.plan import plan
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.profiles.columns import input_columns, weight_rows
from workbench.workflow.profiles.fitting import fitted_to, tied, tied_with
from workbench.workflow.profiles.profile import Profile
from workbench.workflow.profiles.rules import FixedScale, ProductBound, SameScale
from workbench.workflow.profiles.saturation import could_saturate, lost_to_saturation, saturations
from workbench.workflow.profiles.side import Side

SHIFTS = dataclasses.replace(
    PROFILES["nvdla"],
    name="shifts",
    weights=Side(("int8", "q8"), groupings=("tensor", "channel"), zero_points="none", scales="power_of_two"),
    activations=Side(("int8", "int16"), zero_points="none", scales="sixteenth_octave", rounding="down"),
)
EVERY = [*PROFILES.values(), SHIFTS]
bounds = st.floats(2.0**-14, 2.0**14, width=32)


@st.composite
def choices(draw: st.DrawFn) -> tuple[TensorChoice, bool]:
    """Any choice of any format that can be made of a tensor, and whether it is a weight's."""
    name, is_weight = draw(st.sampled_from([name for name in FORMATS if name != "fp32"])), draw(st.booleans())
    format = FORMATS[name]
    rounding = draw(st.sampled_from(list(ROUNDINGS)))
    overflow = draw(st.sampled_from(format.overflows))
    options = {"rounding": rounding, "overflow": draw(st.sampled_from([None, overflow]))}
    if format.affine or format.family == "floating":
        options["zero_band"] = draw(st.sampled_from([0.0, 1e-3]))
    if not format.has_scale or format.needs_values:
        levels = (-1.0, 2.0) if format.needs_values else None
        return TensorChoice("x", name, **own_range_of(format, levels), levels=levels, **options), is_weight
    grouping = draw(st.sampled_from(["tensor", "channel", "block"])) if is_weight else "tensor"
    n = 1 if grouping == "tensor" else 3
    low, high = (np.array([draw(bounds) for _ in range(n)]) for _ in range(2))
    symmetric = draw(st.sampled_from([None, True, False]))
    if grouping == "tensor":
        dynamic = None if is_weight else draw(st.sampled_from([None, "batch", "sample"]))
        ends = {"low": -float(low[0]), "high": float(high[0]), "dynamic": dynamic}
    else:
        ends = {"low": -low, "high": high, "axis": 0, "block_size": 4 if grouping == "block" else None}
    return TensorChoice("x", name, "min_max", **ends, symmetric=symmetric, **options), is_weight


@settings(max_examples=300, deadline=None)
@given(choices(), st.sampled_from([profile.name for profile in EVERY]))
def test_every_choice_is_expressed_or_refused_with_a_nearest_that_is_expressed(made, name):
    (choice, is_weight), profile = made, next(one for one in EVERY if one.name == name)
    reason, near = (f(choice, is_weight=is_weight) for f in (profile.refusal, profile.nearest))
    assert profile.refusal(near, is_weight=is_weight) is None
    if reason is None:
        assert near is choice
        return
    assert "nearest is " in reason and not reason.endswith(".") and (near is None or near.format in reason)
    if near is not None and near.variation.has_scale and near.dynamic is None and profile.name != "gemmlowp":
        covered = np.max(near.high) >= np.max(choice.high) * (1 - 1e-6)
        assert covered or not FORMATS[choice.format].has_scale or near.variation.family == "logarithmic"


@settings(max_examples=300, deadline=None)
@given(choices(), st.sampled_from(["onnxruntime", "onnxruntime_no_vnni"]))
def test_onnxruntime_runs_whatever_the_file_can_hold(made, name):
    choice, is_weight = made
    if refused_by_onnx(choice, is_weight=is_weight) is None:
        assert PROFILES[name].refusal(choice, is_weight=is_weight) is None


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_complete(name):
    profile = PROFILES[name]
    assert profile.name == name and profile.title and profile.runs_on and profile.sources
    for side in (profile.weights, profile.activations):
        assert side.formats and all(known in FORMATS for known in (*side.formats, *side.grouped, *side.dynamic))
        assert any("tensor" in side.groupings_of(format) for format in side.formats)  # `nearest` relies on it
    assert profile.refusal(None, is_weight=True) is None


@pytest.mark.parametrize(
    ("name", "accumulators", "factor", "expected"),
    [
        ("onnxruntime", [5, 7], 0.5, [2, 4]),  # 2.5 and 3.5: halves to even
        ("nvdla", [5, -5, 1000], 0.5, [3, -3, 127]),
        ("ncnn", [5, -5, -1000], 0.5, [3, -3, -127]),
        ("gemmlowp", [5, -5, 1000], 0.5, [3, 0, 255]),
    ],
)
def test_results_are_rounded_as_each_device_does(name, accumulators, factor, expected):
    codes = PROFILES[name].requantization.codes
    assert codes(np.array(accumulators), factor, 0).tolist() == expected


def test_refusals_say_what_and_what_instead():
    affine = TensorChoice("x", "int8", "hand", -5.0, 2.0, symmetric=False)
    tensorrt = PROFILES["tensorrt"]
    assert tensorrt.refusal(affine, is_weight=False) == (
        "it has no zero points, codes are symmetric; nearest is int8, symmetric"
    )
    near = tensorrt.nearest(affine, is_weight=False)
    assert near.quantizer.scale == np.float32(5 / 127) and near.quantizer.zero_point == 0
    blocks = TensorChoice("w", "int4", "hand", -np.ones(2), np.ones(2), True, axis=0, block_size=32)
    assert tensorrt.refusal(blocks, is_weight=True) is None
    assert "one scale per tensor" in PROFILES["nvdla"].refusal(blocks, is_weight=True)
    assert "int8_narrow" in PROFILES["ncnn"].refusal(affine, is_weight=False)
    assert "gfpq8" in PROFILES["nnie"].refusal(affine, is_weight=False)
    half = TensorChoice("x", "fp16", "own", 0.0, 0.0)
    assert PROFILES["gemmlowp"].nearest(half, is_weight=False) is None


def test_a_profile_of_ones_own_joins_the_catalogue():
    PROFILES.register(SHIFTS)
    try:
        assert PROFILES["shifts"] is SHIFTS
    finally:
        PROFILES.unregister("shifts")
    with pytest.raises(WorkbenchError, match="unknown profile 'toaster'"):
        PROFILES["toaster"]


@pytest.fixture(scope="module")
def branched(tmp_path_factory):
    """Two branches, pooled and concatenated, between quantized convolutions; a Sigmoid before the last."""
    normal = np.random.default_rng(3).standard_normal
    weights = {"a": (4, 2, 3, 3), "b": (4, 2, 3, 3), "c": (4, 8, 1, 1), "d": (3, 4, 1, 1), "e": (3, 4, 1, 1)}
    constants = [constant(name, normal(shape) * 0.3) for name, shape in weights.items()]
    make, pads = helper.make_node, {"pads": [1] * 4}
    nodes = [
        make("Conv", ["image", "a"], ["a_out"], **pads),
        make("Conv", ["image", "b"], ["b_out"], **pads),
        make("MaxPool", ["a_out"], ["a_pool"], kernel_shape=[2, 2], strides=[2, 2], name="pool"),
        make("MaxPool", ["b_out"], ["b_pool"], kernel_shape=[2, 2], strides=[2, 2]),
        make("Concat", ["a_pool", "b_pool"], ["both"], axis=1, name="join"),
        make("Conv", ["both", "c"], ["c_out"]),
        make("Sigmoid", ["c_out"], ["gate"], name="gate"),
        make("Conv", ["gate", "d"], ["d_out"]),
        make("Conv", ["a_pool", "e"], ["e_out"]),
    ]
    path = tmp_path_factory.mktemp("branched") / "branched.onnx"
    outputs = {"d_out": ["N", 3, 4, 4], "e_out": ["N", 3, 4, 4]}
    model = load(saved(path, nodes, {"image": ["N", 2, 8, 8]}, outputs, constants))
    return model, calibrate(model, images(32))


def test_ties_are_named_and_kept(branched):
    model, calibration = branched
    recipe = choose(model, calibration, weights="uint8", activations="uint8", per_channel=False)
    profile = PROFILES["gemmlowp"]
    found = {type(tie.rule): tie for tie in profile.ties(model, recipe)}
    assert found[SameScale].tensors == ("a_pool", "both") and "Concat" in found[SameScale].reason
    assert found[FixedScale].tensors == ("gate",) and found[FixedScale].layer == "gate"
    reasons = profile.misfits(model, recipe)
    assert "but the scales are 'a_pool'" in reasons["both"] and "1/256" in reasons["gate"]
    kept = tied(model, recipe, profile)
    assert not profile.violations(model, kept) and plan(model, kept)
    one, other = kept["a_pool"], kept["both"]
    assert one.quantizer == other.quantizer
    assert one.low == min(recipe[n].low for n in ("a_pool", "both")) and one.high == max(
        recipe[n].high for n in ("a_pool", "both")
    )
    assert kept["gate"].quantizer.scale == np.float32(1 / 256) and kept["gate"].quantizer.zero_point == 0
    assert tied_with(model, recipe, profile, "both") == ("a_pool",)
    assert tied_with(model, recipe, profile, "gate") == () == tied_with(model, recipe, "onnxruntime", "both")


def test_an_output_is_widened_until_its_multiplier_shrinks(branched):
    model, calibration = branched
    recipe = choose(model, calibration, weights="uint8", activations="uint8", per_channel=False)
    narrow = recipe.with_tensor("a_pool", low=-1e-4, high=1e-4).with_tensor("both", low=-1e-4, high=1e-4)
    profile = PROFILES["gemmlowp"]
    broken = [tie for tie in profile.violations(model, narrow) if isinstance(tie.rule, ProductBound)]
    assert broken and "multiplier of" in profile.violations(model, narrow)[broken[0]]
    kept = tied(model, narrow, profile)
    assert not profile.violations(model, kept) and kept["both"].high > 1e-4


def test_ties_that_contradict_each_other_leave_a_tensor_float(branched):
    model, calibration = branched
    recipe = choose(model, calibration, weights="uint8", activations="uint8", per_channel=False)
    rules = (FixedScale(("MaxPool",), 1 / 256, 0), FixedScale(("Concat",), 1 / 64, 0), SameScale(("Concat",)))
    profile = dataclasses.replace(PROFILES["gemmlowp"], rules=rules)
    kept = tied(model, recipe, profile)
    assert not profile.violations(model, kept) and len(kept) < len(recipe)
    assert any(notice.topic == "tie" for notice in kept.notices)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([name for name in FORMATS if name not in ("fp32", "pruned") and not FORMATS[name].needs_values]),
    st.sampled_from(["int8", "uint8", "int16", "fp16", "fp8_e4m3", "gfpq8", "int5", "q8", "mxint8"]),
    st.booleans(),
    st.sampled_from([profile.name for profile in EVERY]),
)
def test_a_fitted_recipe_is_always_accepted(branched, weights, activations, per_channel, name):
    model, calibration = branched
    profile = next(one for one in EVERY if one.name == name)
    recipe = choose(model, calibration, weights=weights, activations=activations, per_channel=per_channel)
    fitted, notices = fitted_to(model, recipe, profile)
    assert profile.refusals(model, fitted) == () and plan(model, fitted)
    assert bool(notices) == (fitted != recipe)
    for tie in profile.ties(model, fitted):
        if isinstance(tie.rule, SameScale):
            assert len({fitted[name].quantizer.scale.tobytes() for name in tie.tensors}) == 1
    assert fitted_to(model, fitted, profile) == (fitted, ())


def by_loops(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Sums of pairs that saturate at int16, one by one."""
    sums = np.zeros((len(x), len(w)), np.int64)
    for i, row in enumerate(x):
        for j, weights in enumerate(w):
            products = [int(a) * int(b) for a, b in zip(row, weights, strict=True)]
            pairs = [sum(products[k : k + 2]) for k in range(0, len(products), 2)]
            sums[i, j] = sum(min(max(pair, -32768), 32767) for pair in pairs)
    return sums


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_pairs_saturate_as_counted_by_hand(seed, n):
    rng = np.random.default_rng(seed)
    x, w = rng.integers(100, 256, (5, n)), rng.integers(-128, 128, (4, n))
    lost = lost_to_saturation(x, w)
    assert np.array_equal(x @ w.T - lost, by_loops(x, w))
    worst, possible = could_saturate(w)
    extremes = [np.where(w[j] * sign > 0, 255, 0)[None] for j in range(4) for sign in (1, -1)]
    reached = [(lost_to_saturation(e, w[j : j + 1]) != 0).any() for j in range(4) for e in extremes[2 * j : 2 * j + 2]]
    assert np.array_equal(possible, np.reshape(reached, (4, 2)).any(axis=1))
    assert worst <= 255 * 256 and not lost[:, ~possible].any()


def test_seven_bits_never_saturate():
    w = np.array([[-64, -64, 63, 63]])
    assert could_saturate(w)[0] == 2 * 64 * 255 and not could_saturate(w)[1].any()


@pytest.mark.parametrize("group", [1, 2])
def test_columns_are_the_convolution(tmp_path, group):
    rng = np.random.default_rng(5)
    weight = rng.integers(-9, 9, (4, 4 // group, 3, 2)).astype(np.float32)
    options = {"pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 2], "group": group}
    node = helper.make_node("Conv", ["x", "w"], ["y"], **options)
    model = load(saved(tmp_path / "c.onnx", [node], {"x": [1, 4, 7, 6]}, {"y": None}, [constant("w", weight)]))
    x = rng.integers(0, 9, (1, 4, 7, 6)).astype(np.float32)
    expected = model.chain.run({"x": x})["y"]
    rows = weight_rows(model.layers[0], weight)
    columns = input_columns(model.layers[0], x, 0, weight.shape)
    found = np.concatenate([c @ w.T for c, w in zip(columns, rows, strict=True)], axis=1)
    assert np.array_equal(found, np.moveaxis(expected, 1, -1).reshape(-1, 4))


def test_saturation_is_told_for_cpus_without_vnni_alone(branched):
    model, calibration = branched
    recipe = choose(model, calibration, per_channel=True, residual_adds=True)
    assert not [n for n in PROFILES["onnxruntime"].predictions(model, recipe) if n.topic == "saturating"]
    (notice,) = PROFILES["onnxruntime_no_vnni"].predictions(model, recipe, images(4))
    assert notice.topic == "saturating" and "int7" in str(notice) and "VNNI" in str(notice)
    seven = choose(model, calibration, weights="int7")
    assert PROFILES["onnxruntime_no_vnni"].predictions(model, seven) == ()


def test_biases_and_roundings_that_the_device_does_otherwise_are_told(small, small_calibration):
    recipe = choose(small, small_calibration)
    topics = {name: [n.topic for n in PROFILES[name].predictions(small, recipe)] for name in PROFILES}
    assert topics["onnxruntime"] == [] and topics["tensorrt"] == ["bias"] and topics["ncnn"] == ["bias", "rounding"]


@needs_assets
def test_saturating_sums_cost_a_real_network_its_first_layer():
    model, (x, _) = load(model_path("cifar10_resnet20")), inputs("cifar10_resnet20", "calib")
    recipe = choose(model, calibrate(model, x[:32]), residual_adds=True)
    found = saturations(model, recipe, x[:8])
    first = found[0]
    assert first.layer == "conv1" and first.worst > 32767 and 0.1 < first.share < 0.6
    assert first.sqnr_db < 30 and all(one.share < first.share for one in found[1:])
    narrow = choose(model, calibrate(model, x[:32]), weights="int7", residual_adds=True)
    assert not any(one.possible or one.share for one in saturations(model, narrow, x[:8]))


def test_a_profile_is_a_value():
    assert isinstance(PROFILES["nvdla"], Profile)
    with pytest.raises(dataclasses.FrozenInstanceError):
        PROFILES["nvdla"].name = "other"
