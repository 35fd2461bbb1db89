"""The export dialog: every target by kind, refusals with a way out, options, health, names; devices as targets."""

import json
import threading

import numpy as np
import pytest
from onnx import helper

from tests.ui.test_app import part, send
from tests.workflow.small_models import constant, saved
from workbench.messages import WorkbenchError
from workbench.ui import exchanging
from workbench.ui.app import App
from workbench.ui.destination import destination, working_folder
from workbench.ui.exchanging import COMPARISON
from workbench.ui.export_words import in_dialog
from workbench.ui.panels.exporting import GROUPS, ExportPanel, _value
from workbench.ui.panels.header import HeaderPanel
from workbench.ui.panels.tabs import TabsPanel
from workbench.ui.study import Study
from workbench.ui.worker import Request
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.opening import load
from workbench.workflow.profiles.catalogue import PROFILES

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"
NCNN = """7767517
8 8
Input           in    0 1 in0
Convolution     cA    1 1 in0 1 0=6 1=3 6=54
ReLU            r     1 1 1 2
Split           s     1 2 2 2a 2b
Convolution     cB    1 1 2a 3 0=6 1=3 6=324
BinaryOp        add   2 1 3 2b 4 0=0
Pooling         p     1 1 4 5 0=1 4=1
InnerProduct    d     1 1 5 out 0=4 2=24
"""


@pytest.fixture
def app(shared):
    made, begin = shared
    made.study.set_target("onnx_qdq")
    made.study.set_recipe(begin)
    made.study.select(ACTIVATION)
    assert made.study.wait(60)
    yield made
    send(part(made, ExportPanel), kind="open", open=False)


@pytest.fixture
def panel(app):
    opened = part(app, ExportPanel)
    send(opened, kind="open", open=True)
    send(opened, kind="target", target="onnx_qdq")
    return opened


def test_every_target_stands_in_the_group_of_its_kind(panel):
    options = panel.view["targets"]
    assert {o["value"]: o["group"] for o in options} == {t.name: GROUPS[t.kind] for t in TARGETS.values()}
    groups = [o["group"] for o in options]
    assert groups == sorted(groups, key=list(GROUPS.values()).index)
    assert all(o["title"] == TARGETS[o["value"]].title for o in options)


@pytest.mark.parametrize("target", list(TARGETS))
def test_the_dialog_says_of_every_target_what_the_catalogue_says(panel, target):
    send(panel, kind="target", target=target)
    view, chosen = panel.view, TARGETS[target]
    about = next(o for o in view["targets"] if o["value"] == target)
    assert (about["path"], about["suffix"]) == (f"small.{target}{chosen.suffix}", chosen.suffix)
    assert [o["name"] for o in about["options"]] == [name for name in chosen.options if name != COMPARISON]
    assert all("_" not in o["label"] and o["meaning"] for o in about["options"])
    assert len(view["refusals"]) == min(4, len(panel.study.refusals(target)))
    assert bool(view["blocked"]) == bool(view["refusals"])
    assert "wb." not in str(view["refusals"]) and "names=" not in str(view["refusals"])
    assert view["health"] is not None and json.dumps(view)


def test_what_does_not_fit_is_fitted_in_one_step(app, panel):
    app.study.set_target("nvdla")
    assert panel.view["target"] == next((t.name for t in TARGETS.values() if t.profile == "nvdla"), "onnx_qdq")
    assert panel.view["fit"] == "Fit the recipe to NVDLA" and panel.view["refusals"]
    n = len(PROFILES["nvdla"].refusals(app.study.model, app.recipe))
    assert panel.view["blocked"] == f"NVDLA (chosen in the header) cannot express {n} tensors"
    n_steps = len(app.study.state.history.past)
    send(panel, kind="fit")
    assert panel.view["refusals"] == [] and panel.view["fit"] is None
    assert len(app.study.state.history.past) == n_steps + 1 and "study.fit_to('nvdla')" in app.study.code()
    assert any(notice.topic == "fitted" for notice in app.study.notices)


