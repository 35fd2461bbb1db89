"""What a diagnosis promises as a value, and how it ranks."""

import dataclasses
import math

import numpy as np
import pytest

from tests.workflow.small_models import images
from workbench import demo
from workbench.demo.hard_twin import READERS
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.numerics.statistics.histogram import Histogram, HistogramBuilder
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.diagnose import diagnose
from workbench.workflow.diagnosis.trials import gain_db
from workbench.workflow.diagnosis.trimmed import broken_samples, trimmed, usual_range
from workbench.workflow.simulate import simulate

DATA = images(24, seed=1)


def faulty(small, small_calibration):
    """int8 with one threshold far too small."""
    recipe = choose(small, small_calibration)
    choice = recipe["relu1_out"]
    return recipe.with_choice(dataclasses.replace(choice, high=choice.high * 0.1))


@pytest.fixture(scope="module")
def diagnosis(small, small_calibration):
    return diagnose(small, faulty(small, small_calibration), small_calibration, DATA)


def test_the_remedy_of_the_first_finding_gives_what_was_measured(small, small_calibration, diagnosis):
    recipe, first = faulty(small, small_calibration), diagnosis[0]
    repaired = first.remedy.apply(recipe)
    before, after = (simulate(small, r, DATA).outputs["logits"].sqnr_db for r in (recipe, repaired))
    assert (first.tensor, first.layer, first.kind) == ("relu1_out", "conv2", "clipped")
    assert diagnosis.sqnr_db == pytest.approx(before, abs=1e-9)
    assert first.measured_gain_db == pytest.approx(after - before, abs=1e-9)
    assert first.measured_gain_db > 5 and first.predicted_gain_db > 5
    assert {difference.tensor for difference in recipe.diff(repaired)} == {"relu1_out"}


def test_a_finding_reads_as_a_sentence_with_its_advice(diagnosis):
    first = diagnosis[0]
    assert str(first) == f"{first.sentence}: {first.remedy.words}."
    assert f"{first.evidence['n_beyond']:,} of " in first.sentence
    assert str(diagnosis).startswith(f"1. {first}")
    assert diagnosis.of_layer("conv2")[0] is first


def test_the_table_has_one_record_a_finding(diagnosis):
    table = diagnosis.table()
    assert [row["rank"] for row in table] == list(range(1, len(diagnosis) + 1))
    assert table[0]["tensor"] == "relu1_out" and table[0]["remedy"] == diagnosis[0].remedy.words


def test_without_data_gains_are_estimates(small, small_calibration):
    found = diagnose(small, faulty(small, small_calibration), small_calibration)
    assert found.sqnr_db is None and found.n_samples == 0
    assert found[0].tensor == "relu1_out"
    assert all(finding.measured_gain_db is None for finding in found)
    gains = [finding.predicted_gain_db for finding in found if finding.predicted_gain_db is not None]
    assert gains == sorted(gains, reverse=True)


def test_nothing_is_said_about_a_healthy_recipe(small, small_calibration):
    found = diagnose(small, choose(small, small_calibration), small_calibration, DATA)
    assert len(found) == 0 and "Nothing stands out" in str(found)


def test_progress_is_told_from_estimates_to_measurements(small, small_calibration):
    told = []
    last = diagnose(small, faulty(small, small_calibration), small_calibration, DATA, on_finding=told.append)
    assert told[0].sqnr_db is None and told[0][0].measured_gain_db is None
    assert told[1][0].measured_gain_db is not None
    assert told[-1].findings == last.findings


def test_it_can_be_cancelled(small, small_calibration):
    with pytest.raises(Cancelled):
        diagnose(small, choose(small, small_calibration), small_calibration, DATA, cancelled=lambda: True)


