"""Ranges without data: what the BatchNorm before a tensor says about its values."""

import numpy as np

from workbench.models.model import Model
from workbench.numerics.clipping.clip_range import ClipRange

WIDTH = 4.0  # standard deviations on each side; 99.99 % of a normal distribution


def estimated_range(model: Model, name: str) -> ClipRange | None:
    """The range of an activation from BatchNorm statistics, None where no BatchNorm comes right before it.

    A channel after BatchNorm has mean beta and standard deviation |gamma| over the training data; the range is the
    widest of mean +- 4 standard deviations over the channels, cut as the Relu or Clip behind it cuts.
    Source: Nagel et al. 2019, Data-Free Quantization (arXiv:1906.04721), section 4.2.
    """
    statistics = model.batch_statistics.get(name)
    if statistics is None:
        return None
    low = float(np.min(statistics.mean - WIDTH * statistics.deviation))
    high = float(np.max(statistics.mean + WIDTH * statistics.deviation))
    low, high = max(low, statistics.lowest), min(high, statistics.highest)
    return ClipRange(low, high) if np.isfinite([low, high]).all() and low < high else None
