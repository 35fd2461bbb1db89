"""Pictures of lessons on light and dark pages: no paper of their own, text in the page's colour, visible greys."""

import numpy as np
import plotly.graph_objects as go
import pytest

import workbench.lessons as lessons
from workbench.lessons.pictures.frame import EITHER, END, INKED, inked
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.linear_histogram import LinearHistogram

PAGES = ("#ffffff", "#111111", "#212121")  # white, and what JupyterLab's dark theme lays below an output
HISTOGRAM = LinearHistogram(np.array([90.0, 70, 40, 10, 3, 0, 2, 1]), np.linspace(0, 4, 9).astype(np.float32))
PICTURES = {
    "staircase": lambda: lessons.staircase(Quantizer.covering("int4", -1.0, 1.0)),
    "bars": lambda: lessons.kl_step(1, HISTOGRAM, keep=6, levels=3),
    "curves": lambda: lessons.precision_by_size(["fp16", "fp8_e4m3"]),
    "marks": lambda: lessons.output_by_threshold([0.5, 0.7, 0.9], [20, 25, 22], marks={"entropy": 0.7}),
    "areas": lambda: lessons.budget({"a": [(800, 20), (900, 30)]}, most_bytes=850, least_db=15),
    "channels": lambda: lessons.channel_sizes(np.eye(4, dtype=np.float32)),
}


def luminance(colour):
    """Source: WCAG 2.2, relative luminance."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", PAGES)
def test_lines_and_marks_are_seen_on_every_page(page):
    assert min(contrast(colour, page) for colour in (EITHER.ink, EITHER.muted, EITHER.before)) >= 3


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_shows_through_and_gives_its_ink(name):
    figure: go.Figure = PICTURES[name]()
    layout = figure.layout
    assert layout.paper_bgcolor == EITHER.paper and layout.plot_bgcolor.replace(" ", "") == "rgba(0,0,0,0)"
    words = [annotation.text for annotation in layout.annotations]
    axes = [axis for axis in (*figure.select_xaxes(), *figure.select_yaxes()) if axis.title.text]
    words += [axis.title.text for axis in axes]
    words += [text for trace in figure.data for text in (trace.text if trace.text is not None else ()) if text]
    assert len(axes) >= 2 and all(text.startswith(INKED) and text.endswith(END) for text in words)
    assert all((axis.tickprefix, axis.ticksuffix) == (INKED, END) for axis in axes)


def test_numbers_in_bars_stay_dark_where_the_bars_hold_them():
    spread = lessons.kl_step(4, HISTOGRAM, keep=6, levels=3).data[0]
    dark = [not text.startswith(INKED) for text in spread.text if text]
    assert dark == [bool(high >= max(spread.y) / 10) for high, text in zip(spread.y, spread.text, strict=True) if text]
    assert any(dark) and not all(dark)


def test_names_of_ticks_take_the_ink_once():
    axis = {"ticktext": ["a", "b"], "title": {"text": "t"}}
    made = inked({"data": [], "layout": {"annotations": [], "xaxis": axis}})["layout"]["xaxis"]
    assert made["ticktext"] == [f"{INKED}{name}{END}" for name in "ab"] and made["title"]["text"] == f"{INKED}t{END}"
