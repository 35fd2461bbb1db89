"""The page of causes without a browser: the topic behind it, what it shows, and what its buttons do."""

import dataclasses
import json

import numpy as np
import pytest

from tests.ui.studies import images, small_model
from workbench import demo
from workbench.demo.hard_twin import READERS
from workbench.messages import WorkbenchError
from workbench.ui.app import App
from workbench.ui.panels.causes import NOTHING, CausesPanel
from workbench.ui.study import Study
from workbench.workflow.choose import choose
from workbench.workflow.diagnose import diagnose

LOUD = 17  # the calibration sample that is 40 times too large


def loud_images():
    data = images(64)
    data[LOUD] *= 40
    return data


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


def begun(model, data=None, **options):
    """A study whose background work is done."""
    study = Study(model, data, **options)
    study.start()
    assert study.wait(60), study.status
    return study


@pytest.fixture
def study(model):
    """One loud sample in the calibration, ranges from min to max, and causes asked for."""
    made = begun(model, loud_images(), evaluation=images(48, seed=1))
    made.set_recipe(choose(model, made.state.calibration, clipping="min_max"))
    made.ask("causes")
    assert made.wait(60)
    yield made
    made.close()


@pytest.fixture
def panel(study):
    made = CausesPanel(study)
    yield made
    made.close()


def send(panel, **content):
    panel._hear(panel, content, [])
    assert panel.study.wait(60)


def found(study):
    return study.state.answers["causes"].value


def fresh(study):
    """What a script finds out about the same."""
    state = study.state
    return diagnose(study.model, state.recipe, state.calibration, study.evaluation)


def test_the_page_shows_what_a_script_finds(study, panel):
    script, rows = fresh(study), panel.rows
    tensors = list(dict.fromkeys(one.tensor for one in script))
    assert [row["tensor"] for row in rows] == tensors and len(tensors) < len(script)
    assert [script[row["rank"] - 1].sentence for row in rows] == [row["words"] for row in rows]
    first = rows[0]
    assert first["words"] == script[0].sentence and first["measured_db"] == script[0].measured_gain_db > 2
    assert first["predicted_db"] == script[0].predicted_gain_db
    said = [(remedy["short"], remedy["words"]) for remedy in first["remedies"]]
    assert said == [(remedy.short, remedy.words) for remedy in script[0].remedies]
    others = [one for one in script if one.tensor == first["tensor"]][1:]
    assert [other["words"] for other in first["others"]] == [one.sentence for one in others]
    assert panel.view["complete"] and not panel.view["stale"] and panel.view["sqnr_db"] == script.sqnr_db
    json.dumps([panel.view, rows], allow_nan=False)


def test_estimates_come_before_measurements(model):
    study = begun(model, loud_images(), evaluation=images(48, seed=1))
    study.set_recipe(choose(model, study.state.calibration, clipping="min_max"))
    study.wait(60)
    seen = []
    study.observe(lambda change: seen.append(change["new"].answers.get("causes")), "moment")
    study.ask("causes")
    study.wait(60)
    answers = [one for one in dict.fromkeys(seen) if one is not None]
    assert not answers[0].done and answers[0].value[0].measured_gain_db is None and len(answers[0].value)
    assert answers[-1].done and answers[-1].value[0].measured_gain_db is not None
    study.close()


def test_the_advised_remedy_is_one_step_and_moves_to_what_is_done(study, panel):
    before = study.recipe
    first, steps = panel.rows[0], len(study.state.history.past)
    db_before = study.comparison.outputs["logits"].sqnr_db
    send(panel, kind="apply", **first["remedies"][0])
    assert len(study.state.history.past) == steps + 1
    assert {difference.tensor for difference in before.diff(study.recipe)} == {first["tensor"]}
    assert first["id"] not in {row["id"] for row in panel.rows}
    (done,) = panel.view["done"]
    gained = study.comparison.outputs["logits"].sqnr_db - db_before
    assert done["gained_db"] == gained and done["n"] == 48 and done["tensor"] == first["tensor"] and gained > 2
    assert {part: done[part] for part in ("short", "words")}.items() <= first["remedies"][0].items()
    assert panel.view["gained_db"] == gained
    study.undo()
    study.wait(60)
    assert panel.view["done"] == [] and panel.rows[0]["id"] == first["id"] and study.advice_taken == ()
    study.redo()
    study.wait(60)
    assert panel.view["done"] == [done]


def test_gains_stay_predictions_until_the_network_has_run(study):
    told = []
    study.observe(lambda change: told.append([one.gained_db for one in study.advice_taken]), "moment")
    expected = found(study)[0].measured_gain_db
    study.apply_remedy()
    assert told[0] in ([], [None]) and [None] in told
    assert study.advice_taken[0].expected_db == expected
    study.wait(60)
    assert study.advice_taken[0].gained_db is not None and told[-1] == [study.advice_taken[0].gained_db]


