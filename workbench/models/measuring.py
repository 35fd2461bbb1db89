"""Shapes of the observed tensors from one run on zeros, for what shape inference cannot tell."""

from math import prod

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.protos import tensor_type
from workbench.models.shapes import single_batch

LARGEST_INPUT = 2**28  # values; no sensible input is larger


def measured_shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """Observed tensor -> shape at a batch of 1; empty where the network does not run on zeros."""
    feeds: dict[str, np.ndarray] = {}
    for value in single_batch(model.network)[0]:
        dtype, shape = tensor_type(value.type)
        if dtype is None or shape is None or dtype.hasobject:
            return {}
        sizes = [size if isinstance(size, int) else 1 for size in shape]
        if prod(sizes) > LARGEST_INPUT:
            return {}
        feeds[value.name] = np.zeros(sizes, dtype)
    try:
        values = model.chain.run(feeds, keep=model.observed)
    except WorkbenchError:
        return {}
    return {name: values[name].shape for name in model.observed}
