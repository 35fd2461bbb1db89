"""Every number format as weights and activations of a real network, and recipes that hold every kind of entry."""

import functools
import itertools

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.rounding import ROUNDINGS
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator, quantized_outputs

pytestmark = needs_assets
NAME = "cifar10_resnet20"
N_SAMPLES = 8  # for what every format is tried on; two formats are compared on more
NO_ANSWER = 3.0  # dB; below it the output has little to do with that of the float network
FAMILIES = [  # each with more bits, or more bits of mantissa, than the one before
    [f"int{bits}" for bits in range(2, 17)],
    [f"uint{bits}" for bits in range(2, 17)],
    [f"int{bits}_narrow" for bits in range(2, 17)],
    ["q4", "q8", "q16"],
    ["int4_pow2", "int8_pow2", "int16_pow2"],
    ["log2_3", "gfpq8", "gfpq16"],
    ["fp4_e2m1", "fp6_e2m3", "tf32"],
    ["fp8_e5m2", "fp8_e4m3", "bf16", "fp16"],
    ["fp8_e5m2fnuz", "fp8_e4m3fnuz", "fp16"],
    ["mxfp4", "mxfp6_e3m2", "mxfp6_e2m3", "mxint8"],
    ["mxfp8_e5m2", "mxfp8_e4m3", "mxint8"],
    ["binary", "ternary", "int8"],
    [f"kmeans{bits}" for bits in range(1, 9)],
]


class Network:
    """The network, its calibration and the output of any recipe on the first samples."""

    def __init__(self) -> None:
        self.model = load(model_path(NAME))
        self.calibration = calibrate(self.model, inputs(NAME, "calib")[0][:60])
        self.samples = inputs(NAME, "eval")[0]
        self.simulator = Simulator(self.model, as_batches(self.model, self.samples[:N_SAMPLES]))

    def recipe(self, format: str) -> Recipe:
        """All weights and activations; k-means: all weights and three activations, whose fits take a second each."""
        recipe = choose(self.model, self.calibration, weights=format, activations=None, weight_clipping="min_max")
        names = self.model.observed[:3] if FORMATS[format].family == "codebook" else self.model.observed
        options = dict(format=format, method="min_max")
        return recipe.with_choices(*(choose_tensor(self.model, self.calibration, n, **options) for n in names))

    def output_db(self, recipe: Recipe) -> float:
        (output,) = self.simulator.compare(recipe, tensors=False).outputs.values()
        assert np.isfinite([output.sqnr_db, output.mse, output.cosine, output.kl]).all()
        return output.sqnr_db

    @functools.cache  # noqa: B019  (one network lives as long as the module)
    def format_db(self, format: str) -> float:
        return self.output_db(self.recipe(format))

    def outputs(self, recipe: Recipe) -> np.ndarray:
        batches = as_batches(self.model, self.samples[:N_SAMPLES])
        (name,) = (port.name for port in self.model.outputs)
        return np.concatenate([result[name] for result in quantized_outputs(self.model, recipe, batches)])


@pytest.fixture(scope="module")
def network() -> Network:
    return Network()


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "fp32"])
def test_every_format_runs_on_a_real_network(network, format):
    recipe = network.recipe(format)
    assert {choice.format for choice in recipe.values()} == {format}
    assert set(weight_names(network.model)) < set(recipe)
    assert np.isfinite(network.format_db(format))  # finite, and not equal to the float network either


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family[0])
def test_more_bits_of_a_family_are_never_much_worse(network, family):
    found = [network.format_db(format) for format in family]
    for (narrow, before), (wide, after) in itertools.pairwise(zip(family, found, strict=True)):
        assert after >= before - 1.0 or before < NO_ANSWER, f"{narrow} {before:.1f} dB, {wide} {after:.1f} dB"
    assert found[-1] > max(NO_ANSWER, found[0] + 6)


def test_each_bit_of_an_integer_counts(network):
    """Six dB a bit at one tensor; a network keeps most of it."""
    int4, int6, int8 = (network.format_db(f"int{bits}") for bits in (4, 6, 8))
    assert int8 > int6 + 6 and int6 > int4 + 6


def test_a_fitted_codebook_beats_equal_steps_on_weights(network):
    """One range or codebook a tensor, activations float: nearer in every weight, and at the output of the network."""
    simulator = Simulator(network.model, as_batches(network.model, network.samples[:96]))
    found, errors = {}, {}
    for format in ("kmeans4", "int4", "int4_narrow"):
        recipe = choose(network.model, None, weights=format, activations=None, per_channel=False)
        (output,) = simulator.compare(recipe, tensors=False).outputs.values()
        found[format] = output.sqnr_db
        arrays = {name: network.model.tensors[name].array() for name in recipe}
        errors[format] = [measured_error(arrays[n], c.quantizer, divergence=False).mse for n, c in recipe.items()]
    for format in ("int4", "int4_narrow"):
        assert found["kmeans4"] > found[format] + 1, found
        assert (np.array(errors["kmeans4"]) < errors[format]).all()


