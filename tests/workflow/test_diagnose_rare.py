"""Faults that are met less often, planted in real networks: each is found, named first, and repaired by its advice."""

import dataclasses

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.planted_faults import Bench, Fault, share_repaired
from workbench import demo
from workbench.models.model import Model
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration import Calibration
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.diagnose import diagnose
from workbench.workflow.opening import load
from workbench.workflow.plan import plan

FULL = pytest.mark.full


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    """network name -> (Bench, samples that a diagnosis sees), made when first asked for."""
    made = {}

    def bench(name: str) -> tuple[Bench, np.ndarray]:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            n_judging = 12 if "imagenet" in name else 60
            images = inputs(name, "eval")[0]
            judging = images[32 : 32 + n_judging]
            made[name] = Bench(load(model_path(name)), inputs(name, "calib")[0][:32], judging, folder), images[:24]
        return made[name]

    return bench


def diagnosed(fault: Fault, data):
    return diagnose(fault.model, fault.recipe, fault.calibration, data, n_samples=24)


def check(bench: Bench, data, fault: Fault, healthy: float, kind: str, *, least_db: float, repaired: float = 0.9):
    """The fault costs something, comes first under its own name, and its advice repairs it."""
    fault = dataclasses.replace(fault, noise=bench.noise(fault.model, fault.recipe))
    assert fault.noise > healthy * 10 ** (least_db / 10), "no fault"
    found = diagnosed(fault, data)
    first = found[0]
    assert (first.tensor, first.kind) == (fault.tensors[0], kind), str(found)
    assert share_repaired(bench, fault, first.remedy.apply(fault.recipe), healthy) >= repaired, str(first)
    return first


def in_place_of(bench: Bench, recipe, choice, calibration=None) -> Fault:
    changed = recipe.with_choice(choice)
    return Fault(bench.model, changed, calibration or bench.calibration, (choice.tensor,), choice.tensor)


@needs_assets
@pytest.mark.parametrize(
    ("network", "tensor", "least_db"),
    [
        ("cifar10_mobilenet", "/f/f.5/m/m.2/Clip_output_0", 2),
        pytest.param("cifar10_resnet20", "161", 0.5, marks=FULL),
        pytest.param("imagenet_squeezenet", "fire7/squeeze1x1_2", 2, marks=FULL),
    ],
)
def test_a_range_that_reaches_far_beyond_all_values(benches, network, tensor, least_db):
    bench, data = benches(network)
    recipe, healthy = bench.healthy()
    present = recipe[tensor]
    fault = in_place_of(bench, recipe, dataclasses.replace(present, low=6 * present.low, high=6 * present.high))
    first = check(bench, data, fault, healthy, "wide", least_db=least_db)
    assert first.evidence["empty"] > 0.75


@pytest.mark.full
@needs_assets
def test_values_of_one_sign_in_a_mirrored_range(benches):
    bench, data = benches("imagenet_squeezenet")
    recipe, healthy = bench.healthy()
    choice = choose_tensor(bench.model, bench.calibration, "fire5/squeeze1x1_2", format="int8", symmetric=True)
    check(bench, data, in_place_of(bench, recipe, choice), healthy, "one_sided", least_db=1)


@needs_assets
@pytest.mark.parametrize("network", ["cifar10_mobilenet", pytest.param("cifar10_resnet20", marks=FULL)])
def test_a_network_whose_ranges_are_all_mirrored(benches, network):
    """Every remedy that is advised together gives back what the mirrored ranges cost."""
    bench, data = benches(network)
    _, healthy = bench.healthy()
    recipe, noise = bench.healthy(symmetric=True)
    found = diagnose(bench.model, recipe, bench.calibration, data, n_samples=24)
    costly = [finding for finding in found if finding.measured_gain_db is not None]
    assert costly and found[0] is costly[0] and {finding.kind for finding in costly} == {"one_sided"}, str(found)
    repaired = recipe
    for finding in costly:
        repaired = finding.remedy.apply(repaired)
    assert bench.noise(bench.model, repaired) < noise - 0.65 * (noise - healthy)


@needs_assets
@pytest.mark.parametrize(
    ("network", "tensor", "least_db"),
    [
        ("cifar10_mobilenet", "/f/f.8/Add_output_0", 1.5),
        pytest.param("cifar10_resnet20", "207", 1, marks=FULL),
        pytest.param("imagenet_squeezenet", "fire5/squeeze1x1_2", 10, marks=FULL),
        pytest.param("imagenet_squeezenet", "fire9/concat_1", 3, marks=FULL),  # few values, large ones
    ],
)
def test_a_tensor_that_was_calibrated_on_dim_pictures(benches, network, tensor, least_db):
    bench, data = benches(network)
    recipe, healthy = bench.healthy()
    dim = calibrate(bench.model, bench.calibration_data * np.float32(0.25))
    mixed = {**bench.calibration, tensor: dim[tensor]}
    calibration = Calibration(mixed, bench.calibration.n_samples, bench.model.sha256)
    choice = choose_tensor(bench.model, calibration, tensor, format="int8")
    fault = in_place_of(bench, recipe, choice, calibration)
    check(bench, data, fault, healthy, "coverage", least_db=least_db)


