"""Rounding, overflow, pruning, dynamic ranges and presets of a study; what stays when the format changes."""

import numpy as np
import pytest

from tests.ui.studies import images, small_model
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.presets import PRESETS
from workbench.ui.study import Study
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.recipe import Recipe

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def calibration(model):
    return calibrate(model, images())


@pytest.fixture
def study(model, calibration):
    """With everything known and nothing in the background."""
    made = Study(model, images())
    made.close()
    made.set_recipe(choose(model, calibration))
    made.update(lambda s: type(s)(s.recipe, calibration=calibration, calibrated=True, whole=True))
    return made


def test_another_rounding_lets_the_method_choose_again(model, calibration, study):
    study.set_rounding(ACTIVATION, "toward_zero")
    choice = study.recipe[ACTIVATION]
    expected = choose_tensor(model, calibration, ACTIVATION, format="int8", rounding="toward_zero")
    assert choice == expected and choice.variation.rounding == "toward_zero"
    error = study.error(ACTIVATION)
    assert error == expected_error(calibration[ACTIVATION], choice.quantizer)
    assert (
        error.sqnr_db
        < expected_error(calibration[ACTIVATION], choose(model, calibration)[ACTIVATION].quantizer).sqnr_db
    )
    study.undo()
    assert study.recipe[ACTIVATION].rounding == "nearest_even"


def test_a_range_set_by_hand_stays_under_another_rounding_and_pruning(study):
    study.set_range(WEIGHT, -0.3, 0.3)
    study.set_rounding(WEIGHT, "up")
    study.set_sparsity(WEIGHT, 0.5)
    choice = study.recipe[WEIGHT]
    assert (choice.low, choice.high, choice.method, choice.rounding) == (-0.3, 0.3, "hand", "up")
    assert choice.zero_band > 0 and study.error(WEIGHT).zeroed_fraction >= 0.5


def test_rounding_and_overflow_stay_where_the_new_format_can_have_them(study):
    study.set_format(WEIGHT, "fp16")
    study.set_rounding(WEIGHT, "toward_zero")
    study.set_overflow(WEIGHT, "ieee")
    study.set_format(WEIGHT, "bf16")
    assert (study.recipe[WEIGHT].rounding, study.recipe[WEIGHT].overflow) == ("toward_zero", "ieee")
    study.set_format(WEIGHT, "int8")
    assert (study.recipe[WEIGHT].rounding, study.recipe[WEIGHT].overflow) == ("toward_zero", None)
    study.set_format(WEIGHT, "int4")
    assert study.recipe[WEIGHT].rounding == "toward_zero"
    study.set_overflow(WEIGHT, None)
    assert study.recipe[WEIGHT].variation.overflow == "saturate"


def test_pruned_weights_stay_pruned_and_codebooks_are_fitted_anew(model, study):
    array, distribution = model.tensors[WEIGHT].array(), model.tensors[WEIGHT].distribution()

    def fitted_with(band):
        return fit_codebook("kmeans4", distribution, zero_band=band).levels

    study.set_sparsity(WEIGHT, 0.5)
    band = study.recipe[WEIGHT].zero_band
    assert (np.abs(array) <= band).mean() == 0.5
    study.set_format(WEIGHT, "kmeans4")
    first = study.recipe[WEIGHT]
    assert first.zero_band == band and first.levels == fitted_with(band) and first.axis is None
    study.set_sparsity(WEIGHT, 0.9)
    second = study.recipe[WEIGHT]
    assert second.zero_band > band and second.levels == fitted_with(second.zero_band)
    study.set_rounding(WEIGHT, "down")
    assert study.recipe[WEIGHT].levels == second.levels and study.recipe[WEIGHT].zero_band == second.zero_band
    study.set_format(WEIGHT, "int8")
    assert study.recipe[WEIGHT].zero_band == second.zero_band and study.recipe[WEIGHT].levels is None
    study.set_format(WEIGHT, "binary")  # no level at zero: nothing can be pruned
    assert study.recipe[WEIGHT].zero_band == 0.0
    with pytest.raises(WorkbenchError, match="no level at 0"):
        study.set_sparsity(WEIGHT, 0.5)


