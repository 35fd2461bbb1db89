"""Small pictures of the report as inline SVG: pure functions, numbers in, text out; colours are CSS classes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.export.html_report_text import said

WIDE, HIGH = 640, 210
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 44
N_BINS = 120
MOST_LEVELS = 64  # more marks would run into one another
Place = Callable[[float], float]  # a value -> where it is drawn


@dataclass(frozen=True)
class Point:
    """One mark of a picture. name: as the model says it. value: None where nothing is known."""

    name: str
    value: float | None
    kind: str = ""


def number(value: float, digits: int = 4) -> str:
    """So many digits, no exponent where it can be helped; a true minus sign."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value + 0:.{digits}g}".replace("-", "−")


def _count(n: float) -> str:
    """ "639 k": three digits."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if n >= size:
            return f"{n / size:.3g}{unit}"
    return f"{n:.0f}"


def _at(value: float) -> str:
    return f"{value:.1f}"


def _svg(inside: Sequence[str], label: str, height: int = HIGH) -> str:
    head = f'<svg viewBox="0 0 {WIDE} {height}" role="img" aria-label="{said(label)}">'
    return f"{head}{''.join(inside)}</svg>"


def _nice_steps(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers within [low, high]."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    raw = span / about
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    first = math.ceil(low / step)
    return [step * i for i in range(first, math.floor(high / step) + 1)]


def _text(x: float, y: float, words: str, anchor: str = "middle", kind: str = "tick") -> str:
    return f'<text x="{_at(x)}" y="{_at(y)}" text-anchor="{anchor}" class="{kind}">{said(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{_at(x1)}" y1="{_at(y1)}" x2="{_at(x2)}" y2="{_at(y2)}" class="{kind}"/>'


def histogram(distribution: Distribution, quantizer: Quantizer, label: str) -> str:
    """How often each value occurs (logarithmic), the thresholds around it, and the levels below it."""
    ends = quantizer.end_levels if quantizer.format.has_scale else None
    low, high = _span(distribution, ends)
    counts = _counts(distribution, low, high)
    largest = math.log1p(counts.max()) or 1.0
    base, room = HIGH - BOTTOM, HIGH - BOTTOM - TOP

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDE - LEFT - RIGHT)

    parts = [_line(LEFT, base, WIDE - RIGHT, base, "axis"), _text(LEFT - 6, TOP + 8, _count(counts.max()), "end")]
    parts += [_text(LEFT - 6, base, "0", "end"), _text(WIDE - RIGHT, HIGH - 6, "value", "end", "unit")]
    parts += [_text(LEFT, HIGH - 6, "values in a bin, logarithmic", "start", "unit")]
    parts += [_text(x(tick), base + 18, number(tick)) for tick in _nice_steps(low, high)]
    parts.append(f'<path class="bars" d="{_outline(counts, largest, base, room)}"/>')
    if ends is not None:
        parts += _thresholds(ends, x, base)
    parts += _marks(quantizer, x, (low, high), base)
    return _svg(parts, label)


def _span(distribution: Distribution, ends: tuple[np.ndarray, np.ndarray] | None) -> tuple[float, float]:
    low, high = distribution.low, distribution.high
    if ends is not None:
        low, high = min(low, float(ends[0].min())), max(high, float(ends[1].max()))
    if not low < high:
        low, high = low - 1.0, high + 1.0
    margin = 0.02 * (high - low)
    return low - margin, high + margin


def _counts(distribution: Distribution, low: float, high: float) -> np.ndarray:
    cuts = np.linspace(low, high, N_BINS + 1)[1:-1].astype(np.float32)
    return distribution.cells(np.unique(cuts)).count


def _outline(counts: np.ndarray, largest: float, base: float, room: float) -> str:
    step = (WIDE - LEFT - RIGHT) / counts.size
    d = [f"M{LEFT} {base}"]
    for i, count in enumerate(counts):
        y = _at(base - room * math.log1p(max(float(count), 0.0)) / largest)
        d.append(f"V{y}H{_at(LEFT + (i + 1) * step)}")
    return "".join([*d, f"V{base}Z"])


def _thresholds(ends: tuple[np.ndarray, np.ndarray], x: Place, base: float) -> list[str]:
    parts = []
    for bounds in ends:
        first, last = float(bounds.min()), float(bounds.max())
        if last > first:  # one threshold a channel: where they lie
            width = _at(x(last) - x(first))
            place = f'x="{_at(x(first))}" y="{TOP}" width="{width}" height="{base - TOP}"'
            parts.append(f'<rect {place} class="channels"/>')
        else:
            parts.append(_line(x(first), TOP, x(first), base, "threshold"))
    return parts


def _marks(quantizer: Quantizer, x: Place, span: tuple[float, float], base: float) -> list[str]:
    levels = quantizer.levels if quantizer.n_groups == 1 and quantizer.format.bits <= 8 else None
    if levels is None:
        return []
    seen = np.unique(levels[(levels >= span[0]) & (levels <= span[1])])
    if 0 < seen.size <= MOST_LEVELS:
        return [_line(x(float(level)), base, x(float(level)), base + 6, "level") for level in seen]
    if not seen.size:
        return []
    first, last = x(float(seen[0])), x(float(seen[-1]))
    return [f'<rect x="{_at(first)}" y="{base + 1}" width="{_at(last - first)}" height="4" class="levels"/>']


def split_bar(error: QuantizationError, label: str) -> str:
    """Which part of the error is rounding, which is clipping."""
    share = error.rounding_mse / error.mse if error.mse > 0 and math.isfinite(error.mse) else 1.0
    width = _at(WIDE * share)
    inside = [
        f'<rect x="0" y="0" width="{width}" height="10" class="rounding"/>',
        f'<rect x="{width}" y="0" width="{_at(WIDE - WIDE * share)}" height="10" class="clipping"/>',
    ]
    return _svg(inside, label, 10)


def along_depth(points: Sequence[Point], label: str) -> str:
    """dB of each tensor in graph order, joined; gaps where nothing is known."""
    known, low, high = _decibels(points)
    if not known:
        return ""
    parts, x, y = _frame(len(points), low, high)
    path = " ".join(f"{_at(x(i))},{_at(y(value))}" for i, value in known)
    parts.append(f'<polyline points="{path}" class="depth"/>')
    for i, value in known:
        title = f"<title>{said(points[i].name)}: {value:.1f} dB</title>"
        parts.append(f'<circle cx="{_at(x(i))}" cy="{_at(y(value))}" r="2.5" class="dot">{title}</circle>')
    return _svg(parts, label)


def bars(points: Sequence[Point], label: str) -> str:
    """dB of each tensor in graph order, as bars of the class of their kind."""
    known, low, high = _decibels(points)
    if not known:
        return ""
    parts, x, y = _frame(len(points), min(low, 0.0), high)
    width = max(0.6, 0.7 * (WIDE - LEFT - RIGHT) / len(points))
    for i, value in known:
        top, bottom = sorted((y(value), y(0.0)))
        title = f"<title>{said(points[i].name)}: {value:.1f} dB</title>"
        place = (
            f'x="{_at(x(i) - width / 2)}" y="{_at(top)}" width="{_at(width)}" height="{_at(max(bottom - top, 0.5))}"'
        )
        parts.append(f'<rect {place} class="{said(points[i].kind)}">{title}</rect>')
    return _svg(parts, label)


def _decibels(points: Sequence[Point]) -> tuple[list[tuple[int, float]], float, float]:
    known = [(i, p.value) for i, p in enumerate(points) if p.value is not None and math.isfinite(p.value)]
    if not known:
        return [], 0.0, 0.0
    values = [value for _, value in known]
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 1.0
    return known, low - margin, high + margin


def _frame(n: int, low: float, high: float) -> tuple[list[str], Place, Place]:
    """Axes of dB over the order in the graph; the places of both."""
    base = HIGH - BOTTOM

    def x(i: float) -> float:
        return LEFT + (i + 0.5) / n * (WIDE - LEFT - RIGHT)

    def y(value: float) -> float:
        return base - (value - low) / (high - low) * (base - TOP)

    parts = [_line(LEFT, base, WIDE - RIGHT, base, "axis")]
    for tick in _nice_steps(low, high, 4):
        parts += [
            _line(LEFT, y(tick), WIDE - RIGHT, y(tick), "grid"),
            _text(LEFT - 6, y(tick) + 4, number(tick), "end"),
        ]
    parts.append(_text(LEFT, HIGH - 22, "first tensor", "start", "unit"))
    parts.append(_text(WIDE - RIGHT, HIGH - 22, "last tensor", "end", "unit"))
    parts.append(_text(LEFT - 6, HIGH - 22, "dB", "end", "unit"))
    return parts, x, y
