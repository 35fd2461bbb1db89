"""`PictureSaver`: saves what the app draws as SVG or PNG, by a download of the browser."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anywidget

from workbench.messages import WorkbenchError
from workbench.ui.panel import script, styles

if TYPE_CHECKING:
    import plotly.graph_objects as go

log = logging.getLogger("workbench")
Drawing = Callable[[str], "tuple[str, go.Figure]"]
SCALES = {"svg": 1, "png": 2}  # file kind -> pixels a unit


class PictureSaver(anywidget.AnyWidget):
    """Hears "workbench-picture" in its "workbench-app" element and asks for the kind of file.

    draw: of what ("tensor" or the name of a page) -> (file name without its ending, figure); may raise WorkbenchError.
    A figure is composed in, out of sight, for the moment in which plotly's own button of it saves it.
    """

    _esm = script("popup.js", "../threshold/composed.js", "pictures.js")
    _css = styles("app.css", "panels/pictures.css")
    figure = anywidget.WidgetTrait().tag(sync=True)

    def __init__(self, draw: Drawing) -> None:
        self._draw = draw
        super().__init__()
        self.add_class("wb-saver")
        self.on_msg(self._hear)

    def close(self) -> None:
        self._give_back()
        super().close()

    def _hear(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Messages of the browser: hello, save, saved."""
        kind = content.get("kind")
        if kind == "hello":  # an answer moves this comm to the subshell: callbacks no longer wait for a running cell
            self.send({"kind": "hello"})
        elif kind == "saved":
            self._give_back()
        elif kind == "save":
            try:
                self._show(str(content["of"]), str(content["format"]))
            except WorkbenchError as refusal:
                self.send({"kind": "refused", "words": str(refusal)})
            except Exception as error:  # a callback's traceback would go to a log that nobody reads
                log.exception("no picture of %s", content.get("of"))
                self.send({"kind": "refused", "words": f"It could not be drawn. {type(error).__name__}: {error}"})

    def _show(self, of: str, kind: str) -> None:
        import plotly.graph_objects as go

        if kind not in SCALES:
            raise WorkbenchError(f"unknown kind of picture {kind!r}; expected one of {', '.join(SCALES)}")
        name, drawn = self._draw(of)
        size = {"width": drawn.layout.width, "height": drawn.layout.height, "scale": SCALES[kind]}
        figure = go.FigureWidget(drawn)
        figure._config = {
            "displayModeBar": True,
            "modeBarButtons": [["toImage"]],
            "displaylogo": False,
            "displayNotifier": False,  # its notes would cover the app
            "toImageButtonOptions": {"format": kind, "filename": name} | size,
        }
        self._give_back()
        self.figure = figure

    def _give_back(self) -> None:
        """The browser is done with the figure."""
        figure, self.figure = self.figure, None
        if figure is not None:
            figure.close()
