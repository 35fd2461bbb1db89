"""The comparison of all formats, the marks of all methods, errors measured on samples, and members of one's own."""

import json
import threading

import numpy as np
import pytest

import workbench as wb
from tests.ui.studies import images
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.codebooks.entropy_coding import code_entropy
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import format_from_levels
from workbench.ui.app import App
from workbench.ui.panels.choice import ChoicePanel
from workbench.ui.panels.formats import FormatsPanel
from workbench.ui.panels.header import HeaderPanel
from workbench.ui.panels.tabs import TabsPanel
from workbench.ui.sampled import sampled_error
from workbench.ui.study import Study
from workbench.workflow.recipe import Recipe
from workbench.workflow.sizes import size_bytes

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"
LEVELS = [-1.0, -0.4, 0.0, 0.3, 1.0]


@pytest.fixture
def app(model):
    made = App(model, images(), autosave=None)
    assert made.study.wait(60)
    yield made
    made.close()


@pytest.fixture
def registered():
    """register(member, ...) as a person does; everything is taken out again afterwards."""
    names = []

    def register(catalogue, *args, **options):
        name = args[0] if isinstance(args[0], str) else args[0].name
        catalogue.register(*args, **options)
        names.append((catalogue, name))

    yield register
    for catalogue, name in names:
        if name in catalogue:
            catalogue.unregister(name)


def part(app, kind):
    return next(widget for widget in app._parts if isinstance(widget, kind))


def send(panel, **content):
    panel._hear(panel, content, [])
    panel.study.wait(60)


@pytest.mark.parametrize("tensor", [WEIGHT, ACTIVATION])
def test_the_comparison_says_what_choosing_gives(model, study, tensor):
    study.select(tensor)
    assert study.wait(60) and study.state.formats is None  # nothing unasked
    study.ask("comparison")
    assert study.wait(60)
    table = study.state.formats
    assert table.done and set(table.rows) == set(FORMATS)
    for name in ("fp16", "int5", "q8", "gfpq8", "kmeans3", "nf4", "ternary", "mxfp4", "pruned", "fp32"):
        row = table.rows[name]
        study.set_format(tensor, name)
        error = study.error(tensor)
        assert row.error.sqnr_db == error.sqnr_db and row.error.mse == error.mse
        assert row.error.kl == error.kl or np.isnan(row.error.kl) == np.isnan(error.kl)
        if name != "fp32":
            quantizer = study.recipe[tensor].quantizer
            assert (row.low, row.high) == (quantizer.low, quantizer.high)
        study.undo()
    study.ask("comparison", False)
    assert study.state.formats is None


def test_another_tensor_is_compared_anew_and_the_table_of_the_old_one_is_gone(study):
    study.select(WEIGHT)
    study.ask("formats")
    study.wait(60)
    first = study.state.formats
    study.select(ACTIVATION)
    assert study.state.formats is None
    study.wait(60)
    assert study.state.formats.tensor == ACTIVATION and study.state.formats.done
    assert study.state.formats.rows["int4"].error != first.rows["int4"].error


def test_the_present_choice_is_part_of_the_question(study):
    study.select(ACTIVATION)
    study.ask("formats")
    study.wait(60)
    before = study.state.formats.rows["int4"].error.sqnr_db
    study.set_rounding(ACTIVATION, "toward_zero")
    study.wait(60)
    assert study.state.formats.rows["int4"].error.sqnr_db < before - 1


def test_marks_of_all_methods_come_when_asked(study):
    study.select(ACTIVATION)
    study.wait(60)
    assert len(study.state.details.marks) == 4
    study.ask("methods")
    study.wait(60)
    details = study.state.details
    assert set(details.marks) | set(details.refused) == set(CLIPPING)
    for method in ("aciq_laplace", "least_absolute"):
        study.set_method(ACTIVATION, method)
        choice = study.recipe[ACTIVATION]
        assert details.marks[method] == (choice.low, choice.high)


def test_a_grouped_weight_has_marks_or_a_reason_for_every_method(study):
    study.select(WEIGHT)
    study.ask("methods")
    study.wait(60)
    assert set(study.state.details.marks) | set(study.state.details.refused) == set(CLIPPING)


@pytest.mark.parametrize("dynamic", ["batch", "sample"])
def test_dynamic_ranges_are_measured_on_samples(model, study, dynamic):
    study.select(ACTIVATION)
    study.set_dynamic(ACTIVATION, dynamic)
    study.wait(60)
    samples = np.maximum(model.chain.run({"image": images()[:32]}, keep=("conv1_out",))["conv1_out"], 0)
    error = study.state.errors[ACTIVATION]
    lows, highs = samples.reshape(32, -1).min(axis=1), samples.reshape(32, -1).max(axis=1)
    if dynamic == "batch":
        lows, highs = lows.min(keepdims=True), highs.max(keepdims=True)
    quantizers = [wb.Quantizer.covering("int8", a, b, symmetric=False) for a, b in zip(lows, highs, strict=True)]
    groups = np.split(samples, len(quantizers))
    squared = [(q.fake_quantize(g) - g).astype(np.float64) ** 2 for q, g in zip(quantizers, groups, strict=True)]
    assert error.mse == pytest.approx(np.concatenate(squared).mean(), rel=1e-9)
    each = np.concatenate(squared).reshape(32, -1).mean(axis=1)
    half = 2 * each.std(ddof=1) / np.sqrt(32)
    assert error.interval == pytest.approx((error.mse - half, error.mse + half))
    assert study.state.details.n_samples == 32 and study.error(ACTIVATION) is error


