"""From a `Subject` to what the browser gets: figures as JSON, arrays as bytes, and the chart."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.charts.distribution import Strips
from workbench.ui.charts.magnitude import Magnitudes, magnitudes_of
from workbench.ui.threshold.curves import Curves
from workbench.ui.threshold.following import format_facts, is_followed
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.material import Material, Source, material_of, way_of
from workbench.ui.threshold.notes import words_for
from workbench.ui.threshold.strips import strips_of
from workbench.ui.threshold.subject import Subject


@dataclass(frozen=True, eq=False)
class Payload:
    """meta: JSON values (infinity as the string "inf"). chart: what the figure draws. material: what took long to make.
    subject: what it shows.
    """

    meta: dict[str, Any]
    chart: Strips | Magnitudes
    material: Material
    subject: Subject

    @property
    def data(self) -> bytes:
        """Arrays one after the other, `meta["arrays"]` says where (see `arrays.py`)."""
        return self.material.data

    @property
    def curves(self) -> Curves | None:
        return self.material.curves


def payload_of(
    subject: Subject, known: Material | None = None, *, log_axis: bool = False, held: float | None = None
) -> Payload:
    """All that the plot needs to show a subject and to compute its error at any threshold.

    known: material that was made before, of whatever subject; what still holds is taken from it. log_axis: whether the
    value axis is logarithmic. held: the ratio at which the handle of a grouped tensor was let go.
    """
    material = material_of(subject, known)
    kind, source = material.kind, material.source
    meta = _facts(subject, source, kind)
    if kind == "handles":
        meta |= handle_facts(subject, source, held)
    elif kind == "levels":
        meta |= levels_facts(subject)
    chart = _chart(subject, material, log_axis)
    if isinstance(chart, Magnitudes):
        meta["bands"] = [dataclasses.asdict(band) | {"high": plain_number(band.high)} for band in chart.bands]
    return Payload(meta | chart_facts(chart) | {"arrays": dict(material.arrays)}, chart, material, subject)


def _facts(subject: Subject, source: Source, kind: str) -> dict[str, Any]:
    """What is told of every tensor."""
    quantizer = subject.quantizer
    format = None
    if quantizer is not None:
        format = format_facts(quantizer.format, subject.mirrored, subject.one_sided, quantizer.zero_band)
    return {
        "key": key_of(subject),
        "kind": kind,
        "title": subject.title,
        "caption": subject.caption,
        "n": source.count,
        "n_zeros": int(source.n_zeros),
        "zero_weight": source.zero_weight if isinstance(source, Groups) else float(source.n_zeros),
        "zero_band": subject.zero_band,
        "signal": source.signal if isinstance(source, Groups) else _signal(source),
        "data": {"low": source.low, "high": source.high, "absmax": source.absmax},
        "words": words_for(subject, kind),
        "error": plain_error(subject.error),
        "n_samples": subject.n_samples,
        "untouched": is_untouched(quantizer) and not subject.words,
        "format": format,
    }


def is_untouched(quantizer: Quantizer | None) -> bool:
    """Whether every value stays what it is."""
    if quantizer is None:
        return True
    format = quantizer.format
    return format.unit_levels() is None and format.block_size is None and not quantizer.zero_band


def _signal(distribution: Distribution) -> float:
    return float(distribution.cells(np.zeros(0, np.float32)).square.sum())


def _chart(subject: Subject, material: Material, log_axis: bool) -> Strips | Magnitudes:
    if material.kind == "own_range":
        assert subject.quantizer is not None and isinstance(subject.quantizer.format, FloatingFormat)
        return magnitudes_of(subject.values, subject.quantizer.format, subject.quantity, subject.zero_band)
    return strips_of(subject, material.source, material.curves, log_axis=log_axis)


def key_of(subject: Subject) -> str:
    """The same for two subjects where only the range differs."""
    return f"{subject.title}|{subject.caption}|{way_of(subject)}"


def levels_facts(subject: Subject) -> dict[str, Any]:
    """Levels that no threshold moves: the range is theirs."""
    assert subject.quantizer is not None
    ends = {"low": subject.quantizer.low, "high": subject.quantizer.high}
    return {"symmetric": False, "one_sided": False, "range": ends, "whole": ends, "limits": ends}


def handle_facts(subject: Subject, source: Source, held: float | None = None) -> dict[str, Any]:
    """Where the handles are, how far they go, and what they are compared with; in units of the axis."""
    quantizer = subject.quantizer
    assert quantizer is not None
    low, high = subject.span
    one_sided, mirrored = subject.one_sided, subject.mirrored
    facts: dict[str, Any] = {"table_only": not is_followed(quantizer.format)}
    if isinstance(source, Groups):
        ratios = _ratios(subject, source, held)
        high = float(np.median(ratios)) if ratios.size else 1.0
        one_sided = one_sided or not mirrored  # affine groups end at different places: there is no common lower bound
        low, mirrored = (0.0 if one_sided else -high), True
        name = "channel" if quantizer.block_size is None else "block"
        spread = {"least": float(ratios.min(initial=high)), "most": float(ratios.max(initial=high))}
        facts["groups"] = {"n": int(source.rows.shape[0]), "name": name} | spread
    if mirrored:
        whole = {"low": 0.0 if one_sided else -source.absmax, "high": source.absmax}
    else:
        whole = {"low": min(source.low, 0.0), "high": max(source.high, 0.0)}
    return facts | {
        "symmetric": mirrored,
        "one_sided": one_sided,
        "range": {"low": low, "high": high},
        "whole": whole,
        "limits": {"low": min(whole["low"], low), "high": max(whole["high"], high)},
        "scale": float(np.max(quantizer.scale)),
        "zero_point": int(np.max(quantizer.zero_point)),
        "marks": [{"name": str(n), "low": float(a), "high": float(b)} for n, (a, b) in subject.marks.items()],
        "reference": plain_error(subject.reference),
    }


def _ratios(subject: Subject, groups: Groups, held: float | None) -> np.ndarray:
    """How much of its own range each group keeps. Scales that go in steps do not tell: then what was said is taken,
    the ratio held last, or all of it, where it gives these very scales."""
    quantizer = subject.quantizer
    assert quantizer is not None
    mirrored, one_sided = subject.mirrored, subject.one_sided
    for ratio in [held, 1.0] if subject.high is None else []:
        if ratio is None:
            continue
        low, high = groups.range_at(ratio, mirrored, one_sided)
        axis, size = quantizer.axis, quantizer.block_size
        at = Quantizer.covering(quantizer.format, low, high, symmetric=mirrored, axis=axis, block_size=size)
        if np.array_equal(at.scale, quantizer.scale) and np.array_equal(at.zero_point, quantizer.zero_point):
            return np.full(int(np.count_nonzero(groups.largest)), ratio)
    return groups.ratios(quantizer, mirrored, one_sided, subject.low, subject.high)


def chart_facts(chart: Strips | Magnitudes) -> dict[str, Any]:
    """What the overlay has to know of the chart under it; `axis` and `bin_width` in places, see `ValueAxis`."""
    if isinstance(chart, Magnitudes):
        return {"axis": [float(chart.edges[0]), float(chart.edges[-1])], "one_by_one": False}
    at_zero = min(max(int(np.searchsorted(chart.edges, 0.0, "left")) - 1, 0), chart.counts.size - 1)
    low, high = chart.span
    return {
        "axis": [low, high],
        "bin_width": (high - low) / chart.counts.size,
        "zero_bin": float(chart.counts[at_zero]) if chart.n_zeros else 0.0,
        "one_by_one": chart.one_by_one,
    }


def plain_number(value: float) -> float | str | None:
    """A number that JSON can carry: infinities as "inf" and "-inf", NaN as None."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def plain_error(error: QuantizationError | None) -> dict[str, Any] | None:
    """The fields of an error for JSON."""
    if error is None:
        return None
    fields = dataclasses.asdict(error)
    interval = [plain_number(float(v)) for v in fields.pop("interval")]
    plain = {name: None if value is None else plain_number(float(value)) for name, value in fields.items()}
    return plain | {"interval": interval}
