"""The output curve of the selected tensor: when it is measured, what is kept of it, what the plot gets, adopting it."""

import json
import threading
import time

import numpy as np
import pytest

from tests.ui.studies import images
from workbench.messages import WorkbenchError
from workbench.ui.app import App
from workbench.ui.panels.header import HeaderPanel
from workbench.ui.showing import Showing
from workbench.ui.study import Study
from workbench.ui.topics import output_curve as topic_file
from workbench.ui.topics.output_curve import BEST_AT_OUTPUT, NAME

ACTIVATION, OTHER, WEIGHT = "relu_out", "image", "conv2.weight"


@pytest.fixture
def started(monkeypatch):
    """Tensor names, one each time that a curve is begun."""
    names, measure = [], topic_file.output_curve

    def noted(simulator, recipe, tensor, **options):
        names.append(tensor)
        return measure(simulator, recipe, tensor, **options)

    monkeypatch.setattr(topic_file, "output_curve", noted)
    return names


@pytest.fixture
def study(model, started):
    made = Study(model, images())
    made.start()
    made.ask(NAME)
    whole(made)
    yield made
    made.close()


def whole(study):
    """Everything is done, the curve too."""
    assert study.wait(60) and study.worker.wait(60, idle=True), study.status
    assert study.state.latest_trouble == ""


def look(study, tensor=None):
    """The curve of a tensor, or of the one that is selected."""
    if tensor is not None:
        study.select(tensor)
        whole(study)
    return study.output_curves.look(study.state)


def test_selecting_a_tensor_measures_its_curve(study, started):
    for tensor in (ACTIVATION, WEIGHT):
        found = look(study, tensor)
        assert found.done and found.before is None and found.now.curve.tensor == tensor
        assert found.now.curve.n_samples == 48 and found.now.shift_db == 0  # few samples: all of them
        assert study.state.answers[NAME].done and started[-1] == tensor
    distribution = study.state.calibration[ACTIVATION]
    assert look(study, ACTIVATION).now.curve.high == distribution.high  # as the plot's axis


def test_a_curve_is_kept_and_its_own_range_starts_nothing(study, started):
    first = look(study, ACTIVATION).now
    look(study, WEIGHT)
    n = len(started)
    study.select(ACTIVATION)
    assert study.output_curves.look(study.state).now is first  # at once: nothing was waited for
    whole(study)
    study.set_range(ACTIVATION, 0.0, 0.7 * first.curve.high)
    study.set_method(ACTIVATION, "min_max")
    whole(study)
    assert look(study).now is first and len(started) == n


def test_a_change_of_another_tensor_makes_it_out_of_date_until_it_is_measured_again(study, started):
    first = look(study, ACTIVATION).now
    study.worker.close()  # nothing new will come
    study.set_format(OTHER, "int4")
    late = study.output_curves.look(study.state)
    assert late.now is None and not late.done and late.before is first
    study.set_format(ACTIVATION, "int4")
    assert study.output_curves.look(study.state).before is None  # quantized otherwise: another curve altogether


def test_a_change_of_another_tensor_is_measured(study, started):
    first, n = look(study, ACTIVATION).now, len(started)
    study.set_format(OTHER, "int4")
    whole(study)
    again = look(study)
    assert again.done and again.now is not first and len(started) == n + 1
    assert again.now.curve.best.output_sqnr_db < first.curve.best.output_sqnr_db
    study.undo()
    whole(study)
    assert look(study).now is first  # the earlier choices are the very same


def test_the_newest_selection_wins_and_what_was_begun_is_given_up(study, started, monkeypatch):
    n, reached, measure = len(started), threading.Event(), topic_file.output_curve

    def slow(simulator, recipe, tensor, *, on_point, **options):
        def point(curve):
            reached.set()
            time.sleep(0.05)
            on_point(curve)

        return measure(simulator, recipe, tensor, on_point=point, **options)

    monkeypatch.setattr(topic_file, "output_curve", slow)
    study.set_format(OTHER, "int4")  # all curves are to be measured again
    study.select(ACTIVATION)
    assert reached.wait(30)
    study.select(WEIGHT)
    monkeypatch.setattr(topic_file, "output_curve", measure)
    whole(study)
    assert look(study).now.curve.tensor == WEIGHT and look(study).done
    kept = {found.curve.tensor for about, found in study.output_curves._kept[-1:]}
    assert kept == {WEIGHT} and started[n] == ACTIVATION


def test_points_come_on_the_way(study, monkeypatch):
    monkeypatch.setattr(topic_file, "BETWEEN_POINTS", 0.0)
    seen = []
    study.observe(lambda change: seen.append(change["new"].answers.get(NAME)), "moment")
    found = look(study, ACTIVATION)
    sizes = [len(a.value.curve.points) for a in seen if a is not None and a.value.curve.tensor == ACTIVATION]
    assert sizes == sorted(sizes) and sizes[0] < 10 and sizes[-1] == len(found.now.curve.points)


