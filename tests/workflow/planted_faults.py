"""Faults that people meet, planted at random places of a network: what a diagnosis must find and repair."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from workbench.models.model import Model
from workbench.numerics.statistics.histogram import HistogramBuilder
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration import Calibration
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator

LOSS_DB = 3.0  # a fault doubles the noise at least, or it is none


class Harmless(Exception):
    """Whatever is done at this place, the output hardly notices."""


@dataclass(frozen=True)
class Fault:
    """A network with a fault.

    tensors: where it is. words: what was done. sample: the broken one of calibration. noise: at the output (`Bench`).
    """

    model: Model
    recipe: Recipe
    calibration: Calibration
    tensors: tuple[str, ...]
    words: str
    sample: int | None = None
    noise: float = math.nan


@dataclass(eq=False)
class Bench:
    """A network, its calibration, and samples apart from those that a diagnosis sees, to judge by.

    Judge by many: from 24 samples of cifar10_mobilenet the noise is known to 1 dB only, more than a repair leaves.
    noise is the mean squared error of the first output over its mean square: noise-to-signal power.
    """

    model: Model
    calibration_data: np.ndarray
    judging: np.ndarray
    folder: Path
    _healthy: dict[str, tuple[Recipe, float]] = field(default_factory=dict)

    @cached_property
    def calibration(self) -> Calibration:
        return calibrate(self.model, self.calibration_data)

    def noise(self, model: Model, recipe: Recipe) -> float:
        simulator = Simulator(model, as_batches(model, self.judging), cache_bytes=0)
        sqnr_db = simulator.compare(recipe, tensors=False).outputs[model.outputs[0].name].sqnr_db
        return math.inf if math.isnan(sqnr_db) else 10 ** (-sqnr_db / 10)

    def healthy(self, **options) -> tuple[Recipe, float]:
        """The recipe of some options without a fault, and its noise."""
        key = repr(sorted(options.items()))
        if key not in self._healthy:
            recipe = choose(self.model, self.calibration, **options)
            self._healthy[key] = recipe, self.noise(self.model, recipe)
        return self._healthy[key]


def share_repaired(bench: Bench, fault: Fault, recipe: Recipe, healthy: float) -> float:
    """How much of the noise that a fault caused a recipe takes away. An output that is not finite is noise alone."""
    faulty = min(fault.noise, 1.0 + healthy)
    return (faulty - bench.noise(fault.model, recipe)) / (faulty - healthy)


def growing(bench: Bench, healthy: float, plant: Callable[[float], Fault], strengths) -> Fault:
    """The weakest of the planted faults that is one; raises `Harmless` where none is."""
    for strength in strengths:
        fault = plant(strength)
        noise = bench.noise(fault.model, fault.recipe)
        if noise > healthy * 10 ** (LOSS_DB / 10):
            return dataclasses.replace(fault, noise=noise)
    raise Harmless(fault.words)


def clipped(bench: Bench, rng: np.random.Generator) -> tuple[Fault, float]:
    """A threshold far too small, of a weight or an activation."""
    recipe, healthy = bench.healthy()
    name = str(rng.choice(list(recipe)))

    def plant(factor: float) -> Fault:
        choice = recipe[name]
        low, high = np.multiply(choice.low, factor), np.multiply(choice.high, factor)
        changed = recipe.with_choice(dataclasses.replace(choice, low=low, high=high, method="hand"))
        return Fault(bench.model, changed, bench.calibration, (name,), f"{name} at {factor:g} of its range")

    return growing(bench, healthy, plant, (0.3, 0.15, 0.08, 0.04)), healthy


def stretched(bench: Bench, rng: np.random.Generator) -> tuple[Fault, float]:
    """One broken calibration sample under min_max."""
    recipe, healthy = bench.healthy(clipping="min_max")
    name = str(rng.choice([n for n in recipe if n in bench.calibration]))
    sign = -1.0 if recipe[name].low < 0 and rng.random() < 0.5 else 1.0

    def plant(factor: float) -> Fault:
        whole = bench.calibration[name]
        values = rng.normal(0, whole.absmax / 10, (1, 500)).clip(whole.low, whole.high)
        values[0, :3] = sign * factor * whole.absmax * np.array([1.0, 0.9, 0.8])
        builder = HistogramBuilder()
        builder.add(values.astype(np.float32), 1)
        kept = {**bench.calibration, name: whole + builder.histogram()}
        calibration = Calibration(kept, bench.calibration.n_samples + 1, bench.model.sha256)
        choice = choose_tensor(bench.model, calibration, name, format="int8", method="min_max")
        words = f"{name} with a sample {factor:g} times too large"
        return Fault(bench.model, recipe.with_choice(choice), calibration, (name,), words, bench.calibration.n_samples)

    return growing(bench, healthy, plant, (8, 16, 32, 64)), healthy


def unequal(bench: Bench, rng: np.random.Generator) -> tuple[Fault, float]:
    """One output channel of a weight far larger than the others, undone behind the layer, and one scale for all."""
    recipe, healthy = bench.healthy()
    layers = [layer for layer in bench.model.layers if layer.weight is not None]
    layer = layers[int(rng.integers(len(layers)))]
    channel = rng.random()

    def plant(factor: float) -> Fault:
        weight = bench.model.tensors[layer.weight].array()
        scales = np.ones(weight.shape[layer.weight_axis], np.float32)
        scales[int(channel * scales.size)] = factor
        model = rescaled(bench, layer, out=scales)
        remade = {
            layer.weight: choose_tensor(model, None, layer.weight, format="int8", method="min_max", per_channel=False)
        }
        changed = Recipe(model.name, model.sha256, {**recipe, **remade})
        return Fault(model, changed, bench.calibration, (layer.weight,), f"{layer.weight} a channel {factor:g} times")

    return growing(bench, healthy, plant, (2.0**4, 2.0**6, 2.0**8)), healthy


def coarse(bench: Bench, rng: np.random.Generator) -> tuple[Fault, float]:
    """One tensor with far fewer levels than the others."""
    recipe, healthy = bench.healthy()
    name = str(rng.choice(list(recipe)))

    def plant(format: str) -> Fault:
        choice = choose_tensor(bench.model, bench.calibration, name, format=format)
        return Fault(bench.model, recipe.with_choice(choice), bench.calibration, (name,), f"{name} as {format}")

    return growing(bench, healthy, plant, ("int5", "int4", "int3", "int2")), healthy


def beyond_fp16(bench: Bench, rng: np.random.Generator) -> tuple[Fault, float]:
    """A layer whose input overflows fp16, or whose weights are too small for it; the same function."""
    recipe, healthy = bench.healthy(weights="fp16", activations="fp16")
    layers = [layer for layer in bench.model.layers if layer.weight is not None]
    layer = layers[int(rng.integers(len(layers)))]
    overflow = bool(rng.random() < 0.5)

    def plant(strength: float) -> Fault:
        if overflow:
            factor = 2.0 ** math.ceil(math.log2(strength * 65504 / bench.calibration[layer.inputs[0]].absmax))
            model = rescaled(bench, layer, into=factor)
            name, words = f"{layer.name}.louder", f"input of {layer.name} times {factor:g}"
            calibration = calibrate(model, bench.calibration_data)
            choices = {**recipe, name: dataclasses.replace(recipe[layer.inputs[0]], tensor=name)}
            choices = {n: c for n, c in choices.items() if n in {*model.observed, *weight_names(model)}}
            tensors = (name, layer.weight)
        else:
            factor = 2.0 ** -math.ceil(math.log2(strength * 2.0**14))
            model = rescaled(bench, layer, out=np.float32(factor))
            words, calibration, choices = f"{layer.weight} times {factor:g}", bench.calibration, dict(recipe)
            tensors = (layer.weight,)
        changed = Recipe(model.name, model.sha256, choices)
        return Fault(model, changed, calibration, tensors, words)

    return growing(bench, healthy, plant, (2, 16, 128)), healthy


KINDS = {function.__name__: function for function in (clipped, stretched, unequal, coarse, beyond_fp16)}


def planted(kind: str, bench: Bench, seed: int) -> tuple[Fault, float]:
    """A fault of one kind at a random place where the output notices it, and the noise without it."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    while True:
        try:
            return KINDS[kind](bench, rng)
        except Harmless:
            continue


