"""The output curve: its points are simulations, its best is no worse than the local methods', and it predicts."""

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.output_curve import output_curve
from workbench.workflow.simulate import Simulator, simulate


@pytest.fixture(scope="module")
def recipe(small, small_calibration):
    return choose(small, small_calibration)


def simulator_of(model, n=40):
    return Simulator(model, as_batches(model, images(n, 9)))


@pytest.mark.parametrize("tensor", ["image", "relu1_out", "flat_out", "conv2.weight", "fc.weight"])
def test_every_point_is_a_simulation(small, recipe, tensor):
    curve = output_curve(simulator_of(small), recipe, tensor, n=6, n_refined=4)
    assert curve.tensor == tensor and curve.n_samples == 40
    assert (np.diff(curve.factors) > 0).all() and curve.factors[-1] == 1.0
    assert np.isclose(curve.factors, 0.1).any()
    for point in curve.points:
        changed = recipe.with_choice(curve.choice_at(point.low_factor, point.high_factor))
        told = simulate(small, changed, images(40, 9)).outputs["logits"]
        assert point.output_sqnr_db == told.sqnr_db
    assert curve.best.output_sqnr_db == max(point.output_sqnr_db for point in curve.points)
    assert curve.best_choice == curve.choice_at(curve.best.low_factor, curve.best.high_factor)


def test_factor_one_is_the_range_of_the_data(small, recipe):
    curve = output_curve(simulator_of(small), recipe, "image", n=2, n_refined=0)
    assert (curve.low, curve.high) == (images(40, 9).min(), images(40, 9).max())
    assert curve.thresholds[-1] == np.abs(images(40, 9)).max()
    given = output_curve(simulator_of(small), recipe, "image", n=2, n_refined=0, data_range=(-1.0, 2.0))
    assert (given.choice_at(0.5).low, given.choice_at(0.5).high) == (-0.5, 1.0)
    weight = output_curve(simulator_of(small), recipe, "conv2.weight", n=2, n_refined=0)
    largest = np.abs(small.tensors["conv2.weight"].array()).reshape(6, -1).max(axis=1)
    np.testing.assert_allclose(weight.choice_at(0.5).quantizer.scale, largest / 2 / 127, rtol=1e-6)


def test_what_is_symmetric_stays_symmetric(small, small_calibration):
    recipe = choose(small, small_calibration, symmetric=True).with_tensor("image", low=-2.0, high=2.0)
    for name in ("image", "relu1_out"):
        curve = output_curve(simulator_of(small), recipe, name, n=3, n_refined=3)
        assert all(point.on_curve for point in curve.points)
        assert curve.choice_at(0.3).quantizer.zero_point == 0


def test_the_own_error_is_that_of_the_reading_layer(small, recipe):
    simulator = simulator_of(small)
    curve = output_curve(simulator, recipe, "flat_out", n=3, n_refined=0)
    for point in curve.points:
        with_it = recipe.with_choice(curve.choice_at(point.low_factor))
        without, sums = recipe.without("flat_out"), ErrorSums()
        a, b = (
            [simulator.runs.trial(p, simulator.settings(r))["logits"] for p in simulator.runs.parts() if not p.look]
            for r in (without, with_it)
        )
        for reference, values in zip(a, b, strict=True):
            sums.add(reference, values)
        assert point.own_sqnr_db == sums.sqnr_db


def test_points_come_one_by_one_and_it_can_be_given_up(small, recipe):
    seen = []
    curve = output_curve(simulator_of(small), recipe, "relu1_out", n=8, n_refined=4, on_point=seen.append)
    assert [len(c.points) for c in seen] == list(range(1, len(curve.points) + 1)) and seen[-1] == curve
    assert [round(p.high_factor, 6) for p in seen[1].points] == [0.1, 1.0]
    with pytest.raises(Cancelled):
        output_curve(simulator_of(small), recipe, "relu1_out", cancelled=lambda: True)


def test_it_predicts_between_its_points(small, recipe):
    curve = output_curve(simulator_of(small), recipe, "relu1_out", n=5, n_refined=0)
    np.testing.assert_array_equal(curve.predicted(curve.factors), curve.output_sqnr_db)
    middle = float(np.sqrt(curve.factors[1] * curve.factors[2]))
    assert curve.predicted(middle) == pytest.approx(curve.output_sqnr_db[1:3].mean())
    assert curve.predicted(7.0) == curve.output_sqnr_db[-1]


def test_it_predicts_two_ends_that_move_apart(small, recipe):
    simulator = simulator_of(small)
    curve = output_curve(simulator, recipe, "image", n=12, n_refined=6)
    assert curve.crossing is not None and min(len(curve.low_line), len(curve.high_line)) >= 6
    for point in (*curve.low_line, *curve.high_line):
        assert curve.predicted(point.low_factor, point.high_factor) == pytest.approx(point.output_sqnr_db)
    rng, errors = np.random.default_rng(0), []
    for _ in range(30):
        low, high = np.exp(rng.uniform(np.log(0.1), 0, 2))
        errors.append(abs(measured(simulator, recipe, curve.choice_at(low, high)) - curve.predicted(low, high)))
    assert np.quantile(errors, 0.9) < 1, errors