def test_it_asks_often_whether_to_go_on_and_says_how_far_it_is(small, small_calibration):
    recipe, asked, said, before = faulty(small, small_calibration), [], [], []

    def told(diagnosis):
        before.append(len(asked))

    def cancelled():
        asked.append(len(said))
        return False

    def step(done, total, words):
        said.append((done, total, words))

    diagnose(small, recipe, small_calibration, DATA, on_finding=told, on_step=step, cancelled=cancelled)
    assert before[0] > 3 * len(recipe)  # for every tensor more than once, before anything is measured
    trying = [(done, total) for done, total, words in said if words == f"trying remedies, {done} of {total}"]
    assert trying == [(done, len(trying) - 1) for done in range(len(trying))]
    assert said[0][2] == "looking for causes" and said[-1][2].startswith("trying the best on 24 samples, ")
    for stop in (len(recipe), before[0] - 1, before[0] + 1):
        asks = iter(range(stop))
        with pytest.raises(Cancelled):
            diagnose(small, recipe, small_calibration, DATA, cancelled=lambda asks=asks: next(asks, None) is None)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"kinds": ["gremlins"]}, "unknown kind of evidence 'gremlins'"), ({"n_samples": 0}, "n_samples=0")],
)
def test_what_does_not_fit_is_refused(small, small_calibration, options, words):
    with pytest.raises(WorkbenchError, match=words):
        diagnose(small, choose(small, small_calibration), small_calibration, DATA, **options)


def test_an_output_that_is_not_finite_is_said(small, small_calibration):
    data = DATA.copy()
    data[0] = np.nan
    found = diagnose(small, choose(small, small_calibration), small_calibration, data, kinds=["bias"])
    assert str(found).startswith("The output is not finite") and [one.topic for one in found.notices] == ["output"]


def test_the_rescaled_layers_of_the_hard_twin_are_named():
    model = demo.model(hard=True)
    calibration_images, evaluation, _ = demo.data()
    calibration = calibrate(model, calibration_images)
    recipe = choose(model, calibration, per_channel=False)
    found = diagnose(model, recipe, calibration, evaluation)
    layers = list(dict.fromkeys(finding.layer for finding in found))
    assert set(layers[:2]) == {"blocks.0.depthwise.conv", "blocks.1.depthwise.conv"}
    multiplied = {f"blocks.{block}.{part}.conv" for block in (0, 1) for part in ("expand", "depthwise")}
    divided = {reader for part in READERS.values() for reader in part}
    assert set(layers[:4]) <= multiplied | divided and multiplied <= set(layers)
    for layer in layers[:2]:
        assert found.of_layer(layer)[0].kind == "channels" and found.of_layer(layer)[0].loss_db > 10
    for layer in layers[:2]:
        recipe = found.of_layer(layer)[0].remedy.apply(recipe)
    gained = simulate(model, recipe, evaluation[:64]).outputs["logits"].sqnr_db - found.sqnr_db
    assert gained > 10


def test_gains_of_infinite_and_of_no_noise():
    assert gain_db(1.0, 0.1) == pytest.approx(10)
    assert gain_db(math.inf, 1.0) == gain_db(1.0, 0.0) == math.inf
    assert gain_db(math.inf, math.inf) == gain_db(0.0, 0.0) == 0.0
    assert gain_db(1.0, math.inf) == gain_db(0.0, 1.0) == -math.inf


def samples_with(factors, rng):
    """A histogram of samples whose values are normal times a factor each."""
    builder = HistogramBuilder()
    builder.add(np.stack([rng.standard_normal(200) * f for f in factors]).astype(np.float32), len(factors))
    return builder.histogram()


def test_a_broken_sample_is_told_from_samples_that_vary():
    rng = np.random.default_rng(3)
    one = samples_with([1.0] * 9 + [20.0] + [1.0] * 10, rng)
    assert broken_samples(one).tolist() == [9]
    low, high = usual_range(one, broken_samples(one))
    assert max(-low, high) < 6 < one.absmax
    assert broken_samples(samples_with(np.linspace(0.2, 3, 20), rng)).size == 0
    assert broken_samples(samples_with([1.0] * 10 + [20.0] * 10, rng)).size == 0
    assert broken_samples(Histogram.of(np.arange(9.0))).size == 0


def test_trimming_leaves_what_lies_inside():
    values = np.random.default_rng(4).standard_normal(4000).astype(np.float32)
    values[:500] = 0
    inside = trimmed(Histogram.of(values), -1.0, 1.5)
    kept = values[(values >= -1.0) & (values <= 1.5)]
    assert inside.count == pytest.approx(kept.size, abs=5) and inside.n_zeros == 500
    assert inside.cells(np.zeros(0)).square[0] == pytest.approx(np.square(kept, dtype=np.float64).sum(), rel=1e-2)
    assert inside.low >= -1.0 and inside.high <= 1.5
