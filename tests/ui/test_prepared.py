"""What is worked out ahead of time: the same as at once, in what order, how much is kept, and when it gives way."""

import dataclasses
import json
import threading
import time

import numpy as np
import pytest

from tests.ui.studies import images, small_model
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.ui import ahead, core, subjects
from workbench.ui.ahead import NEIGHBOURS, ROUNDS, prepare_job
from workbench.ui.alternatives import ALWAYS_MARKED, LONG, Looking, details_job, is_whole
from workbench.ui.app import App
from workbench.ui.books import source_of
from workbench.ui.panels.header import HeaderPanel
from workbench.ui.prepared import PreparedBook
from workbench.ui.state import TensorDetails
from workbench.ui.study import Study
from workbench.ui.subjects import ON_THE_WAY, subject_of
from workbench.ui.threshold.material import material_of
from workbench.ui.threshold.payload import payload_of
from workbench.ui.worker import Request, Turn

WEIGHT, ACTIVATION = "conv2.weight", "relu_out"
AT_ONCE = Turn(lambda value: None, lambda: False, lambda done, total, words="": None)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def app(shared):
    """As it is after calibration, everything prepared; one for all tests."""
    made, recipe = shared
    made.study.ask("methods", False)
    made.study.select("conv1.weight")
    made.study.set_recipe(recipe)
    for request in made.study._requests_ahead(made.study.state):
        made.study.worker.submit(request)
    assert made.study.wait(60) and made.study.worker.wait(60, idle=True)
    assert prepared(made.study) == set(made.study._names)
    return made


def made_for(study, name):
    state = study.state
    return name, state.recipe.choices.get(name), source_of(study.model, state.calibration, name)


def looking(study, name):
    state = study.state
    return Looking(study.model, study.choices, study.errors, study.samples, state.recipe, state.calibration, name)


def computed_at_once(study, name):
    """(details, payload) without anything that was prepared."""
    fresh = Study(study.model)
    look = dataclasses.replace(looking(study, name), book=fresh.choices, errors=fresh.errors)
    details = details_job(look, None, AT_ONCE)
    state = dataclasses.replace(study.state, details=details)
    return details, payload_of(subject_of(study.model, state))


def prepared(study):
    return {name for name in study._names if study.prepared.has(*made_for(study, name))}


@pytest.mark.parametrize(
    "format", ["int8", "int4", "fp8_e4m3", "q8", "nf4", "int16", "kmeans3", "mxint8", "fp16", "fp32"]
)
def test_what_was_prepared_equals_what_is_computed_at_once(app, format):
    study = app.study
    study.set_format(WEIGHT, format, "network")
    assert study.wait(60) and study.worker.wait(60, idle=True)
    assert prepared(study) == set(study._names)
    for name in study._names:
        known = study.prepared.known(*made_for(study, name))
        study.select(name)
        assert app.plot._payload.material is known.material  # used as it is
        assert not any(job.request.topic == "details" for job in study.worker._waiting.values())
        details, payload = computed_at_once(study, name)
        assert dict(payload.meta) | {"heard": 0} == app.plot.subject
        assert payload.data == app.plot.data
        for trace, drawn in zip(app.plot.figure.data, app.plot._drawn["data"], strict=True):
            assert np.array_equal(trace.y, drawn["y"], equal_nan=True)
        assert details.marks.items() <= known.details.marks.items() and details.sqnr_db == known.details.sqnr_db
        if payload.curves is not None:
            for line in ("at", "mse", "kl"):
                mine, prepared_line = getattr(payload.curves, line), getattr(known.material.curves, line)
                assert np.array_equal(mine, prepared_line, equal_nan=True)


def test_all_quick_methods_are_marked_in_a_second_round(app):
    study = app.study
    known = study.prepared.known(*made_for(study, ACTIVATION))
    assert {*ALWAYS_MARKED, "aciq_laplace", "entropy_tensorrt"} <= known.details.marks.keys()
    assert not {*LONG} & known.details.marks.keys()
    shown = {mark["name"] for mark in app.plot.subject["marks"]}
    assert len(shown) == len(ALWAYS_MARKED)  # the plot shows the usual ones
    study.select(ACTIVATION)
    study.ask("methods")
    assert study.wait(60)
    assert {*LONG} <= study.state.details.marks.keys() and is_whole(study.state.details, "every")


def test_a_change_leaves_all_other_tensors_as_they_are(app):
    study = app.study
    before = {name: study.prepared.known(*made_for(study, name)) for name in study._names}
    study.set_range(ACTIVATION, 0.0, 1.0)
    assert study.wait(60) and study.worker.wait(60, idle=True)
    for name in study._names:
        now = study.prepared.known(*made_for(study, name))
        assert (now.material is before[name].material) == (name != ACTIVATION)
        assert now.details is not None


