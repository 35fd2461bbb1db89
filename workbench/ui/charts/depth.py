"""The error of every tensor in graph order, with that before the last change behind it."""

from collections.abc import Sequence
from typing import Any

from workbench.ui.charts.distribution import FONT
from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.plain_text import plain
from workbench.ui.charts.sheet import Heading, name_ticks, on_paper

ALL_TOLD = 24  # so many tensors have their number written beside them


def depth_figure(
    names: Sequence[str],
    now: Sequence[float | None],
    before: Sequence[float | None] | None = None,
    *,
    low: Sequence[int] = (),
    rule: float = 0.98,
    drop: tuple[int, float] | None = None,
    title: str = "",
    lines: Sequence[str] = (),
    palette: Palette = LIGHT,
) -> dict[str, Any]:
    """A plotly figure as a dict. now, before: SQNR, dB, None where it is exact or unknown: there the line ends.

    low: tensors whose cosine is below `rule`. drop: (tensor, dB lost there). title, lines: words above.
    """
    places = list(range(len(names)))
    told = len(names) <= ALL_TOLD
    texts = ["" if v is None else f"{v:.1f}".replace("-", "−") for v in now]
    common = {"type": "scatter", "showlegend": False, "connectgaps": False, "x": places}
    data: list[dict[str, Any]] = []
    legend = {"SQNR against float, dB": palette.quantized}
    if before is not None:
        line = {"color": palette.before, "width": 1.4, "dash": "dash"}
        data.append(common | {"name": "before", "y": list(before), "mode": "lines", "line": line})
        legend["before the last change"] = palette.before
    mode = "lines+markers+text" if told else "lines"
    data.append(
        common
        | {"name": "now", "y": list(now), "mode": mode, "line": {"color": palette.quantized, "width": 2}}
        | {"marker": {"size": 5, "color": palette.quantized}, "text": texts, "textposition": "top center"}
        | {"textfont": {"size": 10, "color": palette.ink}}
    )
    if low:
        marker = {"size": 9, "color": palette.clipping, "line": {"width": 1, "color": palette.paper}}
        points = {"x": list(low), "y": [now[i] for i in low], "mode": "markers", "marker": marker}
        data.append(common | {"name": f"cosine below {rule}"} | points)
        legend[f"cosine below {rule:g}: {len(low)}"] = palette.clipping
    annotations = []
    if drop is not None and now[drop[0]] is not None:
        text = f"spoils most −{drop[1]:.1f} dB<br>{plain(names[drop[0]])}"
        arrow = {"showarrow": True, "arrowhead": 2, "ax": 0, "ay": 36, "arrowcolor": palette.ink}
        side = {"xanchor": "left" if drop[0] < len(names) / 2 else "right", "bgcolor": palette.paper}
        font = {"size": 11, "color": palette.ink}
        annotations.append({"text": text, "x": drop[0], "y": now[drop[0]], "font": font} | arrow | side)
    axis = {"showgrid": False, "zeroline": False, "automargin": True}
    layout = {
        "margin": {"l": 62, "r": 18, "t": 34, "b": 44},
        "font": {"family": FONT, "size": 11, "color": palette.muted},
        "showlegend": False,
        "xaxis": axis | name_ticks(list(names)) | {"range": [-0.6, len(names) - 0.4]},
        "yaxis": axis
        | {
            "showgrid": True,
            "gridcolor": palette.grid,
            "automargin": False,
            "title": {"text": "SQNR, dB", "font": {"size": 11}},
        },
        "annotations": annotations,
        "shapes": [],
    }
    return on_paper({"data": data, "layout": layout}, Heading(title, tuple(lines), legend), palette)
