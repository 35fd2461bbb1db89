"""Binary weights: signs with one scale, and dot products by exclusive-nor and counting bits."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError


def signs(values: Any) -> np.ndarray:
    """int64, same shape: -1 where negative, else 1; zero counts as positive."""
    return np.where(np.asarray(values, np.float64) < 0, -1, 1).astype(np.int64)


def binary_scale(weights: Any, axis: int | None = None) -> np.ndarray:
    """float64: the mean magnitude, of all weights () or of each index along `axis` (channels,).

    It is the scale of least squared error: d/da sum (w - a sign(w))^2 = 0.
    Raises WorkbenchError where there are no weights.
    Source: Rastegari et al. 2016, XNOR-Net (arXiv:1603.05279), equation 6.
    """
    magnitudes = np.abs(np.asarray(weights, np.float64))
    if not magnitudes.size:
        raise WorkbenchError("there are no weights to binarize; expected at least one")
    if axis is None:
        return np.asarray(magnitudes.mean())
    return np.moveaxis(magnitudes, axis, 0).reshape(magnitudes.shape[axis], -1).mean(axis=1)


def binarized(weights: Any, axis: int | None = None) -> np.ndarray:
    """float64, same shape: sign times the scale of `binary_scale`."""
    w, scale = np.asarray(weights, np.float64), binary_scale(weights, axis)
    if axis is not None:
        scale = np.expand_dims(scale, tuple(i for i in range(w.ndim) if i != axis % w.ndim))
    return signs(w) * scale


@dataclass(frozen=True)
class BinaryDot:
    """matches: positions with equal signs, the count of set bits of xnor(a, b). length: number of positions."""

    matches: int
    length: int

    @property
    def dot(self) -> int:
        """Matches add 1, the rest takes 1 away: 2 * matches - length."""
        return 2 * self.matches - self.length


def binary_dot(a: Any, b: Any) -> BinaryDot:
    """Dot product of two sign vectors, computed on bits packed eight to a byte.

    a, b: (n,) of -1 and 1. Raises WorkbenchError for other values or different lengths.
    Source: Rastegari et al. 2016, XNOR-Net (arXiv:1603.05279), section 3.2.
    """
    left, right = np.asarray(a), np.asarray(b)
    if left.ndim != 1 or left.shape != right.shape:
        raise WorkbenchError(f"sign vectors of shapes {left.shape} and {right.shape}; expected two of one length")
    if not (np.isin(left, (-1, 1)).all() and np.isin(right, (-1, 1)).all()):
        raise WorkbenchError("a binary dot product takes -1 and 1 alone; take the signs first")
    differing = np.packbits(left > 0) ^ np.packbits(right > 0)  # padding differs nowhere
    return BinaryDot(left.size - int(np.bitwise_count(differing).sum()), left.size)
