"""Fitted codebooks reach the least error, on made values and on the weights of a real network."""

import numpy as np
import pytest

import workbench
from tests.numerics.samples import SHAPES_OF_DATA, data
from tests.real_networks import model_path, needs_assets
from workbench.messages import WorkbenchError
from workbench.numerics.codebooks import fitting
from workbench.numerics.codebooks.fitting import fit_levels, levels_of_cells
from workbench.numerics.codebooks.lloyd import clusters, lloyd
from workbench.numerics.codebooks.optimal import optimal_levels
from workbench.numerics.codebooks.weighted_values import WeightedValues
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums


def error_of(x: np.ndarray, levels: np.ndarray) -> float:
    """Sum of squared distances to the nearest level, in float64 and without any of the package's sums."""
    middle = (levels[:-1].astype(np.float64) + levels[1:]) / 2
    return float(((x.astype(np.float64) - levels[np.searchsorted(middle, x.astype(np.float64))]) ** 2).sum())


def least_error(x: np.ndarray, k: int) -> float:
    points = WeightedValues.of(x)
    return optimal_levels(points.values, points.weights, k)[1]


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("k", [2, 4, 16, 256])
def test_weights_get_the_best_codebook(kind, k):
    x = data(kind, 6000)
    levels = fit_levels(SortedSums.of(x), k)
    assert levels.dtype == np.float32 and (np.diff(levels) > 0).all() and levels.size <= k
    assert error_of(x, levels) <= least_error(x, k) * (1 + 1e-6) + 1e-9 * np.abs(x).max() ** 2 * (kind == "pixels")


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("k", [1, 4, 16, 64])
def test_cells_alone_lead_there_too(kind, k, monkeypatch):
    monkeypatch.setattr(fitting, "AFFORDABLE", 0)
    x = data(kind, 30_000)
    assert error_of(x, fit_levels(SortedSums.of(x), k)) <= least_error(x, k) * (1 + 1e-6) + 1e-12


def test_looking_closer_is_better_than_lloyd_alone():
    x = data("student", 60_000)
    d, best = SortedSums.of(x), least_error(x, 64)
    closer = clusters(d, levels_of_cells(d, 64)).squared_error
    spread = WeightedValues.in_cells(d, fitting.spread_cuts(d, fitting.N_CELLS))
    from_spread = lloyd(d, optimal_levels(spread.values, spread.weights, 64)[0]).squared_error
    assert closer / best - 1 < 1e-7 < from_spread / best - 1


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_streamed_values_get_nearly_the_best_codebook(kind):
    x = data(kind, 40_000)
    for k in (4, 16):
        levels = fit_levels(Histogram.of(x), k)
        assert levels.dtype == np.float32 and (np.diff(levels) > 0).all() and levels.size <= k
        assert error_of(x, levels) <= least_error(x, k) * 1.001 + 1e-6 * np.abs(x).max() ** 2


def test_few_values_are_their_own_levels():
    few = np.float32([3.5, -1.25, 3.5, 0.1, -0.0, 0.0])
    for d in (SortedSums.of(few), Histogram.of(few)):
        assert fit_levels(d, 16).tolist() == np.float32([-1.25, 0.0, 0.1, 3.5]).tolist()
        assert fit_levels(d, 4).tolist() == np.float32([-1.25, 0.0, 0.1, 3.5]).tolist()
    assert not np.signbit(fit_levels(SortedSums.of([-0.0]), 2)).any()


def test_zero_need_not_be_a_level():
    assert fit_levels(SortedSums.of(data("gaussian", 1000)), 2).tolist()[0] < 0 < fit_levels(SortedSums.of([1.0]), 2)[0]


def test_given_bins_can_be_fitted():
    counts = np.array([5, 0, 0, 3])
    assert fit_levels(LinearHistogram(counts, [0, 1, 2, 3, 4]), 2) == pytest.approx([0.5, 3.5], abs=0.01)


def test_nothing_to_fit_is_refused():
    for empty in (SortedSums.of([]), Histogram.of([np.nan]), LinearHistogram([0], [0, 1])):
        with pytest.raises(WorkbenchError, match="no codebook can be fitted; calibrate with data first"):
            fit_levels(empty, 4)
    with pytest.raises(WorkbenchError, match="a codebook of 0 levels is not possible"):
        fit_levels(SortedSums.of([1.0]), 0)


@needs_assets
@pytest.mark.parametrize("bits", [2, 4])
def test_every_weight_of_a_real_network_is_within_a_millionth_of_the_best(bits):
    model = workbench.load(model_path("cifar10_resnet20"))
    weights = {layer.weight for layer in model.layers if layer.weight is not None}
    assert len(weights) >= 20
    for name in weights:
        d = model.tensors[name].distribution()
        levels, best = fit_levels(d, 2**bits), least_error(d.values, 2**bits)
        assert levels.size == 2**bits
        assert best * (1 - 1e-9) <= error_of(d.values, levels) <= best * (1 + 1e-6), name
