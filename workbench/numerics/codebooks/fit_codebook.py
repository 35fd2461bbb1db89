"""`fit_codebook`: a codebook format with the levels that suit one tensor best."""

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.fitting import AFFORDABLE, N_CELLS, fit_levels
from workbench.numerics.codebooks.optimal import optimal_levels
from workbench.numerics.codebooks.weighted_values import WeightedValues, distinct_values, spread_cuts
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.codebook import CodebookFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution


def fit_codebook(format: Format | str, distribution: Distribution, *, zero_band: float = 0.0) -> CodebookFormat:
    """The format with at most 2^bits levels of least squared error (one-dimensional k-means).

    format: a codebook or its name, for example "kmeans4". zero_band: where values of at most this magnitude are
    pruned, one of the levels is 0 and the others are fitted to what is left.
    Raises WorkbenchError for a format that is no codebook and for an empty distribution.
    Source: Han et al. 2016, Deep Compression (arXiv:1510.00149).
    """
    format = as_format(format)
    if not isinstance(format, CodebookFormat):
        raise WorkbenchError(
            f"{format.name} is no codebook; expected one of the k-means formats, for example 'kmeans4'"
        )
    k = 2**format.bits
    if not zero_band:
        return format.with_levels(fit_levels(distribution, k))
    known = distinct_values(distribution, AFFORDABLE // k)
    if known is None:
        known = WeightedValues.in_cells(distribution, spread_cuts(distribution, N_CELLS))
    kept = np.abs(known.values) > zero_band
    if not kept.any():
        return format.with_levels([0.0])
    levels, _ = optimal_levels(known.values[kept], known.weights[kept], max(k - 1, 1))
    return format.with_levels(np.unique(np.append(levels, 0.0).astype(np.float32) + np.float32(0.0)))
