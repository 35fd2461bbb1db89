"""`Search`: what a tool's search for a threshold looked at and took; and how a range comes from it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty, must_mirror
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution


@dataclass(frozen=True, eq=False)
class Search:
    """A tool's candidates in ascending order, its KL at each, and the one that it takes.

    bins: int64 (n,), the candidate as the tool counts it: bins of a half or a whole axis. low, high: float64 (n,), the
    range of each. kl: float64 (n,), nats; near the least one to the last bit of the tool's own arithmetic.
    chosen: index of the tool's choice.
    """

    bins: np.ndarray
    low: np.ndarray
    high: np.ndarray
    kl: np.ndarray
    chosen: int

    @property
    def thresholds(self) -> np.ndarray:
        """The larger end of each range, float64 (n,)."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def threshold(self) -> float:
        return float(self.thresholds[self.chosen])

    @property
    def bin(self) -> int:
        return int(self.bins[self.chosen])


def checked_histogram(counts: np.ndarray, levels: int, candidates: int, tool: str) -> np.ndarray:
    """`counts` as float64 (n,); WorkbenchError where they are no counts, or leave the tool nothing to choose from."""
    counts = np.asarray(counts, np.float64)
    if counts.ndim != 1 or not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise WorkbenchError(
            f"counts of shape {counts.shape} are no histogram; expected finite counts (n,), none negative"
        )
    if levels < 2 or candidates < 1:
        raise WorkbenchError(
            f"{counts.size} bins and {levels} levels leave {tool} no candidate; expected >= 2 levels, and more bins"
        )
    return counts


def with_own_arithmetic(kl: np.ndarray, own: Callable[[int], float], margin: float) -> np.ndarray:
    """`kl` with all candidates that could be the least computed again, by `own`, in the tool's order and precision.

    margin: nats by which the tool's arithmetic can differ, for a KL of 1 or less.
    """
    found = kl.copy()
    least = kl.min(initial=np.inf)
    if np.isfinite(least):
        for i in np.flatnonzero(kl <= least + margin * (1 + least)):
            found[i] = own(int(i))
    return found


def first_least(kl: np.ndarray) -> int:
    """Index of the first of the least."""
    return int(np.argmin(kl))


def last_least(kl: np.ndarray) -> int:
    """Index of the last of the least."""
    return int(kl.size - 1 - np.argmin(kl[::-1]))


def searched_range(
    distribution: Distribution,
    format: Format | str,
    symmetric: bool | None,
    search: Callable[[Distribution, Format], Search],
) -> ClipRange:
    """The range that a search for one threshold T gives: [-T, T], or the data's own range cut at T on both sides.

    Which of the two is as in `sweep`. T is never above the largest magnitude. A format without a scale has nothing to
    search; equal values are covered, for what the tools answer to one filled bin is an accident.
    """
    check_not_empty(distribution)
    format = as_format(format)
    whole = ClipRange(distribution.low, distribution.high)
    if not format.has_scale:
        return whole
    if distribution.low == distribution.high:
        return whole.mirrored() if must_mirror(format, symmetric) else whole
    threshold = min(search(distribution, format).threshold, distribution.absmax)
    if must_mirror(format, symmetric):
        return ClipRange(0.0 - threshold, threshold)
    return ClipRange(max(min(distribution.low, 0.0), -threshold), min(max(distribution.high, 0.0), threshold))
