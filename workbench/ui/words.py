"""Short texts that panels and status lines share: titles of methods, numbers with units, what a change was."""

import math

from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.calibrate import Calibration
from workbench.workflow.choice import TensorChoice

METHOD_TITLES = {"min_max": "min–max", "least_error": "least MSE", "entropy": "least KL", "percentile": "99.99 %"}


def method_title(name: str) -> str:
    """What menus and marks call a clipping method; a method without a title of its own gets its name in words."""
    return METHOD_TITLES.get(name, name.replace("_", " "))


def method_of_title(title: str) -> str:
    """The inverse of `method_title`."""
    return next((name for name, known in METHOD_TITLES.items() if known == title), title.replace(" ", "_"))


def format_title(choice: TensorChoice | None) -> str:
    return FORMATS["fp32" if choice is None else choice.format].title


def decibels(value: float | None) -> str:
    """As in "35.4 dB", "exact" without any error, "–" where it is unknown."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "exact" if value > 0 else "overflow"
    return f"{value:.1f} dB"


def parameters(n: int) -> str:
    """As in "0.27 M", "10.7 k", "512"."""
    if n >= 100_000:
        return f"{n / 1e6:.2f} M"
    return f"{n / 1e3:.1f} k" if n >= 10_000 else f"{n:,}"


def plain(value: float | None) -> float | str | None:
    """A number that JSON can carry: infinities as "inf" and "-inf", NaN as None."""
    if value is None or math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def shape_text(shape: tuple[int | str | None, ...] | None) -> str:
    """As in "N×32×16×16"; a dynamic dimension by its name."""
    return "unknown shape" if shape is None else "×".join("?" if d is None else str(d) for d in shape) or "scalar"


def caption(model: Model, calibration: Calibration | None, calibrated: bool, name: str) -> str:
    """What is known of a tensor: name, shape, number of samples and values."""
    tensor = model.tensors[name]
    parts = [name, shape_text(tensor.shape)]
    if tensor.values is not None:
        parts.append(f"{tensor.values.size:,} values")
    elif calibration is not None and name in calibration:
        so_far = "" if calibrated else " so far"
        parts += [f"{calibration.n_samples:,} samples{so_far}", f"{calibration[name].count:,} values"]
    return " · ".join(parts)
