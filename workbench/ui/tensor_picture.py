"""The selected tensor as a picture: what the plot shows, with every number written in."""

import dataclasses
import math
import re

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.ui.charts.annotated import LevelCounts, annotated_figure, annotated_magnitudes
from workbench.ui.charts.magnitude import Magnitudes
from workbench.ui.charts.sheet import Heading
from workbench.ui.state import State
from workbench.ui.subjects import subject_of
from workbench.ui.threshold.before import level_cells
from workbench.ui.threshold.material import Material
from workbench.ui.threshold.payload import Payload, payload_of
from workbench.ui.threshold.subject import Subject
from workbench.ui.words import DYNAMIC, decibels, method_title, span_text, without_dust
from workbench.workflow.choice import TensorChoice

OWN_METHODS = {"hand": "by hand", "own": "the format's own"}


def tensor_picture(
    model: Model, state: State, known: Material | None = None, *, log_counts: bool = True, log_axis: bool = False
) -> dict:
    """A plotly figure as a dict, of the selected tensor at its present choice, on white paper.

    known: what the plot draws from, where there is one. Raises WorkbenchError where nothing is known of the values.
    """
    subject = subject_of(model, state)
    if subject is None:
        which = f"of {state.selected!r} yet; calibrate with data" if state.selected else "; study.select(name)"
        raise WorkbenchError(f"there is no distribution to draw {which} first")
    choice = state.recipe.choices.get(state.selected)
    title = state.selected if state.layer in ("", state.selected) else f"{state.selected} · {state.layer}"
    named = dataclasses.replace(subject, title=title, caption=subject.caption.removeprefix(f"{state.selected} · "))
    return subject_picture(named, _method(choice), known, log_counts=log_counts, log_axis=log_axis)


def subject_picture(
    subject: Subject,
    method: str = "",
    known: Material | None = None,
    *,
    log_counts: bool = True,
    log_axis: bool = False,
) -> dict:
    """The same of anything that the plot can show. method: where the range comes from, in words."""
    payload = payload_of(subject, known, log_axis=log_axis)
    figures = error_words(subject.error, payload.material.source.count, subject.n_samples)
    heading = Heading(subject.title, (subject.caption, quantizer_words(payload, method), figures))
    if isinstance(payload.chart, Magnitudes):
        return annotated_magnitudes(payload.chart, heading, log_counts=log_counts)
    meta = payload.meta
    mirrored = bool(meta.get("symmetric"))
    marks = {mark["name"]: mark["high"] or mark["low"] for mark in meta.get("marks", ())}
    bounds: tuple[float, ...] = ()
    if "range" in meta:
        low, high = meta["range"]["low"], meta["range"]["high"]
        bounds = (high,) if mirrored and meta.get("one_sided") else (low, high)
    levels = _levels(payload)
    return annotated_figure(payload.chart, heading, bounds, marks, levels, log_counts=log_counts)


def _method(choice: TensorChoice | None) -> str:
    if choice is None:
        return ""
    if choice.dynamic is not None:
        return DYNAMIC[choice.dynamic][0]
    return OWN_METHODS.get(choice.method) or method_title(choice.method)


def quantizer_words(payload: Payload, method: str = "") -> str:
    """How a tensor is quantized: format, range, grouping and method."""
    quantizer = payload.subject.quantizer
    if quantizer is None:
        return "FP32: not quantized"
    parts = [quantizer.format.title]
    if payload.material.kind == "handles":
        meta, groups = payload.meta, payload.meta.get("groups")
        low, high = meta["range"]["low"], meta["range"]["high"]
        mirrored = meta["symmetric"]
        if groups is not None:
            words = span_text(low, high, mirrored=True, grouped=True)
            parts += [f"{groups['n']:,} {groups['name']}s, each with its own range", f"{words} of its maximum"]
        else:
            parts += ["symmetric" if mirrored and not meta["one_sided"] else "from 0" if mirrored else "asymmetric"]
            parts.append(f"range {span_text(low, high, mirrored=False, grouped=False)}")
            if isinstance(quantizer.format, IntegerFormat):
                parts.append(f"step {meta['scale']:.4g}")
    if quantizer.zero_band:
        parts.append(f"0 up to ±{quantizer.zero_band:.3g}")
    return " · ".join([*parts, *([f"range chosen: {method}"] if method else [])])


def error_words(error: QuantizationError | None, n: int, n_samples: int = 0) -> str:
    """The figures of a tensor in one line. n: its values. n_samples: how many the error was measured on, 0 for all."""
    if error is None:
        return ""
    saturated = f"{100 * error.saturated_fraction:.3g} % saturated"
    if not n_samples:
        saturated = (
            f"{round(error.saturated_fraction * n):,} of {n:,} saturated ({100 * error.saturated_fraction:.3g} %)"
        )
    kl = "–" if math.isnan(error.kl) else f"{without_dust(error.kl):.3g} nats"
    parts = f"MSE {error.mse:.4g} (rounding {error.rounding_mse:.3g}, clipping {error.clipping_mse:.3g})"
    return f"{parts} · SQNR {decibels(error.sqnr_db)} · KL {kl} · {saturated}".replace("-", "−")


def file_name(*parts: str) -> str:
    """A file name without its ending that every system takes: letters, digits, dots, dashes and underscores."""
    safe = (re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-.") for part in parts)
    return "-".join(part for part in safe if part)[:150] or "picture"


def _levels(payload: Payload) -> LevelCounts | None:
    """How the values lie on the levels, where these are few enough to be counted."""
    meta, quantizer = payload.meta, payload.subject.quantizer
    if quantizer is None or payload.material.kind not in ("handles", "levels"):
        return None
    if "groups" in meta:
        span = meta["range"]["low"], meta["range"]["high"]
        quantizer = Quantizer.covering(quantizer.format, *span, symmetric=True)
    elif quantizer.axis is not None:
        return None
    cells = level_cells(quantizer, payload.material.source)
    if cells is None:
        return None
    arrays = np.array(cells["edges"]), np.array(cells["counts"])
    return LevelCounts(*arrays, cells["zero"], cells["n_zeros"], cells["below"], cells["above"])