def test_a_moved_handle_is_kept_and_not_made_again(app):
    study = app.study
    study.select(ACTIVATION)
    app._commit(0.0, 1.5)
    material = app.plot._payload.material
    assert study.worker.wait(60, idle=True)
    study.select(WEIGHT)
    study.select(ACTIVATION)
    assert app.plot._payload.material is material


def test_another_member_of_a_catalogue_makes_everything_anew(app):
    study = app.study
    study.prepared.keep(*made_for(study, WEIGHT), details=TensorDetails(WEIGHT, None, None))
    study.update(lambda s: dataclasses.replace(s, catalogues=s.catalogues + 1))
    assert study.wait(60) and study.worker.wait(60, idle=True)
    assert prepared(study) == set(study._names)
    assert study.prepared.known(*made_for(study, WEIGHT)).details.sqnr_db


def test_without_an_app_nothing_is_prepared(model):
    study = Study(model, images())
    study.start()
    assert study.wait(60) and study.worker.wait(60, idle=True)
    assert prepared(study) <= {study.selected} and study.prepared.n_bytes < 100_000
    study.close()


def test_weights_are_prepared_without_data(model):
    app = App(model, autosave=None)
    assert app.study.worker.wait(60, idle=True)
    assert prepared(app.study) == set(app.study._weights)
    app.close()


def test_the_nearest_come_first_and_only_what_is_missing(app):
    study, asked = app.study, []
    study.prepared.clear()
    state = dataclasses.replace(study.state, selected="relu_out")
    near, others = study._ahead.requests(looking(study, ACTIVATION), state)
    assert near.urgency < others.urgency and near.idle and others.idle
    report = Turn(AT_ONCE.publish, AT_ONCE.cancelled, lambda done, total, words="": asked.append(words))
    n = len(study._names)
    kept = study.prepared.keep

    def keep(name, *args, **options):
        asked.append(name)
        return kept(name, *args, **options)

    study.prepared.keep = keep
    others.compute(report)
    at = study._names.index("relu_out")
    distances = [abs(study._names.index(name) - at) for name in asked if name in study._names][:n]
    assert distances == sorted(distances) and asked[0] == f"preparing curves, 1 of {n}"
    assert f"trying all methods, {n} of {n}" in asked
    assert study._ahead.requests(looking(study, ACTIVATION), state) == []
    study.prepared.keep = kept
    study.prepared._forget("fc.weight")
    again = study._ahead.requests(looking(study, ACTIVATION), state)
    assert [request.topic for request in again] == (["nearby", "curves"] if n <= 2 * NEIGHBOURS + 1 else ["curves"])


def test_it_gives_way_to_urgent_work(app):
    """A result that is asked for while curves are prepared does not wait for them."""
    study, urgent, n_asked = app.study, [], []
    study.prepared.clear()

    def cancelled():
        n_asked.append(1)
        return False

    turn = dataclasses.replace(AT_ONCE, cancelled=cancelled)
    prepare_job(study.prepared, looking(study, WEIGHT), study.state, [WEIGHT], turn, ROUNDS[:1])
    assert len(n_asked) > 12  # within its curves, not only between tensors

    study.prepared.clear()
    started = threading.Event()

    def long(turn):
        started.set()
        while not urgent:
            prepare_job(PreparedBook(), looking(study, WEIGHT), study.state, study._names, turn)

    study.worker.submit(Request("curves", long, "", 10, idle=True))
    assert started.wait(10)
    study.worker.submit(Request("verb", lambda turn: urgent.append(time.monotonic()), "", 0))
    assert study.wait(30) and urgent
    assert study.worker.wait(60, idle=True)


def test_the_status_line_says_how_far_it_is(app, monkeypatch):
    monkeypatch.setattr(ahead, "MANY", 1)
    study, said = app.study, []
    study.prepared.clear()

    def hear(change):
        said.append(change["new"])

    study.observe(hear, "status")
    monkeypatch.setattr(core, "BETWEEN_REPORTS", 0.0)
    for request in study._requests_ahead(study.state):
        study.worker.submit(request)
    assert study.worker.wait(60, idle=True) and study.wait(60)
    n = len(study._names)
    study.unobserve(hear, "status")
    assert f"preparing curves, 2 of {n}" in said and f"trying all methods, {n} of {n}" in said
    assert study.status == "" and study.progress is None
    header = next(widget for widget in app._parts if isinstance(widget, HeaderPanel))
    assert header.view["activity"] == header.view["progress_words"] == ""


