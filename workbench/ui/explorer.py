"""`explore`: the draggable plot for one array, without a network."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.numerics.values import as_float32
from workbench.ui.panels.numbers import NumbersPanel
from workbench.ui.panels.pictures import PictureSaver
from workbench.ui.tensor_picture import file_name, subject_picture
from workbench.ui.threshold.subject import Subject
from workbench.ui.threshold.widget import ThresholdPlot

if TYPE_CHECKING:
    import plotly.graph_objects as go

TITLES = {"least_error": "least MSE", "entropy": "least KL", "min_max": "min–max", "percentile": "99.99 %"}


class Explorer(ipywidgets.HBox):
    """A plot with its numbers. `quantizer` and `error` follow what the person does, and can be observed.

    quantizer: the present `Quantizer`; assign another one (of any format) to show it. error: its `QuantizationError`.
    """

    quantizer = traitlets.Instance(Quantizer)
    error = traitlets.Instance(QuantizationError)

    def __init__(self, values: Any, format: Format | str = "int8", symmetric: bool | None = None) -> None:
        self._values = as_float32(values)
        self._distribution = SortedSums.of(self._values)
        if not self._distribution.count:
            raise WorkbenchError("there is no finite value to explore; give an array with at least one number")
        self._format = as_format(format)
        if self._format.needs_values:
            self._format = fit_codebook(self._format, self._distribution)
        self._symmetric = self._format.signed if symmetric is None else bool(symmetric)
        quantizer = self._covering(*self._min_max())
        error = self._error(quantizer)
        self._reference = error
        self._marks = self._method_marks()
        self._range = self._min_max()
        self.plot = ThresholdPlot(self._subject(quantizer, error))
        self.plot.on_commit(self._commit)
        self.plot.on_adopt(lambda name: self._commit(*self._marks[name]))
        self.plot.layout.flex = "1 1 520px"
        self.plot.layout.min_width = "0"
        numbers = NumbersPanel()
        numbers.layout.flex = "0 0 270px"
        saver = PictureSaver(lambda _of: (file_name("values", self.quantizer.format.name), self.picture()))
        super().__init__([self.plot, numbers, saver], quantizer=quantizer, error=error)
        self.add_class("workbench-app")
        self.layout.flex_flow = "row wrap"
        self.layout.padding = "10px 12px"
        self.layout.grid_gap = "10px 20px"

    def picture(self) -> "go.Figure":
        """What the plot shows as a plotly Figure on white paper, with thresholds and numbers drawn in."""
        import plotly.graph_objects as go

        logs = {"log_counts": self.plot.log_counts, "log_axis": self.plot.log_axis}
        subject = self._subject(self.quantizer, self.error)
        return go.Figure(subject_picture(subject, "", self.plot.material, **logs))

    def _covering(self, low: float, high: float) -> Quantizer:
        return Quantizer.covering(self._format, low, high, symmetric=self._symmetric)

    def _error(self, quantizer: Quantizer) -> QuantizationError:
        if quantizer.format.block_size is not None:  # blocks find their scales among neighbours
            return measured_error(self._values, quantizer)
        return expected_error(self._distribution, quantizer)

    def _min_max(self) -> tuple[float, float]:
        distribution = self._distribution
        if not self._symmetric or not self._format.affine:
            return min(distribution.low, 0.0), max(distribution.high, 0.0)
        one_sided = not self._format.signed and distribution.low >= 0
        return (0.0 if one_sided else -distribution.absmax), distribution.absmax

    def _method_marks(self) -> Mapping[str, tuple[float, float]]:
        if not self._format.has_scale or not self._distribution.absmax:
            return {}
        marks = {}
        for name, title in TITLES.items():
            chosen = CLIPPING[name](self._distribution, self._format, symmetric=self._symmetric)
            low, high = chosen.low, chosen.high
            if self._symmetric:
                low, high = (0.0 if self._min_max()[0] == 0 else -chosen.threshold), chosen.threshold
            marks[title] = (low, high)
        return marks

    def _subject(self, quantizer: Quantizer, error: QuantizationError) -> Subject:
        distribution = self._distribution
        count = f"{distribution.count:,} value{'s' if distribution.count != 1 else ''}"
        lost = distribution.n_nan + distribution.n_infinite
        return Subject(
            title=f"{count} as {quantizer.format.title}",
            caption=f"{lost:,} not finite, left out" if lost else "",
            distribution=distribution,
            quantizer=quantizer,
            symmetric=self._symmetric,
            error=error,
            marks=self._marks,
            reference=self._reference,
            low=self._range[0],
            high=self._range[1],
        )

    def _commit(self, low: Any, high: Any) -> None:
        self._range = float(low), float(high)
        quantizer = self._covering(*self._range)
        error = self._error(quantizer)
        self.plot.show(self._subject(quantizer, error))
        with self.hold_trait_notifications():
            self.quantizer, self.error = quantizer, error


def explore(values: Any, format: Format | str = "int8", symmetric: bool | None = None) -> Explorer:
    """A plot of `values` whose saturation threshold can be dragged, with the error beside it.

    values: numbers of any shape, taken as float32. format: a name of `FORMATS`, or a format; k-means levels are fitted
    to the values. symmetric: one mirrored threshold, or two; None: one where the format is signed. Fewer than 200
    values are drawn one by one, each with the level it becomes. The widget's `quantizer` and `error` follow the handle.
    Raises WorkbenchError for an unknown format or values that hold no finite number.
    """
    return Explorer(values, format, symmetric)
