"""Lowest and highest finite value of rows."""

import numpy as np


def finite_extremes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Lowest and highest finite value of each row, float32 (n,) each, and whether all values are finite.

    rows: float32 (n, values). A row without a finite value has inf and -inf, so that it adds nothing to other extremes.
    """
    low, high = rows.min(axis=1, initial=np.inf), rows.max(axis=1, initial=-np.inf)
    if (np.isfinite(low) & np.isfinite(high)).all():
        return low, high, True
    finite = np.isfinite(rows)
    low = rows.min(axis=1, initial=np.inf, where=finite)
    return low, rows.max(axis=1, initial=-np.inf, where=finite), bool(finite.all())
