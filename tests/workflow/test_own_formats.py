"""A user's own number formats and clipping methods go through the whole line as the package's own do."""

import json

import numpy as np
import pytest

import workbench as wb
from tests.workflow.small_models import images
from workbench.workflow.choose import choose_tensor

LEVELS = {"fib": [-8, -5, -3, -2, -1, 0, 1, 2, 3, 5, 8], "bins": [-2.5, -0.5, 0.0, 0.3, 1.0, 2.0], "up_only": [0, 1, 4]}


@pytest.fixture
def fib():
    """A format with a scale, in the catalogue as long as the test runs."""
    wb.FORMATS.register(wb.format_from_levels("fib", LEVELS["fib"], title="Fibonacci"))
    yield wb.FORMATS["fib"]
    if "fib" in wb.FORMATS:
        wb.FORMATS.unregister("fib")


@pytest.fixture
def three_quarters():
    """A method that keeps three quarters of the range, in the catalogue as long as the test runs."""

    def three_quarters(distribution, format, *, symmetric=None):
        """Three quarters of the range."""
        end = 0.75 * distribution.absmax
        return wb.ClipRange(-end, end) if symmetric else wb.ClipRange(max(-end, distribution.low), end)

    wb.CLIPPING.register("three_quarters", three_quarters)
    yield three_quarters
    if "three_quarters" in wb.CLIPPING:
        wb.CLIPPING.unregister("three_quarters")


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero", "stochastic"])
def test_levels_of_a_user_make_a_format(name, scaled, rounding):
    format = wb.format_from_levels(name, LEVELS[name][::-1] + LEVELS[name][:2], scaled=scaled, rounding=rounding)
    assert (format.name, format.title, format.has_scale, format.signed) == (name, name, scaled, name != "up_only")
    assert 2 ** (format.bits - 1) < len(LEVELS[name]) <= 2**format.bits
    np.testing.assert_array_equal(format.unit_levels(), np.float32(LEVELS[name]))
    quantizer = wb.Quantizer.covering(format, -4.0, 4.0)
    largest = max(abs(quantizer.low), abs(quantizer.high))
    assert largest == (4.0 if scaled else max(abs(level) for level in LEVELS[name]))
    x = np.random.default_rng(0).normal(size=3000).astype(np.float32) * 2
    y = quantizer.fake_quantize(x)
    assert np.isin(y, quantizer.levels).all()
    np.testing.assert_array_equal(quantizer.decode(quantizer.encode(y)), y)
    expected = wb.expected_error(wb.SortedSums.of(x), quantizer).mse
    assert expected == pytest.approx(wb.measured_error(x, quantizer).mse, rel=0.1 if format.stochastic else 1e-9)


@pytest.mark.parametrize("levels", [[], [np.nan, 1.0], [np.inf], "abc", [0.0], [0.0, -0.0]])
def test_levels_that_are_none_are_refused_by_name(levels):
    with pytest.raises(wb.WorkbenchError, match=r"mine|no real numbers"):
        wb.format_from_levels("mine", levels)


def test_an_own_format_goes_through_the_whole_line(small, small_calibration, tmp_path, fib):
    recipe = wb.choose(small, small_calibration, weights="fib", activations="fib", clipping="least_error")
    assert {choice.format for choice in recipe.values()} == {"fib"} and len(recipe) == 6
    quantizer = recipe["conv2.weight"].quantizer
    assert quantizer.axis == 0
    np.testing.assert_allclose(quantizer.levels[1] / quantizer.scale[1], LEVELS["fib"], rtol=1e-6)
    curve = wb.sweep(small_calibration["relu1_out"], "fib")
    chosen = recipe["relu1_out"].quantizer
    assert wb.expected_error(small_calibration["relu1_out"], chosen).mse <= curve.mse.min() * 1.01
    again = wb.Recipe.load(recipe.save(tmp_path / "a.recipe.json"))
    assert again == recipe
    one, two = (wb.simulate(small, r, images(16, 5)) for r in (recipe, again))
    assert one == two and 0 < one.outputs["logits"].sqnr_db < 40
    with pytest.raises(wb.WorkbenchError, match="fib"):  # no operator of the exported file can make these levels
        wb.export(small, recipe, tmp_path / "a.onnx", data=images(4))


def test_an_own_format_without_a_scale_is_taken_as_it_is(small, small_calibration, tmp_path):
    wb.FORMATS.register(wb.format_from_levels("bins", LEVELS["bins"], scaled=False))
    try:
        recipe = wb.choose(small, small_calibration, weights=None, activations="bins")
        assert {choice.method for choice in recipe.values()} == {"own"}
        np.testing.assert_array_equal(recipe["relu1_out"].quantizer.levels, np.float32(LEVELS["bins"]))
        assert wb.Recipe.load(recipe.save(tmp_path / "a.recipe.json")) == recipe
        assert np.isfinite(wb.simulate(small, recipe, images(16, 5)).outputs["logits"].sqnr_db)
    finally:
        wb.FORMATS.unregister("bins")


