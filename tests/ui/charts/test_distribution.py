"""Charts are pure: data in, figure out."""

import math

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.charts.distribution import (
    NOTHING,
    TRACES,
    Strips,
    counts_range,
    distribution_figure,
    log_range,
    powers_of_ten,
)
from workbench.ui.charts.magnitude import magnitude_figure, magnitudes_of
from workbench.ui.charts.palette import DARK, LIGHT
from workbench.ui.charts.plain_text import plain


def strips(**changes):
    at = np.linspace(0.1, 2, 20)
    given = dict(
        edges=np.linspace(-2, 2, 11),
        counts=np.array([0, 1, 5, 20, 400, 900, 380, 22, 4, 1.0]),
        low=-2.0,
        high=2.0,
        quantity="activation value",
        at=at,
        mse=1e-3 + 0 * at,
        rounding=1e-4 * at**2,
        clipping=np.maximum(1 - at, 0),
        kl=0.1 / at,
        least_mse=(np.array([1.0]), np.array([1e-3])),
        least_kl=(np.array([2.0]), np.array([0.05])),
        n_zeros=800.0,
    )
    return Strips(**given | changes)


@pytest.mark.parametrize("log_counts", [True, False])
@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_the_figure_has_its_traces_in_order_and_plotly_takes_it(log_counts, palette):
    figure = distribution_figure(strips(), palette, log_counts=log_counts)
    assert [trace["name"] for trace in figure["data"]] == list(TRACES)
    drawn = go.Figure(figure)
    assert drawn.layout.xaxis2.matches == "x" and list(drawn.layout.xaxis.range) == [-2, 2]
    assert {drawn.data[i].yaxis for i in range(7)} == {"y", "y2", "y3"}
    assert drawn.layout.paper_bgcolor == drawn.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert drawn.layout.yaxis.type == ("log" if log_counts else "linear")
    assert palette.float_values in str(figure["data"][0]["line"])


def test_counts_stand_as_counts_and_empty_bins_at_the_floor():
    trace = distribution_figure(strips())["data"][0]
    assert trace["y"][0] == NOTHING and trace["y"][5] == 900
    assert list(trace["customdata"][:3]) == [0, 1, 5] and trace["x"].size == trace["y"].size


def test_figures_of_zero_end_a_line_and_are_not_clamped():
    figure = distribution_figure(strips())
    clipping = figure["data"][TRACES.index("clipping")]["y"]
    assert np.isnan(clipping[-5:]).all() and (clipping[:5] > 0).all()
    low, high = figure["layout"]["yaxis2"]["range"]
    assert low > math.log10(1e-4) - 1 and high < math.log10(1e-3) + 1  # the MSE fits, the parts may leave


def test_exact_zeros_leave_the_linear_strip():
    counts = np.array([0, 1, 5, 20, 100_000, 900, 380, 22, 4, 1.0])
    tower = strips(counts=counts, n_zeros=99_000.0)
    assert counts_range(tower, log_counts=False)[1] < 5000
    assert counts_range(tower, log_counts=True)[1] > 5


def test_without_curves_the_counts_take_the_height():
    figure = distribution_figure(Strips(np.linspace(0, 1, 4), np.ones(3), 0.0, 1.0))
    assert figure["layout"]["yaxis"]["domain"] == [0.0, 1.0]
    assert [trace["visible"] for trace in figure["data"]] == [True] + 6 * [False]


def test_text_is_shown_as_it_is():
    assert plain("<b>a</b> & b") == "&lt;b&gt;a&lt;/b&gt; &amp; b"
    figure = distribution_figure(strips(quantity="<a href='x'>w</a>"))
    assert "<a" not in figure["layout"]["xaxis2"]["title"]["text"]


def test_ticks_are_powers_of_ten():
    ticks = powers_of_ten([-3.2, 1.1])
    assert ticks["tickvals"] == pytest.approx([1e-3, 1e-2, 0.1, 1, 10])
    assert ticks["ticktext"] == ["10<sup>−3</sup>", "10<sup>−2</sup>", "10<sup>−1</sup>", "1", "10"]
    assert len(powers_of_ten([-60, 0])["tickvals"]) <= 6


def test_log_range_of_nothing_and_of_much():
    assert log_range(np.zeros(3)) == (-1.0, 0.0)
    low, high = log_range(np.array([1e-30, 1.0]), most=5)
    assert high - low == 5


@pytest.mark.parametrize(
    "rounding, overflow", [("nearest_even", "infinity"), ("toward_zero", "ieee"), ("up", "saturate")]
)
@pytest.mark.parametrize("kind", [SortedSums, Histogram])
@pytest.mark.parametrize("format", ["fp16", "bf16", "tf32"])
def test_bands_count_what_the_format_does_to_values(kind, format, rounding, overflow):
    chosen = FORMATS[format].with_choices(rounding=rounding, overflow=overflow)
    rng = np.random.default_rng(0)
    values = (rng.standard_normal(20_000) * np.exp(6 * rng.standard_normal(20_000)) * 1e-3).astype(np.float32)
    values[:100] = 0
    values[100:104] = [65504, 65519, -65520, 1e6]
    result = magnitudes_of(kind.of(values), chosen)
    counts = {band.name: band.count for band in result.bands}
    assert sum(counts.values()) == pytest.approx(20_000 - 100) and result.n_zeros == 100
    assert result.counts.sum() == pytest.approx(20_000 - 100)
    cast = chosen.round_unit(values)
    if overflow == "saturate":
        assert counts["saturated"] == pytest.approx(
            (np.abs(values) > chosen.largest).sum(), abs=1.01
        )  # a row at the end
    else:
        assert counts["overflow"] == pytest.approx(np.isinf(cast).sum(), abs=0.01)
    assert counts["flushed to zero"] == pytest.approx(((cast == 0) & (values != 0)).sum(), rel=0.01)
    drawn = go.Figure(magnitude_figure(result, log_counts=False))
    assert drawn.layout.xaxis.type == "log" and [t.visible for t in drawn.data] == [True] + 6 * [False]


def test_a_zero_band_is_flushed_too():
    values = np.array([0.0, 1e-3, -2e-3, 0.5, -1.0], np.float32)
    result = magnitudes_of(SortedSums.of(values), FORMATS["bf16"], zero_band=2e-3)
    counts = {band.name: band.count for band in result.bands}
    assert counts == {"overflow": 0, "normal": 2, "subnormal": 0, "flushed to zero": 2}
