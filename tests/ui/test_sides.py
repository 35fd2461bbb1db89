"""Weights and activations of a layer next to one another, without a browser."""

import numpy as np
import pytest

from workbench.ui.panels.sides import SidesPanel
from workbench.ui.panels.tabs import TabsPanel

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"


@pytest.fixture
def panel(study):
    """Opened as by a click."""
    study.select(WEIGHT)
    tabs, made = TabsPanel(study), SidesPanel(study)
    send(tabs, kind="view", view="sides")
    assert tabs.view["seen"] == "sides"
    yield made
    tabs.close()
    made.close()


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60), panel.study.status


def test_every_value_of_the_layer_is_counted_once(panel):
    study = panel.study
    sides = {side["tensor"]: side for side in panel.view["sides"]}
    assert list(sides) == [WEIGHT, ACTIVATION] and sides[WEIGHT]["selected"]
    assert sum(sides[WEIGHT]["counts"]) == pytest.approx(study.model.tensors[WEIGHT].array().size)
    assert sum(sides[ACTIVATION]["counts"]) == pytest.approx(study.state.calibration[ACTIVATION].count)
    array = study.model.tensors[WEIGHT].array()
    assert (sides[WEIGHT]["low"], sides[WEIGHT]["high"]) == (array.min(), array.max())
    edges = np.linspace(array.min(), array.max(), len(sides[WEIGHT]["counts"]) + 1)
    expected, _ = np.histogram(array, edges)
    assert np.abs(np.array(sides[WEIGHT]["counts"]) - expected).sum() <= 4  # a value beside an edge


def test_what_is_chosen_is_shown_and_follows(panel):
    study = panel.study
    low, high = (np.asarray(end) for end in (study.recipe[WEIGHT].low, study.recipe[WEIGHT].high))
    assert panel.view["sides"][0]["bounds"] == [low.min(), low.max(), high.min(), high.max()]
    assert panel.view["sides"][0]["choice"].startswith("int8") and "channel" in panel.view["sides"][0]["choice"]
    assert panel.view["sides"][0]["groups"] == "channels'"
    study.set_range(ACTIVATION, 0.0, 0.5)
    assert study.wait(60)
    shown = panel.view["sides"][1]
    assert shown["bounds"] == [0.0, 0.0, 0.5, 0.5] and shown["mse"] == study.error(ACTIVATION).mse
    study.set_format(ACTIVATION, "fp32")
    assert study.wait(60)
    shown = panel.view["sides"][1]
    assert shown["choice"] == "FP32" and shown["bounds"] is None and shown["mse"] is None


def test_a_click_shows_a_tensor_alone(panel):
    send(panel, kind="select", tensor=ACTIVATION)
    assert panel.study.selected == ACTIVATION and panel.view == {"open": False}


def test_nothing_is_counted_while_it_is_closed(panel):
    panel.study.ask("side_by_side", False)
    panel.study.select("conv1.weight")
    assert panel.study.wait(60) and panel.view == {"open": False}
    known = panel.study.state.answers.get("side_by_side")
    assert known is None or known.about[0] != panel.study.state.layer
