"""Notes on tensors: kept, undone, saved and shown, without a figure being worked out anew."""

import dataclasses

import pytest

from tests.ui.studies import images, small_model
from tests.ui.test_app import part, send
from workbench.messages import WorkbenchError
from workbench.ui.panels.choice import ChoicePanel
from workbench.ui.panels.layers import LayersPanel
from workbench.ui.study import Study

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"


@pytest.fixture
def app(shared):
    made, begin = shared
    made.study.set_recipe(begin)
    assert made.study.wait(60)
    return made


def test_a_note_is_one_step_and_one_line(app):
    app.study.set_note(ACTIVATION, " two\n peaks ")
    assert app.recipe.notes == {ACTIVATION: "two peaks"}
    assert app.study.code().count(f"study.set_note({ACTIVATION!r}, ' two\\n peaks ')") == 1
    app.study.undo()
    assert app.recipe.notes == {}
    app.study.redo()
    assert app.recipe.notes == {ACTIVATION: "two peaks"}
    past = app.study.state.history.past
    app.study.set_note(ACTIVATION, "two peaks")
    assert app.study.state.history.past is past  # nothing changed, nothing to undo
    app.study.set_note(ACTIVATION, "")
    assert app.recipe.notes == {}
    with pytest.raises(WorkbenchError, match="nowhere"):
        app.study.set_note("nowhere", "a")


def test_no_figure_is_worked_out_anew(app):
    study = app.study
    assert study.worker.wait(60, idle=True)  # the output curve, too
    before = study.state
    assert before.measured.complete and not before.updating
    generations = []
    submit = study.worker.submit
    study.worker.submit = lambda request: (generations.append(request.topic), submit(request))
    try:
        study.set_note(ACTIVATION, "a")
        study.undo()
        study.redo()
    finally:
        study.worker.submit = submit
    assert "network" not in generations and "errors" not in generations
    after = study.state
    assert after.measured.by_size is before.measured.by_size and after.measured.recipe is after.recipe
    assert not after.updating and after.before is before.before and after.errors is before.errors
    assert study.topics["output_curve"].present(after) is not None


def test_figures_that_arrive_after_a_note_are_taken(app):
    study = app.study
    measured = study.state.measured
    study.set_note(ACTIVATION, "a")
    taken = study.taken(dataclasses.replace(study.state, measured=None), "network", measured)
    assert taken.measured.recipe is study.recipe and taken.measured.by_size is measured.by_size
    study.set_format(ACTIVATION, "fp16")
    assert study.taken(dataclasses.replace(study.state, measured=None), "network", measured).measured is None


def test_notes_are_shown_and_written_in_the_panels(app):
    choice, layers = part(app, ChoicePanel), part(app, LayersPanel)
    app.study.select(WEIGHT)
    assert choice.view["own_note"] == "" and all(row[7] == "" for row in layers.rows)
    send(choice, kind="note", tensor=WEIGHT, text="wide channels")
    send(choice, kind="note", tensor=ACTIVATION, text="after the first ReLU")
    assert choice.view["own_note"] == "wide channels"
    assert [row[7] for row in layers.rows] == [
        "",
        "wide channels\nafter the first ReLU",
        "after the first ReLU",
        "",
    ]
    app.study.set_format(WEIGHT, "fp32")
    assert app.recipe.notes[WEIGHT] == "wide channels"
    send(choice, kind="note", tensor=WEIGHT, text="x" * 1000)
    assert len(app.recipe.notes[WEIGHT]) == 300


def test_a_note_decides_nothing(tmp_path):
    study = Study(small_model(tmp_path), images())
    study.set_note(ACTIVATION, "not chosen yet")
    assert not study.state.decided
    study.start()
    assert study.wait(60) and study.recipe[ACTIVATION].format == "int8"
    assert study.recipe.notes == {ACTIVATION: "not chosen yet"}
    study.close()


def test_notes_come_back_with_the_choices(tmp_path):
    model = small_model(tmp_path)
    first = Study(model, images(), autosave=tmp_path / "kept")
    first.start()
    assert first.wait(60)
    first.set_note(WEIGHT, "a")
    first.set_note(WEIGHT, "b")
    first.close()
    again = Study(model, images(), autosave=tmp_path / "kept")
    assert again.recipe.notes == {WEIGHT: "b"}
    again.undo()
    assert again.recipe.notes == {WEIGHT: "a"}
    again.close()
