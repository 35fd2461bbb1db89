"""The app without a browser: what panels show, and what their messages do."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.ui.studies import images, small_model
from workbench.messages import WorkbenchError
from workbench.ui.app import App
from workbench.ui.panel import Panel
from workbench.ui.panels.choice import ChoicePanel
from workbench.ui.panels.exporting import ExportPanel
from workbench.ui.panels.header import HeaderPanel
from workbench.ui.panels.inputs import InputsPanel
from workbench.ui.panels.layers import LayersPanel
from workbench.ui.panels.network import NetworkPanel
from workbench.ui.panels.tabs import TabsPanel
from workbench.ui.thumbnails import as_picture

FORBIDDEN = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|https?://(?!www\.w3\.org)")
PANELS = Path(__file__).parents[2] / "workbench" / "ui" / "panels"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def app(model):
    made = App(model, images(), labels=np.arange(48) % 4, autosave=None)
    assert made.study.wait(60)
    yield made
    made.close()


def part(app, kind):
    return next(widget for widget in app._parts if isinstance(widget, kind))


def send(panel, **content):
    panel._hear(panel, content, [])
    panel.study.wait(60)


def test_every_view_is_plain_json(app):
    for widget in app._parts:
        if isinstance(widget, Panel):
            json.dumps(widget.view, allow_nan=False)


def test_header(app):
    view = part(app, HeaderPanel).view
    assert view["model"] == "small" and view["n_layers"] == 4
    assert view["float_kb"] > 3 * view["chosen_kb"] and view["output"]["n"] == 48
    assert view["output"]["sqnr_db"] == app.study.comparison.outputs["logits"].sqnr_db
    assert not view["can_undo"] and view["activity"] == "" and view["trouble"] == ""


def test_layers_show_the_present_choice(app):
    rows = {row[0]: row for row in part(app, LayersPanel).rows}
    assert list(rows) == ["conv1", "conv2", "add", "fc"]
    assert rows["conv2"][1:4] == ["Conv", "int8", "int8"] and rows["add"][2:4] == ["", "fp32 int8"]
    worst = min(app.study.error(name).sqnr_db for name in ("conv2.weight", "relu_out"))
    assert rows["conv2"][4] == worst
    app.study.set_format("conv2.weight", "fp16")
    assert part(app, LayersPanel).rows[1][2] == "fp16"
    send(part(app, LayersPanel), kind="select", index=3)
    assert app.study.layer == "fc" and part(app, LayersPanel).view["selected"] == 3


def test_tabs(app):
    view = part(app, TabsPanel).view
    assert [tab["title"] for tab in view["tabs"]] == ["Weights", "Activations"] and view["missing"] == ""
    app.study.select("add")
    assert [tab["title"] for tab in part(app, TabsPanel).view["tabs"]] == ["Activations 1", "Activations 2"]
    send(part(app, TabsPanel), kind="select", tensor="relu_out")
    assert app.study.selected == "relu_out" and "48 samples" in part(app, TabsPanel).view["caption"]


def test_a_row_the_choice_and_the_plot_never_disagree(app):
    app.study.select("relu_out")
    for high in (0.5, 1.0, 2.0):
        app.study.set_range("relu_out", 0.0, high)
        error = app.study.error("relu_out")
        shown = {f["name"]: f["sqnr_db"] for f in part(app, ChoicePanel).view["segments"]}
        assert shown["int8"] == error.sqnr_db
        assert app.plot.subject["error"]["sqnr_db"] == error.sqnr_db
        app.study.wait(60)
        worst = min(error.sqnr_db, app.study.error("conv2.weight").sqnr_db)
        assert part(app, LayersPanel).rows[1][4] == worst


def test_choice_messages(app):
    panel = part(app, ChoicePanel)
    app.study.select("conv2.weight")
    assert panel.view["grouping"]["value"] == "channel" and panel.view["scheme"]["value"] == "symmetric"
    block = panel.view["grouping"]["options"][2]
    assert block["disabled"] and "multiple of 32" in block["why"]
    send(panel, kind="grouping", value="tensor")
    assert app.recipe["conv2.weight"].axis is None
    send(panel, kind="scheme", value="affine")
    assert app.recipe["conv2.weight"].symmetric is False
    send(panel, kind="method", value="percentile")
    assert app.recipe["conv2.weight"].method == "percentile"
    send(panel, kind="format", format="fp16", scope="network", same_kind=False)
    assert {choice.format for choice in app.recipe.values()} == {"fp16"}
    assert panel.view["format"] == "fp16" and panel.view["method"]["disabled"]
    send(panel, kind="format", format="int4", scope="tensor")
    assert app.recipe["conv2.weight"].format == "int4"
    send(panel, kind="format", format="int99", scope="tensor")
    assert "int99" in part(app, HeaderPanel).view["trouble"]


def test_unknown_and_malformed_messages_do_nothing(app):
    before = app.recipe
    for content in (None, 3, {}, {"kind": None}, {"kind": "__init__"}, {"kind": "nothing"}, {"kind": "format"}):
        for widget in app._parts:
            if isinstance(widget, Panel):
                widget._hear(widget, content, [])
    assert app.recipe is before


def test_a_released_handle_an_adopted_mark_undo_and_redo(app):
    app.study.select("relu_out")
    app.study.wait(60)
    app.plot._hear(app.plot, {"type": "commit", "serial": 1, "low": 0.0, "high": 1.5}, [])
    assert app.recipe["relu_out"].high == 1.5 and app.recipe["relu_out"].method == "hand"
    app.study.wait(60)
    assert {mark["name"] for mark in app.plot.subject["marks"]} >= {"min–max", "least MSE"}
    app.plot._hear(app.plot, {"type": "adopt", "serial": 2, "name": "min–max"}, [])
    assert app.recipe["relu_out"].method == "min_max"
    header = part(app, HeaderPanel)
    send(header, kind="undo")
    assert app.recipe["relu_out"].high == 1.5 and header.view["can_redo"]
    send(header, kind="redo")
    assert app.recipe["relu_out"].method == "min_max"
    app.study.select("conv2")
    app.plot._hear(app.plot, {"type": "commit", "serial": 3, "low": -0.5, "high": 0.5}, [])
    assert app.recipe["conv2.weight"].axis == 0 and app.recipe["conv2.weight"].method == "hand"


def test_export(app, tmp_path):
    panel = part(app, ExportPanel)
    assert panel.view["refusals"] == []
    send(panel, kind="open", open=True)
    send(panel, kind="target", target="onnx_fp16")
    assert panel.view["refusals"] and panel.view["all_fp16"] and panel.view["target"] == "onnx_fp16"
    send(panel, kind="all_fp16")
    assert panel.view["refusals"] == []
    send(panel, kind="export", path=str(tmp_path / "small.fp16.onnx"))
    done = panel.view["done"]
    assert done["files"] == [str(tmp_path / "small.fp16.onnx"), str(tmp_path / "small.fp16.onnx.recipe.json")]
    send(panel, kind="export", path=str(tmp_path / "missing" / "a.onnx"))
    assert "cannot write" in panel.view["done"]["refused"]


def test_inputs_are_shown_before_anything_is_quantized(app):
    view = part(app, InputsPanel).view
    assert view["sizes"] == [[8, 8]] * 3 and len(part(app, InputsPanel).pixels) == 3 * 8 * 8 * 3
    assert view["report"]["n"] == 48 and view["report"]["sentences"]
    assert view["notices"] == []


def test_what_the_measured_network_remarks_is_among_the_notes(model):
    app = App(model, images() * 1e6, labels=np.arange(48) % 4 + 1, autosave=None)
    assert app.study.wait(60)
    notices = part(app, InputsPanel).view["notices"]
    assert "12 of 48 labels are no class" in " ".join(notices)
    app.study.set_format("image", "fp16")
    assert app.study.wait(60)
    assert "output 'logits' is not finite for 48 of 48" in " ".join(part(app, InputsPanel).view["notices"])
    app.study.undo()
    assert app.study.wait(60)
    assert part(app, InputsPanel).view["notices"] == notices
    app.close()


def test_without_data(model):
    app = App(model, autosave=None)
    app.study.wait(60)
    assert app.plot.subject["kind"] == "handles"  # weights are there at once
    assert not part(app, HeaderPanel).view["has_data"] and part(app, NetworkPanel).view["outputs"] == []
    app.study.select("relu_out")
    assert "No data yet" in part(app, TabsPanel).view["missing"]
    app.study.wait(60)
    segments = {f["name"]: f for f in part(app, ChoicePanel).view["segments"]}
    assert segments["int8"]["why"] and not segments["fp16"]["why"]
    app.close()


def test_a_path_will_do_and_a_broken_one_is_refused(model, tmp_path):
    app = App(str(model.path), autosave=None)
    assert app.study.model.name == "small"
    app.close()
    with pytest.raises(WorkbenchError):
        App(tmp_path / "nowhere.onnx", autosave=None)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 8, 8), (8, 8)),
        ((3, 300, 200), (60, 40)),
        ((32, 32, 3), (32, 32)),
        ((8, 8), (8, 8)),
        ((1, 3, 16, 16), (16, 16)),
    ],
)
def test_pictures_of_samples(shape, size):
    picture = as_picture(np.linspace(-2, 3, int(np.prod(shape))).reshape(shape))
    assert picture.shape == (*size, 3) and picture.dtype == np.uint8 and picture.min() == 0 and picture.max() > 200


@pytest.mark.parametrize("shape", [(576,), (5, 20, 20), (2, 1, 128), (1, 2, 2)])
def test_what_is_no_picture(shape):
    assert as_picture(np.zeros(shape)) is None


def test_scripts_put_no_text_in_as_html():
    for path in PANELS.glob("*.js"):
        assert not FORBIDDEN.findall(path.read_text()), path.name
