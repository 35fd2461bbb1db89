"""Pairs of nodes that undo one another: dequantize, then quantize with the same parameters."""

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer


def pair_cancels(dequantize: Quantizer, quantize: Quantizer) -> bool:
    """Whether every code of the first quantizer, read back to float32, gets the same code from the second.

    Then both nodes may leave the graph without changing any value; with other parameters they may not.
    dequantize, quantize: integer formats with one scale.
    Raises WorkbenchError for other formats or several scales.
    Source: TensorFlow graph_transforms, remove_redundant_quantizations; onnxruntime's QDQ optimizers.
    """
    format = _integer_format(dequantize)
    _integer_format(quantize)
    codes = np.arange(format.qmin, format.qmax + 1).astype(format.storage)
    return np.array_equal(quantize.encode(dequantize.decode(codes)).astype(np.int64), codes.astype(np.int64))


def _integer_format(quantizer: Quantizer) -> IntegerFormat:
    if not isinstance(quantizer.format, IntegerFormat) or quantizer.scale.ndim:
        raise WorkbenchError(f"{quantizer.format.name}: only integer formats with one scale can be compared")
    return quantizer.format
