"""A chart as a sheet of its own: on white paper in any theme, with what it shows in words above it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.ui.charts.distribution import FONT
from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.plain_text import plain

WIDTH = 900  # px
LINE = 18  # px, of the words above
LEFT = 14  # px, where they begin
LETTER = 6.3  # px, mean width of a letter


@dataclass(frozen=True)
class Heading:
    """title: in bold. lines: below it, texts. legend: what each colour means, words -> colour."""

    title: str
    lines: tuple[str, ...] = ()
    legend: Mapping[str, str] = field(default_factory=dict)


def on_paper(
    figure: dict[str, Any],
    heading: Heading,
    palette: Palette = LIGHT,
    *,
    width: int = WIDTH,
    height: int = 540,
    gap: int = 22,
) -> dict[str, Any]:
    """`figure` on paper of the palette's colour, width x (height + the words above it) px; it is changed in place.

    gap: px between the words and the plot.
    """
    layout = figure["layout"]
    margin = dict(layout["margin"])
    texts = [f"<b>{plain(shortened(heading.title, width, 8.0))}</b>"]
    texts += [plain(shortened(line, width)) for line in heading.lines if line]
    if heading.legend:
        texts.append("    ".join(f'<span style="color:{c}">■</span> {plain(w)}' for w, c in heading.legend.items()))
    room = LINE * len(texts) + 12
    margin["t"] = room + gap
    layout |= {
        "margin": margin,
        "width": width,
        "height": height + room,
        "autosize": False,
        "paper_bgcolor": palette.paper,
        "plot_bgcolor": "rgba(0,0,0,0)",  # strips may lie over one another
    }
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "align": "left"}
    place |= {"xshift": LEFT - margin["l"], "showarrow": False}
    for i, text in enumerate(texts):
        font = {"family": FONT, "size": 12 if i else 15, "color": palette.ink}
        shift = {"yshift": gap + LINE * (len(texts) - 1 - i) + (4 if i == 0 else 0)}
        layout["annotations"].append({"text": text, "font": font} | place | shift)
    return figure


def label(text: str, x: float, y: float, colour: str, **rest: Any) -> dict[str, Any]:
    """A short text at x on the axis and y of the paper's height; rest: what else plotly is told of it."""
    place = {"xref": "x", "yref": "paper", "x": x, "y": y, "xanchor": "center", "yanchor": "bottom", "showarrow": False}
    return {"text": text, "font": {"size": 11, "color": colour}} | place | rest


def shortened(text: str, width: int, letter: float = LETTER) -> str:
    """A text that fits into `width` px: the middle is left out of a longer one, as both ends tell names apart."""
    most = int((width - 2 * LEFT) / letter)
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[len(text) - (most - most // 2 - 1) :]}"


def name_ticks(names: list[str], most: int = 36) -> dict[str, Any]:
    """Ticks of an axis along tensors or layers at 0, 1, ...: upright names, at most `most` of them, the ends known."""
    every = max(1, -(-len(names) // most))
    places = list(range(0, len(names), every))
    texts = [plain(names[i] if len(names[i]) <= 24 else f"…{names[i][-23:]}") for i in places]
    return {"tickmode": "array", "tickvals": places, "ticktext": texts, "tickangle": -60, "ticks": "outside"}
