"""The sweep gives what one simulation after the other gives, goes on where it stopped, and ranks by loss."""

import dataclasses
import itertools
import json
import threading

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.ranking import Ranking
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Runs
from workbench.workflow.sensitivity import sensitivity
from workbench.workflow.sensitivity_cases import AS_CHOSEN, HALF, digest_of, half_of_filters, uniform_choices
from workbench.workflow.simulate import Simulator, quantized_outputs, simulate

DATA = images(40, 9)


@pytest.fixture(scope="module")
def recipe(small, small_calibration):
    return choose(small, small_calibration, residual_adds=True)


def alone(model, choices):
    return Recipe(model.name, model.sha256, {choice.tensor: choice for choice in choices})


def told(model, recipe, **options):
    return simulate(model, recipe, DATA, **options).outputs["logits"]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_tensor_alone_is_a_simulation(small, recipe, workers):
    labels = np.arange(40) % 5
    ranking = sensitivity(small, recipe, DATA, labels=labels, workers=workers)
    assert {row.tensors for row in ranking} == {(name,) for name in recipe} and ranking.complete
    for row in ranking:
        assert row.error == told(small, alone(small, [recipe[row.tensors[0]]]), labels=labels)
        assert row.side == ("weights" if row.name in weight_names(small) else "activations")
        assert row.what == AS_CHOSEN
    losses = [row.sqnr_db for row in ranking]
    assert losses == sorted(losses) and ranking.n_samples == 40


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("cache_bytes", [0, 60_000, 10**9])
@pytest.mark.parametrize("n", [40, 5])
def test_memory_and_workers_change_nothing(small, recipe, n, cache_bytes, workers):
    feeds = [{"image": DATA[i : i + n]} for i in range(0, 40, n)]
    expected = {name: simulate(small, alone(small, [recipe[name]]), feeds).outputs["logits"] for name in recipe}
    ranking = sensitivity(small, recipe, feeds, cache_bytes=cache_bytes, workers=workers)
    assert {row.name: row.error for row in ranking} == expected


def test_workers_run_at_the_same_time_also_where_there_is_one_batch(small, recipe, monkeypatch):
    attempt, meeting = Runs.attempt, threading.Barrier(2, timeout=30)

    def met(*args, **options):
        meeting.wait()  # broken where runs come one after the other
        return attempt(*args, **options)

    recipe = recipe.without(next(iter(recipe)))
    assert len(recipe) == 6  # they meet by twos
    whole = sensitivity(small, recipe, DATA[:20], workers=1)
    monkeypatch.setattr(Runs, "attempt", met)
    assert sensitivity(small, recipe, DATA[:20], workers=2) == whole


@pytest.mark.parametrize("n", [0, 20, 40])
def test_workers_stop_when_told_and_keep_what_is_done(small, recipe, n):
    whole, left = sensitivity(small, recipe, DATA), itertools.count(n, -1)
    part = sensitivity(small, recipe, DATA, workers=3, cancelled=lambda: next(left) < 0)
    errors = {row.key: row.error for row in whole}
    assert not part.complete and all(row.error == errors[row.key] for row in part if row.measured)
    assert sensitivity(small, recipe, DATA, workers=3, resume=part) == whole


def test_what_goes_wrong_in_a_worker_is_said(small, recipe, monkeypatch):
    attempt, calls = Runs.attempt, itertools.count()

    def failing(*args, **options):
        if next(calls) == 7:
            raise WorkbenchError("no more memory")
        return attempt(*args, **options)

    monkeypatch.setattr(Runs, "attempt", failing)
    with pytest.raises(WorkbenchError, match="no more memory"):
        sensitivity(small, recipe, DATA, workers=3)


def test_all_but_one(small, recipe):
    ranking = sensitivity(small, recipe, DATA, direction="all_but")
    assert ranking.base == told(small, recipe)
    for row in ranking:
        assert row.error == told(small, recipe.without(*row.tensors))
    gains = [record["gain_db"] for record in ranking.table()]
    assert gains == sorted(gains, reverse=True)


def test_layer_by_layer_and_side_by_side(small, recipe):
    ranking = sensitivity(small, recipe, DATA, by="layer")
    expected = {}
    for layer in small.layers:
        for side, names in (("weights", (layer.weight,)), ("activations", layer.inputs)):
            names = tuple(name for name in names if name in recipe)
            if names:
                expected.setdefault((side, names), layer.name)
    assert {(row.side, row.tensors): row.name for row in ranking} == expected
    for row in ranking:
        assert row.error == told(small, alone(small, [recipe[name] for name in row.tensors]))
    assert len(ranking.only(side="weights")) == 3


