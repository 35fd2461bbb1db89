"""What all pictures have in common: the frame of their layouts, and ink that is read on light and dark pages alike."""

import dataclasses
from typing import Any

from workbench.ui.charts.distribution import FONT
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.sheet import WIDTH, Heading, on_paper

# Lines and marks in a grey of contrast 4.3 : 1 on white and on #111111, where 3 : 1 are enough. No grey has the 4.5 : 1
# that small text needs on both, so text takes the colour of the page's own.
EITHER = dataclasses.replace(
    LIGHT,
    name="either",
    paper="rgba(0, 0, 0, 0)",
    ink="#797979",
    muted="#797979",
    grid="rgba(128, 128, 128, 0.28)",
    before="#8a8f98",
)
INK = f"var(--jp-ui-font-color1, var(--vscode-foreground, {LIGHT.ink}))"
INKED, END = f'<span style="color: {INK}">', "</span>"


def frame(left: int = 72, right: int = 24) -> dict[str, Any]:
    """Margins in px, type, no legend; a new dict each time, as it is filled in place."""
    return {
        "margin": {"l": left, "r": right, "t": 20, "b": 50},
        "font": {"family": FONT, "size": 11, "color": EITHER.muted},
        "showlegend": False,
        "annotations": [],
    }


def on_page(figure: dict[str, Any], heading: Heading, *, height: int = 540, gap: int = 22) -> dict[str, Any]:
    """`on_paper` without paper: the page shows through, and all text has the colour of the page's own."""
    return inked(on_paper(figure, heading, EITHER, width=WIDTH, height=height, gap=gap))


def inked(figure: dict[str, Any]) -> dict[str, Any]:
    """`figure`, changed in place: its text, that of axes and beside points too, follows the theme of the page."""
    layout = figure["layout"]
    for annotation in layout["annotations"]:
        annotation["text"] = in_ink(annotation["text"])
    for name, axis in layout.items():
        if name.startswith(("xaxis", "yaxis")):
            axis |= {"tickprefix": INKED, "ticksuffix": END}
            if "ticktext" in axis:
                axis["ticktext"] = [in_ink(text) for text in axis["ticktext"]]
            if "title" in axis:
                axis["title"] = axis["title"] | {"text": in_ink(axis["title"]["text"])}
    for trace in figure["data"]:
        if trace.get("textposition") != "inside" and "text" in trace:  # inside, it stands on its bar's colour
            trace["text"] = [in_ink(text) for text in trace["text"]]
    return figure


def in_ink(text: str) -> str:
    """A text of a figure, pseudo-HTML, in the colour of the page's own."""
    return f"{INKED}{text}{END}" if text else text
