"""What the worker computes: plain values from values that do not change. Nothing here knows a study or a widget."""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.errors.error import QuantizationError
from workbench.ui.books import ChoiceBook, Distributions, ErrorBook, default_grouping, default_method, source_of
from workbench.ui.coded import coded_bits, worth_coding
from workbench.ui.sampled import AT_ONCE, SampleBook, needs_samples
from workbench.ui.state import Measured
from workbench.ui.worker import Turn
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration import Calibration
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import NoRange, weight_names
from workbench.workflow.comparison import Comparison
from workbench.workflow.data import Batches
from workbench.workflow.progress import Progress
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator

BETWEEN_FIGURES = 0.25  # seconds from one figure of the network to the next
PAUSE = 0.5  # seconds between partial results, so that the browser is not flooded


@dataclass(frozen=True, eq=False)
class Counted:
    """Distributions so far. whole: whether all batches are counted."""

    calibration: Calibration
    whole: bool


def calibration_job(model: Model, batches: Batches, turn: Turn) -> Counted:
    """Publishes the calibration after the first batch, then about twice a second; returns the whole one."""
    last = [0.0]

    def on_batch(progress: Progress, snapshot: Any) -> None:
        turn.report(progress.done, progress.total, f"calibrating, {progress}")
        if progress.done < progress.total and time.monotonic() - last[0] > PAUSE * min(progress.done, 6):
            turn.publish(Counted(snapshot(), whole=False))
            last[0] = time.monotonic()

    whole = calibrate(model, batches, on_batch=on_batch, cancelled=turn.cancelled)
    return Counted(whole, whole=True)


def default_choices(
    book: ChoiceBook, model: Model, calibration: Distributions | None, names: Iterable[str], turn: Turn | None = None
) -> tuple[list[TensorChoice], list[str]]:
    """(int8 choices, why tensors were left out), with the defaults of `choose`."""
    choices, left_out = [], []
    weights = set(weight_names(model))
    for name in names:
        if turn is not None and turn.cancelled():
            raise Cancelled
        is_weight = name in weights
        method = default_method(is_weight, "int8")
        try:
            choices.append(book.choose(calibration, name, format="int8", method=method, **default_grouping(is_weight)))
        except NoRange as missing:
            left_out.append(str(missing))
    return choices, left_out


@dataclass(frozen=True, eq=False)
class Figures:
    """Of some tensors at one moment. errors: tensor -> error. coded_bits: tensor -> entropy-coded bits a value."""

    errors: Mapping[str, QuantizationError]
    coded_bits: Mapping[str, float]


def errors_job(
    book: ErrorBook,
    samples: SampleBook,
    model: Model,
    recipe: Recipe,
    calibration: Distributions | None,
    names: Iterable[str],
    turn: Turn,
) -> Figures:
    """The error of every named tensor of which something is known; published now and then.

    Activations whose error must be measured come last: the network runs for them.
    """
    errors: dict[str, QuantizationError] = {}
    coded: dict[str, float] = {}
    last = time.monotonic()

    def look(name: str) -> None:
        nonlocal last
        if turn.cancelled():
            raise Cancelled
        choice, source = recipe.choices.get(name), source_of(model, calibration, name)
        error = book.error(name, choice, source, whole=False)
        if error is not None:
            errors[name] = error
        if worth_coding(choice) and source is not None:
            bits = coded_bits(model, choice, source)
            if bits is not None:
                coded[name] = bits
        if time.monotonic() - last > PAUSE:
            turn.publish(Figures(dict(errors), dict(coded)))
            last = time.monotonic()

    everything = tuple(names)
    for name in everything:
        look(name)
    late = [n for n in everything if n not in errors and needs_samples(recipe.choices.get(n))]
    for start in range(0, len(late) if samples.has_data else 0, AT_ONCE):
        samples.read(late[start : start + AT_ONCE], turn.cancelled)
        for name in late[start : start + AT_ONCE]:
            look(name)
    return Figures(errors, coded)


class Network:
    """Compares recipes with the float network: on a few samples at once, then on more and more.

    A run begins where its recipe differs from the one before; what it begins with is kept within `cache_bytes`.
    """

    def __init__(
        self, model: Model, batches: Batches, labels: np.ndarray | None, cache_bytes: int = 1_000_000_000
    ) -> None:
        self.n_samples = batches.n_samples
        self._simulator = Simulator(model, batches, labels, cache_bytes=cache_bytes)

    def compare(self, recipe: Recipe, turn: Turn) -> None:
        """Publishes a `Measured` after the first samples, then now and then, and when all are in."""
        by_size: dict[int, Comparison] = {}
        last = -math.inf
        for comparison in self._simulator.progress(recipe, tensors=True, cancelled=turn.cancelled):
            by_size = {**by_size, comparison.n_samples: comparison}
            if comparison.complete or time.monotonic() - last > BETWEEN_FIGURES:
                turn.publish(Measured(recipe, by_size, self.n_samples))
                last = time.monotonic()


def size_bytes(model: Model, recipe: Recipe, coded_bits: Mapping[str, float] | None = None) -> tuple[int, int, int]:
    """(float, chosen, coded): bytes of all weights, biases and other float constants, scales and levels included.

    coded: with the tensors of `coded_bits` (bits a value) entropy-coded, their code tables left out.
    """
    float_size = chosen_size = coded_size = 0
    for name, tensor in model.tensors.items():
        if tensor.values is None or tensor.kind not in ("weight", "bias"):
            continue
        n = int(tensor.values.size)
        choice = recipe.choices.get(name)
        bits, extra = 32.0, 0
        if choice is not None:
            format = choice.variation
            bits = format.bits + (8 / format.block_size if format.block_size else 0)
            extra = 5 * choice.quantizer.n_groups if format.has_scale else 4 * len(choice.levels or ())
        float_size += 4 * n
        chosen_size += math.ceil(n * bits / 8) + extra
        coded_size += math.ceil(n * min(bits, (coded_bits or {}).get(name, bits)) / 8) + extra
    return float_size, chosen_size, coded_size


def layer_tensors(model: Model) -> tuple[str, ...]:
    """Every tensor that a layer can be quantized by: its weight and what it reads, once each, in layer order."""
    names: dict[str, None] = {}
    known: Mapping[str, Any] = model.tensors
    for layer in model.layers:
        for name in (layer.weight, *layer.inputs):
            if name is not None and name in known:
                names[name] = None
    return tuple(names)
