"""Where saturation begins: for expected and measured errors alike."""

import numpy as np

_INFINITY = np.float32(np.inf)


def saturation_cuts(lowest: np.ndarray, highest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 (below, above) for end levels of any shape: x <= below or x > above saturates.

    Two steps of the last place are left, so that an end level which is the rounded maximum does not count it.
    """
    with np.errstate(over="ignore"):
        below, above = lowest, highest
        for _ in range(2):
            below, above = np.nextafter(below, -_INFINITY), np.nextafter(above, _INFINITY)
        return np.nextafter(below, -_INFINITY), above
