"""What a choice does to the network: a changed threshold, the first figure, memory, and sensitivity, beside peers.

Peers are what is done without the segment chain: a plain session of one thread; the quantized file written and opened
anew, by our own writer (as it is deployed, or so that it computes the same numbers) and by onnxruntime's
`quantize_static` with the same ranges; and one simulation after the other.
"""

import ctypes
import gc
import json
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
from workbench.ui.topics.effect import Network
from workbench.ui.worker import Turn
from workbench.workflow.batches import Batches
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.comparison import Comparison
from workbench.workflow.data import as_batches
from workbench.workflow.export.exporting import export
from workbench.workflow.export.onnx_qdq import write
from workbench.workflow.export.target import Order
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


def plain_session(path: Path, *, as_simulated: bool = False) -> onnxruntime.InferenceSession:
    """Default options, one thread. as_simulated: the options under which a file computes what was simulated."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    if as_simulated:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def quantize_static(model: Model, recipe: Recipe, folder: Path) -> tuple[str, dict[str, str]]:
    """onnxruntime's own tool with the recipe's ranges: what is executed, and the paths that it reads and writes."""
    path = folder / "ranges.json"
    export(model, recipe, path, target="ort_overrides", network=True)
    document = json.loads(path.read_text(encoding="utf-8"))
    paths = {"path": path, "network": folder / document["network"], "output": folder / "theirs.onnx"}
    return "\n".join(document["call"]), {name: str(one) for name, one in paths.items()}


def narrower(recipe: Recipe, name: str, factor: float) -> Recipe:
    return recipe.with_tensor(name, low=recipe[name].low * factor, high=recipe[name].high * factor)


def test_one_changed_threshold(resnet50, tmp_path, say):
    model, x = load(resnet50), images(2)
    feeds = {"image": x[:1]}
    recipe = choose(model, calibrate(model, x), clipping="min_max")
    simulator, session = Simulator(model, as_batches(model, [feeds])), plain_session(resnet50)
    names = list(model.observed)

    def rebuilt(as_simulated: bool) -> None:
        write(Order(model, narrower(recipe, names[0], 0.9)), tmp_path / "net.onnx")
        plain_session(tmp_path / "net.onnx", as_simulated=as_simulated).run(None, feeds)

    call, variables = quantize_static(model, recipe, tmp_path)

    def rebuilt_by_the_tool() -> None:
        exec(call, dict(variables))
        plain_session(variables["output"]).run(None, feeds)

    peers = {
        "our writer and a session": timed(lambda: rebuilt(False)),
        "a session with the same numbers": timed(lambda: rebuilt(True)),
        "quantize_static with these ranges and a session": timed(rebuilt_by_the_tool),
    }
    plain, ours, again = [], {name: [] for name in names}, {peer: [] for peer in peers}
    for number in range(ROUNDS):
        for name in names:
            changed = narrower(recipe, name, 0.95 - 0.05 * number)
            simulator.compare(recipe, tensors=False)
            ours[name] += interleaved({"x": timed(lambda c=changed: simulator.compare(c, tensors=False))}, 1)["x"]
            plain += interleaved({"x": timed(lambda: session.run(None, feeds))}, 1)["x"]
        for peer, samples in interleaved(peers, 1).items():
            again[peer] += samples
        assert simulator.compare(changed, tensors=False).outputs == simulate(model, changed, [feeds]).outputs
    run = seconds(plain)
    for what, middle in (("median", statistics.median), ("least", min)):
        each = [middle(seconds(samples).values) for samples in ours.values()]
        one, mean = middle(run.values), statistics.mean(each)
        others = {peer: middle(seconds(samples).values) for peer, samples in again.items()}
        slower = ", ".join(f"{peer} {x * 1e3:.0f} ms ({x / mean:.1f}x)" for peer, x in others.items())
        say(
            f"one changed threshold, ResNet-50 size, {what} of {ROUNDS}: mean {mean * 1e3:.1f} ms = {mean / one:.2f}x "
            f"a plain run of {one * 1e3:.1f} ms, last layer {each[-1] / one:.3f}x; rebuilding: {slower}"
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


class Watched:
    """Gives the app's job its turn: notes when each figure came, and the most memory in use meanwhile."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, Comparison]] = []
        self.peak, start = 0, time.perf_counter()
        self.turn = Turn(
            lambda measured: self.seen.append((time.perf_counter() - start, measured.comparison)),
            self.look,
            lambda *_: None,
        )

    def look(self) -> bool:
        self.peak = max(self.peak, resident_bytes())
        return False


def half_width(comparison: Comparison) -> float:
    low, high = next(iter(comparison.outputs.values())).agreement_interval
    return (high - low) / 2


def first_figures(model: Model, recipe: Recipe, batches: Batches, what: str, say: Callable[[str], None]) -> None:
    """What the app's own job does after the middle tensor has changed."""
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)  # what earlier tests left is not ours
    before, network, fresh = resident_bytes(), Network(model, batches), Watched()
    network.compare(recipe, fresh.turn)
    watched = Watched()
    network.compare(narrower(recipe, model.observed[len(model.observed) // 2], 0.8), watched.turn)
    point = next(((when, one.n_samples) for when, one in watched.seen if half_width(one) <= 0.01), None)
    reached = "not with these samples" if point is None else f"{point[0]:.2f} s ({point[1]} samples)"
    (first, least), (last, whole) = watched.seen[0], watched.seen[-1]
    error, kept = next(iter(whole.outputs.values())), network.simulator.cached_bytes
    peak, budget = max(fresh.peak, watched.peak) - before, network.simulator.cache_bytes
    assert kept <= budget
    say(
        f"{what}, middle tensor changed: first figure {first * 1e3:.0f} ms ({least.n_samples} samples), agreement to "
        f"one point {reached}, all {whole.n_samples} samples {last:.2f} s: {error.sqnr_db:.2f} +- "
        f"{error.sqnr_error_db:.2f} dB; {kept / 1e6:.0f} MB kept of {budget / 1e6:.0f}, peak {peak / 1e6:.0f} MB above "
        "that before (with weights and sessions)"
    )


@needs_assets
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_mobilenet", "imagenet_squeezenet"])
def test_the_first_figure_and_one_point_of_agreement(name, say):
    model, data = load(model_path(name)), inputs(name, "eval")[0]
    recipe = choose(model, calibrate(model, inputs(name, "calib")[0][:64]))
    first_figures(model, recipe, as_batches(model, data), name, say)


@pytest.mark.parametrize("batch_size", [1, 32])
def test_the_first_figure_of_a_large_network(resnet50, batch_size, say):
    model, x = load(resnet50), images(64)
    recipe = choose(model, calibrate(model, x[:2]), clipping="min_max")
    first_figures(
        model, recipe, as_batches(model, x).recut(batch_size), f"ResNet-50 size, batches of {batch_size}", say
    )


def one_by_one(model: Model, recipe: Recipe, data: object, names: list[str], folder: Path) -> None:
    """The file with one quantized tensor written, opened and run on all samples, tensor by tensor."""
    for name in names:
        write(Order(model, Recipe(model.name, model.sha256, {name: recipe[name]})), folder / "one.onnx")
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
