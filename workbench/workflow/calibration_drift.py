"""`calibration_drift`: do the evaluation data look to the network as the calibration data did?"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.common_bins import common_bins

Mark = Literal["", "narrow", "drift"]
# Between random parts of one data set the distance was at most 0.77 / sqrt(samples) on three networks (8 to 256
# against 64 samples); inputs times 0.6 or 1.3 or moved by half a standard deviation gave 0.23 to 0.41 at 64 samples.
CHANCE, LEAST = 0.8, 0.1
MOST_BINS, TAIL = 64, 5e-4  # bins of the distance, between these quantiles of both
SURE = 1e-5  # chance of as many samples outside: a network has a hundred tensors
COST = 1.0  # beyond it, what is cut off more than doubles the error of 8 bits


@dataclass(frozen=True)
class TensorDrift:
    """One tensor, evaluation against calibration.

    outside: share of the evaluation's values beyond the extremes of the calibration. samples_outside: share of its
    samples that reach beyond; chance: how likely that many are where nothing differs (one side of the range, in
    [0, 1]); None where the samples are not told apart. distance: Jensen-Shannon, in [0, 1]; distance_by_chance: what
    it may be by chance with so few samples. width_ratio: width that holds 99.9 % of the values, evaluation over
    calibration; None where the calibration's is 0. cost: squared error of cutting off at the calibration's extremes,
    as a multiple of that of rounding to 8 bits between them.
    mark: "drift": other data; "narrow": too few calibration samples for the extremes of this tensor; "": neither.
    """

    tensor: str
    outside: float
    samples_outside: float | None
    chance: float | None
    distance: float
    distance_by_chance: float
    width_ratio: float | None
    cost: float
    mark: Mark

    @property
    def words(self) -> str:
        """What it means, in one plain sentence."""
        if self.mark == "":
            return "Evaluation and calibration look alike."
        parts = []
        if self.mark == "drift" and self.chance is not None and self.chance < SURE:
            parts.append(f"{self.samples_outside:.0%} of the evaluation samples reach beyond the calibrated range")
        if self.distance > self.distance_by_chance:
            parts.append(f"the values are spread otherwise (distance {self.distance:.2f})")
            if self.width_ratio is not None and not 0.8 < self.width_ratio < 1.25:
                parts.append(f"{self.width_ratio:.2g} times as wide")
        if self.cost > COST:
            parts.append(f"what lies beyond the range costs {self.cost:.3g} times the rounding error of 8 bits")
        advice = {
            "drift": "calibrate with data like those of the evaluation, prepared alike",
            "narrow": "calibrate with more samples, or clip this tensor on purpose",
        }[self.mark]
        text = "; ".join(parts) + f": {advice}."
        return text[0].upper() + text[1:]


@dataclass(frozen=True)
class CalibrationDrift(Sequence[TensorDrift]):
    """All tensors that both have, in graph order; `str()` is the verdict."""

    rows: tuple[TensorDrift, ...]

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[TensorDrift]:
        return iter(self.rows)

    @property
    def worst(self) -> tuple[TensorDrift, ...]:
        """Drifting tensors first, then narrow ones; the most distant or costly first."""
        order = {"drift": 0, "narrow": 1, "": 2}
        return tuple(sorted(self.rows, key=lambda row: (order[row.mark], -row.distance - row.cost)))

    @property
    def marked(self) -> tuple[TensorDrift, ...]:
        """The tensors with a mark, in graph order."""
        return tuple(row for row in self.rows if row.mark)

    def __str__(self) -> str:
        n, drifting = len(self), [row for row in self.rows if row.mark == "drift"]
        narrow = [row for row in self.rows if row.mark == "narrow"]
        sentences = []
        if drifting:
            first = drifting[0]
            sentences.append(
                f"The evaluation data differ from the calibration data in {len(drifting)} of {n} tensors, "
                f"from {first.tensor!r} on. {first.words}"
            )
        if narrow:
            most = max(narrow, key=lambda row: row.cost)
            sentences.append(
                f"The calibrated range is too narrow for {len(narrow)} of {n} tensors, most for {most.tensor!r}. "
                f"{most.words}"
            )
        return " ".join(sentences) or f"Evaluation and calibration data look alike in all {n} tensors."

    def table(self) -> list[dict[str, Any]]:
        """One record a tensor."""
        return [{**vars(row), "words": row.words} for row in self.rows]


def calibration_drift(
    calibration: Mapping[str, Distribution],
    evaluation: Mapping[str, Distribution],
    *,
    cancelled: Callable[[], bool] | None = None,
) -> CalibrationDrift:
    """Compare what the network saw in calibration with what it sees in evaluation, tensor by tensor.

    Both: tensor name -> Distribution, as `calibrate` gives them. A tensor is marked "drift" where the distance is more
    than 0.1 and more than chance makes it with so few samples, or where more samples reach beyond the calibrated range
    than chance allows (1 in 100,000); "narrow" where the range would cut off more than the rounding error of 8 bits.
    cancelled: asked before each tensor; True raises `Cancelled`.
    Raises WorkbenchError where they have no tensor in common.
    """
    names = [name for name in calibration if name in evaluation]
    names = [name for name in names if calibration[name].count and evaluation[name].count]
    rows = []
    for name in names:
        if cancelled is not None and cancelled():
            raise Cancelled
        rows.append(_drift(name, calibration[name], evaluation[name]))
    if not rows:
        raise WorkbenchError("calibration and evaluation have no tensor in common; take both from one model")
    return CalibrationDrift(tuple(rows))


def _drift(name: str, calibration: Distribution, evaluation: Distribution) -> TensorDrift:
    ranges = [np.asarray(getattr(one, "sample_ranges", np.zeros((0, 2)))) for one in (calibration, evaluation)]
    n_first, n_second = map(len, ranges)
    samples_outside = chance = None
    if n_first and n_second:
        above, below = ranges[1][:, 1] > calibration.high, ranges[1][:, 0] < calibration.low
        samples_outside = float((above | below).mean())
        chance = min(chance_beyond(int(side.sum()), n_first, n_second) for side in (above, below))
    tails = [(one.quantile(TAIL), one.quantile(1 - TAIL)) for one in (calibration, evaluation)]
    low, high = min(pair[0] for pair in tails), max(pair[1] for pair in tails)
    n_bins = int(np.clip(math.sqrt(min(calibration.count, evaluation.count)), 8, MOST_BINS))
    distance = common_bins(calibration, evaluation, n_bins, low=low, high=high).distance
    by_chance = distance_by_chance((n_first, n_second), (calibration.count, evaluation.count), n_bins)
    outside, cost = _cut_off(calibration, evaluation)
    width = tails[0][1] - tails[0][0]
    drifts = distance > by_chance or (chance is not None and chance < SURE)
    return TensorDrift(
        tensor=name,
        outside=outside,
        samples_outside=samples_outside,
        chance=chance,
        distance=distance,
        distance_by_chance=by_chance,
        width_ratio=(tails[1][1] - tails[1][0]) / width if width > 0 else None,
        cost=cost,
        mark="drift" if drifts else "narrow" if cost > COST else "",
    )


def distance_by_chance(n_samples: tuple[int, int], n_values: tuple[int, int], n_bins: int) -> float:
    """What the distance of two sets drawn alike may be; its square has a part from samples and one from values.

    Samples differ from one another as wholes: measured, see `CHANCE`. Values that are counted in k cells (bins and
    zeros): 8 ln 2 times the squared distance over 1/n + 1/m is nearly chi-squared with k - 1 degrees of freedom, of
    which 4 standard deviations above the mean are taken.
    """
    between = sum(1 / n for n in n_samples) if all(n_samples) else 0.0
    chi_squared = n_bins + 4 * math.sqrt(2 * n_bins)
    within = sum(1 / n for n in n_values) * chi_squared / (8 * math.log(2))
    return max(LEAST, math.sqrt(CHANCE**2 * between + within))


def chance_beyond(k: int, n: int, m: int) -> float:
    """Probability that at least k of m new samples exceed the largest of n old ones, all drawn alike.

    Any k of the n + m are equally likely to be the largest ones: the product of (m - i) / (n + m - i) for i below k.
    Source: Gumbel and von Schelling 1950, The distribution of the number of exceedances.
    """
    return math.prod((m - i) / (n + m - i) for i in range(k))


def _cut_off(calibration: Distribution, evaluation: Distribution) -> tuple[float, float]:
    """(`outside`, `cost`) of `TensorDrift`."""
    low, high = np.float32(calibration.low), np.float32(calibration.high)
    cells = evaluation.cells(np.array([np.nextafter(low, np.float32(-np.inf)), high]))
    ends, at = np.array([0, 2]), np.array([low, high], np.float64)
    count, total, square = (moment[ends] for moment in (cells.count, cells.total, cells.square))
    cut_off = float(np.maximum(square - 2 * at * total + at**2 * count, 0.0).sum()) / evaluation.count
    step = (max(float(high), 0.0) - min(float(low), 0.0)) / 255
    share = float(count.sum()) / evaluation.count
    return share, cut_off / (step**2 / 12) if step else (math.inf if cut_off else 0.0)