def test_a_device_is_a_target_and_forbids_what_it_cannot_express(app, tmp_path):
    header = part(app, HeaderPanel)
    groups = {o.get("group"): [] for o in header.view["targets"]}
    for option in header.view["targets"]:
        groups[option.get("group")].append(option["value"])
    assert groups["Devices"] == list(PROFILES) and groups[None] == [""]
    files = {"Networks": "network", "Files of ranges": "ranges"}
    for group, kind in files.items():
        assert groups[group] == [t.name for t in TARGETS.values() if t.kind == kind]
    send(header, kind="target", target="nvdla")
    assert app.study.device == "nvdla" and header.view["n_misfits"]
    with pytest.raises(WorkbenchError, match="nvdla cannot express"):
        app.study.export(tmp_path / "a.csv", "csv_table")
    app.study.set_target("onnx_qdq")
    assert app.study.device is None and app.study.export(tmp_path / "a.csv", "csv_table").files


def test_options_calibration_and_labels_reach_the_file(app, panel, tmp_path):
    send(panel, kind="target", target="csv_table")
    send(panel, kind="export", path=str(tmp_path / "t.csv"), options={"columns": "['name', 'format']"})
    assert panel.view["done"]["files"][0] == str(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[0] == "name,format"
    send(panel, kind="export", path=str(tmp_path / "u.csv"), options={"columns": " "})
    assert not panel.view["done"]["refused"]
    send(panel, kind="export", path=str(tmp_path / "v.csv"), options={"nonsense": "1"})
    assert "nonsense" in panel.view["done"]["refused"]


def test_what_is_typed_for_an_option():
    typed = ("3", "0.5", "True", "None", "['a', 'b']", "2.0.0", "clamp", " 1e-3 ", "{1: 2}", "f(")
    assert [_value(text) for text in typed] == [
        *(3, 0.5, True, None, ["a", "b"], "2.0.0", "clamp", 1e-3, "{1: 2}", "f("),
    ]


def test_an_export_tells_what_it_does(app, tmp_path):
    said = []
    observe = lambda change: said.append(change["new"].exported and change["new"].exported.running)  # noqa: E731
    app.study.observe(observe, "moment")
    app.study.export_in_background(str(tmp_path / "a.onnx"), "onnx_qdq")
    assert app.study.wait(60)
    app.study.unobserve(observe, "moment")
    assert app.study.state.exported.running == "" and app.study.state.exported.report.bit_equal == 1.0
    assert "waiting for its turn" in said


def test_a_recipe_that_cannot_be_saved_beside_is_a_remark(app, tmp_path):
    (tmp_path / "a.onnx.recipe.json").mkdir()
    app.study.export_in_background(str(tmp_path / "a.onnx"), "onnx_qdq")
    assert app.study.wait(60)
    exported = app.study.state.exported
    assert exported.refused == "" and exported.recipe_path == "" and (tmp_path / "a.onnx").is_file()
    assert "The recipe was not saved beside it" in str(exported.report.notices[-1])


def test_names_of_the_tool_are_matched_shown_and_edited(app, panel, tmp_path):
    param = tmp_path / "net.param"
    param.write_text(NCNN)
    send(panel, kind="receive", what="names", path=f" {param} ")
    view = panel.view
    assert view["received"]["names"]["refused"] == "" and "3 tensors matched" in view["received"]["names"]["words"][0]
    assert view["n_names"] == 3 and app.recipe.names == {"conv1.weight": "cA", WEIGHT: "cB", "fc.weight": "d"}
    assert [row["name"] for row in view["names"]] == ["cA", "cB", "d"] and view["names"][0]["how"] == "order and shape"
    send(panel, kind="name", tensor=WEIGHT, name=" other ")
    assert app.recipe.names[WEIGHT] == "other" and panel.view["names"][1]["how"] == "by hand"
    app.study.undo()
    app.study.undo()
    assert app.recipe.names == {}
    app.study.redo()
    assert app.recipe.names[WEIGHT] == "cB" and f"study.match_names({f' {param} '.strip()!r})" in app.study.code()
    param.write_text(NCNN.replace("6=324", "6=325"))
    send(panel, kind="receive", what="names", path=str(param))
    first = panel.view["names"][0]
    assert (first["tensor"], first["name"], first["how"]) == (WEIGHT, "", "")  # unmatched ones come first
    past = app.study.state.history.past
    send(panel, kind="receive", what="names", path=str(tmp_path / "missing"))
    assert "No such file" in panel.view["received"]["names"]["refused"] and app.study.state.history.past is past
    with pytest.raises(WorkbenchError, match="nowhere"):
        app.study.set_names({"nowhere": "a"})


def test_names_are_saved_with_the_choices(model, tmp_path):
    first = Study(model, autosave=tmp_path / "kept")
    first.set_names({WEIGHT: "a"})
    first.set_names({WEIGHT: "b"})
    assert not first.state.decided
    first.close()
    again = Study(model, autosave=tmp_path / "kept")
    assert again.recipe.names == {WEIGHT: "b"}
    again.undo()
    assert again.recipe.names == {WEIGHT: "a"}
    again.close()


def test_a_file_of_somebody_else_is_replaced_only_after_a_question(app, panel, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("mine")
    send(panel, kind="export", target="csv_table", path=str(path), n=7)
    assert panel.view["question"] == "a.csv exists. Replace it?" and panel.view["heard"] == 7
    send(panel, kind="keep")
    assert panel.view["question"] is None and path.read_text() == "mine"
    send(panel, kind="replace")  # nothing is asked any more
    assert path.read_text() == "mine"
    send(panel, kind="export", target="csv_table", path=str(path))
    send(panel, kind="replace")
    assert panel.view["question"] is None and panel.view["done"]["files"] == [str(path), f"{path}.recipe.json"]
    first = path.read_text()
    path.write_text("changed")
    send(panel, kind="export", target="csv_table", path=str(path))  # the app wrote it: no question
    assert panel.view["question"] is None and path.read_text() == first
    (tmp_path / "b.csv.recipe.json").write_text("{}")
    send(panel, kind="export", target="csv_table", path=str(tmp_path / "b.csv"))
    assert panel.view["question"] == "b.csv.recipe.json exists. Replace it?"
    (tmp_path / "b.csv").write_text("")
    send(panel, kind="export", target="csv_table", path=str(tmp_path / "b.csv"))
    assert panel.view["question"] == "b.csv and b.csv.recipe.json exist. Replace them?"
    send(panel, kind="open", open=False)
    assert panel.view["question"] is None
    assert app.study.export(tmp_path / "b.csv", "csv_table").files  # a script is not asked


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Give a file name"),
        ("   ", "Give a file name"),
        ("folder/", "Give a file name"),
        ("other.ipynb", "a notebook"),
        ("x.onnx", "ends in .csv"),
        ("x.recipe.json", "ends in .csv"),
        ("~nobody-of-this-name/x.csv", "cannot be found"),
    ],
)
def test_what_is_no_name_for_the_file_is_said_at_once(panel, tmp_path, monkeypatch, typed, words):
    monkeypatch.chdir(tmp_path)
    before = panel.study.state.exported
    send(panel, kind="export", target="csv_table", path=typed)
    assert words in panel.view["objection"] and panel.study.state.exported is before
    assert not any(tmp_path.iterdir())
    send(panel, kind="target", target="csv_table", n=3)
    assert panel.view["objection"] == "" and panel.view["heard"] == 3