def test_a_recipe_is_refused_where_its_format_is_not_registered(small, small_calibration, tmp_path, fib):
    path = wb.choose(small, small_calibration, weights="fib").save(tmp_path / "a.recipe.json")
    wb.FORMATS.unregister("fib")
    with pytest.raises(wb.WorkbenchError, match=r"a\.recipe\.json: .*'conv1\.weight': the format 'fib' is not known"):
        wb.Recipe.load(path)
    wb.FORMATS.register(fib)
    assert wb.Recipe.load(path)["conv1.weight"].format == "fib"


def test_a_recipe_keeps_the_levels_it_was_made_with(small, small_calibration, tmp_path, fib):
    """A format of the same name that was registered anew does not change what a recipe means."""
    made = wb.choose(small, small_calibration, weights="fib")
    path = made.save(tmp_path / "a.recipe.json")
    wb.FORMATS.register(wb.format_from_levels("fib", [-3, 0, 3], title=fib.title), replace=True)
    loaded = wb.Recipe.load(path)
    assert loaded == made
    for name, choice in made.items():
        assert loaded[name].quantizer == choice.quantizer and loaded[name].levels == choice.levels
    again = wb.choose(small, small_calibration, weights="fib")
    assert again["conv1.weight"].levels == (-3, 0, 3) and again != made


def test_an_own_method_goes_through_the_whole_line(small, small_calibration, tmp_path, three_quarters):
    options = dict(clipping="three_quarters", weight_clipping="three_quarters")
    recipe = wb.choose(small, small_calibration, **options)
    assert {choice.method for choice in recipe.values()} == {"three_quarters"}
    absmax = small_calibration["relu1_out"].absmax
    assert recipe["relu1_out"].high == pytest.approx(0.75 * absmax)
    weight = small.tensors["conv1.weight"].array()
    np.testing.assert_allclose(recipe["conv1.weight"].high, 0.75 * np.abs(weight).max(axis=(1, 2, 3)), rtol=1e-6)
    again = wb.Recipe.load(recipe.save(tmp_path / "a.recipe.json"))
    assert again == recipe
    assert wb.simulate(small, again, images(16, 5)) == wb.simulate(small, recipe, images(16, 5))
    assert wb.export(small, recipe, tmp_path / "a.onnx", data=images(4)).bit_equal == 1.0


def test_a_recipe_is_refused_where_its_method_is_not_registered(small, small_calibration, tmp_path, three_quarters):
    path = wb.choose(small, small_calibration, clipping="three_quarters").save(tmp_path / "a.recipe.json")
    wb.CLIPPING.unregister("three_quarters")
    with pytest.raises(wb.WorkbenchError, match=r"'image': the method 'three_quarters' is not known here; register"):
        wb.Recipe.load(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    for entry in document["tensors"].values():
        entry["method"] = "hand"  # the way out that the text names: the ranges themselves are in the file
    assert wb.Recipe.from_json(document)["image"].method == "hand"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda distribution: wb.ClipRange(-1, 1), "'broken' failed: TypeError.*a method takes"),
        (lambda d, f, *, symmetric=None: 1 / 0, "'broken' failed: ZeroDivisionError"),
        (lambda d, f, *, symmetric=None: "wide", "'broken' failed"),
        (lambda d, f, *, symmetric=None: (np.nan, 1.0), r"'broken' gave \[nan, 1.0\]; expected two finite"),
        (lambda d, f, *, symmetric=None: wb.ClipRange(1.0, -1.0), r"'broken' gave \[1.0, -1.0\]"),
    ],
)
def test_an_own_method_that_fails_is_named(small, small_calibration, function, words):
    wb.CLIPPING.register("broken", function)
    try:
        for name in ("relu1_out", "conv1.weight"):
            with pytest.raises(wb.WorkbenchError, match=words):
                choose_tensor(small, small_calibration, name, format="int8", method="broken")
    finally:
        wb.CLIPPING.unregister("broken")


def test_a_pair_of_numbers_is_a_range_too(small, small_calibration):
    wb.CLIPPING.register("pair", lambda distribution, format, *, symmetric=None: (np.float64(-1), 2))
    try:
        chosen = choose_tensor(small, small_calibration, "relu1_out", format="int8", method="pair")
        assert (chosen.low, chosen.high) == (-1.0, 2.0)
    finally:
        wb.CLIPPING.unregister("pair")
