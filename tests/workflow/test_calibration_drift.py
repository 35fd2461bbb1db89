"""Drift between calibration and evaluation: figures by hand, chance by enumeration, marks on shifted data."""

import itertools
import math

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.numerics.statistics.histogram import Histogram, HistogramBuilder
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration_drift import calibration_drift, chance_beyond
from workbench.workflow.common_bins import common_bins
from workbench.workflow.opening import load


def of_samples(array: np.ndarray) -> Histogram:
    builder = HistogramBuilder()
    builder.add(array.astype(np.float32), len(array))
    return builder.histogram()


def test_common_bins_by_hand():
    first, second = SortedSums.of(np.array([0, 0, 1.5, 3.5])), SortedSums.of(np.array([-0.5, 0, 2.5, 9]))
    bins = common_bins(first, second, 4, low=0, high=4)
    np.testing.assert_array_equal(bins.edges, [0, 1, 2, 3, 4])
    assert bins.zeros == (0.5, 0.25)
    np.testing.assert_array_equal(bins.first, [0, 0.25, 0, 0.25])
    np.testing.assert_array_equal(bins.second, [0.25, 0, 0.25, 0.25])  # the ends hold what lies beyond
    p, q = np.array([0, 0.25, 0, 0.25, 0.5]), np.array([0.25, 0, 0.25, 0.25, 0.25])
    both = [0.5 * x * math.log2(x / m) for v in (p, q) for x, m in zip(v, (p + q) / 2, strict=True) if x]
    assert bins.distance == pytest.approx(math.sqrt(sum(both)))


def test_distance_is_nothing_to_itself_and_one_to_what_shares_nothing():
    rng = np.random.default_rng(0)
    a = Histogram.of(rng.normal(size=4000))
    b = Histogram.of(rng.normal(size=4000) + 100)
    assert common_bins(a, a).distance == 0.0
    assert common_bins(a, b).distance == pytest.approx(1.0, abs=1e-6)
    assert common_bins(a, b).distance == common_bins(b, a).distance
    for bins in (common_bins(a, b), common_bins(a, Histogram.of(np.zeros(3)))):
        assert bins.first.sum() + bins.zeros[0] == pytest.approx(1) == bins.second.sum() + bins.zeros[1]
    assert common_bins(Histogram.of(np.zeros(3)), Histogram.of(np.zeros(5))).distance == 0.0
    with pytest.raises(WorkbenchError, match="without values"):
        common_bins(a, Histogram.of(np.zeros(0)))
    with pytest.raises(WorkbenchError, match="at least 2"):
        common_bins(a, b, 1)


@pytest.mark.parametrize(("n", "m"), [(3, 4), (5, 2), (1, 5)])
def test_chance_is_that_of_all_orders(n, m):
    """Every choice of the places of the n old samples among n + m is equally likely."""
    beyond = [n + m - 1 - max(places) for places in itertools.combinations(range(n + m), n)]
    for k in range(m + 1):
        assert chance_beyond(k, n, m) == pytest.approx(np.mean([count >= k for count in beyond]))


def test_figures_by_hand():
    calibration = of_samples(np.array([[0, 1], [-1, 2], [0.5, 1.55]]))
    evaluation = of_samples(np.array([[0, 4], [-1, 2]]))
    row = calibration_drift({"a": calibration, "b": calibration}, {"a": evaluation})[0]
    assert row.tensor == "a" and row.outside == 0.25 and row.samples_outside == 0.5
    assert row.chance == pytest.approx(2 / 5)  # the largest of five is one of two
    step = 3 / 255
    assert row.cost == pytest.approx(((4 - 2) ** 2 / 4) / (step**2 / 12), rel=1e-6)
    assert row.mark == "narrow" and "costs" in row.words and "more samples" in row.words
    with pytest.raises(WorkbenchError, match="no tensor in common"):
        calibration_drift({"a": calibration}, {"b": calibration})


def test_the_same_data_show_nothing(small, small_calibration):
    found = calibration_drift(small_calibration, small_calibration)
    assert list(row.tensor for row in found) == list(small_calibration) and not found.marked
    assert all((row.outside, row.cost, row.distance, row.width_ratio) == (0, 0, 0, 1) for row in found)
    assert str(found) == f"Evaluation and calibration data look alike in all {len(found)} tensors."


@pytest.mark.parametrize("seed", range(5))
def test_other_samples_of_the_same_kind_do_not_drift(small, small_calibration, seed):
    found = calibration_drift(small_calibration, calibrate(small, images(48, seed=10 + seed)))
    assert all(row.mark != "drift" for row in found)


@pytest.mark.parametrize(("factor", "shift"), [(1.5, 0), (0.5, 0), (1, 1)])
def test_data_prepared_otherwise_drift_from_the_input_on(small, small_calibration, factor, shift):
    found = calibration_drift(small_calibration, calibrate(small, images(48, seed=3) * np.float32(factor) + shift))
    first = next(row for row in found if row.mark == "drift")
    assert first.tensor == "image" and found.worst[0].mark == "drift"
    assert "prepared alike" in first.words and "from 'image' on" in str(found)
    if shift == 0:
        assert first.width_ratio == pytest.approx(factor, rel=0.1)
    assert found.table()[0]["words"] == found[0].words


def test_distributions_without_samples_are_compared_by_their_values():
    rng = np.random.default_rng(5)
    a, b = SortedSums.of(rng.normal(size=5000)), SortedSums.of(rng.normal(size=5000) * 1.6)
    (row,) = calibration_drift({"a": a}, {"a": b})
    assert row.chance is None and row.samples_outside is None and row.mark == "drift"


@needs_assets
def test_real_parts_are_alike_and_other_contrast_is_seen():
    model, (data, _) = load(model_path("cifar10_resnet20")), inputs("cifar10_resnet20", "eval")
    calibration = calibrate(model, data[:48])
    assert all(row.mark != "drift" for row in calibration_drift(calibration, calibrate(model, data[100:148])))
    for factor in (0.6, 1.3):
        drifting = calibration_drift(calibration, calibrate(model, data[100:148] * np.float32(factor)))
        assert drifting[0].mark == "drift"


def test_it_can_be_given_up():
    one = Histogram.of(np.arange(9.0))
    with pytest.raises(Cancelled):
        calibration_drift({"a": one}, {"a": one}, cancelled=lambda: True)
