"""What the worker computes: plain values from values that do not change. Nothing here knows a study or a widget."""

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.errors.error import QuantizationError
from workbench.ui.books import ChoiceBook, Distributions, ErrorBook, source_of
from workbench.ui.coded import coded_bits, worth_coding
from workbench.ui.sampled import AT_ONCE, SampleBook, needs_samples
from workbench.ui.worker import Turn
from workbench.workflow.batches import Batches
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration import Calibration
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import NoRange
from workbench.workflow.progress import Progress
from workbench.workflow.recipe import Recipe

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


@dataclass(frozen=True, eq=False)
class Recalibrated:
    """A calibration without some samples. choices: (the choice of an activation, the same with a range chosen anew)."""

    calibration: Calibration
    choices: tuple[tuple[TensorChoice, TensorChoice], ...]


def recalibration_job(
    model: Model, batches: Batches, book: ChoiceBook, recipe: Recipe, words: str, turn: Turn
) -> Recalibrated:
    """Calibrates and chooses the ranges of activations anew, those that a method chose. words: for the status line."""

    def on_batch(progress: Progress, _snapshot: Any) -> None:
        turn.report(progress.done, progress.total, f"{words}, {progress}")

    calibration = calibrate(model, batches, on_batch=on_batch, cancelled=turn.cancelled)
    choices: list[tuple[TensorChoice, TensorChoice]] = []
    for name, choice in recipe.items():
        if turn.cancelled():
            raise Cancelled
        if name in calibration and choice.method in CLIPPING and choice.dynamic is None and choice.variation.has_scale:
            with contextlib.suppress(NoRange):  # nothing finite is left of it: it keeps the range that it has
                choices.append((choice, book.again(calibration, choice)))
    return Recalibrated(calibration, tuple(choices))


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


def layer_tensors(model: Model) -> tuple[str, ...]:
    """Every tensor that a layer can be quantized by: its weight and what it reads, once each, in layer order."""
    names: dict[str, None] = {}
    known: Mapping[str, Any] = model.tensors
    for layer in model.layers:
        for name in (layer.weight, *layer.inputs):
            if name is not None and name in known:
                names[name] = None
    return tuple(names)
