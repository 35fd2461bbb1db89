"""Judges of lesson 10, research: a format, a method, sweeps as arrays, a difference of recipes, a figure."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from workbench.demo import data, model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import close, not_this, number, text, whole
from workbench.numerics.clipping.aciq import laplace_alpha
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.sweep import sweep
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.formats.catalogue import FORMATS, as_format
from workbench.numerics.formats.codebook import format_from_levels
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import simulate

TENSOR = "blocks.1.project.conv.weight"
SQUARES = [i * abs(i) for i in range(-7, 8)]
NEAR_DB = 0.1
BITS = range(2, 7)


def sqnr(values: Distribution, format: Format | str) -> float:
    """dB of a format at its threshold of least error, as the lesson has it; k-means levels are fitted."""
    fitted = as_format(format)
    fitted = fit_codebook(fitted, values) if fitted.needs_values else fitted
    found = CLIPPING["least_error"](values, fitted)
    return expected_error(values, Quantizer.covering(fitted, found.low, found.high)).sqnr_db


@cache
def weights() -> dict[str, SortedSums]:
    """The weights that `choose` quantizes, by name."""
    network = model()
    names = [name for name in choose(network, None, activations=None) if name.endswith(".weight")]
    return {name: network.tensors[name].distribution() for name in names}


@cache
def grid(family: str) -> np.ndarray:
    """float64 (layers, bits): dB of the formats of a family, "int{}", at 2 to 6 bits."""
    return np.array([[sqnr(values, family.format(bits)) for bits in BITS] for values in weights().values()])


def gains() -> np.ndarray:
    """float64 (layers,): dB that k-means gains over uniform levels at 4 bits."""
    at = BITS.index(4)
    return np.asarray((grid("kmeans{}") - grid("int{}"))[:, at])


def slope(family: str) -> float:
    """dB a bit of the mean over the layers, by a straight line."""
    return float(np.polyfit(BITS, grid(family).mean(axis=0), 1)[0])


@cache
def output_db(format: str) -> float:
    """Output SQNR in dB with all weights in a format and the activations in float."""
    network = model()
    recipe = choose(network, None, weights=format, activations=None)
    return simulate(network, recipe, data()[1]).outputs["logits"].sqnr_db


@cache
def output_db_of_squares() -> float:
    """The same for the lesson's own format, which is registered for as long as that takes."""
    own = format_from_levels("squares_of_lesson_10", SQUARES)
    FORMATS.register(own, replace=True)
    try:
        return output_db(own.name)
    finally:
        FORMATS.unregister(own.name)


@cache
def recipes() -> tuple[Recipe, Recipe]:
    """Two recipes that differ in the method; which tensors take one does not depend on whose it is."""
    network = model()
    calibration = calibrate(network, data()[0])
    return choose(network, calibration), choose(network, calibration, clipping="percentile")


def samples() -> list[SortedSums]:
    """Values with a Laplace distribution that methods are tried on: small, large, and not around zero."""
    random = np.random.default_rng(10)
    drawn = [random.laplace(loc, scale, 4000) for loc, scale in ((0.0, 0.03), (0.0, 5.0), (0.4, 1.0))]
    return [SortedSums.of(values.astype(np.float32)) for values in drawn]


def _dragged(answer: Any) -> None:
    quantizer = getattr(answer, "quantizer", answer)
    if not isinstance(quantizer, Quantizer):
        raise Wrong("The explorer's quantizer is wanted: explorer.quantizer.")
    levels = quantizer.format.unit_levels()
    if levels is None or levels.tolist() != SQUARES:
        raise Wrong(f"The format is to be Squares, this is {quantizer.format.title}: explore with format='squares'.")
    values = weights()[TENSOR]
    curve = sweep(values, quantizer.format)
    best = int(curve.mse.argmin())
    if expected_error(values, quantizer).sqnr_db >= curve.sqnr_db[best] - NEAR_DB:
        return
    threshold = float(np.max(quantizer.high))
    if threshold >= 0.999 * values.absmax:
        raise Wrong("Nothing is clipped: the handle is still where it began, or beyond the largest value.")
    if threshold > curve.thresholds[best]:
        raise Wrong("The rounding error is still the larger part: a smaller range makes the steps finer.")
    raise Wrong("Too much is cut off: the clipping error has outgrown what finer steps gain.")


def _cost(answer: Any) -> None:
    value = number(answer)
    at_int4, at_squares = output_db("int4"), output_db_of_squares()
    right = at_int4 - at_squares
    not_this(
        value, -right, "The size is right; a better output has more dB, so int4 minus squares is positive.", rel=1e-2
    )
    for itself in (at_int4, at_squares):
        not_this(value, itself, "This is one of the two SQNRs; their difference is asked for.", rel=1e-2)
    weight = weights()[TENSOR]
    on_one = sqnr(weight, "int4") - sqnr(weight, format_from_levels("squares", SQUARES))
    not_this(value, on_one, "This is what it costs on one weight; the network's answer is asked for.", rel=2e-2)
    close(value, right, rel=2e-2, near="Close; are all other choices the usual ones, and the activations float?")