def test_one_sample_says_nothing_of_its_uncertainty(study):
    study.set_dynamic(ACTIVATION, "sample")
    error = sampled_error(np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 64), study.recipe[ACTIVATION])
    assert error.interval == (0.0, np.inf) and error.mse > 0


def test_blocks_without_data_have_no_error_and_say_why(model):
    app = App(model, autosave=None)
    app.study.select(ACTIVATION)
    app.study.set_format(ACTIVATION, "mxfp8_e4m3")
    app.study.wait(60)
    assert app.study.error(ACTIVATION) is None and app.study.status == ""
    assert part(app, ChoicePanel).view["note"] == "error not known without data"
    app.close()


def test_samples_are_said_in_the_caption_and_beside_the_choice(app):
    app.study.select(ACTIVATION)
    app.study.set_format(ACTIVATION, "mxint8")
    app.study.wait(60)
    assert "error measured on 32 samples" in part(app, TabsPanel).view["caption"]
    panel = part(app, ChoicePanel)
    assert "32 samples" in panel.view["note"] and panel.view["other"]["sqnr_db"] == app.study.error(ACTIVATION).sqnr_db
    app.study.set_format(ACTIVATION, "mxfp4", "network")
    app.study.wait(60)
    assert set(app.study.state.errors) >= set(app.recipe)  # of the others too, though nobody looked at them
    assert app.study.status == ""


def test_entropy_coded_size(model, app):
    study = app.study
    study.select(WEIGHT)
    study.set_format(WEIGHT, "kmeans4")
    study.wait(60)
    codes = study.recipe[WEIGHT].quantizer.encode(model.tensors[WEIGHT].array())
    bits = code_entropy(np.unique(codes, return_counts=True)[1])
    assert study.state.coded_bits == {WEIGHT: pytest.approx(bits)}
    assert part(app, ChoicePanel).view["coded"] == {"bits": 4, "coded": pytest.approx(bits)}
    plain, chosen, coded = size_bytes(model, study.recipe, study.state.coded_bits)
    assert plain > chosen > coded
    assert part(app, HeaderPanel).view["coded_kb"] == coded / 1000
    study.set_format(WEIGHT, "int8")
    assert study.state.coded_bits == {} and part(app, HeaderPanel).view["coded_kb"] is None
    study.set_sparsity(WEIGHT, 0.9)
    study.wait(60)
    assert study.state.coded_bits[WEIGHT] < 3
    study.set_format(WEIGHT, "pruned")
    study.wait(60)
    array = model.tensors[WEIGHT].array()
    kept = (study.recipe[WEIGHT].quantizer.fake_quantize(array) != 0).mean()
    assert study.state.coded_bits[WEIGHT] == pytest.approx(code_entropy([kept, 1 - kept]) + 32 * kept)


def test_a_format_of_ones_own_is_there_at_once(app, registered):
    study, panel = app.study, part(app, FormatsPanel)
    study.select(WEIGHT)
    send(panel, kind="look", what="comparison", open=True)
    assert "mine" not in panel.view["rows"]
    registered(FORMATS, format_from_levels("mine", LEVELS))
    study.wait(60)
    assert panel.catalogue["groups"][-1] == {"title": "your own", "series": [], "rows": ["mine"]}
    row = panel.view["rows"]["mine"]
    send(panel, kind="adopt", format="mine")
    assert app.recipe[WEIGHT].format == "mine" and study.error(WEIGHT).sqnr_db == row["sqnr_db"]
    assert part(app, ChoicePanel).view["other"]["title"] == "mine"
    registered(FORMATS, format_from_levels("mine", [-1.0, 1.0]), replace=True)
    study.wait(60)
    assert study.state.formats.rows["mine"].error is not None
    FORMATS.unregister("mine")
    study.wait(60)
    assert "mine" not in panel.catalogue["formats"] and "mine" not in panel.view["rows"]
    study.set_rounding("fc.weight", "up")  # the app goes on with what it has
    study.wait(60)
    assert study.status == "" and part(app, ChoicePanel).view["other"]["title"] == "mine"


def test_a_replaced_format_gives_other_errors(study, registered):
    study.select(WEIGHT)
    study.ask("formats")
    registered(FORMATS, format_from_levels("mine", LEVELS))
    study.wait(60)
    before = study.state.formats.rows["mine"].error.sqnr_db
    registered(FORMATS, format_from_levels("mine", [-1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0]), replace=True)
    study.wait(60)
    assert study.state.formats.rows["mine"].error.sqnr_db > before


