"""The page of the changed samples, without a browser: cards, tasks, pictures on demand."""

import json

import numpy as np
import pytest

from tests.ui.studies import images
from workbench.ui.app import App
from workbench.ui.panels.depth import DepthPanel
from workbench.ui.panels.samples import MOST, SamplesPanel
from workbench.ui.study import Study
from workbench.ui.thumbnails import as_picture, pictures_of
from workbench.workflow.data import as_batches
from workbench.workflow.images import Images
from workbench.workflow.samples import changed_samples
from workbench.workflow.tasks.catalogue import TASKS

N = 260
LABELS = np.arange(N) % 4


@pytest.fixture(scope="module")
def app(model):
    made = App(model, images(), evaluation=images(N, 1), labels=LABELS, autosave=None)
    made.pages.turn_to("samples")
    assert made.study.wait(60)
    start = made.recipe
    yield made, start
    made.close()


@pytest.fixture
def panel(app):
    """The open page of an app with its first choices."""
    made, start = app
    made.pages.turn_to("samples")
    made.study.ask("one_sample", False)
    made.study.set_task("")
    made.study.set_recipe(start)
    assert made.study.wait(60)
    return next(widget for widget in made._parts if isinstance(widget, SamplesPanel))


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60)


def coarse(panel, format="int2"):
    panel.study.set_format("conv1.weight", format, "network", same_kind=True)
    assert panel.study.wait(60), panel.study.status


def test_cards_are_the_changed_samples_the_worst_first(panel, model):
    coarse(panel)
    expected = changed_samples(model, panel.study.recipe, images(N, 1), labels=LABELS)
    assert 10 < len(expected) and panel.view["n_changed"] == len(expected) and panel.view["n"] == N
    assert [card["sample"] for card in panel.rows] == [change.sample for change in expected[:MOST]]
    for card, change in zip(panel.rows, expected, strict=False):
        assert card["words"] == change.words and card["lost"] == change.lost and card["label"] == LABELS[change.sample]
        assert (card["float_right"], card["chosen_right"]) == (change.float_right, change.chosen_right)
        assert [index for index, *_ in card["float"]] == [score.index for score in change.before]
        assert [index for index, *_ in card["chosen"]] == [score.index for score in change.after]
    assert panel.view["agreement"] == expected.figures.agreement and panel.view["means"] == expected.figures.means
    assert panel.view["missing"] == "" and panel.view["pictured"] and not panel.view["updating"]


def test_no_change_at_all_is_said(panel):
    panel.study.set_format("conv1.weight", "fp32", "network")
    panel.study.wait(60)
    assert panel.view["missing"] == f"No answer changed on {N} samples." and panel.rows == []


def test_no_more_than_two_hundred_cards(panel, monkeypatch):
    coarse(panel, "binary")
    n = panel.view["n_changed"]
    monkeypatch.setattr("workbench.ui.panels.samples.MOST", 5)
    coarse(panel, "int2")
    assert n > 5 and len(panel.rows) == panel.view["listed"] == 5 < panel.view["n_changed"]


def test_the_task_is_guessed_with_a_reason_and_can_be_set(panel):
    coarse(panel)
    task = panel.view["task"]
    assert task["value"] == "" and task["options"][0]["title"] == "guessed: classes"
    assert task["because"] == "Guessed from output 'logits' (N, 4): scores of classes."
    refused = {option["value"]: option["why"] for option in task["options"][1:] if option["disabled"]}
    assert [option["value"] for option in task["options"][1:]] == list(TASKS)
    assert refused.keys() == {"boxes", "sequences", "segmentation", "regression"}
    assert "labels of shape" in refused["regression"] and "cannot be meant as 'boxes'" in refused["boxes"]
    guessed = panel.rows
    send(panel, kind="task", task="classes")
    assert panel.view["task"]["value"] == "classes" and panel.view["task"]["because"] == "Chosen by you."
    assert panel.rows == guessed
    send(panel, kind="task", task="boxes")
    assert panel.rows == [] and "cannot be meant as 'boxes'" in panel.view["missing"]
    send(panel, kind="task", task="dreams")
    assert "dreams" in panel.study.status and panel.study.state.task == "boxes"


