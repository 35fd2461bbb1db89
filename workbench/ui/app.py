"""`App`: the workbench itself. Panels around the draggable plot, all of one `Study`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import ipywidgets

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.ui.beginning import resume_from
from workbench.ui.panels.calibration_quality import CalibrationQualityPanel
from workbench.ui.panels.causes import CausesPanel
from workbench.ui.panels.channels import ChannelsPanel
from workbench.ui.panels.choice import ChoicePanel
from workbench.ui.panels.depth import DepthPanel
from workbench.ui.panels.exporting import ExportPanel
from workbench.ui.panels.formats import FormatsPanel
from workbench.ui.panels.header import HeaderPanel
from workbench.ui.panels.inputs import InputsPanel
from workbench.ui.panels.layers import LayersPanel
from workbench.ui.panels.mixes import MixesPanel
from workbench.ui.panels.network import NetworkPanel
from workbench.ui.panels.numbers import NumbersPanel
from workbench.ui.panels.overview import OverviewPanel
from workbench.ui.panels.pages import Page, PagesPanel
from workbench.ui.panels.pictures import PictureSaver
from workbench.ui.panels.rail import RailPanel
from workbench.ui.panels.samples import SamplesPanel
from workbench.ui.panels.sensitivity import SensitivityPanel
from workbench.ui.panels.sides import SidesPanel
from workbench.ui.panels.tabs import TabsPanel
from workbench.ui.panels.tour import TourPanel
from workbench.ui.panels.versions import VersionsPanel
from workbench.ui.panels.work import WorkPanel
from workbench.ui.picture_file import write_picture
from workbench.ui.running_cell import RunningCell, running_cell
from workbench.ui.showing import Showing
from workbench.ui.state import VERB
from workbench.ui.study import Study
from workbench.ui.tensor_picture import file_name, tensor_picture
from workbench.ui.topics.output_curve import BEST_AT_OUTPUT, OutputCurves
from workbench.ui.words import method_of_title
from workbench.workflow.choice import Bound
from workbench.workflow.comparison import Metric
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe

if TYPE_CHECKING:
    import plotly.graph_objects as go

PAGES = {
    Page("depth", "Along the depth", "how far every tensor is from the float network's", picture=True): DepthPanel,
    Page(
        "overview", "Overview", "every layer at once, and the neighbours of the selected one", picture=True
    ): OverviewPanel,
    Page("causes", "Causes", "what costs the output most, why, and what would repair it", ("causes",)): CausesPanel,
    Page("samples", "Samples", "evaluation samples whose answer changed, the worst first", ("samples",)): SamplesPanel,
    Page(
        "sensitivity",
        "Sensitivity",
        "what each tensor or layer costs the output, one at a time",
        ("sensitivity_estimates", "sensitivity"),
    ): SensitivityPanel,
    Page(
        "calibration_quality",
        "Calibration data",
        "are the calibration data like the evaluation data, and are there enough?",
        ("evaluation_distributions", "calibration_quality"),
        picture=True,
    ): CalibrationQualityPanel,
}

_of_cells: "WeakValueDictionary[str, App]" = WeakValueDictionary()


class App(ipywidgets.Box):
    """The quantization workbench for one model.

    model: Model, or the path of an ONNX file. data: for calibration, anything `calibrate` takes; None without.
    evaluation: data for the network's figures (default: `data`). labels: of the evaluation data, for accuracy: class
    indices (samples,), for boxes one array (n, 5) a sample, for other tasks what `Simulator` takes. metric: function of
    (outputs, labels) -> float, shown beside them. state: input name -> output name, for a recurrent network, whose data
    are sequences of feeds, see `as_batches`. recipe: what to begin with; None: default choices. autosave: folder for
    choices, which the same cell reads again; None writes nothing.
    Raises WorkbenchError for a broken file and for data that do not fit the model.

    Weights are there at once; calibration, default choices and network figures follow in the background.
    `app.study` holds everything and has a verb for every click; `app.recipe` is what was chosen so far;
    `app.pages.turn_to(name)` turns to a page about the network; `app.picture()` is what the plot shows as a figure.
    """

    def __init__(
        self,
        model: Model | str | Path,
        data: Any = None,
        *,
        evaluation: Any = None,
        labels: Any = None,
        metric: Metric | None = None,
        state: Mapping[str, str] | None = None,
        recipe: Recipe | None = None,
        autosave: str | Path | None = "workbench-autosave",
    ) -> None:
        cell = running_cell()
        _end_earlier(cell)
        opened = model if isinstance(model, Model) else load(model)
        self._kept: dict[str, Any] = {"metric": metric, "state": state, "autosave": autosave}
        study = Study(opened, data, evaluation=evaluation, labels=labels, recipe=recipe, **self._kept)
        super().__init__(_dom_classes=("workbench-app", "wb-shell"))
        self._furnish(study)
        self._cell = cell
        if cell is not None:
            _of_cells[cell.cell] = self

    def _furnish(self, study: Study) -> None:
        """Begin the study's work, and fill the app with panels around it."""
        self.study = study
        study.start(curves=True)
        study.ask(OutputCurves.name)
        self._showing = Showing(study)
        self.plot = self._showing.plot
        tabs = TabsPanel(study)
        tabs.give_data = self.give_data
        tensor = ipywidgets.Box([tabs, self.plot, ChannelsPanel(study), SidesPanel(study)])
        choice = ipywidgets.Box([ChoicePanel(study), NumbersPanel()])
        about = {page: kind(study) for page, kind in PAGES.items()}
        for page, panel in about.items():
            panel.add_class(f"wb-page-{page.name}")
        self.pages = PagesPanel(study, tuple(about))
        for panel in about.values():
            panel.turn_to = self.pages.turn_to
        self._drawing = {page.name: panel for page, panel in about.items() if page.picture}
        mixes = MixesPanel(study)  # opens over the page beside it
        mixes.add_class("wb-page-sensitivity")
        pages = ipywidgets.Box([self.pages, *about.values(), mixes], _dom_classes=("wb-pages",))
        network = ipywidgets.Box([NetworkPanel(study), pages])
        rooms = {
            "header": HeaderPanel(study),
            "layers": LayersPanel(study),
            "tensor": tensor,
            "rail": RailPanel(study),
            "choice": choice,
            "network": network,
            "inputs": InputsPanel(study),
            "formats": FormatsPanel(study),
            "export": ExportPanel(study),
            "versions": VersionsPanel(study),
            "work": WorkPanel(study),
            "tour": TourPanel(study),
            "pictures": PictureSaver(lambda of: (self._file_name(of), self.picture(of))),
        }
        for name, widget in rooms.items():
            widget.add_class(f"wb-room-{name}")
        inside = (*tensor.children, *choice.children, *network.children, *pages.children)
        self._parts = (*inside, *rooms.values())
        self.children = tuple(rooms.values())
        self.plot.on_commit(self._commit)
        self.plot.on_adopt(self._adopt)
        study.observe(self._moved, "moment")

    def give_data(self, data: Any, *, evaluation: Any = None, labels: Any = None) -> None:
        """Give an app its data, or other ones, as if it had been opened with them; `app.study` is another one then.

        data, evaluation, labels: as of `App`. What was chosen, its history and the selected tensor stay; what nobody
        chose gets default choices once calibration is done. Raises WorkbenchError, and nothing changes, for data that
        do not fit the model.
        """
        former, model = self.study, self.study.model
        for given in (data, evaluation):
            if given is not None:
                as_batches(model, given, state=self._kept["state"])
        parts = self._parts
        former.close()
        study = Study(model, data, evaluation=evaluation, labels=labels, **self._kept)
        resume_from(study, former.state)
        self._furnish(study)
        for part in parts:
            part.close()

    @property
    def recipe(self) -> Recipe:
        """What was chosen so far."""
        return self.study.state.recipe

    def picture(self, of: str = "tensor") -> "go.Figure":
        """A plotly Figure on white paper, with thresholds and numbers drawn in; it has `write_html` and `write_image`.

        of: "tensor", the selected one, or a page: "depth", "overview", "calibration_quality" (once it was open).
        Raises WorkbenchError for another word, and where there is nothing to draw yet.
        """
        import plotly.graph_objects as go

        if of == "tensor":
            logs = {"log_counts": self.plot.log_counts, "log_axis": self.plot.log_axis}
            return go.Figure(tensor_picture(self.study.model, self.study.state, self.plot.material, **logs))
        if of not in self._drawing:
            raise WorkbenchError(f"no picture of {of!r}; expected one of {', '.join(('tensor', *self._drawing))}")
        drawn = self._drawing[of].picture()
        if drawn is None:
            raise WorkbenchError(f"the page {of!r} shows nothing yet; app.pages.turn_to({of!r}) and app.study.wait()")
        return go.Figure(drawn)

    def save_picture(self, path: str | Path, of: str = "tensor") -> Path:
        """Write `picture(of)` to an .svg, .png, .pdf or .html file; all but the last need the extra `figures`.

        Raises WorkbenchError without it, for another ending, and as `picture` does.
        """
        return write_picture(self.picture(of), path)

    def _file_name(self, of: str) -> str:
        state = self.study.state
        choice = state.recipe.choices.get(state.selected)
        parts = (state.selected, "fp32" if choice is None else choice.format) if of == "tensor" else (of,)
        return file_name(self.study.model.name, *parts)

    def close(self) -> None:
        """End background work, save, and take the app off the page."""
        if hasattr(self, "_parts"):  # not where the model or the data were refused
            self.study.close()
            for part in self._parts:
                part.close()
        super().close()

    def _moved(self, change: Any) -> None:
        new, old = change["new"], change["old"]
        about = ("selected", "layer", "recipe", "errors", "details", "answers", "measured", "trouble")
        parts = (*about, "calibration", "calibrated", "set_aside")
        if old is not None and all(getattr(new, part) is getattr(old, part) for part in parts):
            return
        self._showing.draw(new)

    def _commit(self, low: Bound, high: Bound) -> None:
        self.study.outbox.join()
        try:
            self.study.set_range(self.study.state.selected, low, high)
        except Exception as error:  # a callback's traceback would go to a log that nobody reads
            self.study.report_trouble(VERB, str(error))

    def _adopt(self, title: str) -> None:
        self.study.outbox.join()
        try:
            selected = self.study.state.selected
            if title == BEST_AT_OUTPUT:
                self.study.set_best_at_output(selected)
            else:
                self.study.set_method(selected, method_of_title(title))
        except Exception as error:  # as above
            self.study.report_trouble(VERB, str(error))


def _end_earlier(cell: RunningCell | None) -> None:
    """The same cell run again replaces its app: the earlier one saves and gives its file back."""
    earlier = None if cell is None else _of_cells.get(cell.cell)
    if cell is not None and earlier is not None and earlier._cell is not None and earlier._cell.run != cell.run:
        earlier.close()
        _of_cells.pop(cell.cell, None)
