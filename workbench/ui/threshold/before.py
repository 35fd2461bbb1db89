"""What the plot draws in grey: the range before the last change, and how the values lay on its levels."""

from typing import Any

import numpy as np

from workbench.numerics.quantizer import Quantizer
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.material import Source
from workbench.ui.threshold.strips import LARGEST, counts_between
from workbench.ui.threshold.subject import Subject

MOST_LEVELS = 1024  # more would be a line as fine as that of the values


def before_facts(before: Subject, present: Subject, source: Source) -> dict[str, Any]:
    """For JSON; nothing where there is nothing to draw.

    before: the tensor at its former choice, present: at this one. source: the values as they are drawn at present.
    low, high: the former thresholds, of groups in units of their maxima. cells: `edges` (n + 1,) of the values that
    each level stood for, `counts` (n,) of them; `zero`, the level of exact zeros, `n_zeros` of them; `below` and
    `above`, how many were cut off; None where the levels are too many, or not all are reached.
    """
    quantizer, now = before.quantizer, present.quantizer
    if quantizer is None or not quantizer.format.has_scale:
        return {}
    if isinstance(source, Groups):
        alike = now is not None and (quantizer.axis, quantizer.block_size) == (now.axis, now.block_size)
        if not alike or not before.mirrored:
            return {}
        ratios = source.ratios(quantizer, True, before.one_sided, before.low, before.high)
        high = float(np.median(ratios)) if ratios.size else 1.0
        low = 0.0 if before.one_sided else -high
        quantizer = Quantizer.covering(quantizer.format, low, high, symmetric=True)
    elif quantizer.axis is not None:
        return {}
    else:
        low, high = before.span
    return {"low": low, "high": high, "one_sided": before.one_sided, "cells": level_cells(quantizer, source)}


def level_cells(quantizer: Quantizer, source: Source) -> dict[str, Any] | None:
    """How the values lie on the levels of a quantizer, as in `before_facts`."""
    levels, boundaries = quantizer.levels, quantizer.boundaries
    if levels is None or boundaries is None or not 1 < levels.size <= MOST_LEVELS or (np.diff(boundaries) <= 0).any():
        return None
    ends = [np.nextafter(levels[0], np.float32(-np.inf)), levels[-1]]
    cut_off = counts_between(source, np.array([-LARGEST, *ends, LARGEST]))
    return {
        "edges": [float(v) for v in (levels[0], *boundaries, levels[-1])],
        "counts": np.maximum(counts_between(source, np.array([-LARGEST, *boundaries, LARGEST])), 0.0).tolist(),
        "zero": int(np.searchsorted(boundaries, 0.0, "left")),
        "n_zeros": float(source.n_zeros),
        "below": float(cut_off[0]),
        "above": float(cut_off[-1]),
    }