def test_any_set_of_formats(small, small_calibration):
    formats = ["int4", "int8", "fp16", "mxfp4"]
    empty = Recipe(small.name, small.sha256)
    ranking = sensitivity(small, empty, DATA, formats=formats, calibration=small_calibration)
    assert len(ranking) == 4 * (3 + len(small.observed))
    for row in ranking:
        method = {"method": "min_max"} if row.side == "weights" and row.what in ("int8", "fp16") else {}
        choice = choose_tensor(small, small_calibration, row.name, format=row.what, **method)
        assert row.error == told(small, alone(small, [choice]))
    mean = {what: np.mean([row.sqnr_db for row in ranking.only(what=what)]) for what in formats}
    assert mean["int4"] < mean["int8"] < mean["fp16"]
    with pytest.raises(WorkbenchError, match="no calibration"):
        sensitivity(small, empty, DATA, formats=["int8"])


def test_what_cannot_have_a_format_is_named_or_left_out(small, recipe, small_calibration):
    with pytest.raises(WorkbenchError, match="image"):
        uniform_choices(small, recipe, None, "int8")
    refused = {}
    found = uniform_choices(small, recipe, None, "int8", refused=refused)
    assert set(found) == set(weight_names(small)) and "no calibration" in refused["image"]
    assert not set(found) & set(refused)
    with pytest.raises(Cancelled):
        uniform_choices(small, recipe, small_calibration, "int8", cancelled=lambda: True)


def test_equal_choices_make_no_other_case(recipe):
    choice = recipe["relu1_out"]
    assert (
        digest_of([dataclasses.replace(choice)])
        == digest_of([choice])
        != digest_of([dataclasses.replace(choice, high=1.0)])
    )
    assert digest_of([]) == ""


def test_half_of_the_weights_or_filters(small, recipe, tmp_path):
    ranking = sensitivity(small, recipe, DATA, half=["values", "filters"])
    for name in weight_names(small):
        values = next(r for r in ranking.only(what=HALF["values"]) if r.name == name)
        pruned = choose_tensor(small, None, name, format="pruned", sparsity=0.5)
        assert values.error == told(small, alone(small, [pruned]))
        filters = next(r for r in ranking.only(what=HALF["filters"]) if r.name == name)
        weights = half_of_filters(small.tensors[name].array(), 0)
        assert filters.error == with_weights(small, name, weights)
        kept = np.abs(small.tensors[name].array().reshape(len(weights), -1)).sum(axis=1) >= 0
        gone = ~weights.reshape(len(weights), -1).any(axis=1)
        assert gone.sum() == len(weights) // 2 and kept.all()


def with_weights(model, name, weights):
    """The error of a run with other weights, by the plain chain."""
    simulator = Simulator(model, as_batches(model, DATA))
    runs = [model.chain.run(feeds, weights={name: weights})["logits"] for feeds in as_batches(model, DATA)]
    return simulator.error_of("logits", np.concatenate(runs))


def test_the_half_that_goes_is_the_smaller_one():
    weights = np.array([[3.0, -3.0], [1.0, 1.0], [-9.0, 0.0], [0.0, 2.5], [4.0, 4.0]], np.float32)
    np.testing.assert_array_equal(half_of_filters(weights, 0)[:, 0], [3, 0, -9, 0, 4])
    np.testing.assert_array_equal(half_of_filters(weights.T.copy(), 1), half_of_filters(weights, 0).T)
    assert weights[1, 0] == 1.0


def test_the_worst_on_a_few_samples_alone(small, recipe):
    whole, first = sensitivity(small, recipe, DATA), sensitivity(small, recipe, DATA, top=3)
    assert [row.measured for row in first] == [True] * 3 + [False] * (len(whole) - 3) and not first.complete
    few = {row.name: row.sqnr_db for row in sensitivity(small, recipe, DATA[:8])}
    assert {row.name: row.estimated_sqnr_db for row in first} == few
    assert {row.name for row in first if row.measured} == set(sorted(few, key=few.get)[:3])
    errors = {row.name: row.error for row in whole}
    assert all(row.error == errors[row.name] for row in first if row.measured)
    assert all(row.sqnr_db == few[row.name] for row in first if not row.measured)


def test_given_up_and_continued_to_the_same_bits(small, recipe, tmp_path):
    whole = sensitivity(small, recipe, DATA)
    for n in (0, 1, 5, 20, 60, 120, 200):
        left = n

        def cancelled() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        part = sensitivity(small, recipe, DATA, workers=1, cancelled=cancelled)
        runs = []
        assert sensitivity(small, recipe, DATA, resume=part, on_progress=runs.append) == whole
        assert len(runs) == len(whole) - sum(row.measured for row in part)
    path = tmp_path / "ranking.json"
    left = 40
    part = sensitivity(small, recipe, DATA, resume=path, workers=1, cancelled=cancelled)
    assert 0 < sum(row.measured for row in part) < len(whole) and Ranking.load(path) == part
    assert sensitivity(small, recipe, DATA, resume=path) == whole == Ranking.load(path)
    runs.clear()
    assert sensitivity(small, recipe, DATA, resume=path, on_progress=runs.append) == whole and runs == []