def test_roundings_cost_what_they_should(network):
    recipes = {
        rounding: choose(network.model, network.calibration, weights="int8", activations="int8", rounding=rounding)
        for rounding in ROUNDINGS
    }
    found = {rounding: network.output_db(recipe) for rounding, recipe in recipes.items()}
    # a tie is rare in weights and activations
    assert found["nearest_away"] == pytest.approx(found["nearest_even"], abs=0.5)
    # twice the mean error of the nearest level, but no bias
    assert found["nearest_even"] - 6 < found["stochastic"] < found["nearest_even"] - 1
    # half a step of bias in every product adds up
    for rounding in ("up", "down", "toward_zero"):
        assert found[rounding] < found["stochastic"] - 3, found
    assert network.outputs(recipes["stochastic"]).tobytes() == network.outputs(recipes["stochastic"]).tobytes()


@pytest.mark.parametrize("format", ["int8", "pruned", "fp8_e4m3", "kmeans4"])
def test_pruning_costs_more_the_more_it_takes(network, format):
    found = [network.format_db("int8")]
    for sparsity in (0.2, 0.5, 0.8):
        recipe = choose(network.model, None, weights=format, activations=None, weight_sparsity=sparsity)
        for name in weight_names(network.model):
            weight = network.model.tensors[name].array()
            assert (recipe[name].quantizer.fake_quantize(weight) == 0).mean() >= sparsity - 1 / weight.size
        found.append(network.output_db(recipe))
    assert found[0] > found[1] > found[2] > found[3]


def test_activations_are_pruned_too(network):
    name = network.model.observed[5]
    bands = [
        choose_tensor(network.model, network.calibration, name, format="uint8", sparsity=share)
        for share in (0.0, 0.6, 0.9)
    ]
    assert bands[0].zero_band <= bands[1].zero_band < bands[2].zero_band
    found = [network.output_db(Recipe(NAME, network.model.sha256, {name: choice})) for choice in bands]
    assert found[0] >= found[1] > found[2]


def with_every_kind_of_entry(network: Network) -> Recipe:
    """Grouped and whole, every rounding, overflow, a band, fitted levels, blocks, dynamic ranges, a note."""
    model, calibration = network.model, network.calibration
    weights, activations = weight_names(model), model.observed
    entries = [
        *(choose_tensor(model, None, weights[i], format="int8", rounding=r) for i, r in enumerate(ROUNDINGS)),
        choose_tensor(model, None, weights[6], format="kmeans3", sparsity=0.3),
        choose_tensor(model, None, weights[7], format="fp6_e3m2", per_channel=False),
        choose_tensor(model, None, weights[8], format="int4", block_size=8),
        choose_tensor(model, None, weights[9], format="mxfp6_e2m3"),
        choose_tensor(model, None, weights[10], format="pruned", sparsity=0.4),
        choose_tensor(model, None, weights[11], format="gfpq8"),
        choose_tensor(model, None, weights[12], format="q8", rounding="nearest_away"),
        choose_tensor(model, calibration, activations[0], format="fp16", overflow="saturate", rounding="toward_zero"),
        choose_tensor(model, calibration, activations[1], format="uint8", dynamic="batch"),
        choose_tensor(model, calibration, activations[2], format="int8", dynamic="sample", symmetric=True),
        choose_tensor(model, calibration, activations[3], format="kmeans4"),
        choose_tensor(model, calibration, activations[4], format="fp8_e5m2", overflow="infinity"),
        choose_tensor(model, calibration, activations[5], format="uint8", sparsity=0.5),
        choose_tensor(model, calibration, activations[6], format="mxint8"),
        choose_tensor(model, calibration, activations[7], format="int8", method="moving_average"),
    ]
    recipe = Recipe(NAME, model.sha256).with_choices(*entries)
    return recipe.with_tensor(activations[7], low=-0.1, high=2.0).with_note(activations[7], "by hand, µ")


def test_every_kind_of_entry_survives_saving_bit_for_bit_and_simulates_the_same(network, tmp_path):
    recipe = with_every_kind_of_entry(network)
    again = Recipe.load(recipe.save(tmp_path / "a.recipe.json"))
    assert again == recipe and recipe.diff(again) == ()
    for name, choice in recipe.items():
        assert again[name].quantizer == choice.quantizer and again[name].variation == choice.variation
        assert again[name].dynamic == choice.dynamic
        assert np.asarray(again[name].high).tobytes() == np.asarray(choice.high).tobytes()
    again.save(tmp_path / "b.recipe.json")
    assert (tmp_path / "a.recipe.json").read_bytes() == (tmp_path / "b.recipe.json").read_bytes()
    assert network.outputs(again).tobytes() == network.outputs(recipe).tobytes()
    assert network.output_db(again) == network.output_db(recipe) > NO_ANSWER


def test_each_kind_of_entry_says_something(network):
    """Taken out one by one, none of the entries leaves the output as it was."""
    recipe = with_every_kind_of_entry(network)
    whole = network.outputs(recipe)
    for name in recipe:
        assert not np.array_equal(network.outputs(recipe.without(name)), whole), name
