"""The arrays that the browser computes live figures from, and how they travel."""

from typing import Any

import numpy as np

from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.threshold.bins import Bins, bins_of, distinct_values
from workbench.ui.threshold.following import listed_levels
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.subject import Subject

MOST_TICKS = 1024


def live_arrays(
    subject: Subject, source: "Distribution | Groups", table: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """`value` float32 and `count` float64 (distinct values), or `bin_low`, `bin_high`, `bin_mean`, `bin_variance`
    float32 and `count` float64 (bins, see `Bins`). Grouped tensors add `weight` float64 and `largest`, one number;
    others `kl_count` float64 and `kl_centre` float32. Levels that are listed: `unit_level` and `unit_boundary` float32,
    see `listed_levels`. Figures that Python alone can compute come as `table_...` float64.
    """
    assert subject.quantizer is not None
    arrays: dict[str, np.ndarray] = {}
    if isinstance(source, Groups):
        if source.few_values is not None:
            arrays["value"], largest = source.few_values
            arrays["count"], arrays["weight"] = np.ones(largest.size), largest**2
        else:
            arrays |= bin_arrays(source.bins) | {"weight": source.bins.weight}
        arrays["largest"] = np.array([source.largest.max(initial=0.0)])
    else:
        few = distinct_values(source)
        if few is not None:
            arrays["value"], arrays["count"] = few
        else:
            arrays |= bin_arrays(bins_of(source))
        bins = source.linear_bins()
        arrays["kl_count"], arrays["kl_centre"] = bins.counts.astype(np.float64), bins.centres
    format = subject.quantizer.format
    arrays |= listed_levels(format, subject.mirrored, subject.one_sided)
    levels = format.unit_levels()
    if "mse" in table and levels is not None and not isinstance(source, Groups):
        arrays["ruler"] = levels[:: -(-levels.size // MOST_TICKS)]
    return arrays | {f"table_{name}": column for name, column in table.items()}


def bin_arrays(bins: Bins) -> dict[str, np.ndarray]:
    mean, variance = bins.shape_of_density
    ends = {"bin_low": bins.low.astype(np.float32), "bin_high": bins.high.astype(np.float32)}
    return ends | {"bin_mean": mean, "bin_variance": variance, "count": bins.count}


def packed(arrays: dict[str, np.ndarray]) -> tuple[dict[str, list[Any]], bytes]:
    """({name: [offset in bytes, length, dtype]}, bytes), little-endian; every array starts at a multiple of 8."""
    where: dict[str, list[Any]] = {}
    parts: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        dtype = np.dtype(np.float32) if array.dtype == np.float32 else np.dtype(np.float64)
        raw = np.ascontiguousarray(array, dtype.newbyteorder("<")).tobytes()
        where[name] = [offset, int(array.size), dtype.name]
        raw += b"\0" * (-len(raw) % 8)
        parts.append(raw)
        offset += len(raw)
    return where, b"".join(parts)
