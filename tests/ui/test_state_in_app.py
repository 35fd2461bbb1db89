"""The app on a recurrent network, whose data are sequences."""

import pytest

from tests.workflow.test_state import STATE, recurrent, sequences
from workbench.messages import WorkbenchError
from workbench.ui.app import PAGES, App
from workbench.workflow.calibrate import calibrate
from workbench.workflow.opening import load
from workbench.workflow.sensitivity import sensitivity
from workbench.workflow.simulate import simulate

DATA, EVALUATION = sequences(20, 12, seed=5), sequences(15, 8, 9)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    model = load(recurrent(tmp_path_factory.mktemp("app") / "gru.onnx"))
    made = App(model, DATA, evaluation=EVALUATION, state=STATE, autosave=None)
    for page in PAGES:
        for question in page.questions:
            made.study.ask(question)
    assert made.study.wait(120), made.study.status
    yield made
    made.close()


def test_everything_that_is_asked_is_answered(app):
    state = app.study.state
    assert not state.trouble and state.calibrated and state.whole
    assert dict(state.calibration) == dict(calibrate(app.study.model, DATA, state=STATE))
    assert any("sequences are not compared" in str(notice) for notice in state.notices)
    asked = {question for page in PAGES for question in page.questions}
    assert asked <= set(state.answers)
    assert state.answers["causes"].value.sqnr_db == measured(app).outputs["y"].sqnr_db


def measured(app):
    return simulate(app.study.model, app.recipe, EVALUATION, state=STATE)


def test_figures_are_those_of_the_verbs(app):
    figures = app.study.state.measured.by_size[3]
    assert figures.outputs == measured(app).outputs and figures.tensors == measured(app).tensors
    by_name = {row.key: row.error for row in app.study.state.answers["sensitivity"].value.ranking}
    plain = sensitivity(app.study.model, app.recipe, EVALUATION, state=STATE)
    assert by_name == {row.key: row.error for row in plain}


def test_what_needs_a_task_asks_for_it(app):
    study = app.study
    found = study.state.answers["samples"].value
    assert found.found is None and "task=" in found.refused
    study.set_task("regression")
    assert study.wait(60) and study.state.answers["samples"].value.found is None  # lengths differ: no such array
    study.set_task("")
    assert study.wait(60)


def test_what_cannot_run_sequences_says_so(app):
    assert "output_curve" not in app.study.state.answers
    with pytest.raises(WorkbenchError, match="output curve of a tensor cannot run sequences"):
        app.study.set_best_at_output("h")


def test_export_and_script(app, tmp_path):
    report = app.study.export(tmp_path / "out.onnx")
    assert report.bit_equal == 1.0 and report.sqnr_db == measured(app).outputs["y"].sqnr_db
    assert "wb.App(model, data, state={'h': 'h_next'}, autosave=None)" in app.study.code()
    compile(app.study.code(), "code", "exec")


def test_sequences_without_state_are_refused(app):
    with pytest.raises(WorkbenchError, match="sequences of feeds need state="):
        App(app.study.model, DATA, autosave=None)
