"""The five real networks: figures, names, bit-equality of the chain, precision of the fold."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.models.graphs import same_bits, sqnr_db, whole
from workbench.models.model import Model
from workbench.models.neighbours import LayerGraph
from workbench.models.reader import load

ASSETS = os.environ.get("WORKBENCH_TEST_ASSETS", "")
NAMES = ("cifar10_resnet20", "cifar10_mobilenet", "cifar10_vit_a", "imagenet_squeezenet", "speech_vad_lstm")

pytestmark = pytest.mark.skipif(not ASSETS, reason="WORKBENCH_TEST_ASSETS does not name the folder of real models")


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {name: load(Path(ASSETS) / "models" / f"{name}.onnx") for name in NAMES}


def feeds_of(model: Model, batch: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        port.name: rng.standard_normal([size if isinstance(size, int) else batch for size in port.shape]).astype(
            port.dtype
        )
        for port in model.inputs
    }


@pytest.mark.parametrize(
    ("name", "n_parameters", "n_macs", "n_layers", "n_observed", "n_segments", "opset"),
    [
        ("cifar10_resnet20", 272_474, 40_813_184, 31, 20, 22, 13),
        ("cifar10_mobilenet", 208_322, 6_608_384, 24, 21, 21, 13),
        ("cifar10_vit_a", 67_594, 1_171_200, 32, 26, 27, 13),
        ("imagenet_squeezenet", 1_235_496, 349_151_936, 26, 18, 26, 13),
        ("speech_vad_lstm", 309_633, 548_480, 7, 6, 7, 16),
    ],
)
def test_figures(
    name: str,
    n_parameters: int,
    n_macs: int,
    n_layers: int,
    n_observed: int,
    n_segments: int,
    opset: int,
    models: dict[str, Model],
) -> None:
    model = models[name]
    assert (model.n_parameters, model.n_macs, len(model.layers)) == (n_parameters, n_macs, n_layers)
    assert (len(model.observed), model.chain.n_segments, model.opset) == (n_observed, n_segments, opset)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("cifar10_resnet20", ["conv1", "ResBlock1.0.conv1", "ResBlock2.0.downsample.0", "Add_8", "fc"]),
        ("cifar10_mobilenet", ["f.0", "f.3.m.0", "f.5.Add", "f.9", "fc"]),
        (
            "cifar10_vit_a",
            ["0.projection", "1.0.0.fn.1.query", "1.0.0.fn.1.MatMul", "1.0.0.Add", "1.0.1.fn.1.0", "2.2"],
        ),
        ("imagenet_squeezenet", ["conv1", "fire2/squeeze1x1", "fire9/expand3x3", "conv10"]),
        ("speech_vad_lstm", ["stft", "encoder.0.reparam_conv", "decoder.decoder.2"]),
    ],
)
def test_layer_names(name: str, layers: list[str], models: dict[str, Model]) -> None:
    names = [layer.name for layer in models[name].layers]
    assert set(layers) <= set(names) and len(set(names)) == len(names)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 3])
def test_chain_equals_one_session_bit_for_bit(name: str, batch: int, models: dict[str, Model]) -> None:
    model = models[name]
    for seed in range(1 if name == "imagenet_squeezenet" else 4):
        feeds = feeds_of(model, batch, seed)
        expected = whole(model.proto(), feeds)
        assert same_bits(model.chain.run(feeds), expected)
        kept = model.chain.run(feeds, keep=[*model.observed, *model.chain.borders])
        assert same_bits({output: kept[output] for output in expected}, expected)


@pytest.mark.parametrize("name", NAMES)
def test_resuming_anywhere_gives_the_same_bits(name: str, models: dict[str, Model]) -> None:
    model = models[name]
    feeds = feeds_of(model, 2, 0)
    chain = model.chain
    kept = chain.run(feeds, keep=chain.borders)
    expected = {port.name: kept[port.name] for port in model.outputs}
    for start in range(0, chain.n_segments + 1, 4):
        assert same_bits(chain.run(feeds, start=start, values=kept), expected)


@pytest.mark.parametrize("name", NAMES)
def test_loading_changes_the_network_by_rounding_only(name: str, models: dict[str, Model]) -> None:
    model = models[name]
    original = onnx.load(model.path)
    for seed in range(2):
        feeds = feeds_of(model, 2, seed)
        reference = whole(original, feeds)
        for output, array in model.chain.run(feeds).items():
            assert sqnr_db(reference[output], array) >= 110


@pytest.mark.parametrize("name", NAMES)
def test_folded_graph_is_valid_and_its_names_come_from_the_file(name: str, models: dict[str, Model]) -> None:
    model = models[name]
    proto = model.proto()
    onnx.checker.check_model(proto, full_check=True)
    file = onnx.load(model.path)
    of_file = {output for node in file.graph.node for output in node.output}
    for layer in model.layers:
        assert layer.output in of_file
    assert set(model.observed) | set(model.residual_inputs) <= of_file | {port.name for port in model.inputs}
    assert set(model.renamed) <= of_file and set(model.renamed.values()) <= set(model.tensors)


def test_batch_norms_that_cannot_be_folded_stay(models: dict[str, Model]) -> None:
    assert models["cifar10_vit_a"].network.operators()["BatchNormalization"] == 7
    assert "BatchNormalization" not in models["cifar10_resnet20"].network.operators()
    assert models["cifar10_resnet20"].renamed["129"] == "130"


def test_listed_initializers_are_no_inputs(models: dict[str, Model]) -> None:
    assert [port.name for port in models["imagenet_squeezenet"].inputs] == ["data_0"]
    assert [port.name for port in models["speech_vad_lstm"].inputs] == ["input", "state"]


@pytest.mark.parametrize("name", NAMES)
def test_layers_that_feed_a_layer_are_those_found_by_walking_back(models, name):
    model = models[name]
    graph = LayerGraph.of(model)
    producer = {name: node for node in model.network.nodes for name in node.output}
    places = {layer.output: i for i, layer in enumerate(model.layers)}

    def sources(names):
        found, todo, seen = set(), list(names), set()
        while todo:
            name = todo.pop()
            if name in seen or name not in producer:
                continue
            seen.add(name)
            if name in places:
                found.add(places[name])
            else:
                todo += producer[name].input
        return found

    for place, layer in enumerate(model.layers):
        assert set(graph.before[place]) == sources(layer.node.input)
