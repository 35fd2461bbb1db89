"""What finetuning keeps and moves where weights are quantized: a float copy, the codes, or the shared levels."""

from typing import Protocol

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.finetuning import finetuned, nearest_codes
from workbench.numerics.quantizer import Quantizer

LEVEL_RATE = 0.1  # of the rate: the gradient of a level is a sum over many weights


class Kept(Protocol):
    """used: float32, the weights that the network computes with."""

    used: np.ndarray

    def move(self, history: np.ndarray, rate: float) -> None:
        """A step against `history`, gradients by the used weights, of their shape."""


class FloatCopy:
    """The float weights are moved, and quantized anew after each step: small steps add up.

    Source: Courbariaux et al. 2015, BinaryConnect (arXiv:1511.00363).
    """

    def __init__(self, weights: np.ndarray, quantizer: Quantizer | None) -> None:
        self._quantizer = quantizer
        self._copy = weights
        self.used = self._quantized()

    def _quantized(self) -> np.ndarray:
        return self._copy if self._quantizer is None else self._quantizer.fake_quantize(self._copy)

    def move(self, history: np.ndarray, rate: float) -> None:
        self._copy = (self._copy - rate * history).astype(np.float32)
        self.used = self._quantized()


class Codes(FloatCopy):
    """The quantized weights themselves are moved and rounded back: a step of less than half a level is lost.

    Source: HiSilicon GFPQ library guide on finetuning.
    """

    def move(self, history: np.ndarray, rate: float) -> None:
        super().move(history, rate)
        self._copy = self.used


class Levels:
    """Each weight keeps its code; shared levels are moved by the sum of their gradients, at a tenth of the rate.

    Raises WorkbenchError without a quantizer of one scale and a list of levels.
    Source: Han et al. 2016, Deep Compression (arXiv:1510.00149), section 3.3.
    """

    def __init__(self, weights: np.ndarray, quantizer: Quantizer | None) -> None:
        if quantizer is None or quantizer.levels is None or quantizer.n_groups > 1:
            raise WorkbenchError("levels are moved where there are some; give quantizers of one scale, of kmeans4 say")
        self._levels = np.asarray(quantizer.levels, np.float64)
        self._codes = nearest_codes(weights, self._levels)
        self.used = self._shared()

    def _shared(self) -> np.ndarray:
        return np.asarray(self._levels[self._codes], np.float32)

    def move(self, history: np.ndarray, rate: float) -> None:
        self._levels = finetuned(self._levels, self._codes, history, learning_rate=LEVEL_RATE * rate)
        self.used = self._shared()


KEPT: dict[str, type[FloatCopy] | type[Levels]] = {"float_copy": FloatCopy, "codes": Codes, "levels": Levels}
