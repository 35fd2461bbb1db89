"""The study: every verb, undo and redo, defaults, background work, observers and threads."""

import threading
import time

import numpy as np
import pytest

from tests.ui.studies import images, small_model
from workbench.messages import WorkbenchError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.ui.study import Study
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.export.exporting import export
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import simulate

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def study(model):
    made = Study(model, images(), evaluation=images(40, 1), labels=np.arange(40) % 4)
    made.start()
    assert made.wait(60), made.status
    yield made
    made.close()


def test_it_begins_with_the_documented_defaults(model, study):
    assert study.recipe == choose(model, calibrate(model, images()))
    assert study.status == "" and not study.updating and not study.can_undo
    assert study.calibration.n_samples == 48
    assert study.state.input_report is not None and len(study.state.input_report.samples) == 3


def test_network_figures_are_those_of_simulate(model, study):
    expected = simulate(model, study.recipe, images(40, 1), labels=np.arange(40) % 4)
    assert study.comparison.outputs == expected.outputs and study.comparison.tensors == expected.tensors


def test_errors_are_exact(model, study):
    assert study.error(ACTIVATION) == expected_error(study.calibration[ACTIVATION], study.recipe[ACTIVATION].quantizer)
    assert study.error(WEIGHT) == measured_error(model.tensors[WEIGHT].array(), study.recipe[WEIGHT].quantizer)
    observed = {"image", ACTIVATION, "conv2_out", "flat_out"}
    assert set(study.state.errors) == {"conv1.weight", WEIGHT, "fc.weight"} | observed


def test_without_data_weights_are_chosen_at_once(model):
    study = Study(model)
    study.start()
    assert study.recipe == choose(model, None, activations=None)
    assert study.selected == "conv1.weight" and study.layer == "conv1"
    with pytest.raises(WorkbenchError, match="no calibration"):
        study.set_format(ACTIVATION, "int8")
    study.set_format(ACTIVATION, "fp16")
    study.set_format(ACTIVATION, "fp16", "network")
    assert {choice.format for choice in study.recipe.values()} == {"fp16"}
    study.set_format(WEIGHT, "int8", "network")
    assert study.recipe[WEIGHT].format == "int8" and study.recipe[ACTIVATION].format == "fp16"
    assert any("no calibration" in str(notice) for notice in study.notices)
    study.close()


def test_ranges(study):
    study.set_range(ACTIVATION, 0.0, 1.5)
    choice = study.recipe[ACTIVATION]
    assert (choice.low, choice.high, choice.method, choice.symmetric) == (0.0, 1.5, "hand", False)
    study.set_symmetric(ACTIVATION, True)
    choice = study.recipe[ACTIVATION]
    assert (choice.low, choice.high, choice.method, choice.symmetric) == (-1.5, 1.5, "hand", True)
    study.set_range(ACTIVATION, -1.25, 1.25)
    assert study.recipe[ACTIVATION].symmetric is True
    study.set_method(ACTIVATION, "entropy")
    assert study.recipe[ACTIVATION].method == "entropy" and study.recipe[ACTIVATION].symmetric is True
    study.set_range(WEIGHT, np.full(6, -0.5, np.float32), np.full(6, 0.5, np.float32))
    choice = study.recipe[WEIGHT]
    assert choice.axis == 0 and choice.symmetric is True and np.all(choice.high == np.float32(0.5))
    study.set_per_channel(WEIGHT, False)
    choice = study.recipe[WEIGHT]
    assert choice.axis is None and choice.method == "least_error"
    study.set_per_channel(WEIGHT, True)
    assert study.recipe[WEIGHT].axis == 0


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (lambda s: s.select("nowhere"), "nowhere"),
        (lambda s: s.set_format(WEIGHT, "int99"), "int99"),
        (lambda s: s.set_format(WEIGHT, "int8", "galaxy"), "galaxy"),
        (lambda s: s.set_method(WEIGHT, "magic"), "magic"),
        (lambda s: s.set_range("conv2_out", 0.0, 1.0), "choose a format first"),
        (lambda s: s.set_range(ACTIVATION, 2.0, 1.0), "crossed"),
        (lambda s: s.set_range(ACTIVATION, 0.0, float("nan")), "not finite"),
        (lambda s: s.set_per_channel(WEIGHT, True, block_size=5), "block_size 5"),
        (lambda s: s.undo(), "nothing to undo"),
        (lambda s: s.redo(), "nothing to redo"),
        (lambda s: s.refusals("nowhere"), "nowhere"),
    ],
)
def test_impossible_wishes_are_refused_in_words_and_change_nothing(study, verb, words):
    before = study.recipe
    with pytest.raises(WorkbenchError, match=words):
        verb(study)
    assert study.recipe is before and not study.can_undo


