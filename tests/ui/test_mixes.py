"""Mixed precision in the app without a browser: what is asked, what is kept, what is used, what is said."""

import json
import threading

import pytest

from tests.ui.studies import images, small_model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import format_from_levels
from workbench.ui.panels.mixes import MOST_FORMATS, USUAL, MixesPanel
from workbench.ui.study import Study
from workbench.ui.topics.mixes import Mixes, MixQuestion, mixes_of, rough_bytes, without_weights
from workbench.ui.topics.sensitivity_estimates import Options
from workbench.workflow.allocate import allocate
from workbench.workflow.allocation_search import MixSearch
from workbench.workflow.choose import choose, weight_names
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator, simulate
from workbench.workflow.sizes import size_bytes

DATA, EVALUATION = images(64), images(48, seed=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def study(model):
    made = Study(model, DATA, evaluation=EVALUATION)
    made.start()
    assert made.wait(60), made.status
    yield made
    made.close()


@pytest.fixture
def panel(study):
    made = MixesPanel(study)
    send(made, kind="open", open=True)
    yield made
    made.close()


@pytest.fixture
def runs(monkeypatch):
    """How many tensors were run alone, how many mixes, the base among them."""
    counted = {"trial": 0, "compare": 0}

    def count(name):
        of = getattr(Simulator, name)

        def counting(self, *args, **options):
            counted[name] += 1
            return of(self, *args, **options)

        monkeypatch.setattr(Simulator, name, counting)

    for name in counted:
        count(name)
    return counted


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60)


def find(panel, **options):
    send(panel, kind="set", **options)
    send(panel, kind="find")
    assert panel.study.state.latest_trouble == ""
    return panel.view


def chosen(view):
    return next(row for row in view["mixes"] if row["key"] == view["best"])


def test_folded_it_looks_at_nothing_and_its_first_budget_is_midway(study):
    panel = MixesPanel(study)
    assert panel.view == {"open": False}
    send(panel, kind="open", open=True)
    sizes = [size_bytes(study.model, choose(study.model, study.state.calibration, weights=w))[1] for w in USUAL[:2]]
    assert [rough_bytes(study.model, study.state.recipe, w) for w in USUAL[:2]] == sizes
    view = panel.view
    assert view["kb"] == round(sum(sizes) / 2000, 1) and view["chosen"] == list(USUAL) and view["mixes"] == []
    assert view["present_kb"] == round(sizes[1] / 1000, 1) and "pruned" not in [name for name, *_ in view["formats"]]
    assert {"fp32", *USUAL} <= {name for name, *_ in view["formats"]}
    panel.close()


def test_it_finds_what_a_script_finds(study, panel):
    view = find(panel, kb=0.5)
    found = allocate(study.model, study.state.calibration, EVALUATION, budget_bytes=500)
    measured = mixes_of(study.state)
    assert measured.best.recipe == found and not measured.refused
    assert [mix.error for mix in measured.pareto] == [mix.error for mix in found.pareto]
    best = chosen(view)
    assert best["kb"] == round(size_bytes(study.model, found)[1] / 1000, 1) <= 0.5 and best["front"]
    assert best["db"] == simulate(study.model, found, EVALUATION).outputs["logits"].sqnr_db
    assert [row["kb"] for row in view["mixes"]] == sorted(row["kb"] for row in view["mixes"])
    assert {row["everywhere"] for row in view["mixes"]} == {"", "INT4", "INT8", "FP16"}
    assert [row["everywhere"] for row in view["mixes"] if row["present"]] == ["INT8"]
    assert view["about"] == "(48 samples; activations: 3 int8)" and view["asked"] == {"kb": 0.5, "db": None}
    assert not view["stale"] and not view["running"]
    json.dumps(view, allow_nan=False)


def test_another_budget_runs_no_tensor_alone_again(study, panel, runs):
    find(panel, kb=0.5)
    assert runs["trial"] == 9  # three weights, three formats
    runs.update(trial=0, compare=0)
    view = find(panel, kb=0.4)
    assert runs["trial"] == 0 and chosen(view)["kb"] <= 0.4
    view = find(panel, by="sqnr", db=20)
    assert runs["trial"] == 0 and chosen(view)["db"] >= 20 and view["asked"] == {"kb": None, "db": 20.0}
    find(panel, formats=["int4", "int8"])
    assert runs["trial"] == 0  # a part of what is known
    find(panel, formats=["int4", "int8", "nf4"])
    assert runs["trial"] == 3
    before = dict(runs)
    send(panel, kind="find")  # the very same question: its answer is there
    assert runs == before


def test_what_the_page_of_sensitivity_measured_counts(study, panel, runs):
    options = Options(formats=("int8", "fp16"), n_samples=256, measure=True)
    for question in ("sensitivity_estimates", "sensitivity"):
        study.ask(question, options)
    assert study.wait(60)
    runs.update(trial=0)
    find(panel, kb=0.5)
    assert runs["trial"] == 3  # int4