def test_no_curve_where_there_is_no_threshold(study, started):
    n = len(started)
    study.select(ACTIVATION)
    whole(study)
    for change in (lambda: study.set_format(ACTIVATION, "fp16"), lambda: study.set_format(ACTIVATION, "fp32")):
        change()
        whole(study)
        assert look(study).now is None and len(started) <= n + 1
    study.set_format(ACTIVATION, "int8")
    study.set_dynamic(ACTIVATION, "batch")
    whole(study)
    assert look(study).now is None and study.output_curves.about(study.state) is None


def test_of_many_samples_the_first_few_are_taken_and_the_curve_is_moved_to_the_figure_of_all(model, monkeypatch):
    monkeypatch.setattr(topic_file, "MOST_SAMPLES", 16)
    study = Study(model, images(64))
    try:
        study.start()
        study.ask(NAME)
        whole(study)
        found = look(study, ACTIVATION).now
        assert found.curve.n_samples == 16 and found.shift_db != 0
        all_of_them = study.comparison.outputs["logits"].sqnr_db
        few = study.output_curves._simulator.compare(study.recipe).outputs["logits"].sqnr_db
        assert found.shift_db == pytest.approx(all_of_them - few)
    finally:
        study.close()


def test_kept_curves_are_bounded(study, monkeypatch):
    monkeypatch.setattr(topic_file, "KEPT", 2)
    for tensor in (ACTIVATION, WEIGHT, OTHER):
        look(study, tensor)
    assert [found.curve.tensor for _, found in study.output_curves._kept] == [WEIGHT, OTHER]


def test_the_best_is_one_verb_and_one_step(study):
    found = look(study, ACTIVATION).now
    steps = len(study.state.history.past)
    study.set_best_at_output(ACTIVATION)
    whole(study)
    choice, best = study.recipe[ACTIVATION], found.curve.best
    assert choice.method == "hand" and choice.high == pytest.approx(best.high_factor * found.curve.high)
    assert len(study.state.history.past) == steps + 1
    assert study.comparison.outputs["logits"].sqnr_db == pytest.approx(best.output_sqnr_db)
    with pytest.raises(WorkbenchError, match="not measured yet"):
        study.set_best_at_output("flat_out")
    with pytest.raises(WorkbenchError, match="not measured yet"):
        study.set_best_at_output("conv1.bias")


def test_the_best_of_channels_is_a_share_of_each_range(study):
    best = look(study, WEIGHT).now.curve.best
    study.set_best_at_output(WEIGHT)
    largest = np.abs(study.model.tensors[WEIGHT].array()).reshape(6, -1).max(axis=1)
    np.testing.assert_allclose(study.recipe[WEIGHT].quantizer.scale, best.high_factor * largest / 127, rtol=1e-5)


def test_the_plot_has_the_strip_from_the_beginning(model):
    study = Study(model, images())
    try:
        showing = Showing(study)
        assert showing.plot.output["words"] == "output SQNR: comes with the network's figures"
        assert showing.plot.output["now"] is None and not showing.plot.output["ready"]
        study.start()
        study.ask(NAME)
        whole(study)
        showing.draw(study.state)
        shown = showing.plot.output
        json.dumps(shown, allow_nan=False)
        assert shown["done"] and shown["ready"] and shown["best"]["name"] == BEST_AT_OUTPUT
        study.set_format(study.selected, "fp16")
        showing.draw(study.state)
        assert showing.plot.output["words"] == "output SQNR: no fixed threshold to vary"
    finally:
        study.close()


def test_without_data_there_is_no_strip(model):
    study = Study(model)
    try:
        study.start()
        study.ask(NAME)
        whole(study)
        assert Showing(study).plot.output == {} and look(study).now is None
    finally:
        study.close()


def test_the_app_asks_draws_and_adopts(model):
    app = App(model, images(), autosave=None)
    try:
        whole(app.study)
        app.study.select(ACTIVATION)
        whole(app.study)
        best = app.plot.output["best"]
        app.plot._handle_custom_msg({"type": "adopt", "serial": 1, "name": best["name"]}, [])
        whole(app.study)
        assert app.recipe[ACTIVATION].high == pytest.approx(best["high"])
        assert app.plot.output["now"] is not None and app.plot.output["done"]  # its own range: still of this moment
    finally:
        app.close()


def test_the_header_tells_when_a_prediction_is_replaced(model):
    app = App(model, images(), autosave=None)
    try:
        whole(app.study)
        header = next(part for part in app._parts if isinstance(part, HeaderPanel))
        before = header.view
        assert before["measured"]
        seen = []
        header.observe(lambda change: seen.append((change["new"]["changes"], change["new"]["measured"])), "view")
        app.study.set_range(ACTIVATION, 0.0, 1.0)
        whole(app.study)
        assert seen[0] == (before["changes"] + 1, False) and seen[-1] == (before["changes"] + 1, True)
    finally:
        app.close()


def test_trouble_with_one_tensor_is_not_told_of_the_next(study):
    study.select(ACTIVATION)
    whole(study)
    study.report_trouble(NAME, "it could not be measured")
    study.ask("causes")  # any other change: the same tensor is still looked at
    assert study.status == "it could not be measured"
    study.ask("causes", False)
    study.select(OTHER)
    assert NAME not in study.state.trouble
