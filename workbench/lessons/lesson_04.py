"""Judges of lesson 04, thresholds: a dragged one, KL by hand and in code, a moving average, the output."""

from functools import cache
from typing import Any

import numpy as np

from workbench.demo import data, model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import array, close, not_this, number
from workbench.numerics.clipping.compatibility.definition import expand
from workbench.numerics.clipping.compatibility.relative_entropy import relative_entropy
from workbench.numerics.clipping.compatibility.slides import DEFINITION
from workbench.numerics.clipping.moving_average import moving_average_range
from workbench.numerics.clipping.sweep import sweep
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import simulate

WITHIN = 1.05  # of the least MSE
P, Q = (0.7, 0.2, 0.1), (0.5, 0.25, 0.25)
COUNTS = np.array([22, 18, 14, 9, 0, 6, 5, 3, 4, 2, 0, 1, 0, 1, 0, 1], np.float64)
KEEP, LEVELS = 8, 4
CANDIDATES = ((8, 4), (12, 4), (16, 4), (12, 6), (16, 16))  # their last bins are not empty: all definitions agree
LARGEST, WEIGHT = (100.0, 10_000.0, 300.0), 0.01
TENSOR, FEW_DB, N_CALIBRATION, N_EVALUATION = "blocks.0.depthwise.relu_out", 0.3, 64, 100


def laplace_values() -> np.ndarray:
    """float32 (4000,): the values that the lesson's explorer shows."""
    return np.random.default_rng(4).laplace(size=4000).astype(np.float32)


def averaged_largest() -> float:
    """The upper end of a moving average over the largest values of three samples."""
    return moving_average_range([(0.0, high) for high in LARGEST], WEIGHT)[1]


@cache
def four_bit_start() -> Recipe:
    """The recipe of the lesson's last part: int8 by min_max, all but one tensor."""
    network, (calibration, _, _) = model(), data()
    return choose(network, calibrate(network, calibration[:N_CALIBRATION]), clipping="min_max")


def output_db(threshold: float) -> float:
    """Output SQNR in dB where that tensor is int4 over [0, threshold]."""
    recipe = four_bit_start().with_tensor(TENSOR, format="int4", low=0.0, high=threshold)
    return simulate(model(), recipe, data()[1][:N_EVALUATION]).outputs["logits"].sqnr_db


@cache
def best_output() -> tuple[float, float]:
    """(threshold, dB) with the best output among 24 thresholds."""
    found = {float(t): output_db(float(t)) for t in np.linspace(0.3, 1.0, 24) * four_bit_start()[TENSOR].high}
    best = max(found, key=lambda t: found[t])
    return best, found[best]


def _dragged(answer: Any) -> None:
    quantizer = getattr(answer, "quantizer", answer)
    if not isinstance(quantizer, Quantizer):
        threshold = number(answer)
        if threshold <= 0:
            raise Wrong("A threshold is positive; explorer.quantizer holds the one that you dragged.")
        quantizer = Quantizer.covering("int4", -threshold, threshold)
    if quantizer.format.name != "int4" or quantizer.n_groups > 1 or np.any(quantizer.zero_point):
        raise Wrong("Keep the explorer of the cell above: int4, symmetric. Only the handle is to be moved.")
    distribution = SortedSums.of(laplace_values())
    curve, error = sweep(distribution, "int4"), expected_error(distribution, quantizer)
    least = float(curve.mse.min())
    if error.mse <= WITHIN * least:
        return
    if error.clipping_mse == 0:
        raise Wrong("Nothing is clipped yet: drag the handle to the left, and watch the MSE.")
    by = f"The MSE is {error.mse / least:.2f} times the least one. "
    if quantizer.high < curve.thresholds[int(curve.mse.argmin())]:
        raise Wrong(f"{by}Most of it is clipping now, so the handle is too far left.")
    raise Wrong(f"{by}Nearly all of it is rounding, so the handle is still too far right.")


def _by_hand(answer: Any) -> None:
    value, p, q = number(answer), np.array(P), np.array(Q)
    right = relative_entropy(p, q)
    not_this(value, right / np.log(2), "This is in bits; nats come from the natural logarithm.", rel=5e-3)
    not_this(value, relative_entropy(q, p), "This is KL from the other side: P weighs the terms.", rel=5e-3)
    not_this(value, float(-(p * np.log(q)).sum()), "This is the cross entropy; take the entropy of P off.", rel=5e-3)
    not_this(value, float(-(p * np.log(p)).sum()), "This is the entropy of P alone.", rel=5e-3)
    not_this(value, -right, "KL is never negative: it is P over Q inside the logarithm.", rel=5e-3)
    close(value, right, rel=5e-3)


