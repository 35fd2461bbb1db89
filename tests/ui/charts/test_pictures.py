"""Charts for files: on white paper, with every threshold and number written in."""

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.ui.charts.test_distribution import strips
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.charts.annotated import LevelCounts, annotated_figure, annotated_magnitudes, stagger
from workbench.ui.charts.calibration_quality import calibration_figure
from workbench.ui.charts.depth import depth_figure
from workbench.ui.charts.distribution import NOTHING
from workbench.ui.charts.magnitude import magnitudes_of
from workbench.ui.charts.overview import overview_figure
from workbench.ui.charts.palette import DARK, LIGHT
from workbench.ui.charts.sheet import Heading, name_ticks, shortened
from workbench.ui.charts.value_axis import ValueAxis

HEADING = Heading("a <tensor>", ("INT8, least MSE", "", "SQNR 35.4 dB"))


def words(figure):
    """All texts of a figure, which plotly takes as it is."""
    drawn = go.Figure(figure)
    return [annotation.text for annotation in drawn.layout.annotations]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_a_distribution_has_thresholds_methods_and_numbers(palette):
    levels = LevelCounts(np.linspace(-1, 1, 5), np.array([10.0, 20, 30, 40]))
    figure = annotated_figure(strips(), HEADING, (-1.0, 1.25), {"least MSE": 0.9, "min–max": 1.9}, levels, palette)
    texts = words(figure)
    assert {"least MSE", "min–max", "−1", "1.25", "INT8, least MSE", "SQNR 35.4 dB"} <= set(texts)
    assert "<b>a &lt;tensor&gt;</b>" in texts and "" not in texts
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [-1.0, 1.25, 0.9, 1.9]
    assert figure["data"][-1]["name"] == "quantized" and palette.quantized in texts[-1]
    layout = figure["layout"]
    assert layout["paper_bgcolor"] == palette.paper and layout["width"] == 900
    assert layout["plot_bgcolor"] == "rgba(0,0,0,0)"  # the strips without curves lie over the counts


def test_thresholds_stand_at_their_places_on_a_logarithmic_axis_and_beyond_it_are_arrows():
    axis = ValueAxis(0.01)
    figure = annotated_figure(strips(axis=axis), HEADING, (-5.0, 1.0))
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [float(axis.places(np.array(1.0)))]
    assert {"← −5", "1"} <= set(words(figure))


def test_the_quantized_line_holds_all_values_and_what_piles_up_counts_in_full():
    levels = LevelCounts(np.array([-1.2, -0.4, 0.4, 1.2]), np.array([60.0, 500, 40]), 1, 300.0, 20.0, 0.0)
    line = annotated_figure(strips(), HEADING, (), {}, levels)["data"][-1]
    per_bin = 0.4
    assert line["x"] == pytest.approx([-1.2, -1.2, -0.4, -0.4, 0.4, 0.4, 1.2, 1.2])
    tops = [40 * per_bin / 0.8 + 20, 200 * per_bin / 0.8 + 300, 40 * per_bin / 0.8]
    assert line["y"] == pytest.approx([NOTHING, tops[0], tops[0], tops[1], tops[1], tops[2], tops[2], NOTHING])


def test_few_values_are_counted():
    figure = annotated_figure(strips(one_by_one=True), HEADING)
    assert figure["data"][0]["visible"] is True and "count (log)" in words(figure)


def test_labels_of_marks_do_not_overlap():
    rows = stagger({"least MSE": 100, "least KL": 110, "99.99 %": 120, "min–max": 400}, 500)
    assert sorted(rows.values()) == [-1, 0, 0, 1] and rows["min–max"] == 0


def test_bands_have_their_borders_and_counts():
    values = np.array([0, 1e-9, 1e-6, 0.5, -1.0, 7e4], np.float32)
    figure = annotated_magnitudes(magnitudes_of(SortedSums.of(values), FORMATS["fp16"]), HEADING)
    texts = words(figure)
    assert "overflow 1 · normal 2 · subnormal 1 · flushed to zero 1 · exact zeros 1" in texts
    assert "overflow above 6.552e+04" in texts and "normal above 6.104e−05" in texts
    lines = sorted(shape["x0"] for shape in figure["layout"]["shapes"] if shape["type"] == "line")
    assert lines == pytest.approx([2.0**-25, 2.0**-14, 65520.0], rel=1e-6)


def test_depth_tells_every_tensor_its_drop_and_the_low_ones():
    names = ["a", "b<i>", "c", "d"]
    now = [50.0, None, 12.5, -3.0]
    figure = depth_figure(names, now, [50.0, 48.0, None, 30.0], low=[3], drop=(2, 37.5), title="net")
    texts = words(figure)
    assert "spoils most −37.5 dB<br>c" in texts and "<b>net</b>" in texts
    before, line, low = figure["data"]
    assert line["text"] == ["50.0", "", "12.5", "−3.0"] and line["mode"] == "lines+markers+text"
    assert before["y"] == [50.0, 48.0, None, 30.0] and (low["x"], low["y"]) == ([3], [-3.0])
    assert figure["layout"]["xaxis"]["ticktext"][1] == "b&lt;i&gt;" and "cosine below 0.98: 1" in texts[-1]
    assert depth_figure(["x"] * 100, [1.0] * 100)["data"][0]["mode"] == "lines"


def test_overview_shades_by_how_bad_and_writes_the_numbers():
    figures = {"weight": [99.0, 10.0, None], "saturated": [0.0, 0.1, 1e-7], "bits": [32, 2, 8]}
    figure = overview_figure(["a", "b", "c"], figures, title="net")
    trace = go.Figure(figure).data[0]
    assert [list(row) for row in trace.text] == [["exact", "10", ""], ["0", "10", "1e-05"], ["32", "2", "8"]]
    assert list(trace.z[0]) == [0, 1, None] and list(trace.z[1]) == [0, 1, 0] and list(trace.z[2])[:2] == [0, 1]
    assert trace.texttemplate and not go.Figure(overview_figure(["a"] * 99, {"bits": [8] * 99})).data[0].texttemplate


def test_calibration_has_both_distributions_the_range_and_how_many_samples_are_enough():
    edges, shares = np.linspace(0, 4, 5), np.array([0.5, 0.3, 0, 0.2])
    ends = [np.array([[1.0, 2, 3], [2, 3, 4], [3, 3.5, 4]])]
    given = dict(n_samples=[1, 10, 100], ends=ends, enough=10, title="t")
    figure = calibration_figure(edges, shares, shares[::-1], (0.5, 3.25), **given)
    texts = words(figure)
    assert {"0.5", "3.25", "10 samples", "<b>t</b>"} <= set(texts)
    assert [trace["name"] for trace in figure["data"]] == ["calibration", "evaluation", "5 %", "95 %", "median"]
    assert (np.asarray(figure["data"][0]["y"]) > 0).all()  # on a log axis
    alone = calibration_figure(edges, shares)
    assert len(alone["data"]) == 1 and alone["layout"]["xaxis"]["domain"] == [0.0, 1.0] and words(alone)


def test_long_names_keep_both_ends_and_ticks_do_not_crowd():
    assert shortened("abc", 900) == "abc"
    short = shortened("begin" + "x" * 500 + "end", 900)
    assert len(short) < 150 and short.startswith("begin") and short.endswith("end") and "…" in short
    ticks = name_ticks([f"layer{i}" for i in range(1000)])
    assert len(ticks["tickvals"]) <= 36 and ticks["ticktext"][1] == f"layer{ticks['tickvals'][1]}"
