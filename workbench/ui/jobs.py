"""What the worker computes: plain values from values that do not change. Nothing here knows a study or a widget."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.books import (
    ChoiceBook,
    Distributions,
    ErrorBook,
    Source,
    default_grouping,
    default_method,
    error_of,
    source_of,
)
from workbench.ui.state import Measured, TensorDetails
from workbench.ui.threshold.groups import Groups
from workbench.ui.worker import Turn
from workbench.workflow.calibrate import Calibration, calibrate
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import NoRange, weight_names
from workbench.workflow.comparison import Comparison
from workbench.workflow.data import Batches
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator

FIRST_LOOK = 64  # samples of the first figure of the network
PAUSE = 0.5  # seconds between partial results, so that the browser is not flooded
MOST_SEARCHED_GROUPS = 8  # entropy looks at every threshold of every group
ALWAYS_SHOWN = ("fp32", "fp16", "bf16", "int8")


@dataclass(frozen=True, eq=False)
class Counted:
    """Distributions after `done` of `total` batches."""

    calibration: Calibration
    done: int
    total: int


def calibration_job(model: Model, batches: Batches, turn: Turn) -> Counted:
    """Publishes the calibration after the first batch, then about twice a second; returns the whole one."""
    last = [0.0]

    def on_batch(done: int, total: int, snapshot: Any) -> None:
        turn.report(done, total)
        if done < total and time.monotonic() - last[0] > PAUSE * min(done, 6):
            turn.publish(Counted(snapshot(), done, total))
            last[0] = time.monotonic()

    whole = calibrate(model, batches, on_batch=on_batch, cancelled=turn.cancelled)
    return Counted(whole, batches.n_batches, batches.n_batches)


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


def errors_job(
    book: ErrorBook, model: Model, recipe: Recipe, calibration: Distributions | None, names: Iterable[str], turn: Turn
) -> dict[str, QuantizationError]:
    """The error of every named tensor of which something is known; published now and then."""
    errors: dict[str, QuantizationError] = {}
    last = time.monotonic()
    for name in names:
        if turn.cancelled():
            raise Cancelled
        source = source_of(model, calibration, name)
        error = book.error(name, recipe.choices.get(name), source, whole=False)
        if error is not None:
            errors[name] = error
        if time.monotonic() - last > PAUSE:
            turn.publish(dict(errors))
            last = time.monotonic()
    return errors


def details_job(
    book: ChoiceBook, model: Model, recipe: Recipe, calibration: Distributions | None, name: str, turn: Turn
) -> TensorDetails:
    """Marks of all methods and the error in every format; what is always in sight is published first."""
    choice = recipe.choices.get(name)
    source = source_of(model, calibration, name)
    details = TensorDetails(name, choice, source)
    if source is None:
        return details
    sqnr: dict[str, float | None] = {}

    def try_formats(names: Iterable[str]) -> None:
        for format in names:
            if turn.cancelled():
                raise Cancelled
            sqnr[format] = _sqnr_in(book, model, calibration, name, format, choice, source)

    def so_far(**parts: Any) -> TensorDetails:
        return TensorDetails(name, choice, source, sqnr_db=dict(sqnr), **parts)

    try_formats(ALWAYS_SHOWN)
    reference = _reference(book, model, calibration, choice, source)
    turn.publish(so_far(reference=reference))
    marks = _marks(book, model, calibration, choice, source, turn)
    turn.publish(so_far(reference=reference, marks=marks))
    try_formats(sorted((f for f in FORMATS if f not in sqnr), key=lambda f: FORMATS[f].bits))
    return so_far(reference=reference, marks=marks)


def _sqnr_in(
    book: ChoiceBook,
    model: Model,
    calibration: Distributions | None,
    name: str,
    format: str,
    choice: TensorChoice | None,
    source: Source,
) -> float | None:
    try:
        chosen = book.reformatted(calibration, name, format, choice)
        return error_of(model, name, chosen, source, whole=False).sqnr_db
    except WorkbenchError:
        return None


def _reference(
    book: ChoiceBook, model: Model, calibration: Distributions | None, choice: TensorChoice | None, source: Source
) -> QuantizationError | None:
    """What min-max would give in the same format and grouping; None where nothing is clipped or estimated."""
    if choice is None or not FORMATS[choice.format].has_scale:
        return None
    return error_of(model, choice.tensor, book.again(calibration, choice, method="min_max"), source)


def _marks(
    book: ChoiceBook,
    model: Model,
    calibration: Distributions | None,
    choice: TensorChoice | None,
    source: Source,
    turn: Turn,
) -> dict[str, tuple[float, float]]:
    """Clipping method -> the range it would choose."""
    marks: dict[str, tuple[float, float]] = {}
    if choice is None or not FORMATS[choice.format].has_scale:
        return marks
    n_groups = choice.quantizer.n_groups
    for method in CLIPPING:
        if turn.cancelled():
            raise Cancelled
        if method == "entropy" and n_groups > MOST_SEARCHED_GROUPS:
            continue
        chosen = book.again(calibration, choice, method=method)
        if choice.quantizer.axis is None:
            marks[method] = (float(chosen.low), float(chosen.high))
        else:
            ratio = median_ratio(model.tensors[choice.tensor].array(), chosen)
            marks[method] = (-ratio, ratio)
    return marks


def median_ratio(array: np.ndarray, choice: TensorChoice) -> float:
    """Of a grouped choice: how much of its own largest magnitude the middle group keeps."""
    groups = Groups.of(array, choice.quantizer)
    ends = np.maximum(np.abs(np.asarray(choice.low, np.float64)), np.abs(np.asarray(choice.high, np.float64)))
    kept = groups.largest > 0
    return float(np.median(np.ravel(ends)[kept] / groups.largest[kept])) if kept.any() else 1.0


class Network:
    """Compares recipes with the float network: first on a few samples, then on all. Float outputs are kept."""

    def __init__(self, model: Model, batches: Batches, labels: np.ndarray | None) -> None:
        sizes = [FIRST_LOOK] if batches.n_samples > 2 * FIRST_LOOK else []
        self.n_samples = batches.n_samples
        parts = [batches.first(size) for size in sizes] + [batches]
        budget = 1_000_000_000 // len(parts)
        self._simulators = [Simulator(model, part, labels, cache_bytes=budget) for part in parts]

    def compare(self, recipe: Recipe, turn: Turn) -> None:
        """Publishes a `Measured` after each part."""
        by_size: dict[int, Comparison] = {}
        for simulator in self._simulators:
            comparison = simulator.compare(recipe, cancelled=turn.cancelled)
            by_size = {**by_size, comparison.n_samples: comparison}
            turn.publish(Measured(recipe, by_size, self.n_samples))


def size_bytes(model: Model, recipe: Recipe) -> tuple[int, int]:
    """(float, chosen): bytes of all weights, biases and other float constants, scales and zero points included."""
    float_size = chosen_size = 0
    for name, tensor in model.tensors.items():
        if tensor.values is None or tensor.kind not in ("weight", "bias"):
            continue
        n = int(tensor.values.size)
        float_size += 4 * n
        choice = recipe.choices.get(name)
        if choice is None:
            chosen_size += 4 * n
        else:
            bits = FORMATS[choice.format].bits
            scales = 5 * choice.quantizer.n_groups if FORMATS[choice.format].has_scale else 0
            chosen_size += (n * bits + 7) // 8 + scales
    return float_size, chosen_size


def layer_tensors(model: Model) -> tuple[str, ...]:
    """Every tensor that a layer can be quantized by: its weight and what it reads, once each, in layer order."""
    names: dict[str, None] = {}
    known: Mapping[str, Any] = model.tensors
    for layer in model.layers:
        for name in (layer.weight, *layer.inputs):
            if name is not None and name in known:
                names[name] = None
    return tuple(names)
