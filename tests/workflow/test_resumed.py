"""Runs that begin in the middle give the numbers of a fresh simulation, bit for bit, whatever was kept before."""

import dataclasses

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.models.segments import Cancelled, SegmentChain
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import FIRST_LOOK
from workbench.workflow.simulate import Simulator, quantized_outputs, simulate

N = 100
BUDGETS = [0, 30_000, 200_000, 1_000_000_000]


def recipes_of_many_kinds(model, calibration) -> list[Recipe]:
    """Each differs from the one before in one thing, in many, or in everything."""
    int8 = choose(model, calibration)
    name, weight = model.observed[-1], weight_names(model)[-1]
    middle, half = model.observed[len(model.observed) // 2], weight_names(model)[len(model.layers) // 3]
    adds = choose(model, calibration, activations="uint8", residual_adds=True)
    sample = choose_tensor(model, calibration, middle, format="uint8", dynamic="sample")
    return [
        int8,
        int8.with_tensor(name, low=0.0, high=1.5, symmetric=False),
        int8.with_tensor(middle, low=-0.5, high=1.0, symmetric=False),
        int8.with_choice(sample),
        int8.with_choice(choose_tensor(model, calibration, name, format="int8", dynamic="batch")),
        int8.without(weight),
        int8.without(middle),
        int8.with_choice(choose_tensor(model, None, half, format="int4")),
        int8.with_choice(choose_tensor(model, None, half, format="pruned", sparsity=0.4)),
        int8.with_note(weight, "nothing else"),
        adds,
        adds.with_tensor(model.residual_inputs[-1], low=-1.0, high=1.0) if model.residual_inputs else adds,
        adds.without(*model.residual_inputs[:1]),
        choose(model, calibration, symmetric=True, per_channel=False),
        choose(model, calibration, weights="fp16", activations="fp16"),
        choose(model, calibration, weights="mxfp8_e4m3", activations="mxint8"),
        choose(model, calibration, weights="int8", activations=None),
        choose(model, calibration, weights=None, activations="uint8", clipping="percentile"),
        choose(model, calibration, weights="int8", activations="int8", rounding="stochastic"),
        Recipe(model.name, model.sha256),
        int8,
    ]


@pytest.fixture(scope="module")
def fresh(small, small_calibration):
    """(recipe, what a fresh simulation says) for each recipe."""
    return [(r, simulate(small, r, images(N, 9))) for r in recipes_of_many_kinds(small, small_calibration)]


@pytest.mark.parametrize("cache_bytes", BUDGETS)
@pytest.mark.parametrize("tensors", [True, False])
def test_one_after_the_other_they_are_those_of_a_fresh_simulation(small, fresh, cache_bytes, tensors):
    simulator = Simulator(small, as_batches(small, images(N, 9)), cache_bytes=cache_bytes)
    for recipe, expected in fresh:
        found = simulator.compare(recipe, tensors=tensors)
        assert found == (expected if tensors else dataclasses.replace(expected, tensors={}))
        assert simulator.cached_bytes <= cache_bytes


def test_in_random_order_with_and_without_tensors(small, fresh):
    rng = np.random.default_rng(3)
    simulator = Simulator(small, as_batches(small, images(N, 9)), cache_bytes=150_000)
    for number in rng.integers(len(fresh), size=40):
        recipe, expected = fresh[number]
        if rng.random() < 0.3:
            simulator.cache_bytes = int(rng.integers(400_000))
        found = simulator.compare(recipe, tensors=bool(number % 2))
        assert found.outputs == expected.outputs
        assert not found.tensors or found.tensors == expected.tensors


def test_progress_ends_with_the_comparison_of_all_samples(small, fresh):
    simulator = Simulator(small, as_batches(small, images(N, 9)))
    for recipe, expected in fresh[:6]:
        steps = list(simulator.progress(recipe, tensors=True))
        assert [step.n_samples for step in steps] == [FIRST_LOOK, 32, 64, N]
        assert [step.complete for step in steps] == [False, False, False, True]
        assert steps[-1] == expected
        for step in steps:
            assert step.outputs == simulate(small, recipe, images(N, 9)[: step.n_samples]).outputs


def test_progress_of_feeds_has_no_first_look(small, fresh):
    feeds = [{"image": images(N, 9)[i : i + 4]} for i in range(0, 40, 4)]
    steps = list(Simulator(small, as_batches(small, feeds)).progress(fresh[0][0]))
    assert [step.n_samples for step in steps] == [4, 8, 16, 32, 40]


def started_at(monkeypatch) -> list[int]:
    """Where each run of a chain begins, from now on."""
    starts: list[int] = []
    run = SegmentChain.run

    def noting(self, feeds, **options):
        starts.append(options.get("start", 0))
        return run(self, feeds, **options)

    monkeypatch.setattr(SegmentChain, "run", noting)
    return starts


def test_a_change_begins_where_its_tensor_is_read(small, fresh, monkeypatch):
    simulator = Simulator(small, as_batches(small, images(N, 9)))
    recipe = fresh[0][0]
    simulator.compare(recipe)
    starts = started_at(monkeypatch)
    for name in small.observed:
        changed = recipe.with_tensor(name, low=-0.7, high=0.9, symmetric=False)
        for step in (changed, recipe):
            starts.clear()
            simulator.compare(step)
            assert set(starts) == {small.chain.segment_reading(name)} and len(starts) == 4
    starts.clear()
    simulator.compare(recipe.with_note("conv1.weight", "mine"))
    assert starts == []  # nothing is different


def test_a_change_of_a_threshold_builds_no_session(small, fresh):
    simulator = Simulator(small, as_batches(small, images(N, 9)))
    recipe = fresh[0][0]
    simulator.compare(recipe)
    built = small.chain.n_built
    for high in (0.5, 1.0, 1.5):
        simulator.compare(recipe.with_tensor("relu1_out", low=0.0, high=high, symmetric=False))
    assert small.chain.n_built == built  # the bias of its reader follows the scale, as an input


def test_given_up_in_the_middle_it_goes_on_right(small, fresh):
    simulator = Simulator(small, as_batches(small, images(N, 9)))
    rng = np.random.default_rng(5)
    for recipe, _ in fresh[::-1]:
        left = int(rng.integers(30))

        def cancelled() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        try:
            simulator.compare(recipe, cancelled=cancelled)
        except Cancelled:
            assert left < 0
    for recipe, expected in fresh:
        assert simulator.compare(recipe) == expected


def test_another_comparison_inside_cancelled_disturbs_nothing(small, fresh):
    simulator = Simulator(small, as_batches(small, images(N, 9)))
    inner = iter(fresh[1:] * 3)
    calls = 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        if calls % 5 == 0:
            recipe, expected = next(inner)
            assert simulator.compare(recipe) == expected
        return False

    for recipe, expected in fresh[:4]:
        assert simulator.compare(recipe, cancelled=cancelled) == expected
    assert calls > 40


def test_a_trial_leaves_the_last_recipe_in_place(small, fresh, monkeypatch):
    simulator = Simulator(small, as_batches(small, images(N, 9)))
    recipe, expected = fresh[0]
    simulator.compare(recipe)
    for other, told in fresh:
        assert simulator.trial(simulator.settings(other)).outputs == told.outputs
    starts = started_at(monkeypatch)
    assert simulator.compare(recipe) == expected and starts == []


def test_preparing_moves_the_place_to_resume_at(small, fresh, monkeypatch):
    size = 32 * 6 * 8 * 8 * 4
    simulator = Simulator(small, as_batches(small, images(64, 9)), cache_bytes=int(2 * 2 * size / 0.25 / 0.75))
    recipe = fresh[0][0]
    simulator.compare(recipe, tensors=False)
    segment = small.chain.segment_reading("relu1_out")
    simulator.prepare(segment)
    starts = started_at(monkeypatch)
    other = recipe.with_tensor("relu1_out", low=0.0, high=0.6, symmetric=False)
    assert simulator.trial(simulator.settings(other)).outputs == simulate(small, other, images(64, 9)).outputs
    assert starts[:2] == [segment] * 2


def test_labels_and_a_metric_of_ones_own_follow(small, fresh):
    labels = np.arange(N) % 5
    seen = []

    def metric(values, truth):
        seen.append((values.shape[0], truth.size))
        return float(values[:, 0].sum())

    simulator = Simulator(small, as_batches(small, images(N, 9)), labels, metric=metric)
    for step in simulator.progress(fresh[0][0]):
        out = step.outputs["logits"]
        told = simulate(small, fresh[0][0], images(N, 9)[: step.n_samples], labels=labels).outputs["logits"]
        assert (out.accuracy, out.accuracy_interval) == (told.accuracy, told.accuracy_interval)
        assert out.metric is not None
    assert all(n == m for n, m in seen) and {n for n, _ in seen} == {FIRST_LOOK, 32, 64, N}


@needs_assets
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_mobilenet", "cifar10_vit_a", "imagenet_squeezenet"])
def test_real_networks_give_the_same_bits(name):
    n = {"imagenet_squeezenet": 2, "cifar10_resnet20": 12}.get(name, 36)
    model, data = load(model_path(name)), inputs(name, "eval")[0][:n]
    recipes = recipes_of_many_kinds(model, calibrate(model, inputs(name, "calib")[0][:16]))
    simulator = Simulator(model, as_batches(model, data), cache_bytes=30_000_000)
    for recipe in recipes:
        found = simulator.compare(recipe)
        batches = as_batches(model, data)
        whole = [result[model.outputs[0].name] for result in quantized_outputs(model, recipe, batches)]
        error = simulator.error_of(model.outputs[0].name, np.concatenate(whole))
        assert error == found.outputs[model.outputs[0].name]
    assert simulator.compare(recipes[1]) == simulate(model, recipes[1], data)
    assert simulator.cached_bytes <= 30_000_000