def test_a_mix_is_used_as_one_step_that_undo_takes_back(study, panel):
    before = study.state.recipe
    view = find(panel, kb=0.4)
    send(panel, kind="use", mix=view["best"])
    after, mix = study.state.recipe, mixes_of(study.state).best
    assert {name: after[name] for name in weight_names(study.model)} == {n: mix.recipe[n] for n in mix.formats}
    assert without_weights(study.model, after).choices == without_weights(study.model, before).choices
    assert list(after) == list(before)
    assert len(study.state.history.past) == 1 and "study.change({" in study.code()
    assert [row["key"] for row in panel.view["mixes"] if row["present"]] == [view["best"]]
    assert panel.view["best"] == view["best"] and not panel.view["stale"]
    study.undo()
    assert study.state.recipe is before
    send(panel, kind="use", mix="nothing")
    assert "find mixes again" in study.state.latest_trouble


def test_a_weight_may_stay_float(study, panel):
    view = find(panel, formats=["int8", "fp32"], kb=1e6)
    best = chosen(view)
    send(panel, kind="use", mix=view["best"])
    float_ones = [name for name in weight_names(study.model) if name not in study.state.recipe]
    assert f"{len(float_ones)} fp32" in best["words"]


def test_it_is_stale_once_activations_changed_and_uses_those_that_are_now(study, panel, runs):
    find(panel, kb=0.5)
    study.set_format("relu_out", "int16")
    assert study.wait(60)
    assert panel.view["stale"] == "Measured before 1 activation was changed: find mixes again."
    send(panel, kind="use", mix=panel.view["best"])
    assert study.state.recipe["relu_out"].format == "int16" and panel.view["stale"]
    runs.update(trial=0)
    view = find(panel)
    assert not view["stale"] and runs["trial"] == 0 and "1 int16" in view["about"]
    study.set_format("fc.weight", "int4")
    assert study.wait(60) and not panel.view["stale"]  # weights are what the mix is about


def test_refusals_are_words_and_what_was_measured_stays(study, panel):
    n_mixes = len(find(panel, kb=0.5)["mixes"])
    view = find(panel, kb=0.1)
    assert view["refused"].startswith("The smallest mix takes ") and view["refused"].endswith("or more bytes.")
    assert len(view["mixes"]) == n_mixes and view["best"] == ""
    view = find(panel, by="sqnr", db=250)
    assert "250 dB were asked" in view["refused"] and len(view["mixes"]) >= n_mixes
    send(panel, kind="set", formats=[])
    send(panel, kind="find")
    assert "at least one format" in study.state.latest_trouble


def test_controls_take_what_makes_sense(panel):
    send(panel, kind="set", formats=["int8", "no such", *[name for name, *_ in panel.view["formats"]]])
    assert len(panel.view["chosen"]) == MOST_FORMATS and panel.view["chosen"][0] == "int8"
    kb, db = panel.view["kb"], panel.view["db"]
    for nonsense in ("many", -1, float("nan"), None):
        send(panel, kind="set", kb=nonsense)
    send(panel, kind="set", db=1e9, by="colour")
    assert (panel.view["kb"], panel.view["db"], panel.view["by"]) == (kb, db, "size")


def test_what_the_target_cannot_express_is_said(study, panel):
    def refused():
        return {name: why for name, _, _, why in panel.view["formats"] if why}

    study.set_target("")
    assert study.wait(60) and refused() == {}
    study.set_target("onnx_qdq")
    assert "nf4" in refused() and not {"int4", "int8", "fp16"} & refused().keys()


def test_a_format_of_ones_own_may_be_mixed_and_a_new_one_begins_no_search(study, panel, runs):
    find(panel, kb=0.5)
    runs.update(trial=0, compare=0)
    FORMATS.register("coarse", format_from_levels("coarse", [-2, -1, 0, 1, 2]))
    try:
        assert study.wait(60) and runs["trial"] == 0
        view = find(panel, formats=["coarse", "int8"])
        assert runs["trial"] > 0 and any("coarse" in row["words"] for row in view["mixes"])
    finally:
        FORMATS.unregister("coarse")
    assert study.wait(60) and panel.view["mixes"] == []  # they could not be run any more
    send(panel, kind="use", mix=view["best"])
    assert "find mixes again" in study.state.latest_trouble


def test_cancel_keeps_what_was_run(study, panel, runs, monkeypatch):
    begun, go_on, run = threading.Event(), threading.Event(), MixSearch._run

    def held(self, wanted):
        begun.set()
        assert go_on.wait(30)
        return run(self, wanted)

    monkeypatch.setattr(MixSearch, "_run", held)
    send_only(panel, kind="find")
    assert begun.wait(30)
    send_only(panel, kind="cancel")
    go_on.set()
    assert study.wait(60) and not panel.view["running"] and panel.view["best"] == ""
    assert runs["trial"] == 9
    view = find(panel)
    assert runs["trial"] == 9 and chosen(view)


def send_only(panel, **content):
    panel._hear(panel, content, [])


def test_without_data_it_says_so(model):
    study = Study(model)
    panel = MixesPanel(study)
    send(panel, kind="open", open=True)
    assert panel.view["missing"].startswith("No data yet")
    question = MixQuestion(Recipe(model.name, model.sha256), USUAL, 500)
    study.ask(Mixes.name, question)
    assert study.wait(10) and mixes_of(study.state) is None
    panel.close()
    study.close()