def test_only_what_is_still_asked_is_taken_over(small, recipe):
    whole = sensitivity(small, recipe, DATA)
    changed = recipe.with_tensor("relu1_out", low=0.0, high=1.0)
    runs = []
    again = sensitivity(small, changed, DATA, resume=whole, on_progress=runs.append)
    assert [run.total for run in runs] == [1] and again == sensitivity(small, changed, DATA)
    with pytest.raises(WorkbenchError, match="other data"):
        sensitivity(small, recipe, images(40, 10), resume=whole)


def test_progress_tells_the_time_left(small, recipe):
    seen = []
    sensitivity(small, recipe, DATA, on_progress=seen.append)
    assert [p.done for p in seen] == list(range(1, len(recipe) + 1))
    assert [sum(row.measured for row in p.ranking) for p in seen] == [p.done for p in seen]
    assert all(0 < p.share < 1 and p.seconds_left > 0 and " left" in str(p) for p in seen[:-1])
    assert seen[-1].seconds_left == 0 and str(seen[-1]) == f"{len(recipe)} of {len(recipe)} runs"


def test_a_ranking_survives_its_file(small, recipe, tmp_path):
    ranking = sensitivity(small, recipe, DATA, direction="all_but", labels=np.arange(40) % 5)
    assert Ranking.load(ranking.save(tmp_path / "r.json")) == ranking
    assert ranking[0] == list(ranking)[0] and len(ranking.table()) == len(ranking)
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(WorkbenchError, match="no ranking"):
        Ranking.load(tmp_path / "r.json")
    document = {"workbench_ranking": 1, "rows": [{}]}
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(WorkbenchError, match="cannot be read"):
        Ranking.load(tmp_path / "r.json")


def test_a_metric_of_any_number_type_is_saved(small, recipe, tmp_path):
    found = sensitivity(small, recipe, DATA, metric=lambda values, _: np.abs(values).mean(), resume=tmp_path / "r.json")
    assert found.complete and list(Ranking.load(tmp_path / "r.json")) == list(found)


def test_another_metric_is_another_question(small, recipe):
    first, second = (lambda values, _: float(values.mean())), (lambda values, _: float(values.max()))
    found = sensitivity(small, recipe, DATA, metric=first)
    assert sensitivity(small, recipe, DATA, metric=first, resume=found) == found
    for other in (second, None):
        with pytest.raises(WorkbenchError, match="another direction or metric"):
            sensitivity(small, recipe, DATA, metric=other, resume=found)


def test_what_was_resumed_is_not_lost_when_given_up_at_once(small, recipe):
    whole = sensitivity(small, recipe, DATA)
    assert sensitivity(small, recipe, DATA, resume=whole, cancelled=lambda: True) is whole


def test_a_file_that_cannot_be_is_refused_before_the_work(small, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.workflow.sensitivity_sweep.Sweep.noise_model", lambda _: pytest.fail("it began"))
    (tmp_path / "other.json").write_text("{}")
    for path, words in (("none/r.json", "there is no folder"), ("", "is a directory"), ("other.json", "no ranking")):
        with pytest.raises(WorkbenchError, match=words):
            sensitivity(small, recipe, DATA, resume=tmp_path / path)


def test_half_of_a_weight_gains_nothing_by_staying_float(small, recipe):
    rows = sensitivity(small, recipe, DATA, direction="all_but", half=["values"]).table()
    assert {row["gain_db"] is None for row in rows if row["what"] == HALF["values"]} == {True}
    assert {row["gain_db"] is None for row in rows if row["what"] == AS_CHOSEN} == {False}


def test_what_is_refused(small, recipe):
    for options, words in (
        ({"top": -1}, "top=-1"),
        ({"top": 1.5}, "top=1.5"),
        ({"half": "values"}, "expected lists of names"),
        ({"formats": "int8"}, "expected lists of names"),
        ({"direction": "up"}, "direction='up'"),
    ):
        with pytest.raises(WorkbenchError, match=words):
            sensitivity(small, recipe, DATA, **options)
    with pytest.raises(WorkbenchError, match="no output"):
        sensitivity(small, recipe, DATA, output="nothing")
    with pytest.raises(WorkbenchError, match="expected one of tensor, layer"):
        sensitivity(small, recipe, DATA, by="channel")
    with pytest.raises(WorkbenchError, match="take formats out"):
        sensitivity(small, recipe, DATA, direction="all_but", formats=["int8"])


@needs_assets
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_vit_a"])
def test_real_networks_give_the_same_bits(name):
    model = load(model_path(name))
    recipe = choose(model, calibrate(model, inputs(name, "calib")[0][:16]))
    data = inputs(name, "eval")[0][:36]
    ranking = sensitivity(model, recipe, data)
    output = model.outputs[0].name
    plain = load(model_path(name))
    for row in ranking[::4]:
        batches = as_batches(plain, data)
        one = alone(plain, [recipe[n] for n in row.tensors])
        whole = np.concatenate([result[output] for result in quantized_outputs(plain, one, batches)])
        assert dataclasses.asdict(Simulator(plain, batches).error_of(output, whole)) == dataclasses.asdict(row.error)
