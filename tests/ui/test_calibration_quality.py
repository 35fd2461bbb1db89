"""The page of calibration data without a browser, and the distributions of the evaluation data behind it."""

import json

import numpy as np
import pytest

from tests.ui.studies import images, small_model
from workbench.models.segments import Cancelled
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.clip_range import ClipRange
from workbench.ui.panels.calibration_quality import SEPARATE, CalibrationQualityPanel
from workbench.ui.study import Study
from workbench.ui.topics import evaluation_distributions as evaluation_topic
from workbench.ui.topics.evaluation_distributions import EvaluationDistributions, counted_of, cut_up, spread
from workbench.ui.topics.topic import Means
from workbench.ui.worker import Turn
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration_drift import calibration_drift
from workbench.workflow.data import as_batches
from workbench.workflow.sample_groups import sample_groups

DATA = images(64)
QUESTIONS = ("evaluation_distributions", "calibration_quality")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


def opened(model, evaluation=None):
    """A study whose page is open, and the page."""
    study = Study(model, DATA, evaluation=evaluation)
    study.start()
    assert study.wait(60), study.status
    study.select("relu_out")
    panel = CalibrationQualityPanel(study)
    for question in QUESTIONS:
        study.ask(question)
    assert study.wait(60) and study.state.latest_trouble == ""
    return study, panel


@pytest.fixture(scope="module")
def page(model):
    """Evaluation data twice as large as those of the calibration."""
    study, panel = opened(model, images(96, seed=1) * 2)
    yield panel
    panel.close()
    study.close()


@pytest.fixture
def panel(page):
    """The page with the tensor and the choices that it began with."""
    yield page
    study = page.study
    while study.state.can_undo:
        study.undo()
    study.select("relu_out")
    assert study.wait(60)


def test_other_data_are_said_to_drift(panel):
    study, view = panel.study, panel.view
    whole = calibrate(study.model, images(96, seed=1) * 2)
    assert counted_of(study.state).calibration == whole and counted_of(study.state).whole
    drift = calibration_drift(study.state.calibration, whole)
    assert view["verdict"].startswith(str(drift)) and view["n_evaluation"] == 96
    row = next(row for row in drift if row.tensor == "relu_out")
    assert view["mark"] == ["drift", row.words] and row.mark == "drift"
    assert [entry[0] for entry in view["rows"]][: len(drift.marked)] == [row.tensor for row in drift.worst if row.mark]
    bins = view["bins"]
    assert sum(bins["calibration"]) + bins["zeros"][0] == pytest.approx(1, abs=1e-3)
    assert bins["evaluation"] != bins["calibration"]
    choice = study.state.recipe["relu_out"]
    assert view["span"] == [choice.quantizer.low, choice.quantizer.high]
    json.dumps(view, allow_nan=False)


def test_the_range_is_that_of_the_tensor_s_own_method(panel):
    study = panel.study
    study.set_method("relu_out", "percentile")
    assert study.wait(60)
    groups = sample_groups(study.model, DATA, "relu_out")
    found = groups.range_against_samples("percentile", "int8", symmetric=False)
    view = panel.view["against"]
    assert view["high"] == [[float(f"{x:.5g}") for x in row] for row in found.high]
    assert view["headline"] == found.headline and view["words"] == found.words
    assert panel.view["method"] == "99.99 %" and panel.view["note"] == ""


@pytest.mark.parametrize(
    ("verb", "note"),
    [
        (lambda study: study.set_range("relu_out", 0.0, 1.0), "set by hand"),
        (lambda study: study.set_format("relu_out", "fp16"), "format's own range"),
        (lambda study: study.set_format("relu_out", "fp32"), "is float"),
        (lambda study: study.set_dynamic("relu_out", "batch"), "while the network runs"),
    ],
)
def test_without_a_method_it_is_the_whole_range(panel, verb, note):
    verb(panel.study)
    assert panel.study.wait(60)
    assert note in panel.view["note"] and panel.view["method"] == "min–max"
    assert panel.view["against"]["high"][-1] == [float(f"{panel.study.state.calibration['relu_out'].high:.5g}")] * 3


