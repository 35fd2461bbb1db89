"""Weight sharing: codes, gradients of shared levels, sizes."""

import numpy as np
import pytest

from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.finetuning import centroid_gradient, compression_ratio, finetuned, nearest_codes


def test_codes_are_the_nearest_levels():
    rng = np.random.default_rng(0)
    values, levels = rng.normal(size=(6, 50)), np.sort(rng.normal(size=9))
    codes = nearest_codes(values, levels)
    assert codes.shape == values.shape
    assert np.array_equal(codes, np.abs(values[..., None] - levels).argmin(axis=-1))
    assert nearest_codes([0.5], [0.0, 1.0]).tolist() == [0]


def test_the_gradient_of_a_level_is_that_of_the_loss():
    """For the loss sum (level[code] - target)^2 the derivative by a level is known."""
    rng = np.random.default_rng(1)
    codes, target, levels = rng.integers(0, 4, (5, 7)), rng.normal(size=(5, 7)), np.array([-1.0, 0.0, 0.5, 2.0, 9.0])

    def loss(levels):
        return ((levels[codes] - target) ** 2).sum()

    found = centroid_gradient(codes, 2 * (levels[codes] - target), 5)
    step = 1e-6 * np.eye(5)
    assert found == pytest.approx([(loss(levels + e) - loss(levels - e)) / 2e-6 for e in step], abs=1e-6)
    assert found.dtype == np.float64 and found[4] == 0  # nothing has this code
    after = finetuned(levels, codes, 2 * (levels[codes] - target), learning_rate=0.01)
    assert after == pytest.approx(levels - 0.01 * found) and loss(after) < loss(levels)


@pytest.mark.parametrize("codes", [[0, 4], [-1, 0], [0.0, 1.0], [0, 1, 2]])
def test_codes_that_are_none_are_refused(codes):
    with pytest.raises(WorkbenchError, match="codes of"):
        centroid_gradient(np.array(codes), np.zeros(2), 4)


def test_sizes_count_the_codebook():
    assert compression_ratio(16, 2, 4) == 16 * 32 / (16 * 2 + 4 * 32)
    assert compression_ratio(10**9, 4, 16) == pytest.approx(8, rel=1e-6)
