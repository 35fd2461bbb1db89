"""`ErrorBook` and `ChoiceBook`: exact figures and chosen ranges of tensors, each worked out once."""

import dataclasses
import math
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.tensors import Tensor
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.zero_band import zero_band
from workbench.numerics.errors.error import NO_ERROR, QuantizationError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.sampled import SampleBook, needs_samples, sampled_error
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import NoRange, choose_tensor, default_weight_clipping

Distributions = Mapping[str, Distribution]
Source = Tensor | Distribution


def source_of(model: Model, calibration: Distributions | None, name: str) -> Source | None:
    """Where a tensor's values come from: itself for a weight, its histogram for an activation; None if unknown."""
    tensor = model.tensors[name]
    if tensor.values is not None:
        return tensor
    histogram = calibration[name] if calibration is not None and name in calibration else None
    return histogram if histogram is not None and histogram.count else None


def distribution_in(source: Source) -> Distribution:
    """The distribution of all values; of a weight it is worked out when first asked for."""
    return source.distribution() if isinstance(source, Tensor) else source


def default_method(is_weight: bool, format: str) -> str:
    """The clipping method that `choose` takes unless told otherwise."""
    return default_weight_clipping(format) if is_weight else "least_error"


def default_grouping(is_weight: bool) -> dict[str, Any]:
    """Grouping and symmetry that `choose` takes unless told otherwise: weights per channel, activations affine."""
    return {"per_channel": True} if is_weight else {"symmetric": False}


def can_prune(format: Format) -> bool:
    """Whether small values can be set to zero first: the format has a level there, or will have one."""
    if format.needs_values or format.family not in ("binary", "codebook"):
        return True
    levels = format.unit_levels()
    return levels is None or bool((levels == 0).any())


def within(distribution: Distribution, band: float) -> float:
    """How many values have magnitude <= band."""
    edge = np.float32(band)
    cuts = np.array([np.nextafter(-edge, np.float32(-np.inf)), edge], np.float32)
    return float(distribution.cells(cuts).count[1])


def sparsity_of(choice: TensorChoice | None, source: Source | None) -> float:
    """Share of the values that a choice's zero band sets to zero, in [0, 1)."""
    if choice is None or source is None or not choice.zero_band:
        return 0.0
    distribution = distribution_in(source)
    return min(within(distribution, choice.zero_band) / distribution.count, 1 - 1e-9)


class ErrorBook:
    """The error of each tensor at its present choice; computed again only where choice or values changed."""

    def __init__(self, model: Model, samples: SampleBook) -> None:
        self._model, self._samples = model, samples
        self._lock = threading.Lock()
        self._known: dict[str, tuple[TensorChoice | None, object, bool, QuantizationError]] = {}

    def known(self, name: str, choice: TensorChoice | None, source: Source | None) -> QuantizationError | None:
        """The error if it was worked out for this very choice and source."""
        with self._lock:
            entry = self._known.get(name)
        return entry[3] if entry is not None and entry[0] is choice and entry[1] is source else None

    def error(
        self, name: str, choice: TensorChoice | None, source: Source | None, *, whole: bool = True
    ) -> QuantizationError | None:
        """All figures of a tensor; None where nothing is known of its values, or too little (see `error_of`).

        whole=False may leave `kl` at 0.
        """
        if source is None:
            return None
        with self._lock:
            entry = self._known.get(name)
        if entry is not None and entry[0] is choice and entry[1] is source and (entry[2] or not whole):
            return entry[3]
        error = error_of(self._model, name, choice, source, self._samples.known(name), whole=whole)
        if error is None:
            return None
        complete = whole or choice is None or choice.quantizer.axis is None
        with self._lock:
            self._known[name] = (choice, source, complete, error)
        return error


def error_of(
    model: Model,
    name: str,
    choice: TensorChoice | None,
    source: Source,
    samples: np.ndarray | None = None,
    *,
    whole: bool = True,
) -> QuantizationError | None:
    """Figures of one choice, by the best way there is.

    Read off the distribution where there is one group; measured on the values of a weight otherwise; on `samples`
    (n, ...) for blocks and dynamic ranges of activations, None without them.
    """
    if choice is None:
        return NO_ERROR
    if not isinstance(source, Tensor) and needs_samples(choice):
        error = None if samples is None else sampled_error(samples, choice, whole=whole)
    elif choice.quantizer.axis is not None:
        error = measured_error(model.tensors[name].array(), choice.quantizer, divergence=whole)
    else:
        return expected_error(distribution_in(source), choice.quantizer)
    if error is not None and choice.variation.block_size is not None:
        return dataclasses.replace(error, kl=math.nan)  # blocks have no common levels that bins could go to
    return error