def test_another_task_without_labels(model):
    study = Study(model, images(), evaluation=images(N, 1))
    study.start()
    study.set_task("regression")
    study.ask("samples")
    panel = SamplesPanel(study)
    study.set_format("conv1.weight", "int3", "network", same_kind=True)
    assert study.wait(60), study.status
    expected = changed_samples(model, study.recipe, images(N, 1), task="regression")
    assert [card["words"] for card in panel.rows] == [change.words for change in expected[:MOST]]
    assert "float" not in panel.rows[0] and panel.rows[0]["label"] is None
    assert study.comparison.answers.task == "regression"
    panel.close()
    study.close()


def test_a_click_turns_to_that_samples_error_along_the_depth(panel, app):
    coarse(panel)
    sample = panel.rows[1]["sample"]
    send(panel, kind="open", sample=sample)
    depth = next(widget for widget in app[0]._parts if isinstance(widget, DepthPanel))
    assert app[0].pages.view["open"] == "depth" and depth.view["sample"] == sample and depth.view["depth"]
    assert panel.view["sample"] == sample


def test_pictures_come_when_they_are_asked_for(panel, monkeypatch):
    coarse(panel)
    sent = []
    monkeypatch.setattr(panel, "send", lambda content, buffers: sent.append((content, buffers)))
    wanted = sorted(card["sample"] for card in panel.rows[:3])
    send(panel, kind="pictures", samples=wanted)
    [(content, [pixels])] = sent
    assert content["sizes"] == [[sample, 8, 8] for sample in wanted]
    assert pixels == b"".join(as_picture(images(N, 1)[sample]).tobytes() for sample in wanted)
    send(panel, kind="pictures", samples=wanted)  # another page that shows the same app
    assert len(sent) == 2 and sent[1] == sent[0]
    panel.study.select("flat_out")
    panel.study.wait(60)
    assert len(sent) == 2


def test_pictures_of_data_in_any_form(model):
    stack = images(70)
    feeds = [{"image": stack[:8]}, {"image": stack[8:20]}]
    for batches, n in ((as_batches(model, stack), 70), (as_batches(model, feeds), 20)):
        found = pictures_of(batches, [3, 9, 69])
        assert found.keys() == {n for n in (3, 9, 69) if n < batches.n_samples} and batches.n_samples == n
        for number, picture in found.items():
            assert (picture == as_picture(stack[number])).all()
    without = as_batches(model, stack).without([0, 1])
    assert (pictures_of(without, [2])[2] == as_picture(stack[2])).all()


def test_classes_have_their_names_where_the_data_say_them(model):
    names = {0: "nought", 1: "one", 3: "three"}
    study = Study(model, images(), evaluation=Images(images(N, 1), LABELS, (), class_names=names))
    study.start()
    study.ask("samples")
    panel = SamplesPanel(study)
    study.set_format("conv1.weight", "int2", "network", same_kind=True)
    assert study.wait(60), study.status
    for card in panel.rows:
        assert card["label_name"] == names.get(card["label"], "")
        assert all(name == names.get(index, "") for index, _, name in [*card["float"], *card["chosen"]])
    panel.close()
    study.close()


def test_before_there_is_anything(model):
    study = Study(model)
    panel = SamplesPanel(study)
    assert "No data yet" in panel.view["missing"] and panel.rows == [] and panel.view["agreement"] is None
    json.dumps(panel.view, allow_nan=False)
    panel.close()
    study.close()
    study = Study(model, images())
    panel = SamplesPanel(study)
    assert panel.view["missing"] == "Comes after calibration."
    study.start()
    study.wait(60)
    assert panel.view["missing"] == "Looking for changed answers…"
    study.ask("samples")
    study.wait(60)
    assert panel.view["n"] == 48
    panel.close()
    study.close()
