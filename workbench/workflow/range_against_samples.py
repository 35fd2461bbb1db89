"""`range_against_samples`: how the range of a tensor depends on how many samples it was calibrated with."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.numerics.statistics.histogram import Histogram

N_DRAWS = 400
BAND = (5.0, 50.0, 95.0)  # per cent
# Of sets of half of the samples one half hold the largest one, three quarters one of the two largest: between them a
# share is free of luck, and tells how far the largest stands out.
RULE = 200 / 3
CLOSE = 0.02  # of the width of the range: 0.17 dB of the rounding error
MUCH = 0.1  # 0.8 dB


@dataclass(frozen=True, eq=False)
class RangeAgainstSamples:
    """Ranges of random subsets, for a chart with a band.

    n_samples: int (k,), ascending: 1, 2, 4, ... and all. low, high, threshold: float64 (k, 3), 5, 50 and 95 % of the
    subsets' ends, and of the larger magnitude of the two. away, away_at_most: float64 (k,), how far the ends lie from
    those of all samples at most in two of three subsets, and in 95 %, as a share of the width. method: that chose them.
    hinges_on: (place of a sample in the order seen, share of the width that goes without it), the one that matters
    most; None where that is not known.
    """

    tensor: str
    method: str
    n_samples: np.ndarray
    low: np.ndarray
    high: np.ndarray
    threshold: np.ndarray
    away: np.ndarray
    away_at_most: np.ndarray
    hinges_on: tuple[int, float] | None = None

    @property
    def n_enough(self) -> int | None:
        """Least number from which on two of three sets stay within 2 %; None where it is more than half of all."""
        half = int(self.n_samples[-1]) // 2
        close = self.away <= CLOSE
        enough = [int(n) for i, n in enumerate(self.n_samples) if close[i:].all()]
        return enough[0] if enough and enough[0] <= half else None

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        if self.n_enough is None:
            return f"still moving at {_samples(int(self.n_samples[-1]))}"
        return f"{_samples(self.n_enough)} would do"

    @property
    def words(self) -> str:
        """The verdict, in plain words."""
        n = int(self.n_samples[-1])
        if n < 2:
            return "One sample tells nothing about how many are needed: give more."
        before = int(np.searchsorted(self.n_samples, n / 2, "right")) - 1
        moved, at_most = f"{self.away[before]:.0%}", self.away_at_most[before]
        if self.n_enough is not None:
            text = f"{n} samples are enough: more than {self.n_enough} change the range by less than {CLOSE:.0%}"
            if at_most > MUCH:
                text += f", though one set of {self.n_samples[before]} in twenty is {at_most:.0%} off"
            return f"{text}.{self._hinge_words}"
        return (
            f"The range is still moving: with {self.n_samples[before]} of the {n} samples it is {moved} off as a "
            + (f"rule; give more, or clip.{self._hinge_words}")
        )

    @property
    def _hinge_words(self) -> str:
        if self.hinges_on is None or self.hinges_on[1] <= MUCH:
            return ""
        return f" One sample, number {self.hinges_on[0]} in the order seen, makes {self.hinges_on[1]:.0%} of the width."


def range_against_samples(
    calibration: Mapping[str, Histogram], tensor: str, *, n_draws: int = N_DRAWS, seed: int = 0
) -> RangeAgainstSamples:
    """The whole range (`min_max`) of random subsets of 1, 2, 4, ... samples, read off a calibration: costs nothing.

    Each draw puts the samples in a random order and takes its first 1, 2, 4, ...; the last is all of them, whose range
    is that of the calibration. Methods that need the distribution itself: see `sample_groups`. A tensor whose axis 0 is
    not the samples counts batches instead. Raises WorkbenchError for a tensor that was not observed, and where
    the calibration kept no ranges of samples.
    """
    if not isinstance(n_draws, Integral) or n_draws < 1:
        raise WorkbenchError(f"n_draws={n_draws!r}; expected a whole number from 1 on")
    if tensor not in calibration:
        raise WorkbenchError(f"the calibration has not observed {tensor!r}; it has {', '.join(calibration)}")
    ranges = np.asarray(calibration[tensor].sample_ranges, np.float64)
    ranges = ranges[np.isfinite(ranges).all(axis=1)]
    n = len(ranges)
    if not n:
        raise WorkbenchError(f"the calibration has no sample ranges of {tensor!r}; calibrate with data again")
    rng, sizes = np.random.default_rng(seed), sizes_up_to(n)
    low, high = np.empty((n_draws, sizes.size)), np.empty((n_draws, sizes.size))
    for draw in range(n_draws):
        order = rng.permutation(n)
        low[draw] = np.minimum.accumulate(ranges[order, 0])[sizes - 1]
        high[draw] = np.maximum.accumulate(ranges[order, 1])[sizes - 1]
    return banded(tensor, "min_max", sizes, low, high, _hinge(ranges))


def _samples(n: int) -> str:
    return f"{n:,} sample{'' if n == 1 else 's'}"


def sizes_up_to(n: int) -> np.ndarray:
    """1, 2, 4, ... and n, int64."""
    return np.unique(np.append(2 ** np.arange(int(math.log2(n)) + 1), n))


def banded(
    tensor: str,
    method: str,
    n_samples: Sequence[int] | np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    hinges_on: tuple[int, float] | None = None,
) -> RangeAgainstSamples:
    """From the ends of every draw at every number of samples, float64 (draws, k); the last column is all samples."""
    width = float(np.median(high[:, -1]) - np.median(low[:, -1]))
    moved = np.maximum(np.abs(low - np.median(low[:, -1])), np.abs(high - np.median(high[:, -1])))
    share = moved / width if width > 0 else np.where(moved > 0, np.inf, 0.0)
    threshold = np.maximum(np.abs(low), np.abs(high))
    bands = [np.percentile(one, BAND, axis=0).T for one in (low, high, threshold)]
    away, away_at_most = np.percentile(share, (RULE, BAND[-1]), axis=0)
    return RangeAgainstSamples(
        tensor, method, np.asarray(n_samples), bands[0], bands[1], bands[2], away, away_at_most, hinges_on
    )


def _hinge(ranges: np.ndarray) -> tuple[int, float] | None:
    """The sample (n, 2) without which the whole range is narrowest, and the share of the width that goes."""
    width = float(ranges[:, 1].max() - ranges[:, 0].min())
    if len(ranges) < 2 or not width:
        return None
    ends = {int(ranges[:, 0].argmin()), int(ranges[:, 1].argmax())}
    rest = {place: np.delete(ranges, place, axis=0) for place in ends}
    widths = {place: float(one[:, 1].max() - one[:, 0].min()) for place, one in rest.items()}
    place = min(widths, key=lambda i: (widths[i], i))
    return place, 1 - widths[place] / width


def enough_samples(
    calibration: Mapping[str, Histogram], *, seed: int = 0, cancelled: Callable[[], bool] | None = None
) -> tuple[str, tuple[RangeAgainstSamples, ...]]:
    """Whether the samples are enough for the whole ranges: a sentence, and the tensors that still move, worst first.

    cancelled: asked before each tensor; True raises `Cancelled`. Raises WorkbenchError where nothing was observed.
    """
    if not calibration:
        raise WorkbenchError("the calibration holds no tensor, so that nothing says how many samples are enough")
    every = []
    for tensor in calibration:
        if cancelled is not None and cancelled():
            raise Cancelled
        every.append(range_against_samples(calibration, tensor, n_draws=100, seed=seed))
    moving = [one for one in every if one.n_enough is None]
    moving.sort(key=lambda one: -float(one.away[-2]) if one.away.size > 1 else 0.0)
    n = max((int(one.n_samples[-1]) for one in every), default=0)
    if not moving:
        return f"{_samples(n)} {'is' if n == 1 else 'are'} enough for the whole range of all {len(every)} tensors.", ()
    return (
        f"With {_samples(n)} the whole range of {len(moving)} of {len(every)} tensors is still moving, "
        f"most that of {moving[0].tensor!r}: give more samples, or take a method that clips.",
        tuple(moving),
    )
