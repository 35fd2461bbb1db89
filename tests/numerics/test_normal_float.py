"""NF4 has the levels that its paper prints; what all formats promise is tested by its being in the catalogue."""

import numpy as np

from workbench.numerics.formats.catalogue import FORMATS

PUBLISHED = [
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
]


def test_nf4_has_the_levels_of_the_paper():
    levels = FORMATS["nf4"].unit_levels()
    assert levels.dtype == np.float32 and np.abs(levels - PUBLISHED).max() < 2e-7
