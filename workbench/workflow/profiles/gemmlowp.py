"""Profile `gemmlowp`: affine uint8 on both sides and integers alone, as gemmlowp and TensorFlow Lite's first kernels.

Results are brought back by a 31-bit multiplier below 1 and a right shift. The table of shared and fixed scales is
TensorFlow Lite's; it states them for int8, whose codes lie 128 lower.
"""

from typing import Any

import numpy as np

from workbench.numerics.arithmetic.requantization import fixed_multiplier, requantize
from workbench.workflow.profiles.profile import Accumulation, Profile, Requantization
from workbench.workflow.profiles.rules import FixedScale, ProductBound, SameScale
from workbench.workflow.profiles.side import Side

_KEEPING = (
    *("MaxPool", "AveragePool", "Concat", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Pad", "Resize"),
    *("Slice", "Split", "Gather", "Max", "Min", "SpaceToDepth", "DepthToSpace", "Identity"),
)


def codes(accumulators: Any, factor: float, zero_point: int) -> np.ndarray:
    """int64, same shape: codes 0..255 by one multiplier and a shift, each rounding halves away from zero."""
    return requantize(accumulators, fixed_multiplier(factor), zero_point)


GEMMLOWP = Profile(
    name="gemmlowp",
    title="gemmlowp (affine uint8)",
    runs_on="gemmlowp",
    weights=Side(("uint8",)),
    activations=Side(("uint8",), rounding="nearest_away"),
    accumulation=Accumulation(),
    requantization=Requantization("to nearest, halves away from zero, twice", 31, codes),
    rules=(
        SameScale(_KEEPING),
        FixedScale(("Sigmoid", "Softmax"), 1 / 256, 0),
        FixedScale(("Tanh",), 1 / 128, 128),
        FixedScale(("LogSoftmax",), 16 / 256, 255),
        ProductBound(1.0),
    ),
    sources=(
        "gemmlowp doc/quantization.md and doc/quantization_example.cc",
        "Jacob et al. 2018 (arXiv:1712.05877)",
        "TensorFlow Lite 8-bit quantization specification: same-scale restrictions, fixed output scales",
    ),
)
