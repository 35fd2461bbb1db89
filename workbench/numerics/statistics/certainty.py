"""How certain an error computed from rows is: bounds from what count, mean and variance of a split row allow."""

import numpy as np

from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.row_table import RowTable

# Of a row's width: what the parts of a split row can lose in float64. Counts where rows are as wide as their values
# (subnormals); elsewhere the bound that `expected_error` puts on its sums of squares is the larger one.
ROUNDING = 1e-14


def cost_uncertainty(table: RowTable, cost: Cost) -> tuple[float, float]:
    """(below, above): how far the true sum of costs can lie from the one that `cells` gives.

    Only rows that a cut splits are uncertain. There a value x beyond the cut c costs
    jump + slope (x - c) + curve (x - c)^2 more than by the cell below, and the mean over the row is bounded of each:
    the share beyond lies between 0 and 1, `surplus_bounds` tells the mean of max(0, x - c), which times the way from c
    to the end of the row is the most that the square can be. A row with two cuts or more is bounded by the largest
    cost in it.
    """
    whole, split = table.split_rows(cost.cuts)
    at = np.flatnonzero(split & cost.changes)
    row = whole[at]
    if not row.size:
        return 0.0, 0.0
    repeated = np.concatenate([[False], np.diff(row) == 0])
    several = repeated | np.append(repeated[1:], False)
    several_below, several_above = _several_cuts(table, row[several], cost, at[several])
    below, above = _one_cut(table, row[~several], cost, at[~several])
    return float(several_below.sum() + below.sum()), float(several_above.sum() + above.sum())


def _one_cut(table: RowTable, row: np.ndarray, cost: Cost, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(below, above), float64 (k,) each; row, at: int (k,), the rows that one cut splits and the index of the cut."""
    cut, variance, offset = cost.cuts[at], table.variance[row], table.offset[row]
    above_low, width = cut - table.low[row], table.high[row] - table.low[row]
    least, largest = surplus_bounds(above_low, width, offset, variance)
    share, first, second = table.shares_above_low(row, cut)
    share, first, second = 1 - share, offset - first, offset**2 + variance - second
    assumed = np.stack([share, first - above_low * share, second - above_low * (2 * first - above_low * share)])
    least = np.stack([0 * least, least, 0 * least])
    largest = np.stack([1 + 0 * largest, largest, (width - above_low) * largest])
    before, behind = cost.at(cut, at), cost.at(cut, at + 1)
    change = np.stack(
        [behind - before, cost.slope(cut, at + 1) - cost.slope(cut, at), cost.sign[at + 1] - cost.sign[at]]
    )
    ends = change * np.stack([least - assumed, largest - assumed])
    sizes = before + behind + np.abs(change[1]) * width + np.abs(change[2]) * width**2
    below, above = (np.maximum(end.sum(axis=0), 0.0) for end in (-ends.min(axis=0), ends.max(axis=0)))
    return table.count[row] * (below + ROUNDING * sizes), table.count[row] * (above + ROUNDING * sizes)


def surplus_bounds(
    cut: np.ndarray, width: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest that the mean of max(0, x - cut) can be for values x in [0, width].

    Arrays float64 (n,), 0 <= cut < width, variance > 0. No tighter bounds follow from mean and variance: each is
    reached, the least by values at cut and at ends, the largest by values at two places, an end being one of them where
    the cut is near it.
    Sources: H. Scarf, A min-max solution of an inventory problem, 1958; K. Janssen, J. Haezendonck and M. J. Goovaerts,
    Upper bounds on stop-loss premiums in case of known moments up to the fourth order, 1986.
    """
    to_end, beyond = width - cut, mean - cut
    least = np.maximum(np.maximum(beyond, 0.0), (variance + mean * beyond) / width)
    from_low, from_high = mean**2 + variance, (width - mean) ** 2 + variance
    near_low, near_high = 2 * cut * mean < from_low, 2 * to_end * (width - mean) < from_high
    largest = (np.sqrt(variance + beyond**2) + beyond) / 2
    largest = np.where(near_low, mean - cut * (mean**2 / from_low), largest)
    largest = np.where(near_high & ~near_low, to_end * (variance / from_high), largest)
    return least, largest


def _several_cuts(table: RowTable, row: np.ndarray, cost: Cost, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(below, above) of each row that several cuts split: from no cost at all to the largest in the row.

    row, at: int (k,), ascending: the row and the index of every cut that splits one of them. The cost of one value is
    largest at an end of the row, at a cut, or in the middle between the two levels it is drawn from.
    """
    if not row.size:
        return np.zeros(0), np.zeros(0)
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    last = np.append(starts[1:], row.size) - 1
    low, cut = table.low[row], cost.cuts[at]
    shares = table.shares_above_low(row, cut)
    # all by the cell behind the last cut, then what each cut gains by sending values to the cell below it
    gains = cost.of_moments(*shares, at, low) - cost.of_moments(*shares, at + 1, low)
    offset, ends = table.offset[row[last]], (low[last], table.high[row[last]])
    behind = cost.of_moments(1.0, offset, offset**2 + table.variance[row[last]], at[last] + 1, ends[0])
    assumed = behind + np.add.reduceat(gains, starts)
    peak = np.where(cost.sign < 0, ((cost.upper - cost.lower) / 2) ** 2, 0.0)
    sides = [np.maximum(cost.at(cut, cell), peak[cell]) for cell in (at, at + 1)]
    largest = np.maximum.reduceat(np.maximum(*sides), starts)
    for end in ends:
        largest = np.maximum(largest, cost.at(end, np.searchsorted(cost.cuts, end, "left")))
    count, rounding = table.count[row[last]], ROUNDING * largest
    return count * (np.maximum(assumed, 0.0) + rounding), count * (np.maximum(largest - assumed, 0.0) + rounding)
