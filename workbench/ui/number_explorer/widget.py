"""`NumberExplorer`: type a number or drag it, and see it taken apart in every format."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from workbench.messages import WorkbenchError
from workbench.numerics.formats.anatomy import Anatomy, dissect
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.number_explorer.rows import (
    FIRST,
    anatomies,
    detail_of,
    explorable,
    in_order,
    row_of,
    said,
    threshold_for,
)
from workbench.ui.sources import joined

HERE = Path(__file__).parent
SCRIPTS = (
    "../put.js",
    "../panels/dom.js",
    "text.js",
    "marks.js",
    "ruler.js",
    "float32.js",
    "table.js",
    "rounding.js",
    "explorer.js",
)
LIMITS = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


class NumberExplorer(anywidget.AnyWidget):
    """One number in all formats. Bits of float32 are computed by the browser at once, the table follows from Python.

    value: the number, taken as float32. threshold: formats with a scale cover [-threshold, threshold]; None: 1, or the
    next power of two where the magnitude is larger. chosen: name of the format that is shown in detail. show_all:
    whether the table has every format of `FORMATS`. All four follow what the person does, and can be assigned and
    observed. A format that is registered while the explorer is open joins the table.
    """

    _esm = joined(HERE, *SCRIPTS)
    _css = joined(HERE, "../app.css", "explorer.css")
    value = traitlets.Float(0.1)
    threshold = traitlets.Float(None, allow_none=True)
    chosen = traitlets.Unicode("fp16")
    show_all = traitlets.Bool(False)
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, value: float = 0.1, *, threshold: float | None = None, chosen: str = "fp16") -> None:
        self._lock = threading.RLock()  # a cell and a callback (another thread) may change it at the same time
        self._known, self._first = set(FORMATS), set(FIRST)
        self._heard: dict[str, Any] = {"origin": "", "serial": 0}
        self._ready = False
        self._stop: Callable[[], None] = lambda: None
        super().__init__(value=_as_number(value), threshold=threshold, chosen=chosen)
        self._ready = True
        self._stop = FORMATS.observe(self._formats_changed)
        self.on_msg(self._hear)
        self._refresh()

    @property
    def formats(self) -> list[str]:
        """Names of the formats in the table, in its order."""
        names = {name for name, format in FORMATS.items() if explorable(format)}
        return in_order(names if self.show_all else names & (self._first | {self.chosen}))

    @property
    def anatomy(self) -> Anatomy:
        """The number in the chosen format."""
        return dissect(self.chosen, self.value, threshold=self._covered)

    @property
    def _covered(self) -> float:
        return threshold_for(self.value) if self.threshold is None else self.threshold

    def close(self) -> None:
        """Take the explorer off the page; it hears of no new formats any more."""
        self._stop()
        super().close()

    @traitlets.validate("threshold")
    def _check_threshold(self, proposal: Any) -> float | None:
        threshold: float | None = proposal["value"]
        if threshold is not None and not LIMITS[0] <= threshold <= LIMITS[1]:
            raise WorkbenchError(f"threshold {threshold} is no positive normal float32 number")
        return threshold

    @traitlets.validate("chosen")
    def _check_chosen(self, proposal: Any) -> str:
        name: str = proposal["value"]
        if not explorable(FORMATS[name]):
            raise WorkbenchError(f"{name} says nothing about one number alone; choose another format")
        return name

    @traitlets.observe("value", "threshold", "chosen", "show_all")
    def _changed(self, _change: Any) -> None:
        self._heard = {"origin": "", "serial": self._heard["serial"]}
        if self._ready:
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:
            found = anatomies(self.formats, self.value, self._covered)
            self.view = self._heard | {
                "value": said(self.value),
                "threshold": said(self._covered),
                "automatic": self.threshold is None,
                "show_all": self.show_all,
                "chosen": self.chosen,
                "rows": [row_of(anatomy) for anatomy in found.values()],
                "detail": detail_of(found[self.chosen]),
                "n_formats": sum(map(explorable, FORMATS.values())),
            }

    def _formats_changed(self) -> None:
        with self._lock:
            self._first |= set(FORMATS) - self._known
            self._known |= set(FORMATS)
            if self.chosen not in FORMATS:
                self.chosen = "fp16"
            self._refresh()

    def _hear(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Messages of the browser: hello, and set with any of value, threshold, chosen and show_all."""
        if not isinstance(content, dict):
            return
        if content.get("kind") == "hello":  # an answer moves this comm to the subshell: it waits for no running cell
            self.send({"kind": "hello"})
        elif content.get("kind") == "set":
            with self._lock:
                self._take(content)

    def _take(self, content: dict[str, Any]) -> None:
        self._ready = False  # one refresh for all of it
        try:
            if "value" in content:
                self.value = float(content["value"])
            if "threshold" in content:
                self.threshold = None if content["threshold"] is None else float(content["threshold"])
            if "chosen" in content:
                self.chosen = str(content["chosen"])
            if "show_all" in content:
                self.show_all = bool(content["show_all"])
        finally:
            self._ready = True
            self._heard = {"origin": str(content.get("origin", "")), "serial": int(content.get("serial", 0))}
            self._refresh()


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise WorkbenchError(f"{value!r} is no number; give a float such as 0.1 or 1/3") from None


def numbers(value: float = 0.1, *, threshold: float | None = None, chosen: str = "fp16") -> NumberExplorer:
    """The number explorer: type a value or drag it, flip bits, and see what it becomes in every format.

    value: the number to begin with. threshold: formats with a scale cover [-threshold, threshold]; None chooses 1 or
    the next power of two. chosen: name of the format shown in detail.
    Raises WorkbenchError for an unknown format and for what is no number.
    """
    return NumberExplorer(value, threshold=threshold, chosen=chosen)
