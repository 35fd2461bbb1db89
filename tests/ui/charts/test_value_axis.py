"""Where values stand on the axis: there and back, and what is written under it."""

import numpy as np
import pytest

from workbench.ui.charts.distribution import Strips, distribution_figure
from workbench.ui.charts.value_axis import LINEAR, ValueAxis


@pytest.mark.parametrize("axis", [LINEAR, ValueAxis(1e-3), ValueAxis(10.0)])
def test_places_and_values_are_inverse_ascending_and_odd(axis):
    values = np.array([-50.0, -10, -1, -1e-3, -1e-4, 0, 1e-5, 1e-3, 2e-3, 1, 3, 99])
    places = axis.places(values)
    assert axis.values(places) == pytest.approx(values, rel=1e-12)
    assert (np.diff(places) > 0).all() and axis.places(-values) == pytest.approx(-places)
    assert np.isnan(axis.places(np.array([np.nan])))[0]


def test_a_decade_is_as_wide_as_any_other():
    places = ValueAxis(1e-3).places(np.array([1e-3, 1e-2, 1e-1, 1, 10]))
    assert np.diff(places) == pytest.approx(1)


def test_ticks_are_powers_of_ten_on_both_sides():
    axis = ValueAxis(1e-3)
    low, high = axis.places(np.array([-3.0, 3.0]))
    ticks = axis.ticks(low, high)
    assert axis.values(ticks["tickvals"]) == pytest.approx([-1, -0.1, -0.01, -1e-3, 0, 1e-3, 0.01, 0.1, 1])
    assert ticks["ticktext"][:3] == ["−1", "−0.1", "−0.01"] and ticks["ticktext"][4] == "0"
    few = ValueAxis(0.01)
    assert "0.5" in few.ticks(0.0, float(few.places(np.array(1.0))))["ticktext"]
    assert LINEAR.ticks(0, 1)["tickmode"] == "auto"


def test_the_figure_draws_places_and_tells_values():
    axis = ValueAxis(0.1)
    edges = axis.values(np.linspace(-2, 2, 11))
    at = np.array([0.2, 1.0])
    figure = distribution_figure(Strips(edges, np.arange(10.0), edges[0], edges[-1], at=at, mse=at, axis=axis))
    counts, mse = figure["data"][:2]
    assert counts["x"] == pytest.approx(np.linspace(-2, 2, 11)) and counts["customdata"][3].tolist() == [3, edges[3]]
    assert mse["x"] == pytest.approx(axis.places(at)) and mse["customdata"] is at
    assert figure["layout"]["meta"] == 0.1 and figure["layout"]["xaxis"]["range"] == pytest.approx([-2, 2])
