"""The *hard* twin: the same function, bit for bit, in numbers that int8 with one scale a tensor cannot hold.

Relu lets a positive factor through, relu(s * x) = s * relu(x), so a channel may be multiplied by s in one operator and
divided by s in the next. Both blocks of the network are treated so, around their depthwise convolution:

    expand (times s)  ->  depthwise (divided by s, times t)  ->  gate and project (divided by t)

with s = 1/4, 1/2, 1, 2, 4 from channel to channel and t = 1 / s. The activations' channels then differ up to 16-fold
more than before, the depthwise weights, which meet both factors, up to 256-fold. All factors are powers of two: float32
multiplies by them without rounding, so both twins give the same logits.

One int8 scale for a whole depthwise tensor has to reach its largest channel, and rounds the small channels to zero. One
scale a channel (`per_channel=True`), or fp16 for the two depthwise weights, repairs most of it. What is left is the
activations, which have one scale a tensor; undoing the factors (cross-layer equalization) would repair that, too.
Source: Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction (arXiv:1906.04721).
"""

from collections.abc import Mapping

import numpy as np

EXPONENTS = (-2, -1, 0, 1, 2)  # of two, given to the channels in turn
READERS = {  # block -> operators that read what its depthwise convolution computes
    "blocks.0": ("blocks.0.project.conv",),
    "blocks.1": ("blocks.1.gate.reduce", "blocks.1.project.conv"),
}


def rescaled(parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters of the hard twin: name -> float32 array; the given ones stay as they are.

    parameters: parameter name -> float32 array, as `architecture.network` names them.
    """
    twin = {name: value.copy() for name, value in parameters.items()}
    for block, readers in READERS.items():
        n_channels = len(twin[f"{block}.expand.norm.weight"])
        s = np.exp2(np.resize(EXPONENTS, n_channels)).astype(np.float32)
        t = 1 / s
        for part in ("weight", "bias"):
            twin[f"{block}.expand.norm.{part}"] *= s
            twin[f"{block}.depthwise.norm.{part}"] *= t
        twin[f"{block}.depthwise.conv.weight"] /= s[:, None, None, None]
        for reader in readers:
            twin[f"{reader}.weight"] /= t[None, :, None, None]
    return twin
