"""Figures of outputs against oracles written out in numpy."""

import numpy as np
import pytest

from workbench.messages import WorkbenchError
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.comparison import (
    answer_axis,
    answers,
    output_divergence,
    output_error,
    sqnr_standard_error,
    top_agreement,
    wilson_interval,
)


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


def test_agreement_of_the_first_five():
    rng = np.random.default_rng(2)
    f, q = rng.normal(size=(2, 200, 12)).astype(np.float32)
    q += f
    expected = np.mean([f[i].argmax() in np.argsort(-q[i], kind="stable")[:5] for i in range(200)])
    assert top_agreement(f, q) == output_error(f, q).agreement_top5 == expected
    assert top_agreement(f, q, 1) == (f.argmax(1) == q.argmax(1)).mean() < expected < 1
    assert top_agreement(f[:, :5], q[:, :5]) is None and top_agreement(f[:, 0], q[:, 0]) is None


def test_scores_that_hold_nan_name_no_class():
    f = np.array([[3, 1, 2, 0, 0, 0], [5, 1, 2, 0, 0, 0], [0, 1, 2, 0, 0, 4]], np.float32)
    q = f.copy()
    q[0, 3] = q[1] = np.nan
    found = output_error(f, q, np.array([0, 0, 5]))
    assert (found.agreement, found.agreement_top5, found.accuracy, found.float_accuracy) == (1 / 3, 1 / 3, 1 / 3, 1.0)
    both = output_error(q, q, np.array([-1, -1, 5]))
    assert (both.agreement, both.agreement_top5, both.accuracy) == (1.0, 1.0, 1 / 3)


def test_a_metric_gives_one_number_whatever_its_type():
    f = np.eye(3, dtype=np.float32)
    assert output_error(f, f, metric=lambda values, _: values.max()).metric == (1.0, 1.0)
    assert type(output_error(f, f, metric=lambda values, _: values.max()).metric[0]) is float
    for metric, words in ((lambda values, _: values, r"an array of shape \(3, 3\)"), (lambda *_: None, "gives None")):
        with pytest.raises(WorkbenchError, match=words):
            output_error(f, f, metric=metric)


def test_of_equal_values_the_first_ones_count():
    f, q = np.zeros((2, 8), np.float32), np.zeros((2, 8), np.float32)
    f[0, 4], f[1, 5] = 1, 1
    assert top_agreement(f, q) == 0.5
    pixels = np.moveaxis(np.stack([f, f], axis=-1), 1, 2)  # (2, 2, 8): two answers a sample
    assert top_agreement(pixels, np.zeros_like(pixels)) == 0.5


def test_the_standard_error_is_that_of_resampling():
    rng = np.random.default_rng(3)
    f = rng.normal(size=(200, 10)).astype(np.float32) * rng.lognormal(0, 0.5, size=(200, 1)).astype(np.float32)
    q = f + rng.normal(size=f.shape).astype(np.float32) * rng.lognormal(-3, 0.7, size=(200, 1)).astype(np.float32)
    found = sqnr_standard_error(f, q)
    draws = []
    for _ in range(2000):
        pick = rng.integers(200, size=200)
        d = (f - q)[pick].astype(np.float64)
        draws.append(10 * np.log10((f[pick].astype(np.float64) ** 2).sum() / (d**2).sum()))
    assert found == pytest.approx(np.std(draws), rel=0.1) and found == output_error(f, q).sqnr_error_db
    assert sqnr_standard_error(f[:1], q[:1]) is None and sqnr_standard_error(f, f) is None
    assert sqnr_standard_error(f, np.full_like(f, np.inf)) is None


def test_the_interval_of_the_agreement_counts_samples_not_positions():
    rng = np.random.default_rng(4)
    f, q = rng.normal(size=(2, 30, 50, 4)).astype(np.float32)
    error = output_error(f, q)
    assert error.agreement_interval == wilson_interval(error.agreement, 30)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_divergence_of_an_output_that_is_not_finite_is_unknown(value):
    f = np.random.default_rng(0).standard_normal((4, 10)).astype(np.float32)
    q = f.copy()
    q[2, 3] = value
    assert output_divergence(f, q) is None
    assert output_divergence(f, f) == 0.0
