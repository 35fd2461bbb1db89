"""`Case`: everything that the kinds of evidence look at, worked out once; `Point`: one quantized tensor in it."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from workbench.models.model import Layer, Model
from workbench.models.segments import Cancelled
from workbench.numerics.clipping.asking import clip_range
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.grouping import Grouping
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.histogram import Histogram
from workbench.workflow.choice import Bound, TensorChoice
from workbench.workflow.choose import choose_tensor, default_weight_clipping, weight_names
from workbench.workflow.diagnosis.local_noise import energies, mean_ratio, per_output
from workbench.workflow.diagnosis.look import Look, readers_of
from workbench.workflow.diagnosis.trimmed import broken_samples, trimmed, usual_range
from workbench.workflow.noise_gains import noise_gains
from workbench.workflow.plan import Plan, plan
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel

OVERFLOWN = 1e9  # noise-to-signal ratio that stands for infinity in sums


@dataclass(frozen=True, eq=False)
class Case:
    """A network, a recipe, and what is known of the data.

    calibration: tensor -> Distribution, what the recipe was chosen on. evaluation: the same of other data, or None.
    look: channels of activations on a few samples, None without data. cancelled: asked before whatever takes time.
    """

    model: Model
    recipe: Recipe
    calibration: Mapping[str, Distribution]
    evaluation: Mapping[str, Distribution] | None = None
    look: Look | None = None
    cancelled: Cancel | None = None

    def go_on(self) -> None:
        """Raises `Cancelled` where nobody waits any more."""
        if self.cancelled is not None and self.cancelled():
            raise Cancelled

    @cached_property
    def points(self) -> dict[str, "Point"]:
        """Quantized tensors with a fixed range or format, that something is known of, by name."""
        weights = set(weight_names(self.model))
        points = (Point(self, name, name in weights) for name in self.recipe if self.recipe[name].dynamic is None)
        return {p.name: p for p in points if p.layers and (p.is_weight or self._known(p.name))}

    def _known(self, name: str) -> bool:
        return name in self.calibration and self.calibration[name].count > 0

    @cached_property
    def weights(self) -> tuple["Point", ...]:
        return tuple(point for point in self.points.values() if point.is_weight)

    @cached_property
    def activations(self) -> tuple["Point", ...]:
        return tuple(point for point in self.points.values() if not point.is_weight)

    @cached_property
    def plan(self) -> Plan:
        """The recipe worked out, with its integer biases."""
        return plan(self.model, self.recipe)

    @cached_property
    def gains(self) -> dict[str, float]:
        """Value -> how its noise-to-signal ratio adds up at the graph outputs, by structure alone."""
        powers = {name: d.cells(np.zeros(0)).square[0] / max(d.count, 1) for name, d in self.calibration.items()}
        if self.look is not None:
            powers |= self.look.powers
        total: dict[str, float] = {}
        for port in self.model.outputs:
            for name, gain in noise_gains(self.model, powers, port.name).items():
                total[name] = total.get(name, 0.0) + gain / len(self.model.outputs)
        return total

    @cached_property
    def noise(self) -> float:
        """Estimate of the noise-to-signal ratio at the output."""
        return sum(point.output_noise(point.choice) for point in self.points.values())

    def usual_format(self, of: "Point") -> str:
        """The format that most tensors of the same side have."""
        side = [p.choice.format for p in (self.weights if of.is_weight else self.activations)]
        return max(dict.fromkeys(side), key=side.count)

    def input_power(self, layer: Layer) -> np.ndarray | None:
        """Mean square of each channel that a layer reads, float64 (channels,), as far as it is known."""
        rows = None if self.look is None or len(layer.inputs) != 1 else self.look.rows.get(layer.inputs[0])
        return None if rows is None else np.square(rows, dtype=np.float64).mean(axis=1)

    def producers(self) -> Iterator[tuple[str, Any]]:
        """(value, node that computes it) of the whole graph."""
        return ((name, node) for node in self.model.network.nodes for name in node.output)


@dataclass(frozen=True, eq=False)
class Point:
    """One quantized tensor of a case."""

    case: Case
    name: str
    is_weight: bool
    _ratios: list[tuple[TensorChoice | None, float]] = field(default_factory=list)

    @cached_property
    def choice(self) -> TensorChoice:
        return self.case.recipe[self.name]

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Layers that read it."""
        return readers_of(self.case.model, self.name)

    @property
    def layer(self) -> Layer:
        """The layer that it is named under: the first with a weight, else the first."""
        return next((layer for layer in self.layers if layer.weight is not None), self.layers[0])

    @cached_property
    def array(self) -> np.ndarray:
        """Values of a weight."""
        return self.case.model.tensors[self.name].array()

    @cached_property
    def distribution(self) -> Distribution:
        """All values, those of calibration for an activation."""
        self.case.go_on()
        if self.is_weight:
            found: Distribution = self.case.model.tensors[self.name].distribution()
            return found
        return self.case.calibration[self.name]

    @cached_property
    def broken(self) -> np.ndarray:
        """Calibration samples that have nothing in common with the others, see `broken_samples`."""
        known = isinstance(self.distribution, Histogram)
        return broken_samples(self.distribution) if known else np.zeros(0, np.int64)  # type: ignore[arg-type]

    @cached_property
    def body(self) -> Distribution:
        """The values without those that only broken samples reach."""
        if not self.broken.size or not isinstance(self.distribution, Histogram):
            return self.distribution
        return trimmed(self.distribution, *usual_range(self.distribution, self.broken))

    @cached_property
    def error(self) -> QuantizationError:
        """Error of the body, for one group."""
        return expected_error(self.body, self.choice.quantizer)

    @property
    def is_symmetric(self) -> bool:
        """Whether the range is mirrored at 0."""
        return bool(self.choice.symmetric) or np.array_equal(self.choice.low, -np.asarray(self.choice.high))

    @cached_property
    def ratio(self) -> float:
        """Noise over signal where it is read, under its present choice."""
        return self.ratio_of(self.choice)

    def ratio_of(self, choice: TensorChoice | None) -> float:
        """Noise over signal of what the first layer that reads it computes; infinite where something overflows.

        choice: None stands for float32.
        """
        for known, ratio in self._ratios:
            if known is choice:
                return ratio
        self.case.go_on()
        ratio = 0.0 if choice is None else self._weight_ratio(choice) if self.is_weight else self._ratio(choice)
        self._ratios.append((choice, ratio))
        return ratio

    def output_noise(self, choice: TensorChoice | None) -> float:
        """Estimate of what it adds to the noise-to-signal ratio at the output."""
        gains, value = self.case.gains, self.layer.output if self.is_weight else self.name
        return gains.get(value, 0.0) * min(self.ratio_of(choice), OVERFLOWN)

    def _weight_ratio(self, choice: TensorChoice) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            difference = choice.quantizer.fake_quantize(self.array) - self.array
        if not np.isfinite(difference).all():
            return float("inf")
        power = self.case.input_power(self.layer)
        signal, noise = (per_output(*energies(self.layer, values), power) for values in (self.array, difference))
        return mean_ratio(noise, signal)

    def _ratio(self, choice: TensorChoice) -> float:
        quantizer = choice.quantizer
        whole = self._whole_ratio(quantizer)
        rows = None if self.case.look is None else self.case.look.rows.get(self.name)
        if rows is None or whole == float("inf"):
            return whole
        with np.errstate(over="ignore", invalid="ignore"):
            difference = quantizer.fake_quantize(rows) - rows
        noise, signal = (np.square(values, dtype=np.float64).mean(axis=1) for values in (difference, rows))
        if not np.isfinite(noise).all():
            return float("inf")
        layer = self.layer
        if layer.weight is None:
            return max(whole, mean_ratio(noise, signal))
        per, places = energies(layer, self.case.model.tensors[layer.weight].array())
        if places.max(initial=0) >= noise.size:
            return whole
        return max(whole, mean_ratio(per_output(per, places, noise), per_output(per, places, signal)))

    def _whole_ratio(self, quantizer: Quantizer) -> float:
        """Noise over signal of all values, on the data where it is larger: calibration's or the evaluation's."""
        if quantizer.format.block_size is not None:
            return 0.0
        seen = None if self.case.evaluation is None else self.case.evaluation.get(self.name)
        known = [self.body, *([] if seen is None or not seen.count else [seen])]
        errors = [expected_error(distribution, quantizer) for distribution in known]
        return max(0.0 if error.mse == 0 else float(10 ** (-error.sqnr_db / 10)) for error in errors)

    def with_bounds(self, low: Bound, high: Bound) -> TensorChoice:
        """The present choice with other ends, as many as it has."""
        return dataclasses.replace(self.choice, low=low, high=high, method="hand", estimated=False)

    def covering_also(self, other: Distribution) -> TensorChoice:
        """The present choice with the range of least error on other values, where that is wider."""
        found = clip_range("least_error", other, self.choice.variation, symmetric=self.is_symmetric)
        low, high = (float(np.min(self.choice.low)), float(np.max(self.choice.high)))
        return self.with_bounds(min(low, found.low), max(high, found.high))

    def chosen(
        self,
        *,
        format: str | None = None,
        symmetric: bool | None = None,
        per_channel: bool | None = None,
        method: str | None = None,
    ) -> TensorChoice:
        """A fresh choice from the body of the values, by the default method; what is not given stays as it is."""
        self.case.go_on()
        wanted = format or self.choice.format
        options: dict[str, Any] = {"rounding": self.choice.rounding}
        if self.is_weight:
            grouped = self.choice.axis is not None if per_channel is None else per_channel
            options |= {"per_channel": grouped, "block_size": self.choice.block_size if grouped else None}
            method = method or default_weight_clipping(wanted)
        else:
            options["symmetric"] = self.is_symmetric if symmetric is None else symmetric
        if wanted == self.choice.format:
            options["overflow"] = self.choice.overflow
        found = choose_tensor(
            self.case.model, {self.name: self.body}, self.name, format=wanted, method=method or "least_error", **options
        )
        return dataclasses.replace(found, zero_band=self.choice.zero_band) if self.choice.zero_band else found

    @cached_property
    def fresh(self) -> TensorChoice:
        """The present format with a range chosen anew."""
        return self.chosen()

    @property
    def rows(self) -> np.ndarray:
        """Values of a weight, one row an output channel."""
        return Grouping(self.layer.weight_axis).split(self.array)
