"""`NumbersPanel`: every figure of the present choice, live while a handle moves."""

from pathlib import Path

import anywidget

from workbench.ui.sources import joined

HERE = Path(__file__).parent


class NumbersPanel(anywidget.AnyWidget):
    """Listens to "workbench-live" events of the plot in the same "workbench-app" element; asks nothing of Python.

    The "?" beside a number opens its formula with the tensor's own numbers put in.
    Each number is an element with `data-metric` (a field of `QuantizationError`) and its raw value in `data-value`.
    """

    _esm = joined(HERE, "../put.js", "dom.js", "popup.js", "figures.js", "explain.js", "numbers.js")
    _css = joined(HERE, "../app.css", "numbers.css")
