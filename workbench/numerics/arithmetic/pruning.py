"""Pruning: the smallest weights, or whole filters, are taken out."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError


@dataclass(frozen=True, eq=False)
class PrunedWeights:
    """kept: bool, the shape of the weights. weights: float64, zero where not kept."""

    kept: np.ndarray
    weights: np.ndarray

    @property
    def removed(self) -> int:
        return int(self.kept.size - self.kept.sum())


def prune_weights(weights: Any, sparsity: float) -> PrunedWeights:
    """Sets the round(sparsity * n) weights of smallest magnitude to zero; among ties the lower index goes first.

    weights: float64 of any shape. sparsity: share in [0, 1].
    Raises WorkbenchError for a share that is none. Source: Han et al. 2016, Deep Compression (arXiv:1510.00149).
    """
    w = np.asarray(weights, np.float64)
    if not 0 <= sparsity <= 1:
        raise WorkbenchError(f"sparsity is {sparsity}; expected a share of weights in [0, 1]")
    flat = np.ones(w.size, bool)
    flat[_smallest(np.abs(w).reshape(-1), round(sparsity * w.size))] = False
    kept = flat.reshape(w.shape)
    return PrunedWeights(kept, np.where(kept, w, 0.0))


def magnitude_band(weights: Any, sparsity: float) -> float:
    """The smallest b for which |w| <= b holds for at least round(sparsity * n) weights; 0 where that is none.

    A band is what can be told in one number; with ties it removes more than `prune_weights`.
    """
    magnitudes = np.sort(np.abs(np.asarray(weights, np.float64)), axis=None)
    count = round(sparsity * magnitudes.size)
    return float(magnitudes[count - 1]) if count else 0.0


def energy_kept(weights: Any, pruned: Any) -> float:
    """Share in [0, 1] of the sum of squares that is left; 1 where there was none."""
    before, after = (float((np.asarray(w, np.float64) ** 2).sum()) for w in (weights, pruned))
    return after / before if before else 1.0


@dataclass(frozen=True, eq=False)
class PrunedFilters:
    """scores: float64 (filters,), L1 norms. removed: int64, ascending. weights: float64 without those filters."""

    scores: np.ndarray
    removed: np.ndarray
    weights: np.ndarray


def prune_filters(weights: Any, remove: int) -> PrunedFilters:
    """Takes out the `remove` filters (axis 0) of smallest L1 norm; among ties the lower index goes first.

    weights: float64 (filters, ...). The layer that follows loses the input channels of the same indices.
    Raises WorkbenchError for a number of filters that is not there.
    Source: Li et al. 2017, Pruning Filters for Efficient ConvNets (arXiv:1608.08710).
    """
    w = np.asarray(weights, np.float64)
    if not w.ndim or not 0 <= remove <= len(w):
        raise WorkbenchError(f"{remove} filters cannot be removed from weights of shape {w.shape}")
    scores = np.abs(w).reshape(len(w), -1).sum(axis=1)
    removed = np.sort(_smallest(scores, remove))
    return PrunedFilters(scores, removed, np.delete(w, removed, axis=0))


def _smallest(scores: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` smallest scores; equal ones in order of their index."""
    return np.argsort(scores, kind="stable")[:count]