@needs_assets
@pytest.mark.parametrize("network", ["cifar10_mobilenet", pytest.param("cifar10_vit_a", marks=FULL)])
def test_a_network_that_was_calibrated_on_dim_pictures(benches, network):
    """What enters the network comes first, as everything behind follows from it."""
    bench, data = benches(network)
    _, healthy = bench.healthy()
    dim = calibrate(bench.model, bench.calibration_data * np.float32(0.25))
    fault = Fault(bench.model, choose(bench.model, dim), dim, (bench.model.inputs[0].name,), "dim pictures")
    check(bench, data, fault, healthy, "coverage", least_db=20)


def edited(bench: Bench, arrays, name: str) -> Model:
    """The network with other constants."""
    proto = bench.model.proto()
    for tensor in proto.graph.initializer:
        if tensor.name in arrays:
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(arrays[tensor.name], np.float32), tensor.name))
    path = bench.folder / f"{name}.onnx"
    onnx.save(proto, path)
    return load(path)


def on(bench: Bench, model: Model) -> Bench:
    return Bench(model, bench.calibration_data, bench.judging, bench.folder)


def louder_part(model: Model, joined: str, factor: float):
    """Constants with which the first part of a Concat is `factor` times as large, and the function the same."""
    made = {name: node for node in model.network.nodes for name in node.output}
    node = made[made[joined].input[0]]
    conv = made[node.input[0]] if node.op_type == "Relu" else node
    arrays = {name: model.network.constants[name] * factor for name in conv.input[1:3]}
    n = len(arrays[conv.input[2]])

    def divide(value):
        for reader in (node for node in model.network.nodes if value in node.input):
            if reader.op_type == "Conv":
                weight = model.network.constants[reader.input[1]].copy()
                weight[:, :n] /= factor
                arrays[reader.input[1]] = weight
            else:
                divide(reader.output[0])

    divide(joined)
    return arrays


@needs_assets
@pytest.mark.parametrize(
    ("joined", "tensor", "factor"),
    [
        ("fire8/concat_1", "fire8/concat_1", 64.0),
        pytest.param("fire2/concat_1", "fire2/concat_1", 16.0, marks=FULL),
        pytest.param("fire5/concat_1", "pool5_1", 64.0, marks=FULL),  # a pooling between the Concat and its reader
    ],
)
def test_parts_of_a_concat_that_differ_in_size(benches, joined, tensor, factor):
    """Weights have int16: in int8 those of the reader, divided where the part was multiplied, would be a second one."""
    bench, data = benches("imagenet_squeezenet")
    _, healthy = bench.healthy(weights="int16")
    model = edited(bench, louder_part(bench.model, joined, factor), f"{joined.replace('/', '_')}_{factor:g}")
    planted = on(bench, model)
    recipe = choose(model, planted.calibration, weights="int16")
    fault = Fault(model, recipe, planted.calibration, (tensor,), joined)
    first = check(planted, data, fault, healthy, "concat", least_db=8)
    large, small = first.evidence["sizes"]
    assert large > 10 * small and first.evidence["parts"][0] in str(first.advice)


def detector(folder, *, size: float) -> Model:
    """The demo network as a detector: scores in [0, 1] and boxes of `size` pixels joined for a last operator.

    Its outputs are the scores and the boxes, which other layers would take apart.
    """
    rng = np.random.default_rng(5)
    proto = demo.model().proto()
    graph = proto.graph
    features = "blocks.1.relu_out"
    kept = [node for node in graph.node if not node.name.startswith("head.")]
    n_channels = 32
    constants = {
        "scores.weight": rng.standard_normal((10, n_channels, 1, 1)) * 0.5,
        "boxes.weight": np.abs(rng.standard_normal((4, n_channels, 1, 1))) * 0.05,
        "pixels": np.float32(size),
        "refine.weight": rng.uniform(0.5, 1.5, (14, 1, 1, 1)),
    }
    nodes = [
        helper.make_node("Conv", [features, "scores.weight"], ["raw_scores"], name="scores"),
        helper.make_node("Sigmoid", ["raw_scores"], ["score"], name="score"),
        helper.make_node("Conv", [features, "boxes.weight"], ["raw_boxes"], name="boxes"),
        helper.make_node("Mul", ["raw_boxes", "pixels"], ["box"], name="box"),
        helper.make_node("Concat", ["score", "box"], ["joined"], name="join", axis=1),
        helper.make_node("Conv", ["joined", "refine.weight"], ["refined"], name="refine", group=14),
        helper.make_node("Slice", ["refined", "zero", "ten", "one"], ["out_scores"], name="part_scores"),
        helper.make_node("Slice", ["refined", "ten", "end", "one"], ["out_boxes"], name="part_boxes"),
    ]
    places = {"zero": 0, "ten": 10, "end": 14, "one": 1}
    del graph.node[:], graph.output[:]
    graph.node.extend([*kept, *nodes])
    for name, array in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
    for name, place in places.items():
        graph.initializer.append(numpy_helper.from_array(np.array([place], np.int64), name))
    for name, channels in (("out_scores", 10), ("out_boxes", 4)):
        shape = ["N", channels, None, None]
        graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    path = folder / f"detector_{size:g}.onnx"
    onnx.save(proto, path)
    return load(path)


