"""The interval that the true mean squared error is certain to lie in."""

from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.distribution import Distribution

CANCELLATION = 1e-14  # of the sums of squares: what m2 - 2 L m1 + L^2 m0 can lose in float64, with room to spare


def certain_interval(distribution: Distribution, cost: Cost, mse: float, squares: float) -> tuple[float, float]:
    """(low, high) around `mse`, which is the mean cost by the moments of `cells`.

    squares: sum of the squares of values or levels, the larger: where levels are far too large, they are what is large.
    """
    slack, n = CANCELLATION * squares, distribution.count
    below, above = distribution.uncertainty(cost)
    return max(0.0, mse - (below + slack) / n), mse + (above + slack) / n
