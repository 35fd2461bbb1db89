"""`output_curve`: the network's output error against the threshold of one tensor, measured through resumed runs."""

import dataclasses
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.choice import Bound, TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel
from workbench.workflow.simulate import Simulator, joined

N_POINTS, LEAST = 24, 0.1  # points of the curve, from this share of the data's range to all of it
N_REFINED = 16  # further points around the best one, for each direction
PLATEAU = 0.3  # dB below the best that still count as good


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
    """

    choice: TensorChoice
    low: Bound
    high: Bound
    points: tuple[CurvePoint, ...]
    n_samples: int

    @property
    def tensor(self) -> str:
        return self.choice.tensor

    @cached_property
    def on_curve(self) -> tuple[CurvePoint, ...]:
        """The points at which both ends have one factor, ascending."""
        return tuple(point for point in self.points if point.on_curve)

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

        def goodness(point: CurvePoint) -> tuple[float, float]:
            lost = math.isnan(point.output_sqnr_db)  # the output overflows
            return -math.inf if lost else point.output_sqnr_db, point.high_factor

        return max(self.points, key=goodness)

    @property
    def best_choice(self) -> TensorChoice:
        """The tensor's entry at the best point."""
        return self.choice_at(self.best.low_factor, self.best.high_factor)

    def choice_at(self, low_factor: float, high_factor: float | None = None) -> TensorChoice:
        """The tensor's entry with other ends. high_factor: None means the same factor as the lower end."""
        return scaled(self.choice, self.low, self.high, low_factor, low_factor if high_factor is None else high_factor)

    def predicted(self, factor: float | np.ndarray) -> np.ndarray:
        """Output SQNR in dB at factors between measured ones: linear over log(factor), level beyond the ends."""
        return np.interp(np.log(factor), np.log(self.factors), self.output_sqnr_db)


def scaled(choice: TensorChoice, low: Bound, high: Bound, low_factor: float, high_factor: float) -> TensorChoice:
    """A choice with the ends of its data times a factor each; what is symmetric stays so."""
    if _mirrored(choice) and choice.symmetric is None:
        high = np.maximum(np.abs(low), np.abs(high))
        low, low_factor = -high, high_factor
    return dataclasses.replace(
        choice, method="hand", low=np.multiply(low, low_factor), high=np.multiply(high, high_factor)
    )


def _mirrored(choice: TensorChoice) -> bool:
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
    each group. `n_refined` more points are spent on the best one's neighbourhood, and as many on each end alone
    where data and quantizer have two.
    data_range: (low, high) that is factor 1; None: the ends of the values that the simulator's samples give.
    output: which graph output; None: the first. on_point(curve so far): called after every point, the coarse ones
    first. cancelled: asked often; True raises `Cancelled`.
    Raises WorkbenchError for a tensor that the recipe leaves float or whose format has no threshold.
    """
    choice = _with_threshold(recipe, tensor)
    simulator.compare(recipe, tensors=False, cancelled=cancelled)
    simulator.prepare(simulator.model.chain.segment_reading(tensor), cancelled)
    low, high = data_range or _data_range(simulator, recipe, choice, cancelled)
    trial = _Trial(simulator, recipe, tensor, output or simulator.model.outputs[0].name, cancelled)
    points: dict[tuple[float, float], CurvePoint] = {}

    def curve() -> OutputCurve:
        ordered = sorted(points.values(), key=lambda p: (not p.on_curve, p.high_factor, p.low_factor))
        return OutputCurve(choice, low, high, tuple(ordered), simulator.batches.n_samples)

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
    if n_refined and np.min(low) < 0 < np.max(high) and not _mirrored(choice) and choice.quantizer.format.affine:
        step = (1 / LEAST) ** (1 / max(n - 1, 1))
        at = curve().best
        _refine(lambda f: measure(f, at.high_factor), _around(at.low_factor, step), n_refined)
        end = curve().best
        _refine(lambda f: measure(end.low_factor, f), _around(end.high_factor, step), n_refined)
    return curve()


def _with_threshold(recipe: Recipe, tensor: str) -> TensorChoice:
    if tensor not in recipe:
        raise WorkbenchError(f"tensor {tensor!r} stays float in this recipe; choose a format for it first")
    choice = recipe[tensor]
    if not choice.variation.has_scale or choice.variation.step == "fixed" or choice.dynamic is not None:
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
        values = simulator.runs.value(part, settings, tensor, cancelled)
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
        runs, settings = self.simulator.runs, self.simulator.settings(self.recipe.with_choice(choice))
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


def _around(factor: float, step: float) -> list[float]:
    return sorted({factor / step, factor, min(factor * step, 1.0)})


def _refine(measure: Callable[[float], float], factors: list[float], n: int) -> None:
    """Measure `n` more factors where the best ones are: always in the middle of the widest gap beside a good one.

    Near its maximum the curve is flat and rough (codes change one by one), so that the whole plateau is looked at.
    Below the least factor it goes on, step by step, while that is the best one.
    """
    known = {factor: measure(factor) for factor in factors}
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
