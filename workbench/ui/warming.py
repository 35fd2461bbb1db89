"""Kernels are compiled, or read from disk, when they are first called: here, before a person's first change."""

from collections.abc import Callable

import numpy as np

from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.warming import warm_up
from workbench.ui.threshold.material import material_of
from workbench.ui.threshold.subject import Subject


def warm(pause: Callable[[], object]) -> None:
    """Do with a few values what selecting a tensor and moving its threshold do; then whatever else is compiled.

    pause() is called between the steps; what it raises ends the work.
    """
    values = np.linspace(-1, 2, 64, dtype=np.float32).reshape(2, 32)
    largest = np.abs(values).max(axis=1)
    channels = Quantizer.covering("int8", -largest, largest, symmetric=True, axis=0)
    measured_error(values, channels)
    pause()
    material_of(Subject("", "", None, values, channels, True), pause=pause)
    one = Quantizer.covering("int8", -1.0, 2.0, symmetric=False)
    material_of(Subject("", "", Histogram.of(values), None, one, False), pause=pause)
    warm_up(pause)
