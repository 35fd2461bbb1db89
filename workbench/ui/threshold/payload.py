"""From a `Subject` to what the browser gets: figures as JSON, arrays as bytes, and the chart."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.charts.distribution import Strips
from workbench.ui.charts.magnitude import Magnitudes, magnitudes_of
from workbench.ui.threshold.arrays import live_arrays, packed
from workbench.ui.threshold.curves import curves_of
from workbench.ui.threshold.groups import Groups, is_fine
from workbench.ui.threshold.strips import strips_of
from workbench.ui.threshold.subject import Subject, middle_code, unit_end

Source = Distribution | Groups


@dataclass(frozen=True, eq=False)
class Payload:
    """meta: JSON values (infinity as the string "inf"). data: arrays one after the other, `meta["arrays"]` says where
    (see `arrays.py`). chart: what the figure draws. subject, source: what it was made of.
    """

    meta: dict[str, Any]
    data: bytes
    chart: Strips | Magnitudes
    subject: Subject
    source: Source


def payload_of(subject: Subject, earlier: Payload | None = None) -> Payload:
    """All that the plot needs to show a subject and to compute its error at any threshold.

    earlier: what was made before; where only the range has changed since, bins and curves are taken from it.
    """
    kind = kind_of(subject)
    key = key_of(subject)
    same = earlier if earlier is not None and _only_the_range_differs(subject, key, earlier) else None
    source = same.source if same is not None else _source(subject, kind)
    meta: dict[str, Any] = {
        "key": key,
        "kind": kind,
        "title": subject.title,
        "caption": subject.caption,
        "n": source.count,
        "n_zeros": int(source.n_zeros),
        "data": {"low": source.low, "high": source.high, "absmax": source.absmax},
        "words": words_for(subject, kind),
        "error": plain_error(subject.error),
    }
    arrays: dict[str, list[Any]] = {}
    data = b""
    chart: Strips | Magnitudes
    if kind == "handles":
        assert subject.quantizer is not None
        meta |= handle_facts(subject, source)
        if same is not None and _curves_stay(subject, meta, same.meta):
            arrays, data, chart = same.meta["arrays"], same.data, same.chart
        else:
            curves, table = curves_of(subject, source if isinstance(source, Groups) else None)
            chart = strips_of(subject, source, curves)
            if same is not None:
                arrays, data = same.meta["arrays"], same.data
            else:
                arrays, data = packed(live_arrays(source, subject.quantizer.format, table))
    elif kind == "own_range":
        chart = same.chart if same is not None else _magnitudes(subject)
        assert isinstance(chart, Magnitudes) and subject.quantizer is not None
        bands = [dataclasses.asdict(band) | {"high": plain_number(band.high)} for band in chart.bands]
        meta |= {"bands": bands, "format": format_facts(subject.quantizer.format, False)}
    else:
        chart = strips_of(subject, source, None)
    return Payload(meta | chart_facts(chart) | {"arrays": arrays}, data, chart, subject, source)


def _only_the_range_differs(subject: Subject, key: str, earlier: Payload) -> bool:
    return earlier.meta["key"] == key and same_values(subject, earlier.subject)


def _source(subject: Subject, kind: str) -> Source:
    if kind != "handles" or not subject.grouped:
        return subject.values
    assert subject.array is not None and subject.quantizer is not None
    return Groups.of(subject.array, subject.quantizer)


def _curves_stay(subject: Subject, meta: dict[str, Any], before: dict[str, Any]) -> bool:
    """Curves against one threshold hold wherever the handle is; with two, each holds for one place of the other."""
    return meta["limits"] == before["limits"] and (subject.mirrored or subject.grouped)


def _magnitudes(subject: Subject) -> Magnitudes:
    assert subject.quantizer is not None and isinstance(subject.quantizer.format, FloatingFormat)
    return magnitudes_of(subject.values, subject.quantizer.format, subject.quantity)


def kind_of(subject: Subject) -> str:
    """ "handles", "own_range" (fp16, bf16), or "float": nothing is quantized, or there is nothing to quantize."""
    quantizer = subject.quantizer
    if quantizer is None or quantizer.format.unit_levels() is None:
        return "float"
    if not quantizer.format.has_scale:
        return "own_range" if subject.values.count else "float"
    if subject.grouped:
        array = np.asarray(subject.array)
        return "handles" if np.abs(array[np.isfinite(array)]).max(initial=0.0) > 0 else "float"
    return "handles" if subject.values.absmax > 0 else "float"


def key_of(subject: Subject) -> str:
    """The same for two subjects where only the range differs."""
    q = subject.quantizer
    how = "" if q is None else f"{q.format.name} {subject.mirrored} {subject.one_sided} {q.axis} {q.block_size}"
    return f"{subject.title}|{subject.caption}|{subject.quantity}|{how}"


def same_values(a: Subject, b: Subject) -> bool:
    """Whether two subjects show the same numbers; arrays are compared, as they may have been read anew."""
    if a.distribution is not b.distribution and not (a.distribution == b.distribution):
        return False
    if a.array is None or b.array is None:
        return a.array is b.array
    return a.array is b.array or (a.array.shape == b.array.shape and np.array_equal(a.array, b.array))


def words_for(subject: Subject, kind: str) -> str:
    """What is said in place of a handle."""
    if kind == "handles":
        return ""
    format = None if subject.quantizer is None else subject.quantizer.format
    if format is None or format.unit_levels() is None:
        return "float32: nothing is quantized"
    if kind == "own_range":
        largest = f"{format.largest:.0f}" if format.largest < 1e6 else f"{format.largest:.3g}".replace("e+", "e")
        return f"range is the format's own, ±{largest}"
    return "there is no finite value" if not subject.values.count else "every value is 0: there is nothing to clip"


def format_facts(format: Format, one_sided: bool) -> dict[str, Any]:
    """What the browser needs to know of a format."""
    levels = format.unit_levels()
    facts: dict[str, Any] = {
        "title": format.title,
        "family": format.family,
        "largest": format.largest,
        "n_levels": 0 if levels is None else int(levels.size),
        "fine": is_fine(format),
    }
    if isinstance(format, IntegerFormat):
        facts |= {"qmin": format.qmin, "qmax": format.qmax}
        facts |= {"middle": middle_code(format, one_sided), "end": unit_end(format, one_sided)}
    return facts


def handle_facts(subject: Subject, source: Source) -> dict[str, Any]:
    """Where the handles are, how far they go, and what they are compared with; in units of the axis."""
    quantizer = subject.quantizer
    assert quantizer is not None
    low, high = subject.span
    one_sided, mirrored = subject.one_sided, subject.mirrored
    facts: dict[str, Any] = {"format": format_facts(quantizer.format, one_sided)}
    if isinstance(source, Groups):
        ratios = source.ratios(quantizer, mirrored, one_sided)
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


def chart_facts(chart: Strips | Magnitudes) -> dict[str, Any]:
    """What the overlay has to know of the chart under it."""
    if isinstance(chart, Magnitudes):
        return {"axis": [float(chart.edges[0]), float(chart.edges[-1])], "one_by_one": False}
    at_zero = min(max(int(np.searchsorted(chart.edges, 0.0, "left")) - 1, 0), chart.counts.size - 1)
    return {
        "axis": [chart.low, chart.high],
        "bin_width": float(chart.edges[1] - chart.edges[0]),
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