def rescaled(bench: Bench, layer, *, out=None, into: float = 1.0) -> Model:
    """The network written anew with the weight of a layer times `out` (undone behind it) and its input times `into`.

    out: float32, () or (output channels,). into: a power of two, undone in the weight.
    """
    proto = bench.model.proto()
    graph = proto.graph
    place, node = next((i, n) for i, n in enumerate(graph.node) if n.output[0] == layer.output)
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    along = np.ones((), np.float32) if out is None else np.asarray(out, np.float32)
    weight = numpy_helper.to_array(initializers[layer.weight])
    shape = [-1 if axis == layer.weight_axis else 1 for axis in range(weight.ndim)] if along.ndim else []
    changed = {layer.weight: weight * along.reshape(shape) / np.float32(into)}
    if out is not None:
        if layer.bias is not None:
            changed[layer.bias] = numpy_helper.to_array(initializers[layer.bias]) * along
        back = 1 / along
        if along.ndim and layer.op_type == "Conv":
            back = back.reshape(-1, 1, 1)
        graph.initializer.append(numpy_helper.from_array(np.asarray(back, np.float32), f"{layer.name}.back"))
        node.output[0] = f"{layer.name}.scaled"
        undo = helper.make_node(
            "Mul", [node.output[0], f"{layer.name}.back"], [layer.output], name=f"{layer.name}.undo"
        )
        graph.node.insert(place + 1, undo)
    if into != 1.0:
        graph.initializer.append(numpy_helper.from_array(np.float32(into).reshape(()), f"{layer.name}.factor"))
        louder = helper.make_node(
            "Mul", [layer.inputs[0], f"{layer.name}.factor"], [f"{layer.name}.louder"], name=f"{layer.name}.raise"
        )
        node.input[list(node.input).index(layer.inputs[0])] = f"{layer.name}.louder"
        graph.node.insert(place, louder)
    for name, array in changed.items():
        initializers[name].CopyFrom(numpy_helper.from_array(np.asarray(array, np.float32), name))
    path = bench.folder / f"planted_{len(list(bench.folder.iterdir()))}.onnx"
    onnx.save(proto, path)
    return load(path)
