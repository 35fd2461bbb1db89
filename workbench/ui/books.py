"""`ErrorBook` and `ChoiceBook`: exact figures and chosen ranges of tensors, each worked out once."""

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

from workbench.models.model import Model
from workbench.models.tensors import Tensor
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.errors.error import NO_ERROR, QuantizationError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import choose_tensor, default_weight_clipping

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


class ErrorBook:
    """The error of each tensor at its present choice; computed again only where choice or values changed."""

    def __init__(self, model: Model) -> None:
        self._model = model
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
        """All figures of a tensor; None where nothing is known of its values. whole=False may leave `kl` at 0."""
        if source is None:
            return None
        with self._lock:
            entry = self._known.get(name)
        if entry is not None and entry[0] is choice and entry[1] is source and (entry[2] or not whole):
            return entry[3]
        error = error_of(self._model, name, choice, source, whole=whole)
        complete = whole or choice is None or choice.quantizer.axis is None
        with self._lock:
            self._known[name] = (choice, source, complete, error)
        return error


def error_of(
    model: Model, name: str, choice: TensorChoice | None, source: Source, *, whole: bool = True
) -> QuantizationError:
    """Exact figures of one choice: measured on the values where it is grouped, else read off the distribution."""
    if choice is None:
        return NO_ERROR
    if choice.quantizer.axis is not None:
        return measured_error(model.tensors[name].array(), choice.quantizer, divergence=whole)
    return expected_error(distribution_in(source), choice.quantizer)


class ChoiceBook:
    """`choose_tensor` with a memory, so that trying a format again costs nothing."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._known: dict[tuple[Any, ...], tuple[object, TensorChoice]] = {}

    def choose(
        self,
        calibration: Distributions | None,
        name: str,
        *,
        format: str,
        method: str,
        symmetric: bool | None = None,
        per_channel: bool | None = None,
        block_size: int | None = None,
    ) -> TensorChoice:
        """As `choose_tensor`, whose errors it raises."""
        source = source_of(self._model, calibration, name)
        key = (name, format, method, symmetric, per_channel, block_size)
        with self._lock:
            entry = self._known.get(key)
        if entry is not None and entry[0] is source:
            return entry[1]
        choice = choose_tensor(
            self._model,
            calibration,
            name,
            format=format,
            method=method,
            symmetric=symmetric,
            per_channel=per_channel,
            block_size=block_size,
        )
        with self._lock:
            self._known[key] = (source, choice)
        return choice

    def reformatted(
        self, calibration: Distributions | None, name: str, format: str, present: TensorChoice | None
    ) -> TensorChoice | None:
        """What a tensor becomes in another format: a range set by hand is kept, any other is chosen anew.

        Method, symmetry and grouping of the present choice are kept where it has them. None for fp32.
        """
        _ = FORMATS[format]
        if format == "fp32" or (present is not None and present.format == format):
            return None if format == "fp32" else present
        is_weight = self._model.tensors[name].values is not None
        default = default_method(is_weight, format)
        if present is None or not FORMATS[present.format].has_scale or not FORMATS[format].has_scale:
            return self.choose(calibration, name, format=format, method=default, **default_grouping(is_weight))
        if present.method == "hand":
            return dataclasses.replace(present, format=format)
        by_default = present.method == default_method(is_weight, present.format)
        return self.again(calibration, present, format=format, **({"method": default} if by_default else {}))

    def again(self, calibration: Distributions | None, present: TensorChoice, **changes: Any) -> TensorChoice:
        """The present choice with another format, method, symmetry or grouping; its range is chosen anew."""
        wanted = {
            "format": present.format,
            "method": present.method if present.method in CLIPPING else "least_error",
            "symmetric": present.symmetric,
            "per_channel": present.axis is not None,
            "block_size": present.block_size,
        }
        chosen = self.choose(calibration, present.tensor, **(wanted | changes))
        return dataclasses.replace(chosen, note=present.note) if present.note else chosen