def test_scopes(model, study):
    study.select("conv2")
    study.set_format(WEIGHT, "fp16", "layer")
    assert {n for n, c in study.recipe.items() if c.format == "fp16"} == {WEIGHT, ACTIVATION}
    study.set_format(WEIGHT, "int4", "operator", same_kind=True)
    assert {n for n, c in study.recipe.items() if c.format == "int4"} == {"conv1.weight", WEIGHT}
    study.set_format(WEIGHT, "fp32", "network")
    assert len(study.recipe) == 0
    study.undo()
    study.undo()
    study.undo()
    assert study.recipe == choose(model, calibrate(model, images()))


def test_formats_keep_what_they_can(study):
    study.set_range(ACTIVATION, 0.0, 1.5)
    study.set_format(ACTIVATION, "uint4")
    assert (study.recipe[ACTIVATION].high, study.recipe[ACTIVATION].method) == (1.5, "hand")
    study.set_format(ACTIVATION, "bf16")
    study.set_format(ACTIVATION, "int8")
    assert study.recipe[ACTIVATION].method == "least_error"
    study.set_format(WEIGHT, "int4")
    assert study.recipe[WEIGHT].method == "least_error" and study.recipe[WEIGHT].axis == 0
    study.set_format(WEIGHT, "fp8_e4m3")
    assert study.recipe[WEIGHT].axis == 0


def test_the_change_is_measured(study):
    first = study.comparison.outputs["logits"].sqnr_db
    study.set_format(WEIGHT, "fp16", "network")
    assert study.updating
    study.wait(60)
    second = study.comparison.outputs["logits"].sqnr_db
    assert study.state.change_db == pytest.approx(second - first) and second > first
    study.undo()
    study.wait(60)
    assert study.state.change_db == pytest.approx(first - second)


def test_details_of_the_selected_tensor(study):
    study.select(ACTIVATION)
    study.wait(60)
    details = study.state.details
    assert details.tensor == ACTIVATION and set(details.marks) == {"least_error", "entropy", "min_max", "percentile"}
    assert set(details.sqnr_db) == {"fp32", "fp16", "bf16", "int8"}  # nothing else was tried unasked
    assert study.error(ACTIVATION).sqnr_db == details.sqnr_db["int8"]
    for format in ("fp16", "bf16"):
        study.set_format(ACTIVATION, format)
        assert study.error(ACTIVATION).sqnr_db == details.sqnr_db[format]
        study.undo()


def test_observers_hear_every_change_in_the_callers_thread(study):
    heard = []
    study.observe(lambda change: heard.append((change["new"], threading.current_thread())), "recipe")
    study.set_range(ACTIVATION, 0.0, 1.0)
    study.undo()
    assert [recipe is not None for recipe, _ in heard] == [True, True]
    assert {thread for _, thread in heard} == {threading.current_thread()}


def test_an_observer_may_change_the_study(study):
    def answer(change):
        if change["new"] == ACTIVATION:
            study.set_range(ACTIVATION, 0.0, 0.75)

    study.observe(answer, "selected")
    study.select(ACTIVATION)
    assert study.recipe[ACTIVATION].high == 0.75


def test_an_observer_cannot_wait_for_itself(study, caplog):
    study.observe(lambda change: study.wait(1), "recipe")
    study.set_range(ACTIVATION, 0.0, 1.0)
    assert "called by an observer" in caplog.text


def test_a_failing_observer_keeps_nobody_from_hearing(study, caplog):
    heard = []
    study.observe(lambda change: 1 / 0, "recipe")
    study.observe(lambda change: heard.append(change["new"]), "moment")
    study.set_range(ACTIVATION, 0.0, 1.0)
    assert heard and "ZeroDivisionError" in caplog.text


def test_apply_refuses_what_was_made_from_an_older_recipe(model, study):
    old = study.recipe
    study.set_range(ACTIVATION, 0.0, 1.0)
    assert not study.apply(old.without(WEIGHT), expected=old)
    assert WEIGHT in study.recipe
    with pytest.raises(WorkbenchError, match="is for other"):
        study.apply(Recipe("other", "1" * 64))


