"""Short texts that panels and status lines share: titles of methods, numbers with units, what a change was."""

import math
import re
from typing import Any

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.workflow.calibration import Calibration

# method -> (title, group); a method that is not named here was registered by the person
METHODS = {
    "least_error": ("least MSE", "searched"),
    "entropy": ("least KL", "searched"),
    "least_absolute": ("least |error|", "searched"),
    "least_power": ("least |error|^p", "searched"),
    "alternating": ("alternating (ADMM)", "searched"),
    "min_max": ("min–max", "from the data's range"),
    "percentile": ("99.99 %", "from the data's range"),
    "moving_average": ("moving average", "from the data's range"),
    "aciq_gauss": ("ACIQ, Gauss", "from a model of the data"),
    "aciq_laplace": ("ACIQ, Laplace", "from a model of the data"),
    "sigmoid_cut": ("sigmoid input, 6", "fixed cut-offs"),
    "tanh_cut": ("tanh input, 3", "fixed cut-offs"),
    "power_of_two_max": ("2ⁿ over the maximum", "powers of two"),
    "power_of_two_mse": ("2ⁿ of least MSE", "powers of two"),
    "entropy_onnxruntime": ("onnxruntime, entropy", "reproduce another tool"),
    "entropy_tensorrt": ("TensorRT, entropy", "reproduce another tool"),
    "entropy_mxnet": ("MXNet, entropy", "reproduce another tool"),
    "entropy_ncnn": ("ncnn, entropy", "reproduce another tool"),
    "entropy_caffe": ("Caffe tools, entropy", "reproduce another tool"),
    "entropy_slides": ("TensorRT slides, entropy", "reproduce another tool"),
}
OWN = "your own"
METHOD_GROUPS = (*dict.fromkeys(group for _, group in METHODS.values()), OWN)
DYNAMIC = {
    "batch": ("dynamic, per batch", "the range is found anew in each batch while the network runs"),
    "sample": ("dynamic, per sample", "the range is found anew in each sample while the network runs"),
}
# family of a format -> heading of its group in menus; other families are the person's own
FAMILIES = {
    "identity": "floating",
    "floating": "floating",
    "integer": "integer",
    "fixed_point": "fixed point, scale 2ⁿ",
    "logarithmic": "logarithmic",
    "codebook": "codebook",
    "shared_exponent": "shared exponent",
    "binary": "binary",
    "pruning": "pruning",
}
DUST = 1e-15  # nats
ROUNDING_TITLES = {"nearest_even": "nearest even", "nearest_away": "nearest away", "toward_zero": "toward zero"}


def first_of_several(model: Model) -> str:
    """The output that figures of the first one are of; "" where there is no other."""
    return model.outputs[0].name if len(model.outputs) > 1 else ""


def method_title(name: str) -> str:
    """What menus and marks call a clipping method; a method without a title of its own gets its name in words."""
    return METHODS[name][0] if name in METHODS else name.replace("_", " ")


def method_group(name: str) -> str:
    """The heading a method stands under in menus."""
    return METHODS[name][1] if name in METHODS else OWN


def method_of_title(title: str) -> str:
    """The inverse of `method_title`; WorkbenchError where no method is called so."""
    names = [name for name in CLIPPING if method_title(name) == title]
    if not names:
        raise WorkbenchError(f"no threshold method is called {title!r}; it may have been taken out of wb.CLIPPING")
    return names[0]


def short_title(title: str) -> str:
    """The title of a format where its width stands beside it: "k-means" for "k-means 4 bit"."""
    return re.sub(r",? \d+ bit$", "", title).replace(", scale ", " ")


def first_line(thing: Any) -> str:
    """The opening sentence of a docstring, for a tooltip."""
    return next(iter((getattr(thing, "__doc__", None) or "").strip().splitlines()), "").strip()


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


def without_dust(kl: float) -> float:
    """A divergence, nats, for people: below 1e-15 it is what rounding leaves of 0."""
    return 0.0 if abs(kl) < DUST else kl


def plain(value: float | None) -> float | str | None:
    """A number that JSON can carry: infinities as "inf" and "-inf", NaN as None."""
    if value is None or math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def shape_text(shape: tuple[int | str | None, ...] | None) -> str:
    """As in "N×32×16×16"; a dynamic dimension by its name."""
    return "unknown shape" if shape is None else "×".join("?" if d is None else str(d) for d in shape) or "scalar"


def caption(model: Model, calibration: Calibration | None, calibrated: bool, name: str, *, measured_on: int = 0) -> str:
    """What is known of a tensor: name, shape, number of samples and values; how many samples its error is of."""
    tensor = model.tensors[name]
    parts = [name, shape_text(tensor.shape)]
    if tensor.values is not None:
        parts.append(f"{tensor.values.size:,} values")
    elif calibration is not None and name in calibration:
        so_far = "" if calibrated else " so far"
        parts += [f"{calibration.n_samples:,} samples{so_far}", f"{calibration[name].count:,} values"]
    if measured_on:
        parts.append(f"error measured on {measured_on} sample{'s' if measured_on > 1 else ''}")
    return " · ".join(parts)


def span_text(low: float, high: float, *, mirrored: bool, grouped: bool) -> str:
    """A range as menus show it: "T 3.05", "-0.1 to 3.05"; of groups the share of their maxima that is kept."""
    if grouped:
        return f"{100 * high:.3g} %"
    if mirrored:
        return f"T {max(abs(low), abs(high)):.3g}"
    return f"{low:.3g} to {high:.3g}".replace("-", "−")
