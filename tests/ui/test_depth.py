"""The page of the error along the depth, without a browser."""

import dataclasses

import numpy as np
import pytest

from tests.ui.studies import images
from workbench.ui.panels.depth import DepthPanel
from workbench.ui.study import Study
from workbench.workflow.comparison import LOW_COSINE
from workbench.workflow.depth import ErrorAlongDepth, error_along_depth


@pytest.fixture
def panel(study):
    made = DepthPanel(study)
    yield made
    made.close()


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60)


def change(panel, format="int3"):
    before = panel.study.recipe
    panel.study.set_format("conv1.weight", format, "network", same_kind=True)
    assert panel.study.wait(60)
    return before


def test_every_tensor_in_graph_order(panel, model):
    expected = error_along_depth(model, panel.study.recipe, images())
    assert panel.names == list(expected.tensors)
    assert panel.view["depth"] == [error.sqnr_db for error in expected.tensors.values()]
    assert panel.view["cosine"] == [round(error.cosine, 6) for error in expected.tensors.values()]
    assert panel.view["before"] is None and panel.view["sample"] is None and not panel.view["updating"]


def test_after_a_change_the_figures_before_it_stand_beside(panel, model):
    start = list(panel.view["depth"])
    before = change(panel)
    assert panel.view["before"] == start and panel.view["depth"] != start
    expected = error_along_depth(model, panel.study.recipe, images(), before=before)
    tensor, lost = expected.drop
    assert panel.view["drop"] == {"at": panel.names.index(tensor), "db": lost}
    low = [name for name, cosine in zip(panel.names, panel.view["cosine"], strict=True) if cosine < LOW_COSINE]
    assert panel.view["rule"] == LOW_COSINE and tuple(low) == expected.low_cosine
    panel.study.undo()
    panel.study.wait(60)
    assert panel.view["depth"] == start


def test_a_network_that_is_exact_has_nothing_to_draw(panel):
    panel.study.set_format("conv1.weight", "fp32", "network")
    panel.study.wait(60)
    assert set(panel.view["depth"]) == {"inf"} and panel.view["drop"] is None
    assert "the network is exact" in panel.view["missing"]


def test_a_tensor_that_is_not_finite_is_named(panel, model, monkeypatch):
    known = error_along_depth(model, panel.study.recipe, images())
    third = list(known.tensors)[2]
    broken = {name: dataclasses.replace(e, sqnr_db=np.nan) if name == third else e for name, e in known.tensors.items()}
    monkeypatch.setattr(DepthPanel, "_shown", lambda self, state: (ErrorAlongDepth(broken, ()), True))
    panel.refresh()
    assert panel.view["drop"] == {"at": 2, "db": None}
    assert panel.picture() is not None


def test_one_sample_and_back_to_all(panel, model):
    before = change(panel)
    everything = list(panel.view["depth"])
    panel.study.ask("one_sample", 7)
    panel.study.wait(60)
    expected = error_along_depth(model, panel.study.recipe, images(), 7, before=before)
    assert panel.view["sample"] == 7 and not panel.view["updating"]
    assert panel.view["depth"] == [error.sqnr_db for error in expected.tensors.values()]
    assert panel.view["before"] == [error.sqnr_db for error in expected.before.values()]
    change(panel, "int8")
    assert panel.view["before"] == [error.sqnr_db for error in expected.tensors.values()]
    send(panel, kind="all_samples")
    assert panel.view["sample"] is None and panel.view["depth"] != everything
    panel.study.ask("one_sample", 99)
    panel.study.wait(60)
    assert "Running sample 99" in panel.view["missing"] and "there is no sample 99" in panel.study.status


def test_a_sample_that_is_not_worked_out_yet_is_announced(panel):
    panel.study.worker.close()
    panel.study.ask("one_sample", 3)
    assert panel.view["depth"] == [] and "Running sample 3" in panel.view["missing"]


def test_a_click_selects_the_tensor(panel):
    send(panel, kind="select", tensor="flat_out")
    assert panel.study.selected == "flat_out" and panel.view["selected"] == "flat_out"


def test_without_data(model):
    study = Study(model)
    study.start()
    panel = DepthPanel(study)
    assert panel.view["depth"] == [] and "No data yet" in panel.view["missing"]
    study.ask("one_sample", 1)
    assert study.wait(60) and np.size(panel.names) == 0
    study.close()