def halfway(distribution, format, *, symmetric=None):
    """Half of the largest magnitude."""
    half = distribution.absmax / 2
    return wb.ClipRange(-half if symmetric else min(0.0, distribution.low), half)


def test_a_method_of_ones_own_is_there_at_once_even_from_another_thread(app, registered):
    study, panel = app.study, part(app, ChoicePanel)
    study.select(ACTIVATION)
    send(panel, kind="look", open=True)
    thread = threading.Thread(target=lambda: registered(CLIPPING, "halfway", halfway))
    thread.start()
    thread.join()
    study.wait(60)
    own = panel.view["method"]["groups"][-2]
    assert own["title"] == "your own" and own["options"][0]["title"] == "halfway"
    assert own["options"][0]["hint"] == "Half of the largest magnitude." and own["options"][0]["figure"]
    send(panel, kind="method", value="halfway")
    choice = app.recipe[ACTIVATION]
    assert choice.method == "halfway" and choice.high == pytest.approx(study.calibration[ACTIVATION].absmax / 2)
    assert "halfway" in {mark["name"] for mark in app.plot.subject["marks"]}
    CLIPPING.unregister("halfway")
    study.wait(60)
    assert "not registered" in panel.view["method"]["title"] and study.status == ""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda values: (0, 1), "TypeError"),
        (lambda distribution, format, *, symmetric=None: "none", "ValueError"),
        (lambda distribution, format, *, symmetric=None: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_method_that_fails_is_named_and_keeps_no_other_from_working(study, registered, function, words):
    registered(CLIPPING, "broken", function)
    for tensor in (WEIGHT, ACTIVATION):
        with pytest.raises(WorkbenchError, match=f"'broken' failed.*{words}.*a method takes"):
            study.set_method(tensor, "broken")
        study.select(tensor)
        study.ask("methods")
        study.wait(60)
        assert "broken" in study.state.details.refused and len(study.state.details.marks) >= 4
    assert study.status == ""


def test_a_closed_study_no_longer_listens(model, registered):
    study = Study(model)
    study.close()
    registered(FORMATS, format_from_levels("mine", LEVELS))
    assert study.state.catalogues == 0


def test_a_recipe_with_an_unknown_member_is_refused_by_name(study, registered, tmp_path):
    registered(FORMATS, format_from_levels("mine", LEVELS))
    registered(CLIPPING, "halfway", halfway)
    study.set_format(WEIGHT, "mine")
    path = study.save_recipe(tmp_path / "a.recipe.json")
    assert Recipe.load(path) == study.recipe
    FORMATS.unregister("mine")
    with pytest.raises(WorkbenchError, match=r"a\.recipe\.json.*conv2\.weight.*mine"):
        Recipe.load(path)
    study.undo()
    study.set_method(ACTIVATION, "halfway")
    path = study.save_recipe(tmp_path / "b.recipe.json")
    CLIPPING.unregister("halfway")
    with pytest.raises(WorkbenchError, match=r"relu_out.*halfway.*wb\.CLIPPING\.register"):
        Recipe.load(path)


def test_saved_choices_with_an_unknown_member_are_kept_and_come_back(model, registered, tmp_path):
    def opened():
        made = Study(model, autosave=tmp_path)
        made.start()
        return made

    registered(FORMATS, format_from_levels("mine", LEVELS))
    first = opened()
    first.set_format(WEIGHT, "mine")
    first.close()
    (path,) = tmp_path.glob("*.json")
    text = path.read_text()
    FORMATS.unregister("mine")
    second = opened()
    words = " ".join(map(str, second.notices))
    assert "format 'mine' (wb.FORMATS.register(...))" in words and str(path) in words
    assert second.recipe[WEIGHT].format == "int8"
    second.set_format(WEIGHT, "int4")
    second.close()
    assert path.read_text() == text and len(list(tmp_path.glob("*.json"))) == 2
    third = opened()
    assert third.recipe[WEIGHT].format == "int4"  # what was chosen meanwhile
    third.close()
    registered(FORMATS, format_from_levels("mine", LEVELS))
    fourth = opened()
    assert fourth.recipe[WEIGHT].format == "mine"
    fourth.close()


def test_an_undone_step_with_an_unknown_method_is_named_too(model, registered, tmp_path):
    registered(CLIPPING, "halfway", halfway)
    study = Study(model, autosave=tmp_path)
    study.start()
    study.set_method(WEIGHT, "halfway")
    study.undo()
    study.select("fc.weight")
    study.set_format("fc.weight", "int4")
    study.undo()
    study.close()
    (path,) = tmp_path.glob("*.json")
    document = json.loads(path.read_text())
    document["history"]["redo"][0][WEIGHT] = document["recipe"]["tensors"][WEIGHT] | {"method": "halfway"}
    path.write_text(json.dumps(document))
    CLIPPING.unregister("halfway")
    again = Study(model, autosave=tmp_path)
    assert "threshold method 'halfway'" in " ".join(map(str, again.notices)) and path.exists()
    again.close()
