"""The built-in example: a small network that reads handwritten digits, its hard twin, and the digits.

    model = demo.model()                             # 98.9 % of the evaluation digits right
    twin = demo.model(hard=True)                     # the same function, made hard to quantize
    calibration, evaluation, labels = demo.data()

**The network** (`digits.onnx`, 10,690 parameters, opset 17) has one of everything that makes quantization interesting:
convolutions with BatchNormalization and Relu, depthwise convolutions, residual additions, a concatenation, a sigmoid
gate and a fully connected layer. Input `image`, float32 (N, 1, 8, 8), 0 is paper and 1 is ink; output `logits`, float32
(N, 10).

**The hard twin** (`digits_hard.onnx`) computes the same logits to the last bit, but channels were multiplied in one
layer and divided in the next, so that the channels of a tensor differ wildly in size. int8 with one scale a tensor
fails on it, with one scale a channel it works; `hard_twin.py` says how and why.

**The digits** (`digits.npz`) are 706 of the 1797 pictures of 8 x 8 pixels that come with scikit-learn. Those are the
test part of *Optical Recognition of Handwritten Digits* by E. Alpaydin and C. Kaynak (1998), UCI Machine Learning
Repository, https://doi.org/10.24432/C50P49, licence CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Changes
made: 256 pictures were taken for calibration and 450 for evaluation, at random; the pixels are as they were.

`python -m workbench.demo.train` makes all three files again; that, and nothing else here, needs PyTorch.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.models.model import Model

_FOLDER = Path(__file__).parent


def path(hard: bool = False) -> Path:
    """Path of the built-in ONNX file.

    hard: the twin whose channels differ wildly in size.
    """
    return _FOLDER / ("digits_hard.onnx" if hard else "digits.onnx")


def model(hard: bool = False) -> "Model":
    """The built-in network, loaded as `workbench.load` loads any file.

    hard: the twin whose channels differ wildly in size; the same function.
    Raises WorkbenchError if the file is missing or damaged.
    """
    from workbench.workflow.opening import load  # here, so that importing the demo imports no onnx

    return load(path(hard))


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures for calibration and for evaluation, and what the latter show; new arrays at every call.

    Returns calibration, float32 (256, 1, 8, 8), pictures that the network has learned from; evaluation, float32
    (450, 1, 8, 8), pictures that it has never seen; labels, int64 (450,), the digit on each evaluation picture, 0..9.
    Pixels are in 0..1 (ink; sixteenths), as the network's input `image` expects them.
    """
    with np.load(_FOLDER / "digits.npz", allow_pickle=False) as stored:
        images = {part: stored[part][:, None].astype(np.float32) / 16 for part in ("calibration", "evaluation")}
        return images["calibration"], images["evaluation"], stored["labels"].astype(np.int64)
