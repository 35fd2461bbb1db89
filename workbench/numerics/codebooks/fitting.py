"""`fit_levels`: the codebook of one tensor, exact wherever that takes about a second."""

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.lloyd import lloyd
from workbench.numerics.codebooks.optimal import check_size, optimal_levels
from workbench.numerics.codebooks.weighted_values import WeightedValues, distinct_values, spread_cuts
from workbench.numerics.statistics.distribution import Distribution

AFFORDABLE = 20_000_000  # distinct values times levels: 1 to 2 s and 80 MB
N_CELLS = 8192
ZOOMS = (0.5, 0.1, 0.02)  # of the distance from a boundary to its levels


def fit_levels(distribution: Distribution, k: int) -> np.ndarray:
    """The levels of k-means for one tensor: float32, strictly ascending, at most k.

    Of least squared error where the distinct values are known (`SortedSums`) and times k are at most 2e7. Otherwise
    best for the means of some 16,000 cells (`levels_of_cells`), then moved by `lloyd` on the distribution itself until
    nothing changes. Fewer than k distinct values are their own levels; 0 is a level only where that is best.
    Raises WorkbenchError for an empty distribution and for a k that is no positive whole number.
    Source: Han et al. 2016, Deep Compression (arXiv:1510.00149), with an optimal start instead of a linear one.
    """
    check_size(k)
    if not distribution.count:
        raise WorkbenchError(
            "the distribution holds no finite value, so no codebook can be fitted; calibrate with data first"
        )
    exact = distinct_values(distribution, AFFORDABLE // k)
    if exact is not None:
        levels, _ = optimal_levels(exact.values, exact.weights, k)
    else:
        levels = lloyd(distribution, levels_of_cells(distribution, k)).levels
    return np.unique(levels.astype(np.float32) + np.float32(0.0))


def levels_of_cells(distribution: Distribution, k: int) -> np.ndarray:
    """Levels float64 (k,) that are best when values can be told apart by cells alone.

    The cells are spread over the whole range first, then ever finer around the boundaries between the levels found:
    this is within 1e-8 of the least error where Lloyd from the first levels stops at 1e-4 (k = 256, heavy tails).
    """
    points = WeightedValues.in_cells(distribution, spread_cuts(distribution, N_CELLS))
    levels, _ = optimal_levels(points.values, points.weights, k)
    for zoom in ZOOMS if levels.size > 1 else ():
        middle, half = (levels[1:] + levels[:-1]) / 2, np.diff(levels) / 2
        around = np.linspace(-zoom, zoom, max(9, 2 * N_CELLS // k))
        points = WeightedValues.in_cells(distribution, middle[:, None] + half[:, None] * around)
        levels, _ = optimal_levels(points.values, points.weights, k)
    return levels