def test_where_a_name_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    table = TARGETS["csv_table"]
    assert destination(" a.csv ", table) == tmp_path / "a.csv" and working_folder() == str(tmp_path)
    assert destination("~/a.csv", table) == tmp_path / "home" / "a.csv"
    assert destination("a.b", table) == tmp_path / "a.b"
    assert destination("a.recipe.json", TARGETS["recipe"]).name == "a.recipe.json"
    with pytest.raises(WorkbenchError, match="ends in .json"):
        destination("a.recipe.json", TARGETS["ort_overrides"])


def test_a_request_is_that_of_the_page_and_a_second_one_waits_for_none(app, panel, tmp_path):
    """What is written is the target of the click, whatever the panel was told before; clicks meanwhile do nothing."""
    send(panel, kind="target", target="onnx_qdq")
    held = threading.Event()
    app.study.worker.submit(Request("held", lambda _turn: held.wait(30) and None, urgency=-1))
    panel._hear(panel, {"kind": "export", "target": "csv_table", "path": str(tmp_path / "a.csv"), "n": 1}, [])
    assert panel.view["target"] == "csv_table" and panel.view["done"]["running"]
    panel._hear(panel, {"kind": "export", "target": "html_report", "path": str(tmp_path / "a.html"), "n": 2}, [])
    assert panel.view["heard"] == 2
    panel._hear(panel, {"kind": "open", "open": False}, [])
    held.set()
    assert app.study.wait(60)
    send(panel, kind="open", open=True)
    done = panel.view["done"]
    assert done["title"] == TARGETS["csv_table"].title and done["path"] == str(tmp_path / "a.csv")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "a.csv.recipe.json"]
    assert not done["former"]
    app.study.set_format(ACTIVATION, "uint8" if app.recipe[ACTIVATION].format == "int8" else "int8")
    assert app.study.wait(60) and panel.view["done"]["former"]


