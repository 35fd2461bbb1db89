import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import data, seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.pruning import energy_kept, magnitude_band, prune_filters, prune_weights
from workbench.numerics.clipping.zero_band import zero_band
from workbench.numerics.statistics.sorted_sums import SortedSums

WEIGHTS = st.lists(st.sampled_from([0.0, 0.1, -0.1, 0.5, -0.5, 2.0]) | st.floats(-3, 3), max_size=30)


@seeded
@given(WEIGHTS, st.floats(0, 1))
def test_the_smallest_go_and_ties_by_index(weights, sparsity):
    found = prune_weights(weights, sparsity)
    assert found.removed == round(sparsity * len(weights))
    order = sorted(range(len(weights)), key=lambda i: (abs(weights[i]), i))
    assert np.flatnonzero(~found.kept).tolist() == sorted(order[: found.removed])
    assert np.array_equal(found.weights, np.where(found.kept, weights, 0))
    assert 0 <= energy_kept(weights, found.weights) <= 1


@seeded
@given(WEIGHTS, st.floats(0, 1))
def test_a_band_removes_at_least_as_many(weights, sparsity):
    band = magnitude_band(weights, sparsity)
    inside = np.abs(weights) <= band
    wanted = round(sparsity * len(weights))
    assert inside.sum() >= wanted
    assert not wanted or (np.abs(weights) < band).sum() < wanted


def test_the_band_of_a_distribution_is_the_same():
    x = data("laplace", 2001)
    distribution = SortedSums.of(x)
    for sparsity in (0.1, 0.5, 0.9):
        assert zero_band(distribution, sparsity) == magnitude_band(x, sparsity)


@pytest.mark.parametrize("remove", [0, 1, 3, 6])
def test_filters_of_smallest_norm_go(remove):
    w = np.random.default_rng(2).normal(size=(6, 3, 2, 2))
    w[4] = w[1]  # a tie
    found = prune_filters(w, remove)
    norms = [float(np.abs(f).sum()) for f in w]
    expected = sorted(sorted(range(6), key=lambda i: (norms[i], i))[:remove])
    assert found.scores == pytest.approx(norms) and found.removed.tolist() == expected
    assert np.array_equal(found.weights, w[[i for i in range(6) if i not in expected]])


def test_energy_of_nothing_is_all_kept():
    assert energy_kept([0.0], [0.0]) == 1 and energy_kept([3.0, 4.0], [0.0, 4.0]) == 16 / 25


def test_all_weights_can_go():
    assert prune_weights([1.0, 2.0], 1.0).removed == 2 and prune_weights([], 0.5).removed == 0


def test_impossible_shares_are_refused():
    for sparsity in (-0.1, 1.1, np.nan):
        with pytest.raises(WorkbenchError, match="share of weights"):
            prune_weights([1.0], sparsity)
    for weights, remove in ((np.ones((2, 3)), 3), (np.ones((2, 3)), -1), (np.float64(1), 0)):
        with pytest.raises(WorkbenchError, match="cannot be removed"):
            prune_filters(weights, remove)
