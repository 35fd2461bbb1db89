"""Many quantizers for one distribution: a quantizer of several groups, each of which is a candidate for all values."""

from collections.abc import Iterator

import numpy as np

from workbench.numerics.quantizer import Quantizer

MOST_FIGURES = 1 << 17  # at a time: what fits the processor's cache


def parts_of(quantizer: Quantizer, figures_each: int) -> Iterator[tuple[slice, Quantizer]]:
    """The candidates in turns, so that not all of their tables are in memory at once.

    figures_each: how many numbers a candidate needs, such as its levels. Gives which of the candidates they are, and a
    quantizer of theirs along axis 0; one candidate comes as it is.
    """
    if not quantizer.scale.ndim:
        yield slice(0, 1), quantizer
        return
    zero_points, step = np.asarray(quantizer.zero_point), max(1, MOST_FIGURES // figures_each)
    for first in range(0, quantizer.n_groups, step):
        at = slice(first, first + step)
        yield (
            at,
            Quantizer(quantizer.format, quantizer.scale[at], zero_points[at], axis=0, zero_band=quantizer.zero_band),
        )
