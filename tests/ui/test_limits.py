"""What a target can express: options that the app greys, tensors that it marks, and the verb that says the target."""

import pytest

from tests.ui.test_app import part, send
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.autosave import Saved
from workbench.ui.history import History
from workbench.ui.limits import ANY, Limits, target_or_profile
from workbench.ui.panels.choice import ChoicePanel
from workbench.ui.panels.exporting import ExportPanel
from workbench.ui.panels.formats import FormatsPanel
from workbench.ui.panels.header import GROUPS, NAMES, HeaderPanel, target_options
from workbench.ui.panels.layers import LayersPanel
from workbench.workflow.choose import choose_tensor
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.profiles.catalogue import PROFILES

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"


@pytest.fixture
def app(shared):
    made, begin = shared
    made.study.set_target("onnx_qdq")
    made.study.set_recipe(begin)
    made.study.select(ACTIVATION)
    return made


def options(control):
    return {option["value"]: option for option in control["options"]}


@pytest.mark.parametrize("target", list(TARGETS))
@pytest.mark.parametrize("tensor", [WEIGHT, ACTIVATION])
def test_a_format_is_greyed_exactly_where_the_export_refuses_it(app, target, tensor):
    limits, study = Limits(app.study.model), app.study
    others = study.recipe.without(*study.recipe)
    for format in FORMATS:
        options = {"format": format, "method": "min_max", "symmetric": True}
        only = others
        if format != "fp32":
            only = others.with_choice(choose_tensor(study.model, study.calibration, tensor, **options))
        refused = TARGETS[target].misfits(study.model, only)
        assert bool(limits.of_format(target, tensor, format)) == (tensor in refused), format


def test_without_a_target_everything_fits(app):
    app.study.set_format(ACTIVATION, "kmeans4")
    limits = app.study.limits
    assert limits.misfits("onnx_qdq", app.recipe) and not limits.misfits(ANY, app.recipe)
    assert not limits.of_format(ANY, ACTIVATION, "kmeans4")
    assert not limits.of_option(ANY, ACTIVATION, "int8", rounding="up")


def test_options_are_judged_apart_from_the_format(app):
    limits = app.study.limits
    assert "nearest even" in limits.of_option("onnx_qdq", ACTIVATION, "int8", rounding="up")
    assert not limits.of_option("onnx_qdq", WEIGHT, "int8", rounding="up")
    assert not limits.of_option("onnx_qdq", ACTIVATION, "int5", rounding="up")  # int5 itself is at fault
    assert "DynamicQuantizeLinear" in limits.of_option("onnx_qdq", ACTIVATION, "int8", dynamic="batch")


def test_the_choice_is_greyed_with_the_reason(app):
    panel = part(app, ChoicePanel)
    rounding = options(panel.view["rounding"])
    assert rounding["up"]["disabled"] and "onnxruntime: ONNX rounds" in rounding["up"]["why"]
    assert not rounding["nearest_even"].get("disabled")
    dynamic = panel.view["method"]["groups"][-1]["options"]
    assert all("DynamicQuantizeLinear" in option["refused"] for option in dynamic)
    assert {f["name"]: bool(f["refused"]) for f in panel.view["segments"]} == dict.fromkeys(
        ("fp32", "fp16", "bf16", "int8"), False
    )
    app.study.set_target("onnx_fp16")
    assert [f["name"] for f in panel.view["segments"] if not f["refused"]] == ["fp32", "fp16"]
    app.study.set_target(ANY)
    assert not options(panel.view["rounding"])["up"].get("disabled")


def test_the_present_option_is_never_off(app):
    app.study.set_rounding(ACTIVATION, "up")
    view = part(app, ChoicePanel).view
    assert not options(view["rounding"])["up"]["disabled"] and options(view["rounding"])["up"]["why"]
    present = next(f for f in view["segments"] if f["name"] == "int8")
    assert "nearest even" in present["refused"]


def test_formats_and_presets_are_greyed_while_they_are_looked_at(app):
    panel = part(app, FormatsPanel)
    assert panel.view["refused"] == {}
    send(panel, kind="look", what="formats", open=True)
    assert "onnxruntime" in panel.view["refused"]["int5"] and "int4" not in panel.view["refused"]
    of_activation = set(panel.view["presets_refused"])
    app.study.select(WEIGHT)
    assert "int5" not in panel.view["refused"] and set(panel.view["presets_refused"]) < of_activation
    send(panel, kind="look", what="formats", open=False)
    assert panel.view["refused"] == {}