def test_an_export_that_breaks_ends_in_words(app, panel, tmp_path, monkeypatch):
    def broken(*_args, **_options):
        raise KeyError("inner")

    monkeypatch.setattr(exchanging, "export", broken)
    send(panel, kind="export", target="csv_table", path=str(tmp_path / "a.csv"))
    assert "KeyError: 'inner'" in panel.view["done"]["refused"] and not panel.view["done"]["running"]
    monkeypatch.undo()
    send(panel, kind="export", target="csv_table", path=str(tmp_path / "a.csv"))
    assert panel.view["done"]["files"]


def test_an_export_that_is_stopped_before_it_begins_is_over(app, panel, tmp_path):
    held = threading.Event()
    app.study.worker.submit(Request("held", lambda _turn: held.wait(30) and None, urgency=-1))
    panel._hear(panel, {"kind": "export", "target": "csv_table", "path": str(tmp_path / "a.csv")}, [])
    app.study.stop("export")
    held.set()
    assert app.study.wait(60)
    assert "stopped" in panel.view["done"]["refused"] and not panel.view["done"]["running"]
    assert not (tmp_path / "a.csv").exists()


def test_a_verb_that_returns_something_stops_nothing(app, panel):
    """Fitting twice: the second time there is nothing to fit, which is said."""
    app.study.set_target("nnie")
    send(panel, kind="fit")
    assert panel.view["fit"] is None
    n_steps = len(app.study.state.history.past)
    send(panel, kind="fit")
    assert not app.study.state.trouble and len(app.study.state.history.past) == n_steps
    assert "Nothing was to be fitted" in app.study.notices[-1].sentence


def test_where_the_file_cannot_hold_the_recipe_another_can(app, panel):
    app.study.set_recipe(app.recipe.with_tensor(ACTIVATION, format="nf4"))
    assert app.study.wait(60)
    assert panel.view["refusals"] and panel.view["switch"]["target"] == "onnx_float"
    send(panel, kind="target", target=panel.view["switch"]["target"])
    assert panel.view["refusals"] == [] and panel.view["switch"] is None


def test_what_is_sound_is_said_with_the_figure_of_the_output(app, panel):
    sqnr_db = app.study.comparison.outputs["logits"].sqnr_db
    assert panel.view["sound"].startswith("Nothing that the target cannot express; scales, names and ranges are sound.")
    assert f"SQNR {sqnr_db:.2f} dB" in panel.view["sound"]