def test_two_remedies_in_a_row_have_their_own_gains(study):
    start = study.comparison.outputs["logits"].sqnr_db
    study.apply_remedy(1)
    study.wait(60)
    study.apply_remedy(1)
    study.wait(60)
    one, other = study.advice_taken
    total = study.comparison.outputs["logits"].sqnr_db - start
    assert one.gained_db + other.gained_db == pytest.approx(total) and one.after is other.before


def test_another_remedy_and_what_cannot_be_done(study, panel):
    row = next(row for row in panel.rows if len(row["remedies"]) > 1)
    finding = found(study)[row["rank"] - 1]
    study.apply_remedy(row["rank"], 1)
    assert study.recipe[row["tensor"]] == finding.alternatives[0].changes[row["tensor"]]
    with pytest.raises(WorkbenchError, match="has that already"):
        study.apply_remedy(finding, 1)
    with pytest.raises(WorkbenchError, match="no remedy 7; expected one of 0: "):
        study.apply_remedy(finding, 7)
    with pytest.raises(WorkbenchError, match="there is no finding 99"):
        study.apply_remedy(99)
    advice_only = dataclasses.replace(finding, remedy=None, alternatives=(), advice="do it by hand")
    with pytest.raises(WorkbenchError, match="no recipe repairs that; do it by hand"):
        study.apply_remedy(advice_only)
    study.wait(60)
    send(panel, kind="apply", id="gone", words="anything")
    assert "the diagnosis has changed" in study.status


def test_nothing_to_apply_before_a_diagnosis(model):
    study = Study(model, images())
    with pytest.raises(WorkbenchError, match='study.ask\\("causes"\\)'):
        study.apply_remedy()
    with pytest.raises(WorkbenchError, match="no calibration yet"):
        study.set_aside(3)
    study.close()


def test_a_row_names_the_sample_and_sets_it_aside(study, panel):
    row = next(row for row in panel.rows if row["samples"])
    assert row["samples"] == [LOUD] and row["samples_words"] == f"sample {LOUD}" and row["what"] == "input"
    assert {"sample": LOUD, "n": len([row for row in panel.rows if row["samples"]])} in panel.view["loud"]
    wide, steps = study.recipe[row["tensor"]].high, len(study.state.history.past)
    send(panel, kind="aside", samples=row["samples"])
    assert panel.view["aside"] == [LOUD] and study.state.calibration.n_samples == 63
    assert study.recipe[row["tensor"]].high < wide / 5 and study.recipe[row["tensor"]].method == "min_max"
    assert len(study.state.history.past) == steps + 1
    assert not any(row["samples"] for row in panel.rows) and panel.view["loud"] == []
    without = images(64)
    calibration = study.state.calibration
    assert calibration["image"].high == np.delete(without, LOUD, axis=0).max()
    send(panel, kind="take_back", samples=[LOUD])
    assert panel.view["aside"] == [] and study.state.calibration.n_samples == 64
    assert study.recipe[row["tensor"]].high == wide


def test_a_range_set_by_hand_stays_when_a_sample_is_set_aside(study):
    study.set_range("relu_out", 0.0, 3.0)
    study.wait(60)
    study.set_aside([LOUD, 3])
    study.wait(60)
    assert study.recipe["relu_out"].high == 3.0 and study.state.set_aside == {3, LOUD}
    study.take_back(3)
    study.wait(60)
    assert study.state.set_aside == {LOUD}
    with pytest.raises(WorkbenchError, match="sample 99 cannot be left out"):
        study.set_aside(99)
    with pytest.raises(WorkbenchError, match="at least 1"):
        study.set_aside(range(64))
    assert study.state.set_aside == {LOUD}


def test_samples_keep_their_numbers_when_others_were_set_aside(model):
    data = loud_images()
    data[40] *= 15
    study = begun(model, data, evaluation=images(48, seed=1))
    study.set_recipe(choose(model, study.state.calibration, clipping="min_max"))
    study.ask("causes")
    study.wait(60)
    study.set_aside(LOUD)
    study.wait(60)
    named = {number for finding in found(study) for number in finding.evidence.get("samples", ())}
    assert 40 in named and 39 not in named
    study.close()


def test_an_answer_is_kept_for_other_pages_and_for_undo(study, monkeypatch):
    calls = []
    monkeypatch.setattr("workbench.ui.topics.causes.diagnose", lambda *a, **k: calls.append(1) or diagnose(*a, **k))
    study.ask("causes", False)
    study.ask("causes")
    study.wait(60)
    assert calls == []
    study.set_range("relu_out", 0.0, 1.0)
    study.wait(60)
    assert calls == [1]
    study.undo()
    study.wait(60)
    assert calls == [1] and study.topics["causes"].present(study.state).done


def test_it_waits_for_the_networks_figures(study):
    """A change makes no diagnosis before the figures of that change are complete."""
    topic, seen = study.topics["causes"], []
    work = topic.answer
    topic.answer = lambda state, turn: seen.append((study.state.recipe, study.state.measured)) or work(state, turn)
    study.set_range("relu_out", 0.0, 1.5)
    assert topic.about(study.state) is None or study.state.measured.recipe is study.state.recipe
    study.wait(60)
    assert seen and all(measured.recipe is recipe and measured.complete for recipe, measured in seen)


