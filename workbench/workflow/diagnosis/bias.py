"""Integer biases that do not fit their scale, which follows from input and weight."""

from collections.abc import Iterator

import numpy as np

from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding, Remedy
from workbench.workflow.diagnosis.words import finding, listed, number, remedy

INT32 = 2.0**31 - 1
FITS = 0.5  # of int32, so that rounding does not matter
COARSE = 1e-3  # mean square of its error over its own


def bias(case: Case) -> Iterator[Finding]:
    """A scale too small for int32 (widen the weight's range), or too large for the bias (narrow the ranges)."""
    for point in case.weights:
        bias_name = point.layer.bias
        inputs = [case.plan.activations.get(name) for name in point.layer.inputs]
        quantizer = point.choice.quantizer
        if bias_name is None or len(inputs) != 1 or not isinstance(inputs[0], Quantizer):
            continue
        if not all(isinstance(q.format, IntegerFormat) for q in (inputs[0], quantizer)) or point.choice.block_size:
            continue
        values = case.model.tensors[bias_name].array()
        scale = float(inputs[0].scale) * np.asarray(quantizer.scale, np.float64)
        if values.ndim == 1 and (not scale.ndim or scale.shape == values.shape):
            yield from _findings(point, bias_name, values, np.broadcast_to(scale, values.shape), float(inputs[0].scale))


def _findings(point: Point, name: str, values: np.ndarray, scale: np.ndarray, input_scale: float) -> Iterator[Finding]:
    over = np.abs(values) > INT32 * scale
    if over.any():
        worst = int(np.argmax(np.abs(values) / scale))
        needed, where = (
            abs(float(values[worst])) / float(scale[worst]),
            listed(np.flatnonzero(over).tolist(), "channel"),
        )
        sentence = (
            f"bias {name!r} needs codes up to {number(needed)} at the scale of its products, but int32 ends at "
            f"{INT32:,.0f} ({where}), so that it stays float"
        )
        yield finding("bias", point, sentence, _widened(point, values, input_scale, over), n_channels=int(over.sum()))
        return
    if name not in point.case.plan.biases:
        return
    error = point.case.plan.biases[name].values - values
    made = float(np.mean(np.square(values, dtype=np.float64)))
    ratio = float(np.mean(np.square(error, dtype=np.float64))) / made if made else 0.0
    if ratio > COARSE:
        largest, step = number(float(np.abs(values).max())), number(float(scale.max()))
        sentence = f"bias {name!r}, {largest} at most, is rounded to steps of {step}"
        yield finding("bias", point, sentence, advice="narrow the ranges of input and weight", ratio=ratio)


def _widened(point: Point, values: np.ndarray, input_scale: float, over: np.ndarray) -> Remedy:
    least = np.abs(values) / (FITS * INT32 * input_scale)
    levels = float(point.choice.variation.largest)
    if np.ndim(point.choice.low):
        high = np.where(over, np.maximum(point.choice.high, least * levels), point.choice.high)
    else:
        high = np.asarray(max(float(point.choice.high), float(least.max()) * levels))
    return remedy("widen the weight's range there until it fits", point.with_bounds(-high, high))