@pytest.mark.parametrize("target", ["tensorrt_cache", "ncnn_table"])
def test_codes_that_become_symmetric_are_told_before(app, panel, target):
    app.study.set_recipe(app.recipe.with_tensor(ACTIVATION, format="uint8"))
    send(panel, kind="target", target=target)
    told = [words for words, _fatal in panel.view["health"] if "symmetric int8 alone" in words]
    assert len(told) == 1 and repr(ACTIVATION) in told[0]
    send(panel, kind="target", target="onnx_qdq")
    assert not any("symmetric int8 alone" in words for words, _fatal in panel.view["health"])


def test_a_loss_may_be_said_in_percent(app, panel, tmp_path):
    for n, loss in enumerate(("1%", "1 %", "50%", "0.01")):
        path = tmp_path / f"{n}.html"
        send(panel, kind="export", target="html_report", path=str(path), options={"max_loss": loss})
        assert not panel.view["done"]["refused"] and path.is_file()
    send(panel, kind="export", target="html_report", path=str(tmp_path / "a.html"), options={"max_loss": "101%"})
    assert "expected 0 to 1" in panel.view["done"]["refused"]


def test_sentences_point_at_the_controls_of_the_dialog():
    assert in_dialog("x; give it another name with names=.") == "x; give it another name under “Names there”."
    assert in_dialog("a; wb.tied makes it so.", "NVDLA") == "a; “Fit the recipe to NVDLA” makes it so."
    assert (
        in_dialog("Weight 'w': it has no int8 for weights.", "NNIE", True)
        == "Weight 'w': NNIE has no int8 for weights."
    )
    said = in_dialog("wb.fitted_to(model, recipe, 'nvdla') gives the nearest", "NVDLA")
    assert said == "“Fit the recipe to NVDLA” gives the nearest"


@pytest.fixture
def pooled(tmp_path):
    """Two convolutions read a tensor and what MaxPool makes of it, which keeps the scale on many devices."""
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c"], name="first", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Conv", ["p", "w2"], ["y"], name="second", pads=[1] * 4),
        helper.make_node("Conv", ["r", "w3"], ["z"], name="third", pads=[1] * 4),
    ]
    rng = np.random.default_rng(0)
    shapes = {"w1": (2, 1, 3, 3), "w2": (2, 2, 3, 3), "w3": (2, 2, 3, 3)}
    weights = [constant(name, rng.standard_normal(shape)) for name, shape in shapes.items()]
    ports = {"x": ["N", 1, 4, 4]}, {"y": ["N", 2, 4, 4], "z": ["N", 2, 4, 4]}
    model = load(saved(tmp_path / "pooled.onnx", nodes, *ports, weights))
    made = App(model, rng.standard_normal((16, 1, 4, 4)).astype(np.float32), autosave=None)
    assert made.study.wait(60)
    yield made
    made.close()


def test_tensors_that_share_a_scale_move_together(pooled):
    study = pooled.study
    study.set_target("nvdla")
    study.fit_to("nvdla")
    assert study.tied_with("r") == ("p",) and study.tied_with("p") == ("r",) and study.tied_with("w1") == ()
    study.select("r")
    assert part(pooled, TabsPanel).view["caption"].endswith(" · ⇌ one scale with p")
    n_steps, before = len(study.state.history.past), study.recipe
    study.set_range("r", -1.25, 1.25)
    assert {(study.recipe[n].low, study.recipe[n].high) for n in "rp"} == {(-1.25, 1.25)}
    assert study.limits.misfits("nvdla", study.recipe) == {} and len(study.state.history.past) == n_steps + 1
    assert study.state.history.done[-1] == ""  # its call alone would do less under another target
    assert "study.change({" in study.code() and "study.set_range" not in study.code()
    study.undo()
    assert study.recipe is before
    study.set_method("p", "min_max")
    assert study.recipe["r"].high == study.recipe["p"].high and study.recipe["r"].method == "hand"
    study.undo()
    study.set_target("onnx_qdq")
    assert study.tied_with("r") == () and "⇌" not in part(pooled, TabsPanel).view["caption"]
    study.set_range("r", -1.25, 1.25)
    assert study.recipe["p"] == before["p"] and "study.set_range('r'" in study.code()