@pytest.mark.parametrize("format", ["int8", "fp16"])
def test_of_a_heavy_weight_there_is_a_first_look(app, monkeypatch, format):
    """Its values are seen while the worker is busy; its curves come later, and a drag does not take them away."""
    study, gate, busy = app.study, threading.Event(), threading.Event()
    study.set_format(WEIGHT, format)
    assert study.wait(60) and study.worker.wait(60, idle=True)
    monkeypatch.setattr(subjects, "HEAVY", 300)
    study.prepared.clear()
    study.errors._known.clear()
    study.worker.submit(Request("verb", lambda turn: busy.set() or gate.wait(20), "", 0))
    assert busy.wait(10)
    study.select(WEIGHT)
    first = app.plot.subject
    assert first["words"] == ON_THE_WAY and first["kind"] == "float" and first["title"] == "conv2"
    assert first["n"] == study.model.tensors[WEIGHT].values.size and not first["untouched"] and first["error"] is None
    assert app.plot._payload.chart.counts.sum() == first["n"]
    gate.set()
    assert study.wait(60)
    assert app.plot.subject["words"] != ON_THE_WAY
    assert app.plot.subject["kind"] == ("handles" if format == "int8" else "own_range")
    assert app.plot.subject["error"]["mse"] == study.error(WEIGHT).mse > 0
    assert app.plot.subject["error"]["kl"] == study.error(WEIGHT).kl
    if format == "int8":
        kinds = []

        def hear(change):
            kinds.append(change["new"]["kind"])

        app.plot.observe(hear, "subject")
        app._commit(*app.plot._bounds(0.0, 0.5))
        assert study.wait(60)
        assert set(kinds) == {"handles"} and app.plot.subject["range"]["high"] == pytest.approx(0.5)
        app.plot.unobserve(hear, "subject")


def test_what_is_not_wanted_any_more_ends(app):
    study = app.study
    study.prepared.clear()
    turn = dataclasses.replace(AT_ONCE, cancelled=lambda: True)
    with pytest.raises(Cancelled):
        prepare_job(study.prepared, looking(study, WEIGHT), study.state, study._names, turn)
    assert prepared(study) == set()


def test_what_is_wrong_with_one_tensor_keeps_no_other_away(app, monkeypatch):
    study = app.study
    study.prepared.clear()
    error = study.errors.error

    def broken(name, *args, **options):
        if name == WEIGHT:
            raise WorkbenchError("an array holds no finite value")
        return error(name, *args, **options)

    monkeypatch.setattr(study.errors, "error", broken)
    prepare_job(study.prepared, looking(study, WEIGHT), study.state, study._names, AT_ONCE)
    assert prepared(study) == {*study._names} - {WEIGHT}


def test_the_book_forgets_what_was_not_used_for_longest(app):
    study = app.study
    materials = {name: study.prepared.known(*made_for(study, name)).material for name in study._names}
    size = max(material.n_bytes for material in materials.values()) + 5000
    book = PreparedBook(3 * size)
    for name in study._names[:3]:
        assert book.keep(*made_for(study, name), material=materials[name])
    book.known(*made_for(study, study._names[0]))
    since = book.moment()
    for name in study._names[3:]:
        assert book.keep(*made_for(study, name), material=materials[name])
        assert book.n_bytes <= 3 * size
    assert book.known(*made_for(study, study._names[-1])) is not None
    assert book.known(*made_for(study, study._names[1])) is None
    tight = PreparedBook(size)
    assert tight.keep(*made_for(study, WEIGHT), material=materials[WEIGHT], since=since)
    assert not tight.keep(*made_for(study, "relu_out"), material=materials[WEIGHT], since=0)
    assert tight.known(*made_for(study, WEIGHT)) is not None and tight.n_bytes <= size


def test_preparing_ends_where_the_book_is_full(app):
    study = app.study
    book = PreparedBook(300_000)
    prepare_job(book, looking(study, WEIGHT), study.state, study._names, AT_ONCE)
    known = [name for name in study._names if book.known(*made_for(study, name)) is not None]
    assert known and book.n_bytes <= 300_000
    assert known == list(study._names[: len(known)])  # the first ones stay


def test_another_choice_or_source_is_not_taken_for_the_same(app):
    study = app.study
    name, choice, source = made_for(study, WEIGHT)
    other = dataclasses.replace(choice)  # equal, but not the one
    assert study.prepared.known(name, choice, source) is not None
    assert study.prepared.known(name, other, source) is None and study.prepared.known(name, choice, object()) is None


def test_the_subject_of_the_plot_stays_plain_json(app):
    for name in app.study._names:
        app.study.select(name)
        json.dumps(app.plot.subject, allow_nan=False)


def test_material_of_a_selected_tensor_knows_its_own_values(app):
    """What was prepared for one tensor is never shown for another."""
    study = app.study
    known = study.prepared.known(*made_for(study, WEIGHT)).material
    study.select("conv1.weight")
    assert study.wait(60)
    subject = subject_of(study.model, study.state)
    assert material_of(subject, known) is not known and material_of(subject, known).data != known.data
