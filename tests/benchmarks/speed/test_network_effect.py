"""What a choice does to the network: a changed threshold, the first figure, memory, and sensitivity, beside peers.

Peers are what is done without the segment chain: a plain session of one thread, the quantized file written and opened
anew, and one simulation after the other.
"""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.benchmarks.networks import images
from tests.benchmarks.speed.measuring import interleaved, ratio, seconds, timed
from tests.real_networks import inputs, model_path, needs_assets
from workbench.models.model import Model
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.data import as_batches
from workbench.workflow.export.onnx_qdq import write
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe
from workbench.workflow.sensitivity import sensitivity
from workbench.workflow.simulate import Simulator, simulate

ROUNDS = 5


@pytest.fixture
def say(capsys) -> Callable[[str], None]:
    def print_line(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="")

    return print_line


def plain_session(path: Path) -> onnxruntime.InferenceSession:
    """Default options, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def narrower(recipe: Recipe, name: str, factor: float) -> Recipe:
    return recipe.with_tensor(name, low=recipe[name].low * factor, high=recipe[name].high * factor)


def test_one_changed_threshold(resnet50, tmp_path, say):
    model, x = load(resnet50), images(2)
    feeds = {"image": x[:1]}
    recipe = choose(model, calibrate(model, x), clipping="min_max")
    simulator, session = Simulator(model, as_batches(model, [feeds])), plain_session(resnet50)
    names = list(model.observed)

    def rebuilt() -> None:
        write(model, narrower(recipe, names[0], 0.9), tmp_path / "net.onnx")
        plain_session(tmp_path / "net.onnx").run(None, feeds)

    plain, ours, again = [], {name: [] for name in names}, []
    for number in range(ROUNDS):
        for name in names:
            changed = narrower(recipe, name, 0.95 - 0.05 * number)
            simulator.compare(recipe, tensors=False)
            ours[name] += interleaved({"x": timed(lambda c=changed: simulator.compare(c, tensors=False))}, 1)["x"]
            plain += interleaved({"x": timed(lambda: session.run(None, feeds))}, 1)["x"]
        again += interleaved({"x": timed(rebuilt)}, 1)["x"]
        assert simulator.compare(changed, tensors=False).outputs == simulate(model, changed, [feeds]).outputs
    run = seconds(plain)
    for what, middle in (("median", statistics.median), ("least", min)):
        each = [middle(seconds(samples).values) for samples in ours.values()]
        one, rebuild = middle(run.values), middle(seconds(again).values)
        say(
            f"one changed threshold, ResNet-50 size, {what} of {ROUNDS}: mean {statistics.mean(each) / one:.2f}x a "
            f"plain run of {one * 1e3:.1f} ms, last layer {each[-1] / one:.3f}x, rebuilding takes "
            f"{rebuild / statistics.mean(each):.1f}x as long"
        )


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("megabytes", [1000, 200])
def test_memory_and_a_change_where_not_everything_fits(resnet50, say, megabytes):
    n = 48
    model, x = load(resnet50), images(n)
    feeds = [{"image": x[i : i + 1]} for i in range(n)]
    recipe = choose(model, calibrate(model, x[:2]), clipping="min_max")
    model.chain.run(feeds[0])
    before = resident_bytes()
    simulator = Simulator(model, as_batches(model, feeds), cache_bytes=megabytes * 1_000_000)
    peak = 0

    def watch() -> bool:
        nonlocal peak
        peak = max(peak, resident_bytes())
        return False

    start = time.perf_counter()
    simulator.compare(recipe, tensors=False, cancelled=watch)
    first = time.perf_counter() - start
    taken = []
    for name in model.observed[::5]:
        start = time.perf_counter()
        simulator.compare(narrower(recipe, name, 0.9), tensors=False, cancelled=watch)
        taken.append(time.perf_counter() - start)
    assert simulator.cached_bytes <= simulator.cache_bytes
    say(
        f"{n} samples, ResNet-50 size, budget {megabytes} MB: {simulator.cached_bytes / 1e6:.0f} MB kept, resident "
        f"memory {(peak - before) / 1e6:.0f} MB above that before (with weights and sessions); both networks at "
        f"first {first:.1f} s, a change {statistics.mean(taken):.2f} s"
    )


@needs_assets
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_mobilenet"])
def test_the_first_figure_and_one_point_of_agreement(name, say):
    model, data = load(model_path(name)), inputs(name, "eval")[0]
    recipe = choose(model, calibrate(model, inputs(name, "calib")[0][:64]))
    simulator = Simulator(model, as_batches(model, data))
    simulator.compare(recipe, tensors=False)
    middle = model.observed[len(model.observed) // 2]
    start, first, point = time.perf_counter(), None, None
    for step in simulator.progress(narrower(recipe, middle, 0.8)):
        error, now = next(iter(step.outputs.values())), time.perf_counter() - start
        first = first or (now, step.n_samples)
        low, high = error.agreement_interval
        if point is None and (high - low) / 2 <= 0.01:
            point = (now, step.n_samples)
    reached = "not with these samples" if point is None else f"{point[0]:.2f} s ({point[1]} samples)"
    say(
        f"{name}, middle tensor changed: first figure {first[0] * 1e3:.1f} ms ({first[1]} samples), agreement to one "
        f"point {reached}, all {step.n_samples} samples {now:.2f} s: {error.sqnr_db:.2f} +- "
        f"{error.sqnr_error_db:.2f} dB"
    )


def one_by_one(model: Model, recipe: Recipe, data: object, names: list[str], folder: Path) -> None:
    """The file with one quantized tensor written, opened and run on all samples, tensor by tensor."""
    for name in names:
        write(model, Recipe(model.name, model.sha256, {name: recipe[name]}), folder / "one.onnx")
        session = plain_session(folder / "one.onnx")
        for feeds in as_batches(model, data):
            session.run(None, feeds)


def compare_sensitivity(
    model: Model, recipe: Recipe, data: object, folder: Path, say: Callable[[str], None], what: str
) -> None:
    names = list(np.random.default_rng(0).permutation(list(recipe))[:6])
    alone = {name: Recipe(model.name, model.sha256, {name: recipe[name]}) for name in names}
    ranking = sensitivity(model, recipe, data)
    for row in ranking:
        if row.name in alone:
            assert row.error == simulate(model, alone[row.name], data).outputs[ranking.output]
    samples = interleaved(
        {
            "ours": timed(lambda: sensitivity(model, recipe, data, workers=1)),
            "two workers": timed(lambda: sensitivity(model, recipe, data, workers=2)),
            "simulate": timed(lambda: [simulate(model, one, data) for one in alone.values()]),
            "files": timed(lambda: one_by_one(model, recipe, data, names, folder)),
        },
        3,
    )
    share = len(names) / len(recipe)
    ours = seconds(samples["ours"])
    two, others = seconds(samples["two workers"]), ("simulate", "files")
    found = {other: ratio(seconds(samples[other], 1), ours)[0] / share for other in others}
    doubled = {other: ratio(seconds(samples[other], 1), two)[0] / share for other in others}
    say(
        f"sensitivity of {what}, {len(recipe)} tensors alone: {ours.median:.2f} s, {found['simulate']:.1f}x faster "
        f"than one simulation a tensor, {found['files']:.1f}x than a file and a session a tensor; with two workers "
        f"{two.median:.2f} s, {doubled['simulate']:.1f}x and {doubled['files']:.1f}x"
    )


@needs_assets
@pytest.mark.parametrize(("name", "n"), [("cifar10_resnet20", 64), ("cifar10_vit_a", 64), ("cifar10_vit_a", 256)])
def test_sensitivity(name, n, tmp_path, say):
    model = load(model_path(name))
    recipe = choose(model, calibrate(model, inputs(name, "calib")[0][:64]), clipping="min_max")
    data = inputs(name, "eval")[0][:n]
    compare_sensitivity(model, recipe, data, tmp_path, say, f"{name}, {n} samples")


@pytest.mark.parametrize("n", [2, 8])
def test_sensitivity_of_a_large_network(resnet50, n, tmp_path, say):
    model, x = load(resnet50), images(max(n, 2))
    recipe = choose(model, calibrate(model, x[:2]), clipping="min_max")
    feeds = [{"image": x[i : i + 1]} for i in range(n)]
    compare_sensitivity(model, recipe, feeds, tmp_path, say, f"ResNet-50 size, {n} samples")
