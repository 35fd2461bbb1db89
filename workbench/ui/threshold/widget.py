"""`ThresholdPlot`: a distribution whose saturation thresholds are dragged, with the error live."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from workbench.ui.charts.distribution import SHARES, Strips
from workbench.ui.sources import joined
from workbench.ui.threshold.figure import Chart, drawn, figure_widget, swap
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.material import Material
from workbench.ui.threshold.payload import Payload, payload_of
from workbench.ui.threshold.samples import EachSample, Lines, lines_of
from workbench.ui.threshold.subject import Subject

Bound = float | np.ndarray
HERE = Path(__file__).parent
FIGURES = (  # without a page
    *("numbers.js", "levels.js", "moments.js", "draws.js", "fine.js", "divergence.js", "live.js", "predicted.js"),
)
SCRIPTS = (
    *FIGURES,
    "../put.js",
    *("words.js", "geometry.js", "ruler.js", "lens.js", "codes.js", "before.js", "output.js", "overlay.js", "few.js"),
    "samples.js",
    *("handles.js", "marks.js", "controls.js", "extremes.js", "paint.js", "composed.js", "plot.js"),
)
NOTHING = Strips(np.array([-1.0, 1.0]), np.array([0.0]), -1.0, 1.0)


class ThresholdPlot(anywidget.AnyWidget):
    """The draggable plot of one tensor at a time.

    `show(subject)` draws; while a handle moves the browser computes all figures itself and dispatches
    "workbench-live"; Python hears once, when the handle is let go (`on_commit`), or when a method's mark is clicked
    (`on_adopt`). One plotly FigureWidget is composed in and kept. log_counts, log_axis: whether counts and values stand
    on logarithmic axes, whatever tensor is shown. output: what is known of the network's output, see `output_facts`;
    without a network there is no strip for it. extremes: `rows`, see `extreme_facts`; `aside`, numbers of the samples
    that were set aside; `why` none can be at present. before: see `before_facts`. show_samples: whether single samples
    are drawn; samples: see `lines_of`, made of `each`, which takes effect with `show` and `count_each`.
    """

    _esm = joined(HERE, *SCRIPTS)
    _css = joined(HERE, "../app.css", "plot.css")
    figure = anywidget.WidgetTrait().tag(sync=True)
    subject = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes(b"").tag(sync=True)
    log_counts = traitlets.Bool(True).tag(sync=True)
    log_axis = traitlets.Bool(False).tag(sync=True)
    output = traitlets.Dict().tag(sync=True)
    show_codes = traitlets.Bool(False).tag(sync=True)
    before = traitlets.Dict().tag(sync=True)
    show_samples = traitlets.Bool(False).tag(sync=True)
    samples = traitlets.Dict().tag(sync=True)
    extremes = traitlets.Dict().tag(sync=True)

    def __init__(self, subject: Subject | None = None, known: Material | None = None, **traits: Any) -> None:
        self._payload: Payload | None = None
        self._commits: list[Callable[[Bound, Bound], None]] = []
        self._adopts: list[Callable[[str], None]] = []
        self._asides: list[Callable[[int, bool], None]] = []
        self._heard = 0
        self._held: float | None = None
        self._shares = SHARES
        self.each = EachSample()
        self._lines: Lines | None = None
        self._lock = threading.RLock()  # a cell and a callback (another thread) may show at the same time
        log_axis = bool(traits.get("log_axis", False))
        first = payload_of(subject, known, log_axis=log_axis) if subject is not None else None
        chart: Chart = first.chart if first is not None else NOTHING
        log_counts = bool(traits.get("log_counts", True))
        self._drawn, self._chart = drawn(chart, log_counts), chart
        super().__init__(figure=figure_widget(chart, log_counts), **traits)
        self.on_msg(self._hear)
        if first is not None:
            self._publish(first)

    @property
    def material(self) -> Material | None:
        """What the present picture was drawn from."""
        return None if self._payload is None else self._payload.material

    def show(self, subject: Subject, known: Material | None = None, output: dict[str, Any] | None = None) -> Material:
        """Draw a tensor in place of the one before. Numbers in `subject.error` replace the live ones.

        known: material prepared for it; without, what is shown already is made use of. output: takes the place of the
        trait. Returns what was drawn from.
        """
        with self._lock:
            payload = payload_of(subject, known or self.material, log_axis=self.log_axis, held=self._held)
            self._redraw(payload.chart)
            with self.hold_sync():
                self._publish(payload)
                self.output = self.output if output is None else output
            return payload.material

    def count_each(self) -> None:
        """Count `each` in the bins that are shown."""
        with self._lock:
            payload = self._payload
            if payload is None:
                self.samples = {"why": self.each.why}
            else:
                self._lines = lines_of(self.each, payload.chart, payload.meta["n"], self._lines)
                self.samples = self._lines.facts | {"key": payload.meta["key"]}

    def on_commit(self, callback: Callable[[Bound, Bound], None]) -> None:
        """Call `callback(low, high)` when a handle was let go: floats, or float32 (groups,) for grouped tensors."""
        self._commits.append(callback)

    def on_adopt(self, callback: Callable[[str], None]) -> None:
        """Call `callback(name)` when the mark of a method was clicked."""
        self._adopts.append(callback)

    def on_set_aside(self, callback: Callable[[int, bool], None]) -> None:
        """Call `callback(sample, aside)` when a sample is to be set aside, or taken back."""
        self._asides.append(callback)

    def _publish(self, payload: Payload) -> None:
        self._payload = payload
        with self.hold_sync():
            self.data = payload.data
            self.subject = payload.meta | {"heard": self._heard}
            self.count_each()

    def _redraw(self, chart: Chart) -> None:
        new = drawn(chart, self.log_counts, self._shares)
        swap(self.figure, self._drawn, new)
        self._drawn, self._chart = new, chart

    @traitlets.observe("log_counts")
    def _recount(self, change: Any) -> None:
        if self.figure is not None:
            with self._lock:
                self._redraw(self._chart)

    @traitlets.observe("log_axis")
    def _stretch(self, change: Any) -> None:
        if self.figure is not None and self._payload is not None:
            with self._lock:
                self.show(self._payload.subject)

    def _hear(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Messages of the browser: hello, shares, commit, adopt, unzoom, set_aside, take_back."""
        kind = content.get("type")
        if kind in ("commit", "adopt") and self._payload is not None:
            self._heard = int(content["serial"])
            if content.get("key", self._payload.meta["key"]) != self._payload.meta["key"]:
                return  # meant for the tensor that was shown before
        if kind == "hello":  # an answer moves this comm to the subshell: callbacks no longer wait for a running cell
            self.send({"type": "hello"})
        elif kind == "shares":  # the next tensor is drawn at once as the strips stand
            self._shares = tuple((float(low), float(high)) for low, high in content["shares"])
        elif kind == "unzoom":
            self.figure.plotly_relayout({"xaxis.range": list(self._drawn["layout"]["xaxis"]["range"])})
        elif kind == "commit":
            low, high = self._bounds(float(content["low"]), float(content["high"]))
            for commit in self._commits:
                commit(low, high)
        elif kind == "adopt":
            for adopt in self._adopts:
                adopt(str(content["name"]))
        elif kind in ("set_aside", "take_back"):
            for aside in self._asides:
                aside(int(content["sample"]), kind == "set_aside")

    def _bounds(self, low: float, high: float) -> tuple[Bound, Bound]:
        """As they are; for a grouped tensor `high` is the ratio that scales every group's own range."""
        payload = self._payload
        if payload is None or not isinstance(payload.material.source, Groups):
            return low, high
        self._held = high
        return payload.material.source.range_at(high, payload.subject.mirrored, payload.subject.one_sided)