def test_nothing_stands_out(model):
    app = App(model, images(), autosave=None)
    panel = next(widget for widget in app._parts if isinstance(widget, CausesPanel))
    assert panel.view["missing"].startswith("Comes ") and panel.rows == []
    assert app.study.wait(60)
    assert "causes" not in app.study.state.answers  # nobody looks yet
    app.pages.turn_to("causes")
    assert app.study.wait(60)
    assert panel.view["complete"] and panel.rows == [] and panel.view["nothing"] == NOTHING
    assert panel.view["missing"] == panel.view["trouble"] == ""
    app.close()


def test_without_data_weights_are_looked_at(model):
    study = begun(model)
    panel = CausesPanel(study)
    study.ask("causes")
    study.set_format("conv2.weight", "int2")
    assert study.wait(60)
    assert panel.rows[0]["tensor"] == "conv2.weight" and panel.rows[0]["measured_db"] is None
    assert panel.rows[0]["predicted_db"] > 0 and panel.view["complete"] and panel.view["sqnr_db"] is None
    assert panel.view["missing"] == ""
    study.close()


def test_trouble_is_said_in_words(study, panel, monkeypatch):
    def refuse(*_args, **_options):
        raise WorkbenchError("sample 3 holds NaN; take it out")

    monkeypatch.setattr("workbench.ui.topics.causes.diagnose", refuse)
    study.set_range("relu_out", 0.0, 1.5)
    study.wait(60)
    assert "sample 3 holds NaN; take it out" in panel.view["trouble"]
    monkeypatch.undo()
    study.set_range("relu_out", 0.0, 1.6)
    study.wait(60)
    assert panel.view["trouble"] == "" and panel.view["complete"]


def test_what_it_waits_for_is_said(study, panel):
    waiting = dataclasses.replace(study.state, measured=None)
    assert panel.look(waiting)["missing"] == "Comes after the network's figures."
    failed = dataclasses.replace(waiting, trouble={"network": "Updating stopped. It broke."})
    assert panel.look(failed)["missing"] == "Updating stopped. It broke."
    assert panel.look(dataclasses.replace(waiting, calibrated=False))["missing"] == "Comes after calibration."


def test_progress_is_said_in_words(study, panel, monkeypatch):
    monkeypatch.setattr("workbench.ui.core.BETWEEN_REPORTS", -1.0)
    heard = []
    panel.observe(lambda change: heard.append(change["new"]), "doing")
    study.topics["causes"]._known.clear()
    study.set_range("relu_out", 0.0, 0.5)
    study.wait(60)
    assert any(words.startswith(("looking for causes", "trying remedies")) for words in heard), heard
    assert panel.doing == ""


def test_rows_of_tensors_that_were_changed_since_are_not_shown(study, panel):
    ids, shown = [row["id"] for row in panel.rows], []
    panel.observe(lambda change: shown.append([row["id"] for row in change["new"]]), "rows")
    study.set_range("image", -4.0, 4.0)
    assert "image" in ids
    assert "image" not in shown[0] and set(shown[0]) <= set(ids)


def test_selecting_from_a_row(study, panel):
    send(panel, kind="select", name=panel.rows[0]["tensor"])
    assert study.selected == panel.rows[0]["tensor"]


def test_the_rescaled_layers_of_the_hard_twin_come_first_and_their_remedies_repair():
    calibration_images, evaluation, labels = demo.data()
    study = begun(demo.model(hard=True), calibration_images, evaluation=evaluation, labels=labels)
    study.set_recipe(choose(study.model, study.state.calibration, per_channel=False))
    panel = CausesPanel(study)
    study.ask("causes")
    assert study.wait(60)
    layers = list(dict.fromkeys(row["layer"] for row in panel.rows))
    assert set(layers[:2]) == {"blocks.0.depthwise.conv", "blocks.1.depthwise.conv"}
    divided = {reader for part in READERS.values() for reader in part}
    rescaled = {f"blocks.{block}.{part}.conv" for block in (0, 1) for part in ("expand", "depthwise")} | divided
    assert set(layers[:4]) <= rescaled and panel.view["hidden"]
    before = study.comparison.outputs["logits"].sqnr_db
    for layer in layers[:2]:
        row = next(row for row in panel.rows if row["layer"] == layer)
        send(panel, kind="apply", **row["remedies"][0])
    assert study.comparison.outputs["logits"].sqnr_db > before + 10
    assert panel.view["gained_db"] == pytest.approx(study.comparison.outputs["logits"].sqnr_db - before)
    study.close()


def test_wrong_inputs_come_first():
    calibration_images, evaluation, _ = demo.data()
    study = begun(demo.model(), calibration_images * 16, evaluation=evaluation[:64] * 16)
    panel = CausesPanel(study)
    study.ask("causes")
    assert study.wait(60)
    first = panel.rows[0]
    assert first["kind"] == "inputs" and first["remedies"] == [] and "set them right" in first["advice"]
    study.close()