def _method(answer: Any) -> None:
    if not callable(answer):
        raise Wrong("The function itself is wanted, without calling it.")
    alpha = laplace_alpha(4)
    for values in samples():
        found = _asked(answer, values)
        cells = values.cells(np.zeros(1, np.float32))
        count = values.count
        magnitude = float(cells.total[1] - cells.total[0]) / count
        reach = found.high
        not_this(reach, alpha * abs(float(cells.total.sum())) / count, _SIGNS, rel=1e-2)
        not_this(reach, alpha * float(cells.square.sum() / count) ** 0.5, _SQUARES, rel=1e-2)
        not_this(
            reach, alpha * magnitude * count, "This grows with the number of values: divide the sums by it.", rel=1e-2
        )
        not_this(reach, magnitude, "This is the mean magnitude itself; the factor is missing.", rel=1e-2)
        close(reach, alpha * magnitude, rel=1e-2, near="Close; is the factor right?")
        if not np.isclose(found.low, -found.high):
            raise Wrong("The range is to be mirrored: low is minus high.")


_SIGNS = "Values of both signs cancel in this mean: magnitudes have none."
_SQUARES = "This is the root mean square; the mean magnitude is wanted."


def _asked(method: Callable[..., Any], values: SortedSums) -> ClipRange:
    try:
        found = method(values, as_format("int4"), symmetric=None)
    except Exception as error:  # whatever a function of someone else does is told in its own words
        raise Wrong(f"The function ended with {type(error).__name__}: {error}") from None
    if found is None:
        raise Wrong("The function returns None: end it with return wb.ClipRange(low, high).")
    if not isinstance(found, ClipRange):
        raise Wrong(f"A wb.ClipRange(low, high) is wanted, the function returns a {type(found).__name__}.")
    return found


def _gains_most(answer: Any) -> None:
    names = list(weights())
    said = names.index(text(answer, names))
    uniform = grid("int{}")[:, BITS.index(4)]
    if said == gains().argmax():
        return
    if said == gains().argmin():
        raise Wrong("It gains least of all.")
    if said == uniform.argmin():
        raise Wrong("There uniform levels are worst; the difference of the two formats is asked for.")
    raise Wrong("Others gain more: subtract two layers of the grid and use argmax.")


def _slope(answer: Any) -> None:
    value = number(answer)
    mean = grid("int{}").mean(axis=0)
    gain = float(mean[-1] - mean[0])
    not_this(
        value,
        20 * np.log10(2),
        "This is the rule of evenly spread values; the slope that was measured is asked.",
        rel=2e-3,
    )
    not_this(value, slope("kmeans{}"), "This is the slope of k-means: take the first family.", rel=1e-2)
    not_this(value, gain, "This is the whole gain from 2 to 6 bits, not that of one bit.", rel=1e-2)
    not_this(value, gain / len(BITS), "From 2 to 6 bits there are four steps of one bit.", rel=1e-2)
    close(value, slope("int{}"), rel=1e-2, near="Close; is it the mean over the layers, all five widths?")


def _changed(answer: Any) -> None:
    value = whole(answer)
    before, after = recipes()
    changes = before.diff(after)
    tensors = {change.tensor for change in changes}
    if value == len(tensors):
        return
    if value == len(before):
        raise Wrong("So many have an entry; not all of them changed.")
    if value == 0:
        raise Wrong("Some did change: print the differences.")
    if value > len(tensors):
        raise Wrong("A tensor may differ in several fields; count each of them once, with a set of names.")
    raise Wrong("There are more: the whole difference counts, not its first lines.")


def _figure(answer: Any) -> None:
    layout: Any = getattr(answer, "layout", None)
    if not hasattr(layout, "xaxis"):
        raise Wrong("A plotly figure is wanted: hand over `figure` itself.")
    across, up = (str(axis.title.text or "").strip() for axis in (layout.xaxis, layout.yaxis))
    if not across and not up:
        raise Wrong("Neither axis has a title.")
    if not across or not up:
        raise Wrong(f"The {'horizontal' if up else 'vertical'} axis has no title yet.")
    if "db" not in up.lower() and "decibel" not in up.lower():
        raise Wrong("The vertical axis does not say in which unit its numbers are.")


EXERCISES = (
    Exercise(
        "10.1",
        "Drag the threshold of Squares to within 0.1 dB of the least error.",
        _dragged,
        "A format of your own has a threshold, marks and live errors like any other.",
    ),
    Exercise(
        "10.2",
        "By how many dB is the output better with int4 than with Squares?",
        _cost,
        "What is a small loss on one weight is a large one at the output: all layers add to it.",
    ),
    Exercise(
        "10.3",
        "Write the method for a Laplace distribution.",
        _method,
        "Three sums were enough, however many values there are.",
    ),
    Exercise(
        "10.4",
        "Which layer gains most from k-means at 4 bits?",
        _gains_most,
        "It is the smallest weight: few values share many fitted levels.",
    ),
    Exercise(
        "10.5",
        "How many dB a bit do uniform formats gain?",
        _slope,
        "Less than 6, because the best range widens with the bits.",
    ),
    Exercise(
        "10.6",
        "How many tensors differ between the recipes?",
        _changed,
        "8-bit weights keep their whole range, so that the method changes activations alone.",
    ),
    Exercise("10.7", "Give both axes a title, with the unit.", _figure, "It can be read without the text around it."),
)
