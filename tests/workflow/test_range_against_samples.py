"""Ranges of random subsets: against their exact distribution, against a fresh calibration, and the verdict."""

import math

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.numerics.clipping.asking import clip_range
from workbench.numerics.statistics.histogram import Histogram, HistogramBuilder
from workbench.workflow.calibrate import calibrate
from workbench.workflow.opening import load
from workbench.workflow.range_against_samples import enough_samples, range_against_samples, sizes_up_to
from workbench.workflow.sample_groups import SampleGroups, sample_groups


def of_ranges(low, high) -> Histogram:
    builder = HistogramBuilder()
    builder.add(np.stack([low, high], axis=1).astype(np.float32), len(low))
    return builder.histogram()


def test_sizes():
    assert sizes_up_to(1).tolist() == [1]
    assert sizes_up_to(64).tolist() == [1, 2, 4, 8, 16, 32, 64]
    assert sizes_up_to(100).tolist() == [1, 2, 4, 8, 16, 32, 64, 100]


def test_the_band_is_that_of_the_exact_distribution():
    """Of n samples out of N the largest is at most the k-th smallest of all in C(k, n) of C(N, n) cases."""
    rng = np.random.default_rng(0)
    total = 40
    low, high = -rng.exponential(1, total), rng.exponential(1, total)
    found = range_against_samples({"t": of_ranges(low, high)}, "t", n_draws=4000)
    values = np.sort(high.astype(np.float32))
    for i, n in enumerate(found.n_samples.tolist()):
        shares = np.array([math.comb(k, n) / math.comb(total, n) for k in range(1, total + 1)])
        for column, share in enumerate((0.05, 0.5, 0.95)):
            near = values[[np.searchsorted(shares, min(1.0, max(0.0, share + d))) for d in (-0.025, 0.0249)]]
            assert near[0] - 1e-6 <= found.high[i, column] <= near[1] + 1e-6
    assert (found.low[-1] == np.float32(low.min())).all() and (found.high[-1] == np.float32(high.max())).all()
    assert found.away[-1] == found.away_at_most[-1] == 0.0
    assert (found.away <= found.away_at_most).all() and (np.diff(found.threshold[:, 1]) >= 0).all()


def test_the_same_seed_gives_the_same_band():
    histogram = of_ranges(-np.arange(1.0, 30), np.arange(2.0, 31))
    one, two, other = (range_against_samples({"t": histogram}, "t", n_draws=9, seed=s) for s in (4, 4, 5))
    assert np.array_equal(one.low, two.low) and not np.array_equal(one.low, other.low)


def test_verdicts():
    even = of_ranges(np.full(64, -1.0), np.linspace(0.99, 1.0, 64))
    assert range_against_samples({"t": even}, "t").n_enough == 1
    assert range_against_samples({"t": even}, "t").words == (
        "64 samples are enough: more than 1 change the range by less than 2%."
    )
    assert range_against_samples({"t": even}, "t").headline == "1 sample would do"
    growing = of_ranges(np.full(64, -1.0), 1.3 ** np.arange(64))
    assert range_against_samples({"t": growing}, "t").headline == "still moving at 64 samples"
    moving = range_against_samples({"t": growing}, "t")
    assert moving.n_enough is None and moving.words.startswith("The range is still moving: with 32 of the 64 samples")
    high = np.full(64, 1.0)
    high[17] = 9.0
    outlier = range_against_samples({"t": of_ranges(np.full(64, -1.0), high)}, "t")
    assert outlier.hinges_on == (17, pytest.approx(0.8)) and "number 17" in outlier.words
    assert range_against_samples({"t": of_ranges([0.0], [1.0])}, "t").words.startswith("One sample tells nothing")
    flat = range_against_samples({"t": of_ranges(np.zeros(8), np.zeros(8))}, "t")
    assert flat.n_enough == 1 and flat.hinges_on is None


def test_enough_for_all_tensors():
    even, growing = of_ranges(np.full(64, -1.0), np.ones(64)), of_ranges(np.full(64, -1.0), 1.3 ** np.arange(64))
    assert enough_samples({"a": even}) == ("64 samples are enough for the whole range of all 1 tensors.", ())
    words, moving = enough_samples({"a": even, "b": growing})
    assert "1 of 2 tensors is still moving, most that of 'b'" in words and [one.tensor for one in moving] == ["b"]
    with pytest.raises(Cancelled):
        enough_samples({"a": even}, cancelled=lambda: True)