def test_tensors_that_do_not_fit_are_marked_and_counted(app):
    header, layers = part(app, HeaderPanel), part(app, LayersPanel)
    assert header.view["n_misfits"] == 0 and all(row[6] == [-1, -1] for row in layers.rows)
    app.study.set_format(ACTIVATION, "int5")
    app.study.set_format(WEIGHT, "kmeans4")
    assert header.view["n_misfits"] == 2 and header.view["misfits"] == []
    reasons = layers.view["reasons"]
    weight, activation = layers.rows[1][6]
    assert "kmeans4" in reasons[weight] and "int5" in reasons[activation]
    assert layers.rows[2][6] == [-1, activation] and layers.rows[3][6] == [-1, -1]
    send(header, kind="misfits", open=True)
    assert [tensors for _, tensors in header.view["misfits"]] == [[WEIGHT], [ACTIVATION]]
    send(header, kind="look_at", tensor=WEIGHT)
    assert app.study.selected == WEIGHT
    send(header, kind="misfits", open=False)
    send(header, kind="target", target=ANY)
    assert header.view["n_misfits"] == 0 and all(row[6] == [-1, -1] for row in layers.rows)


def test_tensors_are_listed_by_reason_and_fitted_at_once(app):
    header, study = part(app, HeaderPanel), app.study
    assert header.view["fit"] is None
    send(header, kind="target", target="tensorrt")
    send(header, kind="misfits", open=True)
    found, listed = study.limits.misfits("tensorrt", study.recipe), header.view["misfits"]
    assert header.view["n_misfits"] == len(found) > len(listed) > 0
    assert {tensor: why for why, tensors in listed for tensor in tensors} == found
    assert header.view["fit"] == PROFILES["tensorrt"].title
    send(header, kind="fit")
    assert (header.view["n_misfits"], header.view["misfits"], header.view["fit"]) == (0, [], None)
    study.undo()
    assert header.view["n_misfits"] == len(found) and header.view["misfits"] == listed
    send(header, kind="misfits", open=False)
    send(header, kind="target", target="csv_table")
    assert header.view["fit"] is None


def test_targets_in_the_menu_have_names_of_their_own():
    shown = target_options()
    titles = [option["title"] for option in shown]
    assert len({*titles}) == len(titles) and {o.get("group") for o in shown} == {*GROUPS.values(), "Devices", None}
    assert {*NAMES} <= {*TARGETS} and all(len(title) <= 40 for title in titles)


def test_a_float_weight_does_not_fit_float16(app):
    app.study.set_format(WEIGHT, "fp16", "network")
    app.study.set_format(WEIGHT, "fp32")
    app.study.set_target("onnx_fp16")
    view = part(app, HeaderPanel).view
    assert view["n_misfits"] == 1
    row = part(app, LayersPanel).rows[1]
    assert "stays float32" in part(app, LayersPanel).view["reasons"][row[6][0]]


def test_the_export_begins_at_the_target(app):
    panel = part(app, ExportPanel)
    assert panel.view["target"] == "onnx_qdq"
    app.study.set_target("onnx_fp16")
    assert panel.view["target"] == "onnx_fp16"
    send(panel, kind="target", target="onnx_qdq")
    app.study.set_format(ACTIVATION, "fp16")
    assert panel.view["target"] == "onnx_qdq"  # what was chosen in the dialog stays
    app.study.set_target(ANY)
    assert panel.view["target"] == "onnx_qdq"


def test_the_target_is_a_verb_that_is_saved(app):
    with pytest.raises(WorkbenchError, match="unknown export target 'toaster'"):
        app.study.set_target("toaster")
    app.study.set_target("onnx_fp16")
    assert "study.set_target('onnx_fp16')" in app.study.code()
    saved = Saved(app.recipe, History(), target="onnx_fp16").to_json()
    assert Saved.from_json(saved).target == "onnx_fp16"
    assert Saved.from_json({k: v for k, v in saved.items() if k != "target"}).target == "onnx_qdq"
    with pytest.raises(WorkbenchError, match="'target'"):
        Saved.from_json({**saved, "target": 3})


@pytest.mark.parametrize("device", list(PROFILES))
def test_a_device_may_be_asked_like_a_target(app, device):
    limits, study, profile = Limits(app.study.model), app.study, PROFILES[device]
    assert target_or_profile(device) is profile and target_or_profile("onnx_qdq") is TARGETS["onnx_qdq"]
    assert limits.misfits(device, study.recipe) == profile.misfits(study.model, study.recipe)
    for format in ("int8", "uint8", "gfpq8", "int8_narrow"):
        known = format in profile.activations.formats
        assert bool(limits.of_format(device, ACTIVATION, format)) != known, format
    assert limits.of_format(device, ACTIVATION, "mxfp4").startswith(f"{profile.runs_on}: it has no mxfp4")
    first = profile.activations.formats[0]
    assert limits.of_option(device, ACTIVATION, first, dynamic="sample")


def test_a_name_of_neither_is_refused_with_both():
    with pytest.raises(WorkbenchError, match="unknown export target 'toaster'.*onnx_qdq.*nvdla"):
        target_or_profile("toaster")