def test_scores_and_boxes_of_a_detector_under_one_scale(tmp_path):
    calibration_images, evaluation, _ = demo.data()
    benches = [
        Bench(detector(tmp_path, size=size), calibration_images[:64], evaluation[64:128], tmp_path)
        for size in (1.0, 640.0)
    ]
    _, healthy = benches[0].healthy()
    bench = benches[1]
    fault = Fault(
        bench.model, choose(bench.model, bench.calibration), bench.calibration, ("joined",), "boxes in pixels"
    )
    first = check(bench, evaluation[:32], fault, healthy, "concat", least_db=6)
    assert "2 scores and boxes" in first.sentence and not diagnosed_kinds(benches[0], evaluation[:32], "concat")


def diagnosed_kinds(bench: Bench, data, kind: str):
    return diagnose(bench.model, bench.healthy()[0], bench.calibration, data, kinds=[kind])


@needs_assets
@pytest.mark.parametrize(
    ("network", "layer"),
    [
        ("cifar10_mobilenet", "f.6.m.6"),
        pytest.param("cifar10_resnet20", "ResBlock2.2.conv2", marks=FULL),
        pytest.param("cifar10_vit_a", None, marks=FULL),
    ],
)
def test_a_bias_whose_scale_is_too_small_for_int32(benches, network, layer):
    """It stays float, which costs nothing here; a target that has no float bias would not take it."""
    bench, data = benches(network)
    of = next(each for each in bench.model.layers if each.weight and each.bias and layer in (None, each.name))
    weight, bias = (bench.model.network.constants[name].copy() for name in (of.weight, of.bias))
    np.moveaxis(weight, of.weight_axis, 0)[1] *= 1e-9
    bias[1] = 0.5
    planted = on(bench, edited(bench, {of.weight: weight, of.bias: bias}, f"{network}_bias"))
    recipe, noise = planted.healthy()
    found = diagnose(planted.model, recipe, planted.calibration, data, n_samples=24)
    about = [finding for finding in found if finding.kind == "bias"]
    costly = [finding for finding in found if finding.measured_gain_db is not None]
    assert [finding.tensor for finding in about] == [of.weight] and found[len(costly)] is about[0], str(found)
    assert about[0].evidence["n_channels"] == 1 and "channel 1" in str(about[0])
    repaired = about[0].remedy.apply(recipe)
    assert of.bias not in plan(planted.model, recipe).biases and of.bias in plan(planted.model, repaired).biases
    assert planted.noise(planted.model, repaired) < 1.05 * noise


@needs_assets
def test_channels_that_a_relu6_holds_at_its_ends(benches):
    bench, data = benches("cifar10_mobilenet")
    tensor = "/f/f.7/m/m.2/Clip_output_0"
    made = {name: node for node in bench.model.network.nodes for name in node.output}
    bias = made[made[tensor].input[0]].input[2]
    values = bench.model.network.constants[bias].copy()
    values[:3] += 100
    values[5] -= 100
    planted = on(bench, edited(bench, {bias: values}, "saturated"))
    found = diagnose(planted.model, planted.healthy()[0], planted.calibration, data, n_samples=24)
    about = [finding for finding in found if finding.kind == "relu_n"]
    assert about[0].tensor == tensor and found[0].kind == "relu_n"
    assert about[0].evidence["saturated"] == (0, 1, 2) and about[0].evidence["dead"] == (5,)
    assert "remove such channels" in str(about[0]) and about[0].remedy is None
    reader = next(each for each in planted.model.layers if tensor in each.inputs)
    weight = planted.model.network.constants[reader.weight].copy()
    weight[5] = 0  # depthwise: what follows the dead channel
    without = edited(planted, {reader.weight: weight}, "without")
    before, after = (model.chain.run({"image": data})["logits"] for model in (planted.model, without))
    np.testing.assert_array_equal(before, after)
