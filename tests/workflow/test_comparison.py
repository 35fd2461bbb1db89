"""Figures of outputs against oracles written out in numpy."""

import numpy as np
import pytest

from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.comparison import answer_axis, answers, output_divergence, wilson_interval


def test_error_sums_are_those_of_the_whole_not_the_mean_of_batches():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(10, 7)).astype(np.float32)
    q = f + rng.normal(size=f.shape).astype(np.float32) * np.linspace(0, 1, 10, dtype=np.float32)[:, None]
    sums = ErrorSums()
    for start in (0, 3, 4):
        end = {0: 3, 3: 4, 4: 10}[start]
        sums.add(f[start:end], q[start:end])
    d = f.astype(np.float64) - q
    assert sums.mse == pytest.approx((d**2).mean(), rel=1e-12)
    assert sums.max_abs == np.abs(d).max()
    assert sums.sqnr_db == pytest.approx(10 * np.log10((f.astype(float) ** 2).sum() / (d**2).sum()), rel=1e-12)
    norms = np.linalg.norm(f.astype(float)) * np.linalg.norm(q.astype(float))
    assert sums.cosine == pytest.approx((f.astype(float) * q).sum() / norms, rel=1e-12)


def test_equal_streams_have_no_error():
    sums = ErrorSums()
    sums.add(np.zeros(4, np.float32), np.zeros(4, np.float32))
    assert (sums.mse, sums.sqnr_db, sums.cosine) == (0.0, np.inf, 1.0)


@pytest.mark.parametrize(
    ("shape", "axis"), [((8, 10), 1), ((8, 1000, 1, 1), 1), ((8, 4, 10), 2), ((8, 1), None), ((8,), None)]
)
def test_the_answer_lies_along_the_last_axis_that_is_longer_than_one(shape, axis):
    assert answer_axis(shape) == axis
    found = answers(np.zeros(shape, np.float32))
    assert (found is None) == (axis is None)


def test_divergence_of_logits_is_that_of_their_softmax():
    rng = np.random.default_rng(1)
    f, q = rng.normal(size=(2, 30, 5)).astype(np.float32) * 3

    def softmax(x):
        e = np.exp(x.astype(np.float64))
        return e / e.sum(axis=1, keepdims=True)

    p, r = softmax(f), softmax(q)
    expected = (p * np.log(p / r)).sum(axis=1).mean()
    assert output_divergence(f, q) == pytest.approx(expected, rel=1e-9)
    assert output_divergence(p.astype(np.float32), r.astype(np.float32)) == pytest.approx(expected, rel=1e-5)
    assert output_divergence(f, f) == 0.0


def test_divergence_of_single_values():
    f, q = np.array([[0.25], [0.5]], np.float32), np.array([[0.5], [0.5]], np.float32)
    expected = (0.25 * np.log(0.25 / 0.5) + 0.75 * np.log(0.75 / 0.5)) / 2
    assert output_divergence(f, q) == pytest.approx(expected)
    assert output_divergence(f * 9, q) is None


def test_wilson_interval_of_a_known_case():
    low, high = wilson_interval(0.9, 100)
    assert (low, high) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1.0) and wilson_interval(0.5, 0) == (0.0, 1.0)
