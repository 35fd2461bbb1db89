"""`output_curve`: the network's output error against the threshold of one tensor, measured through resumed runs."""

import dataclasses
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.batches import joined
from workbench.workflow.choice import Bound, TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel
from workbench.workflow.sensitivity import known_output
from workbench.workflow.simulate import Simulator

N_POINTS, LEAST = 24, 0.1  # points of the curve, from this share of the data's range to all of it
N_REFINED = 16  # further points around the best one, for each direction
PLATEAU = 0.3  # dB below the best that still count as good
LITTLE = 1e-30  # in place of no noise at all


@dataclass(frozen=True)
class CurvePoint:
    """One measured range of a tensor.

    low_factor, high_factor: shares of the data's lower and upper end; on the curve they are equal.
    output_sqnr_db: of the network's output against float, dB. own_sqnr_db: of what the first layer that reads the
    tensor computes, against the same without this tensor's quantizer, dB.
    """

    low_factor: float
    high_factor: float
    output_sqnr_db: float
    own_sqnr_db: float

    @property
    def on_curve(self) -> bool:
        return self.low_factor == self.high_factor


@dataclass(frozen=True)
class OutputCurve:
    """Measured points of one tensor; everything else stays as the recipe has it.

    choice: the tensor's entry in the recipe. low, high: ends of its data, floats, or float32 (groups,) where grouped.
    points: by factor; those with two different factors come last. n_samples: how many were run.
    crossing: (low, high) factors at which the points for one end alone meet, each with the other end staying there;
    None where both ends are one, and as long as there are no such points.
    """

    choice: TensorChoice
    low: Bound
    high: Bound
    points: tuple[CurvePoint, ...]
    n_samples: int
    crossing: tuple[float, float] | None = None

    @property
    def tensor(self) -> str:
        return self.choice.tensor

    @cached_property
    def on_curve(self) -> tuple[CurvePoint, ...]:
        """The points at which both ends have one factor, ascending."""
        return tuple(point for point in self.points if point.on_curve)

    @cached_property
    def low_line(self) -> tuple[CurvePoint, ...]:
        """The points at which the lower end alone moves, by its factor; the upper one stays at the crossing."""
        return self._line(1, "low_factor")

    @cached_property
    def high_line(self) -> tuple[CurvePoint, ...]:
        """The points at which the upper end alone moves, by its factor; the lower one stays at the crossing."""
        return self._line(0, "high_factor")

    def _line(self, end: int, moving: str) -> tuple[CurvePoint, ...]:
        if self.crossing is None:
            return ()
        along = [p for p in self.points if (p.low_factor, p.high_factor)[end] == self.crossing[end]]
        return tuple(sorted(along, key=lambda p: getattr(p, moving)))

    @cached_property
    def factors(self) -> np.ndarray:
        """float64 (n,), ascending."""
        return np.array([point.high_factor for point in self.on_curve])

    @cached_property
    def thresholds(self) -> np.ndarray:
        """float64 (n,): the larger end of the range at each factor (of the widest group)."""
        return self.factors * float(np.maximum(np.abs(self.low), np.abs(self.high)).max())

    @cached_property
    def output_sqnr_db(self) -> np.ndarray:
        """float64 (n,), dB."""
        return np.array([point.output_sqnr_db for point in self.on_curve])

    @cached_property
    def own_sqnr_db(self) -> np.ndarray:
        """float64 (n,), dB."""
        return np.array([point.own_sqnr_db for point in self.on_curve])

    @property
    def best(self) -> CurvePoint:
        """The point with the highest output SQNR; the widest of equals."""
        return max(self.points, key=_goodness)

    @property
    def best_choice(self) -> TensorChoice:
        """The tensor's entry at the best point."""
        return self.choice_at(self.best.low_factor, self.best.high_factor)

    def choice_at(self, low_factor: float, high_factor: float | None = None) -> TensorChoice:
        """The tensor's entry with other ends. high_factor: None means the same factor as the lower end."""
        return scaled(self.choice, self.low, self.high, low_factor, low_factor if high_factor is None else high_factor)

    def predicted(self, factor: float | np.ndarray, high_factor: float | np.ndarray | None = None) -> np.ndarray:
        """Output SQNR in dB between measured points: linear over log(factor), level beyond the ends.

        factor: of both ends, or of the lower one where `high_factor` is given. Two factors take `low_line`,
        `high_line`: the noise of one end alone adds to that of the other, and what both cut off adds in amplitude as it
        does where both have one factor, their geometric mean. Without these lines the upper end alone counts.
        """
        if high_factor is None or not (self.low_line and self.high_line):
            return _between(factor if high_factor is None else high_factor, self.on_curve, "high_factor")
        low, high = factor, high_factor
        middle = np.sqrt(np.multiply(low, high))
        floor = _noise(next(p.output_sqnr_db for p in self.points if (p.low_factor, p.high_factor) == self.crossing))
        by_low, by_high = (
            [_noise(_between(at, line, moving)) for at in (end, middle)]
            for end, line, moving in ((low, self.low_line, "low_factor"), (high, self.high_line, "high_factor"))
        )
        both = _noise(self.predicted(middle))
        cut, cut_middle = (
            (np.maximum(a - floor, 0) * np.maximum(b - floor, 0)) ** 0.5 for a, b in zip(by_low, by_high, strict=True)
        )
        joint = np.clip((both - by_low[1] - by_high[1] + floor) / np.maximum(cut_middle, LITTLE), 0, 2)
        return -10 * np.log10(np.maximum(by_low[0] + by_high[0] - floor, floor / 2) + joint * cut)


