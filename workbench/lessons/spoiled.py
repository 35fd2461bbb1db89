"""`spoiled_pictures`: a calibration set with one damaged picture in it, for the lesson that finds it."""

import numpy as np

from workbench.demo import data

N_PICTURES = 64
PEAK = 40.0  # where ink is 1: as if one pixel had not been divided by what the others were


def spoiled_place() -> int:
    """The number of the damaged picture."""
    return int(np.random.default_rng(57).integers(N_PICTURES // 4, N_PICTURES))


def spoiled_pictures() -> np.ndarray:
    """float32 (64, 1, 8, 8): the first pictures of the built-in calibration data, a pixel of one of them far off."""
    pictures = data()[0][:N_PICTURES].copy()
    pictures[spoiled_place(), 0, 3, 3] = PEAK
    return pictures
