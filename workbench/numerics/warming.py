"""Compiling, or loading from numba's cache, before anybody waits for it."""

from collections.abc import Callable

import numpy as np

from workbench.numerics.clipping.entropy import entropy
from workbench.numerics.clipping.groups import clip_groups
from workbench.numerics.clipping.sweep import sweep
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.sums import ErrorSums
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.histogram import HistogramBuilder
from workbench.numerics.statistics.sorted_sums import MOST_APART, SortedSums


def warm_up(pause: Callable[[], object] = lambda: None) -> None:
    """Call every kernel of numerics once, on a few values; for a worker thread, while nobody waits.

    Afterwards a first drag, commit, selection or calibration is as quick as the tenth. Takes a second where numba's
    cache is filled, half a minute where it is empty. Safe while another thread calls the same kernels: one waits.
    pause() is called between the steps; what it raises ends the work.
    """
    values = np.linspace(-1.0, 2.0, 300, dtype=np.float32)
    exact, builder = SortedSums.of(values), HistogramBuilder()
    builder.add(values, 1)
    distributions: tuple[Distribution, ...] = exact, builder.histogram()
    for distribution in distributions:
        for format in ("int8", "tf32"):
            expected_error(distribution, Quantizer.covering(format, -1.0, 1.0))
            pause()
    exact.cells(np.zeros(MOST_APART + 1, np.float32))
    pause()
    entropy(exact, "int8")
    pause()
    clip_groups(values.reshape(3, -1), "int8", "least_error", symmetric=True)
    pause()
    fit_codebook(FORMATS["kmeans2"], exact)
    for method in ("entropy_onnxruntime", "entropy_ncnn"):  # the other tools' searches share these two kernels
        pause()
        _ = sweep(exact, "int8", method=method, bins=301).kl
    pause()
    sums = ErrorSums()
    sums.add(values, values)
