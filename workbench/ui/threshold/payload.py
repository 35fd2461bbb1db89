"""From a `Subject` to what the browser gets: figures as JSON, arrays as bytes, and the chart."""

import dataclasses
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.logarithmic import LogarithmicFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.charts.distribution import Strips
from workbench.ui.charts.magnitude import Magnitudes, magnitudes_of
from workbench.ui.threshold.arrays import live_arrays, packed
from workbench.ui.threshold.curves import Curves, curves_of
from workbench.ui.threshold.following import format_facts, is_fine, is_followed
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.notes import words_for
from workbench.ui.threshold.strips import strips_of
from workbench.ui.threshold.subject import Subject

Source = Distribution | Groups


@dataclass(frozen=True, eq=False)
class Payload:
    """meta: JSON values (infinity as the string "inf"). data: arrays one after the other, `meta["arrays"]` says where
    (see `arrays.py`). chart: what the figure draws. subject, source, curves: what it was made of.
    """

    meta: dict[str, Any]
    data: bytes
    chart: Strips | Magnitudes
    subject: Subject
    source: Source
    curves: Curves | None = None
    log_axis: bool = False


def payload_of(
    subject: Subject, earlier: Payload | None = None, *, log_axis: bool = False, held: float | None = None
) -> Payload:
    """All that the plot needs to show a subject and to compute its error at any threshold.

    earlier: what was made before; where only the range has changed since, bins and curves are taken from it. log_axis:
    whether the value axis is logarithmic. held: the ratio at which the handle of a grouped tensor was let go.
    """
    kind, key = kind_of(subject), key_of(subject)
    same = earlier if earlier is not None and earlier.meta["key"] == key else None
    if same is not None and not same_values(subject, same.subject):
        same = None
    source = same.source if same is not None else _source(subject, kind)
    meta = _facts(subject, source, kind, key)
    curves: Curves | None = None
    arrays: dict[str, list[Any]] = {} if same is None else same.meta["arrays"]
    data = b"" if same is None else same.data
    if kind == "handles":
        meta |= handle_facts(subject, source, held)
        if same is not None and _curves_stay(subject, meta, same.meta):
            curves = same.curves
        else:
            curves, table = curves_of(subject, source if isinstance(source, Groups) else None)
            if same is None:
                arrays, data = packed(live_arrays(subject, source, table))
    elif kind == "levels":
        meta |= levels_facts(subject)
        if same is None:
            arrays, data = packed(live_arrays(subject, source, {}))
    chart = _chart(subject, source, kind, curves, same, log_axis)
    if isinstance(chart, Magnitudes):
        meta["bands"] = [dataclasses.asdict(band) | {"high": plain_number(band.high)} for band in chart.bands]
    return Payload(meta | chart_facts(chart) | {"arrays": arrays}, data, chart, subject, source, curves, log_axis)


def _facts(subject: Subject, source: Source, kind: str, key: str) -> dict[str, Any]:
    """What is told of every tensor."""
    quantizer = subject.quantizer
    format = None
    if quantizer is not None:
        format = format_facts(quantizer.format, subject.mirrored, subject.one_sided, quantizer.zero_band)
    return {
        "key": key,
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
        "untouched": is_untouched(quantizer),
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


def _source(subject: Subject, kind: str) -> Source:
    if kind != "handles" or not subject.grouped:
        return subject.values
    assert subject.array is not None and subject.quantizer is not None
    return Groups.of(subject.array, subject.quantizer)


def _chart(
    subject: Subject, source: Source, kind: str, curves: Curves | None, same: Payload | None, log_axis: bool
) -> Strips | Magnitudes:
    if same is not None and same.curves is curves and (same.log_axis == log_axis or kind == "own_range"):
        return same.chart
    if kind == "own_range":
        assert subject.quantizer is not None and isinstance(subject.quantizer.format, FloatingFormat)
        return magnitudes_of(subject.values, subject.quantizer.format, subject.quantity, subject.zero_band)
    return strips_of(subject, source, curves, log_axis=log_axis)


def _curves_stay(subject: Subject, meta: dict[str, Any], before: dict[str, Any]) -> bool:
    """Curves against one threshold hold wherever the handle is; with two, each holds for one place of the other."""
    return meta["limits"] == before["limits"] and (subject.mirrored or subject.grouped)


def kind_of(subject: Subject) -> str:
    """ "handles"; "own_range": the format has a range of its own (fp16, bf16, TF32); "levels": its levels are fixed
    (fitted codebooks); "float": nothing but the distribution is shown.
    """
    format = None if subject.quantizer is None else subject.quantizer.format
    if format is None or format.unit_levels() is None:
        return "float"
    if not format.has_scale and subject.values.count:
        if isinstance(format, FloatingFormat):
            return "own_range"
        return "float" if is_fine(format) else "levels"
    if subject.grouped:
        array = np.asarray(subject.array)
        return "handles" if np.abs(array[np.isfinite(array)]).max(initial=0.0) > 0 else "float"
    return "handles" if format.has_scale and subject.values.absmax > 0 else "float"


def key_of(subject: Subject) -> str:
    """The same for two subjects where only the range differs."""
    q = subject.quantizer
    how = ""
    if q is not None:
        format = q.format
        how = f"{format.name} {format.rounding} {format.overflow} {levels_key(format)} {q.zero_band}"
        how += f" {subject.mirrored} {subject.one_sided} {q.axis} {q.block_size}"
    return f"{subject.title}|{subject.caption}|{subject.quantity}|{how}"


def levels_key(format: Format) -> int:
    """Tells codebooks of one name apart: fitted to different values, or registered anew."""
    if isinstance(format, IntegerFormat | FloatingFormat | LogarithmicFormat):
        return 0
    levels = format.unit_levels()
    return 0 if levels is None else zlib.crc32(levels.tobytes())


def same_values(a: Subject, b: Subject) -> bool:
    """Whether two subjects show the same numbers; arrays are compared, as they may have been read anew."""
    if a.distribution is not b.distribution and not (a.distribution == b.distribution):
        return False
    if a.array is None or b.array is None:
        return a.array is b.array
    return a.array is b.array or (a.array.shape == b.array.shape and np.array_equal(a.array, b.array))


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
