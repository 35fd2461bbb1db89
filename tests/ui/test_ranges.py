"""Ranges of other tools taken over in the app, as one step; an app that begins with a recipe."""

import dataclasses

import pytest

from tests.ui.studies import images
from tests.ui.test_app import part, send
from workbench.messages import WorkbenchError
from workbench.ui.app import App
from workbench.ui.panels.exporting import ExportPanel
from workbench.ui.study import Study
from workbench.workflow.ranges.catalogue import READERS

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"
CACHE = "TRT-8503-EntropyCalibration2\nrelu_out: 3c010a14\nnowhere: 3c010a14\n"  # float32 of 1/127


@pytest.fixture
def app(shared):
    made, begin = shared
    made.study.set_recipe(begin)
    assert made.study.wait(60)
    return made


def test_a_cache_is_opened_as_one_step(app, tmp_path):
    path = tmp_path / "small.cache"
    path.write_text(CACHE)
    n_steps, before = len(app.study.state.history.past), app.recipe
    notices = app.study.open_ranges(path)
    assert app.recipe[ACTIVATION].quantizer.scale == pytest.approx(1 / 127, rel=1e-3)
    assert app.recipe[WEIGHT] is before[WEIGHT] and len(app.study.state.history.past) == n_steps + 1
    assert any("nowhere" in str(notice) for notice in notices)
    assert "study.open_ranges(" in app.study.code() and "small.cache" in app.study.code()
    app.study.undo()
    assert app.recipe is before


def test_the_dialog_opens_ranges_and_says_what_became_of_them(app, tmp_path):
    panel = part(app, ExportPanel)
    assert all(reader.title in panel.view["readers"] for reader in READERS.values())
    path = tmp_path / "small.cache"
    path.write_text(CACHE)
    send(panel, kind="receive", what="ranges", path=str(path))
    told = panel.view["received"]["ranges"]
    assert told["words"][0] == "1 of 2 tensors in the file changed the recipe." and not told["running"]
    assert any("'nowhere'" in words for words in told["words"])
    before = app.recipe
    send(panel, kind="receive", what="ranges", path=str(tmp_path / "missing.cache"))
    assert "No such file" in panel.view["received"]["ranges"]["refused"] and app.recipe is before
    path.write_text("TRT-8503-EntropyCalibration2\nrelu_out: zzzz\n")
    send(panel, kind="receive", what="ranges", path=str(path))
    assert str(path) in panel.view["received"]["ranges"]["refused"] and app.recipe is before
    send(panel, kind="receive", what="ranges", path="   ")  # nothing typed
    assert str(path) in panel.view["received"]["ranges"]["path"]
    path.write_text(CACHE.replace("3c010a14", "3c810a14"))
    send(panel, kind="receive", what="ranges", path=str(path))
    assert "“Names there” can say" in str(panel.view["received"]["ranges"]["words"])
    app.study.undo()
    assert "ranges" not in panel.view["received"]  # it is not so any more
    app.study.redo()
    assert "ranges" in panel.view["received"]
    send(panel, kind="open", open=True)
    send(panel, kind="open", open=False)
    assert "ranges" not in panel.view["received"]


def test_names_of_the_recipe_say_which_tensor_is_meant(app, tmp_path):
    path = tmp_path / "small.cache"
    path.write_text(CACHE)
    app.study.set_names({"image": "nowhere"})
    assert app.recipe["image"].quantizer.scale != pytest.approx(1 / 127, rel=1e-3)
    app.study.open_ranges(path)
    assert app.recipe["image"].quantizer.scale == pytest.approx(1 / 127, rel=1e-3)


def test_an_app_begins_with_a_recipe(app, model):
    given = app.recipe.with_tensor(WEIGHT, format="int4").without("fc.weight")
    made = App(model, images(), recipe=given, autosave=None)
    assert made.study.wait(60)
    assert made.recipe == given and "fc.weight" not in made.recipe  # what has no entry stays float
    assert not made.study.can_undo
    made.study.set_format(ACTIVATION, "fp16")
    code = made.study.code()
    assert "recipe=recipe" in code and "# model, data, recipe:" in code and "recipe=recipe" not in app.study.code()
    made.close()


def test_work_that_began_with_the_recipe_is_kept(app, model, tmp_path):
    given = app.recipe.with_tensor(WEIGHT, format="int4")
    first = Study(model, recipe=given, autosave=tmp_path / "kept")
    first.set_format(WEIGHT, "int8")
    kept = first.recipe
    first.close()
    again = Study(model, recipe=given, autosave=tmp_path / "kept")
    assert again.recipe == kept and again.can_undo
    again.close()
    other = given.with_tensor(WEIGHT, format="int5")
    third = Study(model, recipe=other, autosave=tmp_path / "kept")
    assert third.recipe == other  # another one comes as a step after what was there
    third.undo()
    assert third.recipe == kept
    third.close()


def test_a_recipe_of_another_model_is_refused(app, model):
    with pytest.raises(WorkbenchError, match="this recipe is for"):
        Study(model, recipe=dataclasses.replace(app.recipe, model_sha256="0" * 64))