def _spread(answer: Any) -> None:
    values = array(answer, (KEEP,))
    right = expand(COUNTS, 0, KEEP, LEVELS, DEFINITION)[1]
    if values.sum() <= 0:
        raise Wrong("Q holds counts, or shares of them: not all zero, none negative.")
    if same(values, right):
        return
    groups = COUNTS[:KEEP].reshape(LEVELS, -1)
    if same(values, np.repeat(groups.sum(axis=1), KEEP // LEVELS)):
        raise Wrong("These are the sums of the levels. Each is still to be divided among its bins.")
    if same(values, np.repeat(groups.mean(axis=1), KEEP // LEVELS)):
        raise Wrong("One bin is empty and should stay so: its level's sum goes to the other bin alone.")
    with_tail = expand_with_tail(COUNTS, KEEP, LEVELS)
    if same(values, with_tail):
        raise Wrong("What lies beyond the candidate belongs into P's last bin only; Q is made without it.")
    if same(values, COUNTS[:KEEP]):
        raise Wrong("These are the counts as they were: within a level, full bins have to become equal.")
    wrong = int(np.flatnonzero(~np.isclose(values, right))[0]) // (KEEP // LEVELS) + 1
    raise Wrong(f"Not yet; look at level {wrong} of {LEVELS} first.")


def same(values: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether these are the wanted counts, or the shares that come from them."""
    return np.allclose(values, wanted, rtol=1e-3, atol=1e-6) or np.allclose(values, wanted / wanted.sum(), atol=1e-4)


def expand_with_tail(counts: np.ndarray, keep: int, levels: int) -> np.ndarray:
    """Q as it would be with the clipped values in it: the mistake that lets KL fall to 0 as T does."""
    clipped = np.append(counts[: keep - 1], counts[keep - 1 :].sum())
    return expand(clipped, 0, keep, levels, DEFINITION)[1]


def _function(answer: Any) -> None:
    if not callable(answer):
        raise Wrong("The function itself is wanted, without brackets: my_kl.")
    for keep, levels in CANDIDATES:
        try:
            with np.errstate(all="ignore"):
                found = answer(COUNTS.copy(), keep, levels)
        except Exception as error:  # whatever a learner's function does
            raise Wrong(f"my_kl(counts, {keep}, {levels}) should return a number, but: {error}") from None
        if isinstance(found, float | np.floating) and np.isnan(found):
            raise Wrong("It returned NaN: leave bins where P is 0 out of the sum, and mind 0 / 0 in an empty level.")
        _one_candidate(number(found), keep, levels)


def _one_candidate(value: float, keep: int, levels: int) -> None:
    p, q = expand(COUNTS, 0, keep, levels, DEFINITION)
    right, filled, place = relative_entropy(p, q), p > 0, f"For keep {keep}, levels {levels}: "
    if abs(value - right) <= 1e-6:
        return
    even = np.repeat(COUNTS[:keep].reshape(levels, -1).mean(axis=1), keep // levels)
    shares = even / even.sum()
    mistakes = {
        "this is in bits; nats come from np.log.": right / np.log(2),
        "the clipped values are in Q too; they belong into P alone.": relative_entropy(
            p, expand_with_tail(COUNTS, keep, levels)
        ),
        "the clipped values are missing in P's last bin.": relative_entropy(COUNTS[:keep], q),
        "P and Q swapped: P weighs the terms.": relative_entropy(q, p),
        "divide P and Q by their sums first.": float((p[filled] * np.log(p[filled] / q[filled])).sum()),
        "empty bins got a share of Q; only the filled ones get some.": float(
            (p[filled] / p.sum() * np.log(p[filled] / p.sum() / shares[filled])).sum()
        ),
    }
    for words, mistake in mistakes.items():
        not_this(value, mistake, place + words)
    raise Wrong(f"{place}not yet. Compare P and Q with the pictures above, one step after the other.")


def _moving(answer: Any) -> None:
    value, right = number(answer), averaged_largest()
    not_this(value, max(LARGEST), "This is the largest of all: that is min-max.", rel=1e-4)
    not_this(value, float(np.mean(LARGEST)), "This is the plain mean: here the old value counts for most.", rel=1e-4)
    not_this(value, moving_average_range([(0.0, high) for high in LARGEST[:2]], WEIGHT)[1], "One sample is left.")
    swapped = moving_average_range([(0.0, high) for high in LARGEST], 1 - WEIGHT)[1]
    not_this(value, swapped, "The weights are swapped: the new sample has 0.01, the old value 0.99.", rel=1e-4)
    close(value, right, rel=1e-4)


def _at_output(answer: Any) -> None:
    threshold = number(answer)
    if threshold <= 0:
        raise Wrong("A threshold is positive.")
    (best, best_db), here = best_output(), output_db(threshold)
    if here >= best_db - FEW_DB:
        return
    less = f"This T gives {here:.1f} dB, {best_db - here:.1f} dB below what is possible. "
    if np.isclose(threshold, float(np.asarray(four_bit_start()[TENSOR].high)), rtol=0.01):
        raise Wrong(f"{less}It is min-max: with 16 levels the steps are coarse.")
    raise Wrong(less + ("Clip more." if threshold > best else "Clip less."))


EXERCISES = (
    Exercise(
        "04.1",
        "Drag the handle to the threshold with the least MSE.",
        _dragged,
        "The valley is flat: a few percent beside the best T cost next to nothing.",
    ),
    Exercise(
        "04.2",
        "What is KL(P, Q) in nats for three outcomes?",
        _by_hand,
        "That is what it costs to believe Q where P is true.",
    ),
    Exercise(
        "04.3",
        "What does Q hold in each bin of another candidate?",
        _spread,
        "Within a level nothing can be told apart any more; that is what KL measures.",
    ),
    Exercise(
        "04.4",
        "Write the function that computes the KL of one candidate.",
        _function,
        "With a loop around it, this is a calibrator.",
    ),
    Exercise(
        "04.5",
        "Where is the moving average after an outlier?",
        _moving,
        "One outlier moved it, but did not take over; it fades by 1 % a sample.",
    ),
    Exercise(
        "04.6",
        "Find a threshold for 4 bits that is right at the network's output.",
        _at_output,
        "Measured where it counts, not at the tensor.",
    ),
)
