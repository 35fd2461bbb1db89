"""Data that come after the app was opened: from a cell, or as a file that is dropped on it."""

import base64
import io

import numpy as np
import pytest

import workbench as wb
from tests.ui.test_app import part
from workbench.ui.dropped import DroppedFile
from workbench.ui.panels.tabs import TabsPanel

CALIBRATION, EVALUATION, LABELS = wb.demo.data()
ACTIVATION = "stem.relu_out"


@pytest.fixture
def app():
    opened = wb.App(wb.demo.model(), autosave=None)
    assert opened.study.wait(60)
    yield opened
    opened.close()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def drop(app, name, content, n_pieces=3):
    panel = part(app, TabsPanel)
    asked = []
    panel.send = asked.append
    panel._hear(panel, {"kind": "file", "name": name, "size": len(content)}, [])
    step = -(-len(content) // n_pieces)
    while asked:
        at = asked.pop()["at"]
        piece = base64.b64encode(content[at : at + step]).decode()
        panel._hear(panel, {"kind": "piece", "bytes": piece}, [])
    assert app.study.wait(120), app.study.status


def test_a_dropped_file_is_calibrated_on_and_choices_stay(app):
    study = app.study
    study.set_format("stem.conv.weight", "int4")
    study.snapshot("before")
    study.select(ACTIVATION)
    assert part(app, TabsPanel).view["drop"]
    children = app.children
    drop(app, "images.npy", npy(CALIBRATION[:64]))
    assert app.study is not study and app.study.state.calibrated and app.study.data.n_samples == 64
    assert app.recipe["stem.conv.weight"].format == "int4" and app.recipe[ACTIVATION].format == "int8"
    assert app.study.selected == ACTIVATION and "before" in app.study.state.snapshots
    view = part(app, TabsPanel).view
    assert not view["drop"] and view["missing"] == ""
    assert not set(app.children) & set(children)
    app.study.undo()
    assert app.recipe.choices.get("stem.conv.weight") != study.recipe["stem.conv.weight"]


def test_data_from_a_cell_with_labels(app):
    app.give_data(CALIBRATION[:32], evaluation=EVALUATION[:50], labels=LABELS[:50])
    assert app.study.wait(120)
    assert app.study.comparison.outputs["logits"].accuracy is not None


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("images.png", b"x", "drop an .npy or .npz file"),
        ("images.npy", b"nothing", "images.npy: not a readable numpy file"),
        ("images.npz", b"PK", "images.npz: not a readable numpy file"),
        ("images.npy", npy(np.zeros((3, 5), np.float32)), "image"),
        ("images.npy", npy(np.zeros((3, 1, 8, 8))), "float32"),
    ],
)
def test_what_is_no_data_changes_nothing(app, name, content, words):
    study = app.study
    drop(app, name, content)
    assert app.study is study and words in study.status
    assert part(app, TabsPanel).view["coming"] == ""
    study.set_format("stem.conv.weight", "int4")  # it lives
    assert study.recipe["stem.conv.weight"].format == "int4"


def test_too_much_is_refused_before_it_comes():
    with pytest.raises(wb.WorkbenchError, match=r"2,048 MB.*wb.App\(model, path\)"):
        DroppedFile("a.npy", 1 << 31)


@pytest.mark.parametrize("piece", ["é", "a", "!!!!"])
def test_a_piece_that_is_no_base64(piece):
    with pytest.raises(wb.WorkbenchError, match="a.npy came damaged; drop it again"):
        DroppedFile("a.npy", 9).add(piece)


def test_autosaved_work_goes_on_in_the_same_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = wb.App(wb.demo.model())
    assert app.study.wait(60)
    app.study.set_format("stem.conv.weight", "int4")
    app.give_data(CALIBRATION[:32])
    assert app.study.wait(120)
    app.close()
    assert len(list((tmp_path / "workbench-autosave").glob("*.json"))) == 1
    again = wb.App(wb.demo.model(), CALIBRATION[:32])
    assert again.recipe["stem.conv.weight"].format == "int4" and ACTIVATION in again.recipe
    again.close()
