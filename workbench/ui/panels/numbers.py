"""`NumbersPanel`: every figure of the present choice, live while a handle moves."""

from pathlib import Path

import anywidget

HERE = Path(__file__).parent


class NumbersPanel(anywidget.AnyWidget):
    """Listens to "workbench-live" events of the plot in the same "workbench-app" element; asks nothing of Python.

    Each number is an element with `data-metric` (a field of `QuantizationError`) and its raw value in `data-value`.
    """

    _esm = (HERE / "numbers.js").read_text(encoding="utf-8")
    _css = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("../app.css", "numbers.css"))
