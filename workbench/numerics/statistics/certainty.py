"""How certain an error computed from rows is: bounds from what count, mean and variance of a split row allow."""

import numpy as np

from workbench.numerics.statistics.row_table import RowTable

ROUNDING = 1e-14  # of a row's width: what the parts of a split row can lose in float64; counts for subnormals alone


def squared_error_uncertainty(table: RowTable, boundaries: np.ndarray, levels: np.ndarray) -> tuple[float, float]:
    """(below, above): how far the true sum of squared errors can lie from the one that `cells` gives.

    boundaries float32 (n - 1,), levels float32 (n,). Only rows that a boundary splits are uncertain. In such a row a
    value beyond the boundary m gains 2 d (x - m) by going to the upper level (d: distance of the levels); the sum of
    these gains lies between Jensen's bound 2 d max(0, mean - m) and the smaller of the chord over the row and Scarf's
    bound d (sqrt(variance + (mean - m)^2) + mean - m). m is the middle of two levels to float32 alone, so that a value
    also gains up to 2 d |m - middle|. A row with two boundaries or more is bounded by the largest error in it.
    Sources: Jensen's inequality; H. Scarf, A min-max solution of an inventory problem, 1958.
    """
    cuts, ends = boundaries.astype(np.float64), levels.astype(np.float64)
    whole, split = table.split_rows(cuts)
    row = whole[split]
    if not row.size:
        return 0.0, 0.0
    repeated = np.concatenate([[False], np.diff(row) == 0])
    several = repeated | np.append(repeated[1:], False)
    assumed, largest = _errors_of_rows(table, row[several], cuts, ends, np.flatnonzero(split)[several])
    several_below, several_above = np.maximum(assumed, 0.0).sum(), np.maximum(largest - assumed, 0.0).sum()
    row, at = row[~several], np.flatnonzero(split)[~several]
    cut, distance = cuts[at], ends[at + 1] - ends[at]
    count, offset, width = table.count[row], table.offset[row], table.high[row] - table.low[row]
    above_low = cut - table.low[row]
    mean = offset - above_low  # from the boundary
    jensen = np.maximum(mean, 0.0)
    chord = (width - above_low) * offset / width
    scarf = (np.sqrt(table.variance[row] + mean**2) + mean) / 2
    largest = np.maximum(np.minimum(chord, scarf), jensen)
    share, first, _ = table.shares_above_low(row, cut)
    assumed = mean - (first - above_low * share)
    slack = 2 * np.abs(cut - (ends[at] + ends[at + 1]) / 2) + ROUNDING * width
    gain = 2 * distance * count
    below = gain * (np.maximum(largest - assumed, 0.0) + slack)
    above = gain * (np.maximum(assumed - jensen, 0.0) + slack)
    return float(several_below + below.sum()), float(several_above + above.sum())


def _errors_of_rows(
    table: RowTable, row: np.ndarray, cuts: np.ndarray, levels: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each row that several cuts split: the squared error that `cells` gives it, and the largest it can have.

    row, at: int (k,), ascending: the row and the index of every cut that splits one of them. The error of one value is
    largest at an end of the row or at a cut.
    """
    if not row.size:
        return np.zeros(0), np.zeros(0)
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    last = np.append(starts[1:], row.size) - 1
    low, lower, upper = table.low[row], levels[at], levels[at + 1]
    share, first, _ = table.shares_above_low(row, cuts[at])
    # all at the last level, then what each cut gains by sending values to the lower one
    offset, above_low = table.offset[row[last]], upper[last] - low[last]
    at_last = table.variance[row[last]] + (offset - above_low) ** 2
    gains = (upper - lower) * (2 * first - ((lower - low) + (upper - low)) * share)
    assumed = at_last + np.add.reduceat(gains, starts)
    largest = np.maximum.reduceat(np.maximum(cuts[at] - lower, upper - cuts[at]) ** 2, starts)
    for end in (table.low[row[last]], table.high[row[last]]):
        largest = np.maximum(largest, (end - levels[np.searchsorted(cuts, end, "left")]) ** 2)
    count = table.count[row[last]]
    return count * assumed, count * largest