def _goodness(point: CurvePoint) -> tuple[float, float]:
    lost = math.isnan(point.output_sqnr_db)  # the output overflows
    return -math.inf if lost else point.output_sqnr_db, point.high_factor


def _between(factor: float | np.ndarray, points: tuple[CurvePoint, ...], moving: str) -> np.ndarray:
    at = np.log([getattr(point, moving) for point in points])
    return np.interp(np.log(factor), at, [point.output_sqnr_db for point in points])


def _noise(sqnr_db: float | np.ndarray) -> np.ndarray:
    """Power of the noise, as a share of the signal's."""
    return np.power(10.0, np.negative(sqnr_db) / 10)


def has_threshold(choice: TensorChoice) -> bool:
    """Whether a range can be chosen for a tensor that stays the same while the network runs."""
    return choice.variation.has_scale and choice.variation.step != "fixed" and choice.dynamic is None


def scaled(choice: TensorChoice, low: Bound, high: Bound, low_factor: float, high_factor: float) -> TensorChoice:
    """A choice with the ends of its data times a factor each; what is symmetric stays so."""
    if is_mirrored(choice) and choice.symmetric is None:
        high = np.maximum(np.abs(low), np.abs(high))
        low, low_factor = -high, high_factor
    return dataclasses.replace(
        choice, method="hand", low=np.multiply(low, low_factor), high=np.multiply(high, high_factor)
    )


def is_mirrored(choice: TensorChoice) -> bool:
    """Whether both ends of the range are one; the rule of `Quantizer.covering` where the choice leaves it open."""
    if choice.symmetric is not None:
        return choice.symmetric
    return choice.variation.signed and np.array_equal(choice.low, -np.asarray(choice.high))


