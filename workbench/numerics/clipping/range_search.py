"""The range with the least of some error, searched for one tensor or for many groups at once."""

from collections.abc import Callable

import numpy as np

COARSE = np.geomspace(0.01, 1.0, 33)
STEP = float(np.log(COARSE[1] / COARSE[0]))
LOOKS = np.linspace(-1.0, 1.0, 9)
MOST_ROUNDS = 3

Errors = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of low and high, (k, groups) each, of the same shape


def search_range(
    lowest: np.ndarray, highest: np.ndarray, mirrored: bool, errors: Errors
) -> tuple[np.ndarray, np.ndarray]:
    """The range of least error of each group inside the full range of its data; float64 (groups,) all.

    errors(low, high): of k candidates for each group, float64 (k, groups) each, the error of the same shape.
    mirrored: one threshold. Otherwise the lower and the upper end in turn until neither moves, at most three rounds.
    """
    if mirrored:
        largest = np.maximum(np.abs(lowest), np.abs(highest))
        threshold = search_ratio(lambda ratio: errors(-ratio * largest, ratio * largest), largest.size) * largest
        return 0.0 - threshold, threshold

    def flipped(high: np.ndarray, low: np.ndarray) -> np.ndarray:
        return errors(low, high)

    lowest, highest = np.minimum(lowest, 0.0) + 0.0, np.maximum(highest, 0.0) + 0.0
    low, high = lowest, highest
    for _ in range(MOST_ROUNDS):
        before = low, high
        high = _best_end(low, highest, errors)
        low = _best_end(high, lowest, flipped)
        if (((low == before[0]) & (high == before[1])) | (low == 0) | (high == 0)).all():
            break
    return low, high


def _best_end(fixed: np.ndarray, end: np.ndarray, errors: Errors) -> np.ndarray:
    """Where errors(fixed, moving) is least between 0 and `end`, float64 (groups,)."""
    if not end.any():
        return end
    return search_ratio(lambda ratio: errors(np.broadcast_to(fixed, ratio.shape), ratio * end), end.size) * end


def search_ratio(errors_at: Callable[[np.ndarray], np.ndarray], n_groups: int) -> np.ndarray:
    """The ratios in [0.01, 1] with the least error: a geometric grid of 33, then two closer looks around the best.

    errors_at: of ratios float64 (k, groups). The last looks are 1/4 and 1/16 of a grid step apart. Ties go to the
    larger ratio, so that nothing is clipped without a gain.
    """
    ratios = np.repeat(COARSE[:, None], n_groups, axis=1)
    best, least = _least(ratios, errors_at(ratios))
    for width in (STEP, STEP / 4):
        ratios = np.minimum(1.0, best * np.exp(width * LOOKS)[:, None])
        ratio, error = _least(ratios, errors_at(ratios))
        better = (error < least) | ((error == least) & (ratio > best))
        best, least = np.where(better, ratio, best), np.where(better, error, least)
    return best


def _least(ratios: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ratio of least error in each column, the largest of equal ones, and that error; float64 (groups,) each."""
    least = errors.min(axis=0)
    return np.where(errors == least, ratios, 0.0).max(axis=0), least