def test_a_weight_shows_what_its_layer_reads_and_a_row_selects(panel):
    panel.study.select("fc.weight")
    assert panel.study.wait(60) and panel.view["tensor"] == "flat_out"
    panel._hear(panel, {"kind": "select", "tensor": "image"}, [])
    assert panel.study.wait(60)
    assert panel.study.selected == "image" == panel.view["tensor"]


def test_a_method_of_ones_own_that_fails_is_named(panel):
    def failing(distribution, format, *, symmetric=False):
        if distribution.count < 3000:
            raise ValueError("too little")
        return ClipRange(float(distribution.low), float(distribution.high))

    CLIPPING.register("failing", failing)
    try:
        panel.study.set_method("relu_out", "failing")
        assert panel.study.wait(60)
        assert panel.view["method"] == "min–max" and "failing" in panel.view["note"]
        assert panel.study.state.latest_trouble == ""
        panel.study.undo()
        assert panel.study.wait(60)
    finally:
        CLIPPING.unregister("failing")


def test_without_separate_evaluation_data(model):
    study, panel = opened(model)
    assert panel.view["verdict"].startswith(SEPARATE) and panel.view["evaluation"] == "none"
    assert panel.view["bins"]["evaluation"] is None and panel.view["mark"] is None and panel.view["against"]["n"]
    assert counted_of(study.state) is None
    panel.close()
    study.close()


def test_without_data(model):
    study = Study(model)
    study.start()
    panel = CalibrationQualityPanel(study)
    for question in QUESTIONS:
        study.ask(question)
    assert study.wait(60) and "No data yet" in panel.view["missing"]
    panel.close()
    study.close()


def test_a_closed_page_works_nothing_out(model):
    study, panel = opened(model, images(32, seed=1))
    for question in QUESTIONS:
        study.ask(question, False)
    before = study.state.answers["calibration_quality"]
    study.select("image")
    assert study.wait(60) and study.state.answers["calibration_quality"] is before and panel.view["missing"]
    panel.close()
    study.close()


def test_counting_goes_on_where_it_was_given_up(model, monkeypatch):
    monkeypatch.setattr(evaluation_topic, "AT_A_TIME", 32)
    data = images(150, seed=3)
    topic = EvaluationDistributions(Means(model, None, as_batches(model, data), None, None))
    published, counted = [], []
    asked = 0

    def cancelled():
        nonlocal asked
        asked += 1
        return len(published) >= 2

    def report(done, total, words=""):
        counted.append(done)
        assert total == 150 and words.startswith("counting the evaluation data")

    with pytest.raises(Cancelled):
        topic.answer(None, Turn(published.append, cancelled, report))
    assert published[-1].calibration.n_samples == 64 and not published[-1].whole and asked > 2
    counted.clear()
    found = topic.answer(None, Turn(published.append, lambda: False, report))
    assert found.whole and found.calibration == calibrate(model, data) and min(counted) > 64


def test_samples_are_taken_from_all_over_the_data(model):
    data = np.arange(40, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 8, 8), np.float32)
    batches = as_batches(model, data)
    few = spread(batches, 10)
    assert list(few.sample_numbers) == list(range(0, 40, 4)) and few.n_samples == 10
    assert spread(batches, 100) is not None and spread(batches, 100).n_samples == 40
    parts = cut_up(batches.recut(4), 12)
    assert [list(part.sample_numbers) for part in parts] == [list(range(i, min(i + 12, 40))) for i in (0, 12, 24, 36)]
    feeds = as_batches(model, [{"image": data[:20]}, {"image": data[20:]}])
    assert cut_up(feeds, 8) == [feeds] and spread(feeds, 10).n_samples == 20