def test_groups_and_mirrored_ranges_have_one_factor(small, recipe):
    for tensor in ("conv2.weight", "relu1_out"):
        curve = output_curve(simulator_of(small), recipe, tensor, n=6, n_refined=4)
        assert curve.crossing is None and curve.low_line == curve.high_line == ()
        assert curve.predicted(0.2, 0.5) == curve.predicted(0.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"n": 0}, "n=0"), ({"n": 2.5}, "n=2.5"), ({"n_refined": -1}, "n_refined=-1"), ({"output": "y"}, "no output 'y'")],
)
def test_what_does_not_fit_is_refused(small, recipe, options, words):
    with pytest.raises(WorkbenchError, match=words):
        output_curve(Simulator(small, as_batches(small, images(8))), recipe, next(iter(recipe)), **options)


def test_without_a_threshold_there_is_no_curve(small, small_calibration, recipe):
    with pytest.raises(WorkbenchError, match="stays float"):
        output_curve(simulator_of(small), recipe.without("image"), "image")
    with pytest.raises(WorkbenchError, match="there is no threshold"):
        half = choose(small, small_calibration, activations="fp16")
        output_curve(simulator_of(small), half, "image")
    with pytest.raises(WorkbenchError, match="dynamic range"):
        dynamic = choose_tensor(small, small_calibration, "image", format="uint8", dynamic="batch")
        output_curve(simulator_of(small), recipe.with_choice(dynamic), "image")


def real(name, n):
    model = load(model_path(name))
    calibration = calibrate(model, inputs(name, "calib")[0][:100])
    simulator = Simulator(model, as_batches(model, inputs(name, "eval")[0][:n]))
    return model, calibration, choose(model, calibration), simulator


def measured(simulator, recipe, choice):
    settings = simulator.settings(recipe.with_choice(choice))
    return next(iter(simulator.trial(settings).outputs.values())).sqnr_db


@needs_assets
@pytest.mark.full
def test_its_best_is_as_good_as_the_best_of_all_local_methods():
    model, calibration, recipe, simulator = real("cifar10_resnet20", 64)
    differences = {}
    for name in model.observed:
        curve = output_curve(simulator, recipe, name)
        local = [
            measured(simulator, recipe, choose_tensor(model, calibration, name, format="int8", method=method))
            for method in CLIPPING
        ]
        differences[name] = max(local) - curve.best.output_sqnr_db
    print({name: round(value, 2) for name, value in differences.items()})
    assert max(differences.values()) <= 0.2
    assert np.median(list(differences.values())) < 0.05


@needs_assets
@pytest.mark.full
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_mobilenet"])
def test_predictions_of_random_changes(name):
    model, _, recipe, simulator = real(name, 64)
    curves = {tensor: output_curve(simulator, recipe, tensor, n_refined=0) for tensor in model.observed}
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(200):
        curve = curves[model.observed[rng.integers(len(curves))]]
        factor = float(np.exp(rng.uniform(np.log(0.1), 0)))
        found = measured(simulator, recipe, curve.choice_at(factor))
        errors.append(abs(found - float(curve.predicted(factor))))
    print(f"{name}: within 1 dB {np.mean(np.array(errors) <= 1):.1%}, median {np.median(errors):.3f} dB")
    assert np.mean(np.array(errors) <= 1) >= 0.95


@needs_assets
@pytest.mark.full
@pytest.mark.parametrize("name", ["cifar10_mobilenet", "cifar10_vit_a"])
def test_predictions_of_two_ends(name):
    model, _, recipe, simulator = real(name, 32)
    curves = [output_curve(simulator, recipe, tensor) for tensor in model.observed]
    curves = [curve for curve in curves if curve.crossing is not None and -curve.low > 0.02 * curve.high]
    rng, errors = np.random.default_rng(0), []
    for i in range(200):
        curve = curves[rng.integers(len(curves))]
        factors = np.exp(rng.uniform(np.log(0.1), 0, 2))
        if i % 2:
            factors[i // 2 % 2] = curve.crossing[i // 2 % 2]  # one handle is moved, the other one was put well
        found = measured(simulator, recipe, curve.choice_at(*factors))
        errors.append(abs(found - float(curve.predicted(*factors))))
    print(f"{name}: within 1 dB {np.mean(np.array(errors) <= 1):.1%}, median {np.median(errors):.3f} dB")
    assert np.mean(np.array(errors) <= 1) >= 0.95


@needs_assets
def test_a_few_tensors_of_a_real_network():
    model, calibration, recipe, simulator = real("cifar10_mobilenet", 32)
    for name in (model.observed[0], model.observed[-1]):
        curve = output_curve(simulator, recipe, name, n=12, n_refined=6)
        for method in ("least_error", "min_max"):
            choice = choose_tensor(model, calibration, name, format="int8", method=method)
            assert measured(simulator, recipe, choice) <= curve.best.output_sqnr_db + 0.3
