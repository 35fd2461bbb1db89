"""The dialog of versions: figures of each, what differs, restoring, the script."""

import pytest

from tests.ui.studies import images
from workbench.ui.panels.versions import VersionsPanel
from workbench.ui.study import Study
from workbench.workflow.simulate import simulate


@pytest.fixture
def panel(study):
    made = VersionsPanel(study)
    yield made
    made.close()


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60)


def rows_of(panel):
    return {row["name"]: row for row in panel.view["rows"]}


def test_nothing_is_worked_out_while_it_is_closed(panel):
    panel.study.snapshot("one")
    panel.study.wait(60)
    assert panel.view == {"open": False} and "versions" not in panel.study.state.answers


def test_versions_side_by_side(panel, model):
    study = panel.study
    first = study.recipe
    study.set_format("conv2.weight", "int4")
    send(panel, kind="open", open=True)
    send(panel, kind="keep", name="narrow")
    study.set_format("conv2.weight", "int2")
    assert study.wait(60)
    rows = rows_of(panel)
    assert list(rows) == ["present choices", "as it began", "narrow"]
    for name, recipe in {"as it began": first, "narrow": study.state.snapshots["narrow"]}.items():
        assert rows[name]["sqnr_db"] == next(iter(simulate(model, recipe, images()).outputs.values())).sqnr_db
    assert rows["present choices"]["tensors"] == 0 and rows["narrow"]["tensors"] == 1
    assert rows["present choices"]["kb"] < rows["narrow"]["kb"] < rows["as it began"]["kb"]
    assert panel.view["against"] == "narrow" and panel.view["n_tensors"] == 1
    told = {each["field"]: (each["before"], each["after"]) for each in panel.view["differences"]}
    assert told["format"] == ("int4", "int2") and "6 values" in told["high"][0]
    send(panel, kind="against", name="as it began")
    assert panel.view["differences"][0]["before"] == "int8"


def test_a_version_is_restored_and_dropped(panel):
    study = panel.study
    first = study.recipe
    study.set_format("conv2.weight", "int4")
    send(panel, kind="open", open=True)
    send(panel, kind="keep", name="")
    send(panel, kind="restore", name="as it began")
    assert study.recipe is first and study.can_undo
    send(panel, kind="restore", name="snapshot 1")
    assert study.recipe["conv2.weight"].format == "int4"
    send(panel, kind="forget", name="snapshot 1")
    assert "snapshot 1" not in rows_of(panel)
    assert "study.set_format('conv2.weight', 'int4')" in panel.view["code"]


def test_without_data_there_are_no_figures(model):
    study = Study(model)
    study.start()
    panel = VersionsPanel(study)
    study.set_format("conv2.weight", "int4")
    send(panel, kind="open", open=True)
    assert all("sqnr_db" not in row and not row["waits"] for row in panel.view["rows"])
    panel.close()
    study.close()