def test_a_float_weight_is_pruned_and_becomes_float_again(model, study):
    study.set_format(WEIGHT, "fp32")
    study.set_sparsity(WEIGHT, 0.75)
    choice = study.recipe[WEIGHT]
    quantized = choice.quantizer.fake_quantize(model.tensors[WEIGHT].array())
    assert choice.format == "pruned" and (quantized == 0).mean() == 0.75
    study.set_sparsity(WEIGHT, 0.0)
    assert WEIGHT not in study.recipe


def test_an_activation_that_was_pruned_by_its_format_can_be_let_go(study):
    study.set_format("image", "pruned")
    study.set_format("image", "int8")
    assert study.recipe["image"].zero_band > 0
    study.set_sparsity("image", 0.0)
    assert study.recipe["image"].zero_band == 0 and study.recipe["image"].format == "int8"


def test_dynamic_ranges_stay_until_a_method_or_a_hand_says_otherwise(study):
    study.set_dynamic(ACTIVATION, "sample")
    assert (study.recipe[ACTIVATION].dynamic, study.recipe[ACTIVATION].method) == ("sample", "min_max")
    study.set_format(ACTIVATION, "uint8")
    assert study.recipe[ACTIVATION].dynamic == "sample"
    study.set_format(ACTIVATION, "fp16")
    assert study.recipe[ACTIVATION].dynamic is None
    study.set_format(ACTIVATION, "int8")
    study.set_dynamic(ACTIVATION, "batch")
    study.set_method(ACTIVATION, "percentile")
    assert (study.recipe[ACTIVATION].dynamic, study.recipe[ACTIVATION].method) == (None, "percentile")
    study.set_dynamic(ACTIVATION, "batch")
    study.set_dynamic(ACTIVATION, None)
    assert (study.recipe[ACTIVATION].dynamic, study.recipe[ACTIVATION].method) == (None, "least_error")


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets(model, study, name):
    preset = PRESETS[name]
    assert preset.method is None or preset.method in CLIPPING
    for tensor in (WEIGHT, ACTIVATION):
        study.set_preset(tensor, name)
        choice = study.recipe[tensor]
        wanted = FORMATS[preset.format].with_choices(rounding=preset.rounding, overflow=preset.overflow)
        assert choice.variation == wanted and choice.method == (preset.method or "own")
        if preset.symmetric is not None:
            assert choice.symmetric is preset.symmetric
    assert Recipe.from_json(study.recipe.to_json()) == study.recipe


def test_presets_round_as_their_tools_do(study):
    study.set_preset(WEIGHT, "half_library")
    quantize = study.recipe[WEIGHT].quantizer.fake_quantize
    assert quantize(np.array([1.0009, 65519.0, 65536.0], np.float32)).tolist() == [1.0, 65504.0, np.inf]
    study.set_preset(WEIGHT, "nvdla_fp16")
    quantize = study.recipe[WEIGHT].quantizer.fake_quantize
    assert quantize(np.array([1e6, -np.inf], np.float32)).tolist() == [65504.0, -65504.0]
    study.set_preset(WEIGHT, "bfloat16_truncation")
    assert study.recipe[WEIGHT].quantizer.fake_quantize(np.array([1.0078], np.float32)).tolist() == [1.0]
    study.set_preset(ACTIVATION, "tensorflow_min_first")
    quantizer = study.recipe[ACTIVATION].quantizer
    assert quantizer.decode(np.array([quantizer.zero_point], np.uint8)).tolist() == [0.0]