def test_what_does_not_fit_is_refused(small_calibration):
    with pytest.raises(WorkbenchError, match="has not observed 'nothing'"):
        range_against_samples(small_calibration, "nothing")
    with pytest.raises(WorkbenchError, match="n_draws=0"):
        range_against_samples(small_calibration, "image", n_draws=0)
    with pytest.raises(WorkbenchError, match="holds no tensor"):
        enough_samples({})


def test_without_ranges_of_samples():
    with pytest.raises(WorkbenchError, match="no sample ranges of 't'"):
        range_against_samples({"t": Histogram.of(np.arange(4.0))}, "t")


def test_groups_are_the_calibration_cut_up(small, small_calibration):
    groups = sample_groups(small, images(64), "relu1_out", n_groups=8)
    assert len(groups.groups) == 8 and groups.n_samples == 64 and groups.n_searches(3) == 10
    whole = groups.groups[0]
    for group in groups.groups[1:]:
        whole = whole + group
    assert whole == small_calibration["relu1_out"]


@pytest.mark.parametrize("method", ["min_max", "least_error", "moving_average"])
def test_subsets_of_groups_are_what_their_samples_give(small, method):
    data = images(24, seed=4)
    groups = sample_groups(small, data, "relu1_out", n_groups=6)
    found = groups.range_against_samples(method, n_draws=1, seed=2)
    assert found.method == method and found.n_samples.tolist() == [4, 8, 16, 24]
    order = np.random.default_rng(2).permutation(6)
    for i, size in enumerate((1, 2, 4, 6)):
        rows = [row for place in order[:size] for row in range(place, 24, 6)]
        fresh = clip_range(method, calibrate(small, data[rows])["relu1_out"], "int8")
        assert (found.low[i, 0], found.high[i, 0]) == (fresh.low, fresh.high)


def test_draws_are_told_one_by_one(small):
    groups = sample_groups(small, images(24, seed=4), "relu1_out", n_groups=6)
    seen = []
    found = groups.range_against_samples("percentile", n_draws=4, seed=2, on_draw=lambda so_far: seen.append(so_far()))
    for n, so_far in enumerate(seen, start=1):
        alone = groups.range_against_samples("percentile", n_draws=n, seed=2)
        assert np.array_equal(so_far.high, alone.high) and np.array_equal(so_far.low, alone.low)
    assert len(seen) == 3 and (found.high[-1] == found.high[-1, 0]).all()


def test_groups_without_values_and_cancelling(small):
    empty = Histogram.of(np.zeros(0))
    one = Histogram.of(np.array([-1.0, 3.0]))
    found = SampleGroups("t", (empty, one, empty), 3).range_against_samples("min_max", n_draws=5)
    assert found.low[-1].tolist() == [-1.0] * 3 and found.high[-1].tolist() == [3.0] * 3
    with pytest.raises(Cancelled):
        SampleGroups("t", (one, one), 2).range_against_samples("min_max", cancelled=lambda: True)
    with pytest.raises(Cancelled):
        sample_groups(small, images(4), "relu1_out", cancelled=lambda: True)
    with pytest.raises(WorkbenchError, match="does not observe 'nothing'"):
        sample_groups(small, images(4), "nothing")
    with pytest.raises(WorkbenchError, match="at least 2"):
        sample_groups(small, images(4), "relu1_out", n_groups=1)


@needs_assets
def test_a_real_network():
    model, data = load(model_path("cifar10_vit_a")), inputs("cifar10_vit_a", "calib")[0][:48]
    calibration = calibrate(model, data)
    tensor = list(calibration)[len(calibration) // 2]
    found = range_against_samples(calibration, tensor)
    assert found.high[-1, 1] == np.float32(calibration[tensor].high) and found.n_samples[-1] == 48
    clipped = sample_groups(model, data, tensor, n_groups=8).range_against_samples("percentile", n_draws=4)
    whole = clip_range("percentile", calibration[tensor], "int8")
    assert clipped.high[-1, 1] == whole.high and clipped.away[-1] == 0.0
