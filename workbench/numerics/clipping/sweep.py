"""`sweep`: every figure at every threshold, so that a choice can be seen among its neighbours."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.clip_range import check_not_empty, must_mirror
from workbench.numerics.clipping.compatibility.search import Search
from workbench.numerics.clipping.compatibility.searches import SEARCHES, search_by
from workbench.numerics.errors.divergence import kl_at
from workbench.numerics.errors.error import decibels
from workbench.numerics.errors.expected import errors_at
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Figures at ascending thresholds; arrays float64 (n,), each computed when it is first read.

    thresholds: the larger end of each range. low, high: the ranges. kl in nats, mse, rounding and clipping in squared
    units of the tensor, sqnr_db in dB. search: of another tool, where its candidates are swept; kl is then that tool's.
    """

    distribution: Distribution
    format: Format
    thresholds: np.ndarray
    low: np.ndarray
    high: np.ndarray
    symmetric: bool
    search: Search | None = None

    @property
    def chosen(self) -> int | None:
        """Index of the candidate that the swept tool takes; None for our own definition, whose choice is `entropy`."""
        return None if self.search is None else self.search.chosen

    def quantizer(self, index: int) -> Quantizer:
        """The quantizer at one threshold."""
        return Quantizer.covering(self.format, self.low[index], self.high[index], symmetric=self.symmetric)

    @property
    def quantizers(self) -> Quantizer:
        """A quantizer with a group for each threshold."""
        return Quantizer.covering(self.format, self.low, self.high, symmetric=self.symmetric, axis=0)

    @functools.cached_property
    def kl(self) -> np.ndarray:
        return kl_at(self.distribution, self.quantizers) if self.search is None else self.search.kl

    @functools.cached_property
    def _squared_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Rounding and clipping parts of the mean squared error."""
        return errors_at(self.distribution, self.quantizers)

    @property
    def rounding(self) -> np.ndarray:
        return self._squared_errors[0]

    @property
    def clipping(self) -> np.ndarray:
        return self._squared_errors[1]

    @property
    def mse(self) -> np.ndarray:
        return self.rounding + self.clipping

    @functools.cached_property
    def sqnr_db(self) -> np.ndarray:
        cells = self.distribution.cells(np.zeros(0, np.float32))
        mean_square = float(cells.square.sum()) / self.distribution.count
        return np.array([decibels(mean_square, e) for e in self.mse])


def sweep(
    distribution: Distribution,
    format: Format | str,
    *,
    method: str = "entropy",
    symmetric: bool | None = None,
    thresholds: np.ndarray | None = None,
    **options: Any,
) -> ThresholdCurve:
    """Ranges at many thresholds T, with error and divergence at each.

    method: whose candidates and whose KL; "entropy" takes every upper edge of the bins that KL is counted in,
    "entropy_onnxruntime" and the like those of that tool (see `clipping.compatibility`).
    symmetric: True, or None with a signed format: [-T, T]; otherwise the data's own range cut at T on both sides.
    thresholds: ascending positive float64 (n,) instead of the candidates of "entropy".
    options: of another tool's method, such as bins=2048. It takes the values as `SortedSums`, which tells what the tool
    would count, or the tool's own histogram as `LinearHistogram`, whose bins are swept as they are.
    A format without a scale has one point, its own range. Raises WorkbenchError for an unknown method, format or
    option, an empty distribution, a `Histogram` for another tool's method, thresholds that are not positive and
    ascending or given beside another tool's method.
    """
    check_not_empty(distribution)
    format = as_format(format)
    if method != "entropy" and method not in SEARCHES:
        raise WorkbenchError(f"unknown sweep method {method!r}; expected one of {', '.join(['entropy', *SEARCHES])}")
    if options and method == "entropy":
        raise WorkbenchError(f"the sweep of entropy has no option {next(iter(options))!r}")
    if method != "entropy" and not isinstance(distribution, SortedSums | LinearHistogram):
        raise WorkbenchError(
            f"{method} reads the bins that its tool counts, which a {type(distribution).__name__} cannot give exactly; "
            "pass the values as wb.SortedSums, the tool's own histogram as wb.LinearHistogram, or sweep entropy"
        )
    if thresholds is not None and method != "entropy":
        raise WorkbenchError(f"{method} has candidates of its own; leave thresholds out, or sweep entropy")
    mirrored = must_mirror(format, symmetric)
    if not format.has_scale:
        end = np.array([format.largest])
        return ThresholdCurve(distribution, format, end, -end, end, True)
    search = search_by(method, distribution, format, options) if method != "entropy" else None
    candidates = _own_candidates(distribution, thresholds) if search is None else search.thresholds
    if mirrored:
        low, high = -candidates, candidates
    else:
        low, high = (-candidates, candidates) if search is None else (search.low, search.high)
        low = np.maximum(min(distribution.low, 0.0), low)
        high = np.minimum(max(distribution.high, 0.0), high)
    return ThresholdCurve(distribution, format, candidates, low, high, mirrored, search)


def _own_candidates(distribution: Distribution, thresholds: np.ndarray | None) -> np.ndarray:
    """The given thresholds, checked, or the upper edges of the bins of KL."""
    if thresholds is None:
        edges = distribution.linear_bins().edges
        thresholds = edges[edges > 0]
    candidates = np.asarray(thresholds, np.float64)
    ascending = candidates.ndim == 1 and candidates.size and (np.diff(candidates, prepend=0.0) > 0).all()
    if not (ascending and np.isfinite(candidates[-1])):
        raise WorkbenchError("thresholds must be a non-empty, positive, finite and strictly ascending list")
    return candidates