def test_scopes_leave_out_what_cannot_be_and_say_so(model, study):
    study.select("conv2")
    study.set_rounding(WEIGHT, "down", "network")
    assert {choice.rounding for choice in study.recipe.values()} == {"down"}
    study.set_format(WEIGHT, "fp16", "network", same_kind=True)
    study.set_overflow(WEIGHT, "saturate", "network")
    study.set_overflow(WEIGHT, "infinity", "network")
    weights = {name for name, choice in study.recipe.items() if choice.overflow == "infinity"}
    assert weights == {"conv1.weight", WEIGHT, "fc.weight"}
    assert any("overflow 'infinity' is not possible" in str(notice) for notice in study.notices)
    study.set_sparsity(WEIGHT, 0.25, "network")
    assert all((choice.zero_band > 0) == (name in weights) for name, choice in study.recipe.items())
    study.set_dynamic(ACTIVATION, "batch", "network")
    assert {name for name, choice in study.recipe.items() if choice.dynamic} == set(study.recipe) - weights
    study.set_preset(ACTIVATION, "ncnn_float2int8", "layer")
    assert study.recipe[WEIGHT].rounding == study.recipe[ACTIVATION].rounding == "nearest_away"


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (lambda s: s.set_rounding(WEIGHT, "sideways"), "sideways"),
        (lambda s: s.set_rounding("conv2_out", "up"), "choose a format first"),
        (lambda s: s.set_overflow(WEIGHT, "explode"), "explode"),
        (lambda s: s.set_overflow(WEIGHT, "infinity"), "not possible"),
        (lambda s: s.set_overflow(WEIGHT, "infinity", "network"), "not possible"),
        (lambda s: s.set_sparsity(WEIGHT, 1.0), "share of the values"),
        (lambda s: s.set_sparsity(ACTIVATION, 0.5), "for weights"),
        (lambda s: s.set_dynamic(WEIGHT, "batch"), "never changes"),
        (lambda s: s.set_dynamic("conv2_out", "batch"), "choose a format first"),
        (lambda s: s.set_preset(WEIGHT, "magic"), "magic"),
        (lambda s: s.set_preset("nowhere", "nvdla_fp16"), "nowhere"),
        (lambda s: s.ask("everything"), "everything"),
    ],
)
def test_impossible_wishes_change_nothing(study, verb, words):
    before, past = study.recipe, study.state.history.past
    with pytest.raises(WorkbenchError, match=words):
        verb(study)
    assert study.recipe is before and study.state.history.past is past


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "fp32"])
def test_every_format_can_be_chosen_and_its_error_is_known(model, calibration, study, format):
    study.samples.read([ACTIVATION])
    for tensor in (WEIGHT, ACTIVATION):
        study.set_format(tensor, format)
        choice, error = study.recipe[tensor], study.error(tensor)
        assert choice.format == format and error.interval[0] <= error.mse <= error.interval[1]
        if tensor == WEIGHT:
            measured = measured_error(model.tensors[WEIGHT].array(), choice.quantizer, divergence=False)
            assert error.mse == pytest.approx(measured.mse, rel=1e-6, abs=1e-15)


def test_a_choice_for_picked_layers(study):
    study.pick(["fc", "conv2"])
    assert study.state.picked == ("conv2", "fc")  # in model order
    study.set_format("fc.weight", "int4", study.scope("picked"), same_kind=True)
    formats = {name: study.recipe[name].format for name in ("conv1.weight", "conv2.weight", "fc.weight", "relu_out")}
    assert formats == {"conv1.weight": "int8", "conv2.weight": "int4", "fc.weight": "int4", "relu_out": "int8"}
    assert "study.set_format('fc.weight', 'int4', ('conv2', 'fc'), same_kind=True)" in study.code()
    study.undo()
    assert study.recipe["conv2.weight"].format == "int8"
    with pytest.raises(WorkbenchError, match="no layer 'conv9'"):
        study.pick(["conv2", "conv9"])
    with pytest.raises(WorkbenchError, match="no layer 'conv9'"):
        study.set_format("fc.weight", "int4", ("conv9",))


def test_handles_are_those_of_the_codes(study):
    """Without a word on symmetry the range decides, as in `Quantizer.covering`."""
    from workbench.ui.subjects import subject_of

    study.select("relu_out")
    for low, high, mirrored in ((-1.0, 1.0, True), (0.0, 2.0, False), (-1.0, 2.0, False)):
        study.set_recipe(study.recipe.with_tensor("relu_out", format="int8", low=low, high=high))
        assert study.recipe["relu_out"].symmetric is None
        assert subject_of(study.model, study.state).symmetric is mirrored
    study.set_recipe(study.recipe.with_tensor("relu_out", format="int8", low=-1.0, high=1.0))
    study.set_range("relu_out", -0.5, 0.5)
    assert study.recipe["relu_out"].quantizer.zero_point == 0