class ChoiceBook:
    """`choose_tensor` with a memory, so that trying a format again costs nothing."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._known: dict[tuple[Any, ...], tuple[tuple[object, ...], TensorChoice]] = {}

    def choose(
        self, calibration: Distributions | None, name: str, *, format: str, method: str, **options: Any
    ) -> TensorChoice:
        """As `choose_tensor`, whose options it takes and whose errors it raises.

        A method that fails (one of your own, with another signature) is named in a WorkbenchError.
        """
        source = source_of(self._model, calibration, name)
        made_of = (source, FORMATS[format], CLIPPING[method])  # a registration may replace both
        key = (name, format, method, *sorted(options.items()))
        with self._lock:
            entry = self._known.get(key)
        if entry is not None and all(a is b for a, b in zip(entry[0], made_of, strict=True)):
            return entry[1]
        choice = choose_tensor(self._model, calibration, name, format=format, method=method, **options)
        with self._lock:
            self._known[key] = (made_of, choice)
        return choice

    def reformatted(
        self, calibration: Distributions | None, name: str, format: str, present: TensorChoice | None
    ) -> TensorChoice | None:
        """What a tensor becomes in another format: a range set by hand is kept, any other is chosen anew.

        Method, symmetry, grouping, rounding, overflow, zero band and dynamic range of the present choice are kept where
        the new format can have them. None for fp32.
        """
        wanted = FORMATS[format]
        if format == "fp32" or (present is not None and present.format == format):
            return None if format == "fp32" else present
        is_weight = self._model.tensors[name].values is not None
        default = default_method(is_weight, format)
        if present is None:
            return self.choose(calibration, name, format=format, method=default, **default_grouping(is_weight))
        if not present.variation.has_scale or not wanted.has_scale:
            kept = self._kept(calibration, present, wanted)
            grouping = default_grouping(is_weight)
            return self.choose(calibration, name, format=format, method=default, **grouping, **kept)
        if present.method == "hand":
            overflow = present.overflow if present.overflow in wanted.overflows else None
            band = present.zero_band if can_prune(wanted) else 0.0
            return dataclasses.replace(present, format=format, overflow=overflow, zero_band=band, levels=None)
        by_default = present.method == default_method(is_weight, present.format)
        return self.again(calibration, present, format=format, **({"method": default} if by_default else {}))

    def again(self, calibration: Distributions | None, present: TensorChoice, **changes: Any) -> TensorChoice:
        """The present choice with another format, method, symmetry, grouping, rounding, overflow, sparsity or dynamic
        range; its range, or its levels, are chosen anew. A method that is named ends a dynamic range.
        """
        format = FORMATS[changes.get("format", present.format)]
        is_weight = self._model.tensors[present.tensor].values is not None
        wanted = {
            "format": format.name,
            "method": _method_again(present, is_weight, format),
            **self._kept(calibration, present, format),
        }
        if present.variation.has_scale:
            wanted |= {"symmetric": present.symmetric, "per_channel": present.axis is not None}
            wanted |= {"block_size": present.block_size}
        else:
            wanted |= default_grouping(is_weight)
        if "method" in changes:
            wanted.pop("dynamic", None)
        return self.choose(calibration, present.tensor, **_said(wanted | changes))

    def varied(self, calibration: Distributions | None, present: TensorChoice, **changes: Any) -> TensorChoice:
        """The present choice with another rounding, overflow or sparsity; a range set by hand is kept, any other is
        chosen anew, as another rounding may have its least error elsewhere. Fitted levels stay unless pruned.
        """
        kept = present.method == "hand" or (not present.variation.has_scale and "sparsity" not in changes)
        if not kept:
            return self.again(calibration, present, **changes)
        fields = dict(changes)
        if "sparsity" in fields:
            if not can_prune(present.variation):
                raise WorkbenchError(f"{present.format} has no level at 0, so that nothing can be pruned to it")
            source = source_of(self._model, calibration, present.tensor)
            if source is None:
                raise NoRange(f"tensor {present.tensor!r} has no calibration, and its values are needed to prune it")
            fields["zero_band"] = zero_band(distribution_in(source), fields.pop("sparsity"))
        return dataclasses.replace(present, **fields)

    def _kept(self, calibration: Distributions | None, present: TensorChoice, format: Format) -> dict[str, Any]:
        """Rounding, overflow, sparsity and dynamic range of a choice, as far as another format can have them."""
        kept: dict[str, Any] = {}
        if present.rounding != "nearest_even":
            kept["rounding"] = present.rounding
        if present.overflow is not None and present.overflow in format.overflows:
            kept["overflow"] = present.overflow
        if present.zero_band and can_prune(format):
            kept["sparsity"] = sparsity_of(present, source_of(self._model, calibration, present.tensor))
        if present.dynamic is not None and format.has_scale:
            kept["dynamic"] = present.dynamic
        return kept


def _method_again(present: TensorChoice, is_weight: bool, format: Format) -> str:
    """The method that chooses the range of a tensor anew; least error in place of a hand or of one that is gone."""
    if present.method in CLIPPING:
        return present.method
    return "least_error" if present.variation.has_scale else default_method(is_weight, format.name)


def _said(options: dict[str, Any]) -> dict[str, Any]:
    """Options without those that say what is so anyway; equal wishes then are the same key of the memory."""
    usual = {"rounding": "nearest_even", "overflow": None, "sparsity": 0.0, "dynamic": None}
    return {name: value for name, value in options.items() if name not in usual or value != usual[name]}
