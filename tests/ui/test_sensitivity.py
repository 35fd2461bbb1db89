"""The page of sensitivity without a browser: estimates at once, runs that are continued, what its controls do."""

import json
import threading

import numpy as np
import pytest

from tests.ui.studies import images, small_model, two_outputs
from workbench.ui.panels.mixes import MixesPanel
from workbench.ui.panels.sensitivity import MOST_FORMATS, SensitivityPanel
from workbench.ui.study import Study
from workbench.ui.topics import sensitivity as topic
from workbench.ui.topics.sensitivity import sensitivities_of
from workbench.ui.topics.sensitivity_estimates import Options, estimates_of
from workbench.workflow.sensitivity import sensitivity
from workbench.workflow.simulate import Simulator

DATA, EVALUATION = images(64), images(48, seed=1)
QUESTIONS = ("sensitivity_estimates", "sensitivity")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def study(model):
    made = Study(model, DATA, evaluation=EVALUATION)
    made.start()
    assert made.wait(60), made.status
    yield made
    made.close()


@pytest.fixture
def runs(monkeypatch):
    """How many trials were made; every sweep begins by itself, however busy the machine is."""

    class Counted:
        n = 0

    counted, trial = Counted(), Simulator.trial

    def counting(self, *args, **options):
        counted.n += 1
        return trial(self, *args, **options)

    monkeypatch.setattr(Simulator, "trial", counting)
    monkeypatch.setattr(topic, "AT_ONCE", 1e9)
    return counted


@pytest.fixture
def panel(study, runs):
    """The page as it is after a click on its tab."""
    made = SensitivityPanel(study)
    look(study)
    yield made
    made.close()


def look(study):
    for question in QUESTIONS:
        study.ask(question)
    assert study.wait(60), study.status
    assert study.state.latest_trouble == ""


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60)


def figures(panel, column=0):
    """Side -> {tensors: (value, measured)} as the page shows them."""
    return {
        side: {tuple(row[2]): tuple(row[3][column][:2]) for row in panel.lists[side]}
        for side in ("weights", "activations")
    }


def expected(ranking, side):
    return {row.tensors: (row.sqnr_db, True) for row in ranking.only(side=side)}


def test_a_short_sweep_is_measured_by_itself_and_is_that_of_a_script(study, panel):
    ranking = sensitivity(study.model, study.state.recipe, EVALUATION)
    for side in ("weights", "activations"):
        assert figures(panel)[side] == expected(ranking, side)
    shown = [row[3][0][0] for row in panel.lists["weights"]]
    assert shown == sorted(shown) and panel.view["complete"] and panel.view["words"] == "measured, 48 samples"
    assert sensitivities_of(study.state).ranking.rows == ranking.rows
    json.dumps([panel.view, panel.lists], allow_nan=False)


def test_a_long_one_waits_for_a_click_and_shows_estimates(study, runs, monkeypatch):
    monkeypatch.setattr(topic, "AT_ONCE", 0.0)
    panel = SensitivityPanel(study)
    look(study)
    assert runs.n == 0 and panel.view["words"] == "estimates" and panel.view["time"] and not panel.view["running"]
    estimated = sensitivity(study.model, study.state.recipe, EVALUATION, workers=1)
    known = {row.tensors: (row.estimated_sqnr_db, False) for row in estimated.only(side="weights")}
    assert figures(panel)["weights"] == known
    send(panel, kind="measure")
    assert runs.n == 2 * len(estimated) and panel.view["complete"]  # once by the script
    send(panel, kind="cancel")
    assert panel.view["complete"]
    panel.close()


def test_what_was_measured_survives_cancel_and_is_not_run_again(study, runs, monkeypatch):
    monkeypatch.setattr(topic, "AT_ONCE", 0.0)
    monkeypatch.setattr(topic, "PAUSE", 0.0)
    panel, third, go = SensitivityPanel(study), threading.Event(), threading.Event()
    trial = Simulator.trial

    def held(self, *args, cancelled, **options):
        if runs.n == 3:
            third.set()
            go.wait(30)
        return trial(self, *args, cancelled=cancelled, **options)

    monkeypatch.setattr(Simulator, "trial", held)
    look(study)
    panel._hear(panel, {"kind": "measure"}, [])
    assert third.wait(30)
    study.outbox.drain()
    assert sensitivities_of(study.state).running and sensitivities_of(study.state).n_missing > 0
    panel._hear(panel, {"kind": "cancel"}, [])
    go.set()
    assert study.wait(60)
    total = len(panel.lists["weights"]) + len(panel.lists["activations"])
    assert panel.view["words"] == f"3 of {total} measured" and not panel.view["running"]
    measured = [cell for side in figures(panel).values() for cell in side.values() if cell[1]]
    assert len(measured) == 3
    before = runs.n
    send(panel, kind="measure")
    assert runs.n - before <= total - 3 + 1 and panel.view["complete"]
    panel.close()


def test_a_change_measures_what_changed_and_undo_nothing(study, panel, runs):
    before, shown = runs.n, figures(panel)
    study.set_range("relu_out", 0.0, 1.0)
    assert study.wait(60)
    assert runs.n - before == 1 and panel.view["complete"]
    changed = figures(panel)
    assert changed["weights"] == shown["weights"] and changed["activations"] != shown["activations"]
    study.undo()
    assert study.wait(60) and runs.n - before == 1 and figures(panel) == shown
    study.select("fc.weight")
    assert study.wait(60) and runs.n - before == 1 and panel.view["selected"] == "fc.weight"