def test_threads_changing_at_once_lose_nothing(study):
    names = list(study.recipe)

    def work(name):
        for i in range(1, 21):
            study.set_range(name, -float(i), float(i))

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(float(np.max(study.recipe[name].high)) == 20.0 for name in names)
    for _ in range(20 * len(names)):
        study.undo()
    assert not study.can_undo
    assert study.wait(60)


def test_a_background_error_becomes_words(study):
    def fail():
        raise ZeroDivisionError("on purpose")

    study.in_background("choosing", fail)
    study.wait(60)
    assert study.status == "Choosing stopped. ZeroDivisionError: on purpose"
    study.set_range(ACTIVATION, 0.0, 1.0)
    assert "on purpose" not in study.status


def test_verbs_that_wait_run_in_order_and_only_the_newest_of_a_kind(study, tmp_path):
    gate, done = threading.Event(), []
    study.in_background("waiting", lambda: gate.wait(20))
    study.in_background("choosing a method", lambda: done.append("older"), of=ACTIVATION)
    study.in_background("choosing a method", lambda: done.append("of a weight"), of=WEIGHT)
    study.in_background("fitting", lambda: done.append("fitted"))
    study.in_background("choosing a method", lambda: done.append("newer"), of=ACTIVATION)
    study.receive_in_background("ranges", str(tmp_path / "missing.json"))
    study.receive_in_background("names", str(tmp_path / "missing.param"))
    gate.set()
    assert study.wait(60)
    assert done == ["of a weight", "fitted", "newer"]
    assert all("missing" in received.refused and not received.running for received in study.state.received.values())
    assert set(study.state.received) == {"ranges", "names"}


def test_export_from_the_study_and_from_a_plain_script(study, model, tmp_path):
    study.set_range(ACTIVATION, 0.0, 1.5)
    report = study.export(tmp_path / "app.onnx")
    assert report.bit_equal == 1.0
    path = study.save_recipe(tmp_path / "small.recipe.json")
    export(model, Recipe.load(path), tmp_path / "script.onnx")
    assert (tmp_path / "app.onnx").read_bytes() == (tmp_path / "script.onnx").read_bytes()


def test_export_in_background(study, tmp_path):
    study.export_in_background(str(tmp_path / "a.onnx"), "onnx_qdq")
    study.wait(60)
    done = study.state.exported
    assert done.report.bit_equal == 1.0 and not done.refused
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.onnx", "a.onnx.recipe.json"]
    study.export_in_background(str(tmp_path / "b.onnx"), "onnx_fp16")
    study.wait(60)
    assert "fp16" in study.state.exported.refused and study.state.exported.report is None
    assert not (tmp_path / "b.onnx").exists() and not (tmp_path / "b.onnx.recipe.json").exists()


def test_choices_made_before_the_calibration_is_done_are_kept(model):
    study = Study(model, images())
    gate = threading.Event()
    study.in_background("waiting", lambda: gate.wait(10))
    study.start()
    study.set_format(WEIGHT, "int4")
    study.set_format(ACTIVATION, "fp16")
    gate.set()
    study.wait(60)
    assert study.recipe[WEIGHT].format == "int4" and study.recipe[ACTIVATION].format == "fp16"
    assert study.recipe["image"].format == "int8"
    study.undo()
    study.undo()
    assert not study.can_undo
    assert set(study.recipe) == set(choose(model, calibrate(model, images()))) - {ACTIVATION}
    study.close()


def test_the_newest_change_is_the_one_that_is_measured(model, study):
    for i in range(1, 30):
        study.set_range(ACTIVATION, 0.0, i / 10)
        time.sleep(0.002)
    assert study.wait(60)
    assert study.state.measured.recipe is study.recipe
    assert study.comparison.outputs == simulate(model, study.recipe, images(40, 1), labels=np.arange(40) % 4).outputs


def test_wrong_data_is_refused_at_once(model):
    with pytest.raises(WorkbenchError, match="shape"):
        Study(model, np.zeros((4, 3, 8, 8), np.float32))
    with pytest.raises(WorkbenchError, match="labels"):
        Study(model, images(), labels=np.zeros(3, np.int64))
