"""The overview: nothing is sent before it is on the screen; figures of every layer, and the neighbours."""

import pytest

from workbench.ui.panels.overview import OverviewPanel


@pytest.fixture
def panel(study):
    made = OverviewPanel(study)
    yield made
    made.close()


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60)


def test_it_is_silent_until_it_is_seen(panel):
    panel.study.set_format("conv2.weight", "int4")
    assert panel.view == {"open": False}
    send(panel, kind="open", open=True)
    assert panel.view["names"] == ["conv1", "conv2", "add", "fc"]


def test_figures_are_those_of_the_study(panel):
    study = panel.study
    study.set_format("conv2.weight", "int4")
    study.set_range("relu_out", 0.0, 0.5)
    study.wait(60)
    send(panel, kind="open", open=True)
    figures, state = panel.view["figures"], study.state
    at = panel.view["names"].index("conv2")
    assert figures["weight"][at] == round(state.errors["conv2.weight"].sqnr_db, 1)
    assert figures["activation"][at] == round(state.errors["relu_out"].sqnr_db, 1)
    assert figures["network"][at] == round(state.comparison.tensors["relu_out"].sqnr_db, 1)
    assert figures["saturated"][at] == state.errors["relu_out"].saturated_fraction > 0
    assert figures["bits"] == [8, 8, 32, 8] and figures["weight"][panel.view["names"].index("add")] is None
    study.set_format("relu_out", "fp32")
    study.wait(60)
    assert panel.view["figures"]["activation"][at] == 99 and panel.view["figures"]["bits"][at] == 32


def test_a_click_selects_and_the_neighbours_follow(panel):
    send(panel, kind="open", open=True)
    send(panel, kind="select", index=2)
    assert panel.study.state.layer == "add" and panel.view["selected"] == 2
    assert panel.view["columns"] == [[-1, [0, 1]], [0, [2]], [1, [3]]] and [0, 2] in panel.view["edges"]