def test_formats_and_zeros(study, panel, runs):
    done = runs.n
    send(panel, kind="set", formats=["int4", "int8", "kmeans4", "fp16"], half=["filters", "values"])
    titles = [column["title"] for column in panel.lists["columns"]]
    assert titles == ["INT4", "INT8", "k-means 4 bit", "FP16", "½ values", "½ filters"]
    ranking = sensitivity(
        study.model,
        study.state.recipe,
        EVALUATION,
        formats=["int4", "int8"],
        calibration=study.state.calibration,
        half=["values"],
    )
    for column, what in ((0, "int4"), (1, "int8"), (4, "half of the values zero")):
        for side in ("weights", "activations"):
            found = {key: cell for key, cell in figures(panel, column)[side].items() if cell[0] is not None}
            assert found == expected(ranking.only(what=what), side)
    assert done < runs.n
    send(panel, kind="set", formats=[], half=[])
    assert panel.options == Options() and len(panel.lists["columns"]) == 1


def test_a_format_that_a_tensor_cannot_have_says_why(study, panel):
    send(panel, kind="set", formats=["mxfp4", "pruned", "int8"])
    assert "pruned" in panel.options.formats
    at = panel.options.formats.index("pruned")
    cells = [row[3][at] for row in panel.lists["activations"] + panel.lists["weights"]]
    assert all(cell[0] is not None or cell[2] for cell in cells)
    everything = [name for name, _, _ in panel.view["formats"]]
    send(panel, kind="set", formats=[*everything, "nothing"])
    assert panel.options.formats == tuple(everything[:MOST_FORMATS])


def test_layers_and_all_but_one(study, panel):
    send(panel, kind="set", by="layer")
    ranking = sensitivity(study.model, study.state.recipe, EVALUATION, by="layer")
    assert figures(panel)["activations"] == expected(ranking, "activations")
    assert {row[0] for row in panel.lists["weights"]} == {"conv1", "conv2", "fc"}
    send(panel, kind="set", by="tensor", direction="all_but")
    gains = sensitivity(study.model, study.state.recipe, EVALUATION, direction="all_but")
    by_tensor = {tuple(record["tensors"]): record["gain_db"] for record in gains.table()}
    shown = {**figures(panel)["weights"], **figures(panel)["activations"]}
    assert {key: value for key, (value, _) in shown.items()} == by_tensor and panel.lists["gain"]
    send(panel, kind="set", formats=["int4"])
    assert panel.options.direction == "all_but" and panel.options.formats == ()


def test_fewer_samples(study, panel):
    send(panel, kind="set", n=64)
    assert panel.view["words"] == "measured, 48 samples"
    send(panel, kind="set", n=0)
    assert panel.options.n_samples == 0
    send(panel, kind="set", n=-3, by="nothing", direction=4, half="x")
    assert panel.options == Options(n_samples=0)


def test_a_page_that_is_closed_asks_nothing_and_keeps_its_options(study, panel, runs):
    send(panel, kind="set", by="layer")
    for question in QUESTIONS:
        study.ask(question, False)
    before = runs.n
    study.set_range("relu_out", 0.0, 0.5)
    assert study.wait(60) and runs.n == before and panel.view["stale"]
    look(study)
    assert panel.options.by == "layer" and estimates_of(study.state).options.by == "layer"
    assert runs.n > before and not panel.view["stale"]


def test_a_row_selects_and_nothing_quantized_is_said(study, panel):
    send(panel, kind="select", tensor="flat_out")
    assert study.selected == "flat_out"
    study.set_recipe(study.state.recipe.without(*study.state.recipe))
    assert study.wait(60) and "Nothing is quantized" in panel.view["missing"]
    send(panel, kind="set", formats=["int8"])
    assert panel.view["missing"] == "" and len(panel.lists["weights"]) == 3


def test_without_data(model):
    study = Study(model)
    study.start()
    panel = SensitivityPanel(study)
    for question in QUESTIONS:
        study.ask(question)
    assert study.wait(60) and "No data yet" in panel.view["missing"]
    panel.close()
    study.close()


def test_an_exact_tensor_and_an_overflow_are_plain_json(study, panel):
    study.set_recipe(study.state.recipe.with_tensor("fc.weight", low=-1e-30, high=1e-30))
    assert study.wait(60)
    value = figures(panel)["weights"]["fc.weight",][0]
    assert np.isclose(value, 0, atol=0.1)
    json.dumps(panel.lists, allow_nan=False)


def test_with_several_outputs_it_says_of_which_the_figures_are(model, tmp_path):
    study = Study(two_outputs(model, tmp_path), DATA, evaluation=EVALUATION)
    study.start()
    panels = SensitivityPanel(study), MixesPanel(study)
    look(study)
    send(panels[0], kind="measure")
    assert panels[0].view["words"] == "logits: measured, 48 samples"
    for kind in ("open", "find"):
        send(panels[1], kind=kind, open=True)
    assert panels[1].view["about"].startswith("(48 samples, output logits; activations: ")
    for panel in panels:
        panel.close()
    study.close()