def output_curve(
    simulator: Simulator,
    recipe: Recipe,
    tensor: str,
    *,
    n: int = N_POINTS,
    n_refined: int = N_REFINED,
    data_range: tuple[Bound, Bound] | None = None,
    output: str | None = None,
    on_point: Callable[[OutputCurve], object] | None = None,
    cancelled: Cancel | None = None,
) -> OutputCurve:
    """Measure the network's output at `n` thresholds of one tensor, then around the best of them.

    The factors are geometric from 10 % to 100 % of the data's range; grouped weights have one factor for the range of
    each group. `n_refined` more points are spent on the best one's neighbourhood. Where data and quantizer have two
    ends, half of each number goes to either end alone.
    data_range: (low, high) that is factor 1; None: the ends of the values that the simulator's samples give.
    output: which graph output; None: the first. on_point(curve so far): called after every point, coarse ones first.
    cancelled: asked often; True raises `Cancelled`. Raises WorkbenchError for a tensor that the recipe leaves float or
    whose format has no threshold, for an unknown output, and for sequences of a recurrent network: the curve begins
    its runs in the middle, where a state hangs on all steps before.
    """
    if not isinstance(n, Integral) or not isinstance(n_refined, Integral) or n < 1 or n_refined < 0:
        raise WorkbenchError(f"n={n!r}, n_refined={n_refined!r}; expected a whole number from 1 on, and one from 0 on")
    output = known_output(simulator.model, output or simulator.model.outputs[0].name)
    choice, _ = _with_threshold(recipe, tensor), simulator.resumed  # refuses sequences
    simulator.compare(recipe, tensors=False, cancelled=cancelled)
    simulator.prepare(simulator.model.chain.segment_reading(tensor), cancelled)
    low, high = data_range or _data_range(simulator, recipe, choice, cancelled)
    trial = _Trial(simulator, recipe, tensor, output, cancelled)
    points: dict[tuple[float, float], CurvePoint] = {}
    crossing: tuple[float, float] | None = None

    def curve() -> OutputCurve:
        ordered = sorted(points.values(), key=lambda p: (not p.on_curve, p.high_factor, p.low_factor))
        return OutputCurve(choice, low, high, tuple(ordered), simulator.batches.n_samples, crossing)

    def measure(low_factor: float, high_factor: float) -> float:
        key = (low_factor, high_factor)
        if key not in points:
            points[key] = trial.at(scaled(choice, low, high, *key), *key)
            if on_point is not None:
                on_point(curve())
        return points[key].output_sqnr_db

    grid = np.geomspace(LEAST, 1.0, n).tolist()
    for i in _coarse_first(n):
        measure(grid[i], grid[i])
    _refine(lambda f: measure(f, f), grid, n_refined)
    if n_refined and two_ended(choice, low, high):
        at = curve().best
        crossing = (at.low_factor, at.high_factor)
        some = np.geomspace(LEAST, 1.0, n // 2).tolist()
        _refine(lambda f: measure(f, at.high_factor), _around(at.low_factor, some), n_refined // 2)
        end = max((p for p in curve().low_line), key=_goodness)
        crossing = (end.low_factor, at.high_factor)
        _refine(lambda f: measure(end.low_factor, f), _around(end.high_factor, some), n_refined // 2)
    return curve()


def two_ended(choice: TensorChoice, low: Bound, high: Bound) -> bool:
    """Whether the two ends of a range can be moved apart; those of groups move together."""
    if np.ndim(choice.low) or is_mirrored(choice) or not choice.quantizer.format.affine:
        return False
    return bool(np.min(low) < 0 < np.max(high))


def _with_threshold(recipe: Recipe, tensor: str) -> TensorChoice:
    if tensor not in recipe:
        raise WorkbenchError(f"tensor {tensor!r} stays float in this recipe; choose a format for it first")
    choice = recipe[tensor]
    if not has_threshold(choice):
        what = "a dynamic range" if choice.dynamic is not None else f"{choice.format}, whose range is its own"
        raise WorkbenchError(f"tensor {tensor!r} has {what}: there is no threshold to vary")
    return choice


def _data_range(
    simulator: Simulator, recipe: Recipe, choice: TensorChoice, cancelled: Cancel | None
) -> tuple[Bound, Bound]:
    """Ends of a weight's values, or of what reaches an activation in the quantized network."""
    model, tensor = simulator.model, choice.tensor
    if tensor in weight_names(model):
        rows = choice.quantizer.grouping.split(model.tensors[tensor].array())
        low, high = np.minimum(rows.min(axis=1), 0), np.maximum(rows.max(axis=1), 0)
        return (low, high) if np.ndim(choice.low) else (float(low.min()), float(high.max()))
    settings = simulator.settings(recipe)
    ends = [0.0, 0.0]
    for part in simulator.runs.parts():
        values = simulator.resumed.value(part, settings, tensor, cancelled)
        finite = values[np.isfinite(values)]
        if finite.size and not part.look:
            ends = [min(ends[0], float(finite.min())), max(ends[1], float(finite.max()))]
    if ends == [0.0, 0.0]:
        raise WorkbenchError(f"tensor {tensor!r} holds nothing but zeros on these samples; there is no range to vary")
    return ends[0], ends[1]


class _Trial:
    """Runs of the recipe with one entry changed."""

    def __init__(
        self, simulator: Simulator, recipe: Recipe, tensor: str, output: str, cancelled: Cancel | None
    ) -> None:
        self.simulator, self.recipe, self.output, self.cancelled = simulator, recipe, output, cancelled
        self.segment = simulator.model.chain.segment_reading(tensor)
        self.made = simulator.model.chain.segments[self.segment].outputs
        self.without = simulator.settings(recipe.without(tensor))
        self.reference = simulator.float_outputs(cancelled)[output]

    def at(self, choice: TensorChoice, low_factor: float, high_factor: float) -> CurvePoint:
        runs, settings = self.simulator.resumed, self.simulator.settings(self.recipe.with_choice(choice))
        whole, own = ErrorSums(), ErrorSums()
        outputs: list[np.ndarray] = []
        for part in runs.parts():
            if part.look:
                continue
            place: dict[str, Any] = {"keep": self.made, "limit": self.segment}
            result = runs.trial(part, settings, self.cancelled, **place)
            outputs.append(result[self.output])
            reference = runs.trial(part, self.without, self.cancelled, **place, stop=self.segment + 1)
            for name in self.made:
                own.add(reference[name], result[name])
        whole.add(self.reference, joined(self.output, outputs))
        return CurvePoint(low_factor, high_factor, whole.sqnr_db, own.sqnr_db)


def _coarse_first(n: int) -> list[int]:
    """0 to n - 1, both ends first, then always the middle of the widest gap."""
    order = [n - 1, 0][:n]
    while len(order) < n:
        known = sorted(order)
        gap, start = max((b - a, -a) for a, b in itertools.pairwise(known))
        order.append(-start + gap // 2)
    return order


def _around(factor: float, grid: list[float]) -> list[float]:
    """A coarse grid and one factor, with its neighbours at an eighth of the grid's distance."""
    step = (1 / LEAST) ** (1 / (8 * max(len(grid) - 1, 1)))
    return sorted({*grid, factor / step, factor, min(factor * step, 1.0)})


def _refine(measure: Callable[[float], float], factors: list[float], n: int) -> None:
    """Measure factors, the ends first, and `n` more where the best ones are: in the widest gap beside a good one.

    Near its maximum the curve is flat and rough (codes change one by one), so that the whole plateau is looked at.
    Below the least factor it goes on, step by step, while that is the best one.
    """
    known = {factors[i]: measure(factors[i]) for i in _coarse_first(len(factors))}
    ratio = factors[1] / factors[0] if len(factors) > 1 else 1 / LEAST
    for _ in range(n):
        best, least = max(known.values()), min(known)
        gaps = [
            (math.log(b / a), a, b)
            for a, b in itertools.pairwise(sorted(known))
            if max(known[a], known[b]) >= best - PLATEAU
        ]
        if known[least] == best or not gaps:
            factor = least / ratio
        else:
            _, a, b = max(gaps)
            factor = math.sqrt(a * b)
        known[factor] = measure(factor)
