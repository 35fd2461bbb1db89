"""Integer biases that do not fit their scale, which is the product of those of input and weight."""

from collections.abc import Iterator

import numpy as np

from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding, Remedy
from workbench.workflow.diagnosis.words import finding, listed, number, remedy

INT32 = 2.0**31 - 1
FITS = 0.5  # of int32, so that rounding does not matter


def bias(case: Case) -> Iterator[Finding]:
    """The products have so small a scale that the bias does not fit int32: widen the weight's range.

    A scale too large for a bias is no finding: the products themselves are rounded more coarsely then.
    """
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
    over = (np.abs(values) > INT32 * scale) | (scale < np.finfo(np.float32).tiny)
    if not over.any():
        return
    worst = int(np.argmax(np.abs(values) / np.maximum(scale, 1e-300)))
    needed, where = abs(float(values[worst])) / max(float(scale[worst]), 1e-300), np.flatnonzero(over).tolist()
    sentence = (
        f"bias {name!r} needs codes up to {number(needed)} at the scale of its products, but int32 ends at "
        f"{INT32:,.0f} ({listed(where, 'channel')}), so that it stays float"
    )
    yield finding("bias", point, sentence, _widened(point, values, input_scale, over), n_channels=int(over.sum()))


def _widened(point: Point, values: np.ndarray, input_scale: float, over: np.ndarray) -> Remedy:
    least = np.maximum(np.abs(values) / (FITS * INT32), 2 * np.finfo(np.float32).tiny) / input_scale
    levels = float(point.choice.variation.largest)
    if np.ndim(point.choice.low):
        high = np.where(over, np.maximum(point.choice.high, least * levels), point.choice.high)
    else:
        high = np.asarray(max(float(point.choice.high), float(least.max()) * levels))
    words = "widen the weight's range there until it fits"
    return remedy(words, point.with_bounds(-high, high), short="widen the weight")
