"""Writes a plotly figure to a file."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.messages import WorkbenchError

if TYPE_CHECKING:
    import plotly.graph_objects as go

ENDINGS = (".svg", ".png", ".pdf", ".html")


def write_picture(figure: "go.Figure", path: str | Path) -> Path:
    """Write SVG, PNG (two pixels a unit), PDF or HTML, by the ending of `path`; returns the path.

    Raises WorkbenchError for another ending, and where kaleido is not installed, which all but HTML need.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise WorkbenchError(f"{path.name!r}: unknown ending {ending!r}; expected one of {', '.join(ENDINGS)}")
    if ending == ".html":
        figure.write_html(path)
    elif find_spec("kaleido") is None:
        raise WorkbenchError(
            f"{path.name!r}: writing {ending[1:].upper()} from Python needs kaleido; install the extra "
            "`figures`, write .html, or use the app's own button for SVG and PNG, which needs nothing"
        )
    else:
        figure.write_image(path, scale=2 if ending == ".png" else 1)
    return path
