"""The value axis: linear, or logarithmic in magnitude on both sides of zero."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

LINEAR_PART = 0.4  # width, in decades, of each side of zero up to `smallest`
MOST_LABELLED = 2.5  # decades with labels at 2 and 5 too


@dataclass(frozen=True)
class ValueAxis:
    """Where values stand. smallest: 0 for a linear axis; else the magnitude from which the axis is logarithmic, in
    decades; below it, down to zero, it is linear. Minus and plus are mirrored."""

    smallest: float = 0.0

    @property
    def logarithmic(self) -> bool:
        return self.smallest > 0

    def places(self, values: np.ndarray) -> np.ndarray:
        """Values as places on the axis, float64; NaN stays."""
        x = np.asarray(values, np.float64)
        if not self.logarithmic:
            return x
        ratio = np.abs(x) / self.smallest
        far = LINEAR_PART + np.log10(np.maximum(ratio, 1.0))
        return np.sign(x) * np.where(ratio > 1, far, LINEAR_PART * ratio)

    def values(self, places: np.ndarray) -> np.ndarray:
        """The inverse of `places`."""
        p = np.asarray(places, np.float64)
        if not self.logarithmic:
            return p
        far = np.exp(math.log(10) * np.maximum(np.abs(p) - LINEAR_PART, 0.0))
        return np.sign(p) * self.smallest * np.where(np.abs(p) > LINEAR_PART, far, np.abs(p) / LINEAR_PART)

    def ticks(self, low: float, high: float) -> dict[str, Any]:
        """Ticks for plotly between two places: powers of ten and zero; few decades are labelled at 2 and 5 too."""
        if not self.logarithmic:
            return {"tickmode": "auto", "tickvals": None, "ticktext": None, "tickformat": "~g"}
        reach = float(self.values(np.array(max(abs(low), abs(high)))))
        first, last = math.floor(math.log10(self.smallest)), math.floor(math.log10(reach))
        decades = sum(max(0.0, side - LINEAR_PART) for side in (-low, high))
        steps = (1,) if decades > MOST_LABELLED else (1, 2, 5)
        magnitudes = [step * 10.0**p for p in range(first, last + 1) for step in steps]
        every = 2 if decades > 12 else 1
        powers = range(first, last + 1, every) if every > 1 else None
        if powers is not None:
            magnitudes = [10.0**p for p in powers]
        shown = [m for m in magnitudes if m >= self.smallest * 0.999]
        values = np.array([-m for m in reversed(shown)] + [0.0] + shown)
        places = self.places(values)
        inside = (places >= low) & (places <= high)
        text = [_label(v) for v in values[inside]]
        return {"tickmode": "array", "tickvals": places[inside].tolist(), "ticktext": text, "tickformat": "~g"}


LINEAR = ValueAxis()


def _label(value: float) -> str:
    if value == 0:
        return "0"
    power = round(math.log10(abs(value)), 9)
    minus = "−" if value < 0 else ""
    if -3 < power < 5:
        return f"{minus}{abs(value):g}"
    whole = math.floor(power)
    digit = round(abs(value) / 10.0**whole)
    head = "" if digit == 1 else f"{digit}·"
    return f"{minus}{head}10<sup>{whole}</sup>".replace("<sup>-", "<sup>−")
