"""Formats without a scale where a device rounds that computes in them: after every operator, and in every bias."""

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.dataflow import dataflow
from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format


def is_unscaled(format: Format) -> bool:
    """Whether a device can compute in it without knowing any range: fp16, bf16, TF32."""
    return isinstance(format, FloatingFormat) and not format.has_scale


def computed_values(model: Model) -> tuple[str, ...]:
    """float32 values that depend on the input data and that an operator reads, in graph order; inputs too."""
    read, known = model.network.readers(), model.tensors
    return tuple(
        name for name in dataflow(model.network).activations if name in read and known[name].dtype == np.float32
    )


def biases(model: Model) -> tuple[str, ...]:
    """float32 biases of all layers, each once, in graph order."""
    found = dict.fromkeys(layer.bias for layer in model.layers if layer.bias is not None)
    return tuple(name for name in found if model.tensors[name].dtype == np.float32)


def unscaled_points(model: Model) -> frozenset[str]:
    """Tensors to which a recipe can give a format without a scale, beside the quantization points."""
    return frozenset((*computed_values(model), *biases(model)))


def check_unscaled(format: str | None) -> None:
    """WorkbenchError for a format that cannot stand after every operator."""
    if format is None or not is_unscaled(FORMATS[format]):
        possible = ", ".join(name for name in FORMATS if is_unscaled(FORMATS[name]))
        raise WorkbenchError(
            f"every_operator=True needs a format without a scale for the activations, one of {possible}, got "
            f"{format!r}: the others need ranges, which are found for what layers read alone"
        )
