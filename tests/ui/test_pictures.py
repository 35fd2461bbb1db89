"""What is shown as a figure and a file: of the tensor at its present choice, and of the pages."""

from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.ui.test_app import part
from workbench.messages import WorkbenchError
from workbench.ui import picture_file
from workbench.ui.app import App
from workbench.ui.explorer import explore
from workbench.ui.panels.pictures import PictureSaver
from workbench.ui.tensor_picture import file_name, tensor_picture


@pytest.fixture
def app(study, monkeypatch):
    made = App(study.model, study.data, autosave=None)
    assert made.study.wait(60)
    yield made
    made.close()


def words(figure):
    return " | ".join(annotation.text for annotation in figure.layout.annotations)


def look(app, tensor, format="int8"):
    app.study.select(tensor)
    app.study.set_format(tensor, format)
    assert app.study.wait(60)


def test_a_tensor_with_its_present_thresholds_and_figures(app):
    look(app, "relu_out")
    app.study.set_range("relu_out", 0.0, 1.75)
    assert app.study.wait(60)
    error, text = app.study.error("relu_out"), words(app.picture())
    for told in ("relu_out", "1.75", "INT8", "by hand", f"SQNR {error.sqnr_db:.1f} dB", f"MSE {error.mse:.4g}"):
        assert told.replace("-", "−") in text
    n = app.study.state.calibration["relu_out"].count
    assert f"{round(error.saturated_fraction * n):,} of {n:,} saturated" in text
    assert any(trace.name == "quantized" for trace in app.picture().data)
    app.plot.log_axis = True
    assert app.picture().layout.xaxis.ticktext is not None  # as in the plot


@pytest.mark.parametrize("format", ["fp32", "fp16", "int4", "nf4", "mxfp4", "int16", "kmeans4"])
@pytest.mark.parametrize("tensor", ["relu_out", "conv2.weight"])
def test_every_kind_of_format_has_a_picture(app, tensor, format):
    look(app, tensor, format)
    figure = app.picture()
    assert isinstance(figure, go.Figure) and figure.layout.paper_bgcolor == "#ffffff"
    assert tensor in words(figure)


def test_channels_stand_on_one_axis(app):
    look(app, "conv2.weight")
    assert app.recipe["conv2.weight"].axis is not None
    assert "6 channels, each with its own range" in words(app.picture())


def test_a_script_draws_without_an_app(study):
    study.select("conv1.weight")
    assert study.wait(60)
    assert go.Figure(tensor_picture(study.model, study.state)).layout.width == 900


def test_pages_draw_what_they_show(app):
    app.study.set_format("conv2.weight", "int4")
    assert app.study.wait(60)
    names = list(app.study.state.comparison.tensors)
    depth = app.picture("depth")
    assert "spoils most" in words(depth) and len(depth.data[-1].x) <= len(names)
    assert [len(row) for row in app.picture("overview").data[0].z] == [4] * 5
    app.pages.turn_to("calibration_quality")
    app.study.select("relu_out")
    assert app.study.wait(60)
    assert "relu_out: calibration data" in words(app.picture("calibration_quality"))


def test_refusals_say_what_to_do(app, tmp_path, monkeypatch):
    with pytest.raises(WorkbenchError, match="no picture of 'causes'; expected one of tensor, depth, overview"):
        app.picture("causes")
    with pytest.raises(WorkbenchError, match="turn_to"):
        app.picture("calibration_quality")
    with pytest.raises(WorkbenchError, match=r"'a.gif': unknown ending '.gif'; expected one of .svg, .png"):
        app.save_picture(tmp_path / "a.gif")
    monkeypatch.setattr(picture_file, "find_spec", lambda name: None)
    with pytest.raises(WorkbenchError, match="needs kaleido; install the extra `figures`"):
        app.save_picture(tmp_path / "a.svg")
    assert app.save_picture(tmp_path / "a.html").stat().st_size > 1e6


def test_with_kaleido_plotly_writes_the_file(monkeypatch, tmp_path):
    written = []
    figure = SimpleNamespace(write_image=lambda path, scale: written.append((path.name, scale)))
    monkeypatch.setattr(picture_file, "find_spec", lambda name: object())
    for name in ("a.svg", "b.PNG"):
        picture_file.write_picture(figure, tmp_path / name)
    assert written == [("a.svg", 1), ("b.PNG", 2)]


def test_the_browser_gets_a_figure_that_saves_itself_and_gives_it_back(app, monkeypatch):
    look(app, "relu_out", "fp16")
    panel = part(app, PictureSaver)
    panel._hear(panel, {"kind": "save", "of": "tensor", "format": "png"}, [])
    options = panel.figure._config["toImageButtonOptions"]
    assert options["filename"] == "small-relu_out-fp16" and options["format"] == "png" and options["scale"] == 2
    assert options["height"] == panel.figure.layout.height > 500
    panel._hear(panel, {"kind": "saved"}, [])
    assert panel.figure is None
    told = []
    monkeypatch.setattr(panel, "send", told.append)
    for wrong in ({"of": "tensor", "format": "bmp"}, {"of": "causes", "format": "svg"}):
        panel._hear(panel, {"kind": "save"} | wrong, [])
        assert panel.figure is None and "expected one of" in told[-1]["words"]
    panel._hear(panel, {"kind": "hello"}, [])
    assert [each["kind"] for each in told] == ["refused", "refused", "hello"]


def test_an_array_without_a_network_has_a_picture_too():
    explorer = explore(np.linspace(-3, 2, 1000), "int4")
    explorer._commit(-1.25, 1.25)
    text = words(explorer.picture())
    for told in ("1,000 values as INT4", "−1.25", "1.25", "symmetric", f"SQNR {explorer.error.sqnr_db:.1f} dB"):
        assert told in text
    saver = explorer.children[-1]
    saver._hear(saver, {"kind": "save", "of": "tensor", "format": "svg"}, [])
    assert saver.figure._config["toImageButtonOptions"]["filename"] == "values-int4"
    explorer.close()


def test_file_names_are_safe_everywhere():
    assert file_name("net", "/layer.0/Conv:out put", "int8") == "net-layer.0-Conv-out-put-int8"
    assert file_name("..", "") == "picture" and len(file_name("x" * 999)) == 150
