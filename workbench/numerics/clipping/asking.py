"""Asking a method of the catalogue, which may be a user's own, for a range."""

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution


def clip_range(
    method: str, distribution: Distribution, format: Format | str, *, symmetric: bool | None = None
) -> ClipRange:
    """The range that a method gives; a pair of numbers is taken for a `ClipRange`.

    Raises WorkbenchError for an unknown method, and naming the method where a registered function cannot be called as
    (distribution, format, symmetric=...), fails, or gives no range.
    """
    function = CLIPPING[method]
    try:
        found = function(distribution, format, symmetric=symmetric)
        low, high = (found.low, found.high) if isinstance(found, ClipRange) else found
        low, high = float(low), float(high)
    except WorkbenchError:
        raise
    except Exception as error:
        if method in CLIPPING.built_in:
            raise
        raise WorkbenchError(
            f"clipping method {method!r} failed: {type(error).__name__}: {error}; a method takes "
            "(distribution, format, *, symmetric=None) and returns a wb.ClipRange"
        ) from error
    if not (np.isfinite([low, high]).all() and low <= high):
        raise WorkbenchError(
            f"clipping method {method!r} gave [{low}, {high}]; expected two finite numbers low <= high"
        )
    return ClipRange(low, high)
