"""`Comparison`: the quantized network against the float one, per output and per observed tensor."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.tasks.task import TaskFigures

Metric = Callable[[np.ndarray, Any], float]
TOP = 5
LOW_COSINE = 0.98  # below it a tensor deserves a look; a rule of thumb of the field


@dataclass(frozen=True)
class OutputError:
    """One graph output. Sums run over all samples before ratios are taken.

    sqnr_db: dB. cosine: [-1, 1]. kl: nats, mean over samples of KL(float || quantized) of the class probabilities
    (softmax where the output is no distribution itself; Bernoulli for a single value in [0, 1]; None elsewhere).
    mse: squared units. agreement: share in [0, 1] of equal argmax; None where no axis is longer than 1. Scores with a
    NaN among them name no class: they agree with one another alone, and are never right.
    accuracy, float_accuracy: share of right answers with labels, else None; accuracy_interval: Wilson, 95 %.
    metric: what the person's own metric gives, (float, quantized), else None.
    agreement_top5: share in [0, 1] where the float network's answer is among the five largest of the quantized one;
    None with five classes or fewer. agreement_interval: Wilson, 95 %, of as many trials as there are samples.
    sqnr_error_db: standard error of sqnr_db over samples, dB; None for one sample and where there is no error.
    """

    sqnr_db: float
    cosine: float
    kl: float | None
    mse: float
    agreement: float | None
    accuracy: float | None = None
    float_accuracy: float | None = None
    accuracy_interval: tuple[float, float] | None = None
    metric: tuple[float, float] | None = None
    agreement_top5: float | None = None
    agreement_interval: tuple[float, float] | None = None
    sqnr_error_db: float | None = None

    @classmethod
    def of(cls, sums: ErrorSums) -> "OutputError":
        """Of values that are no answers, of which nothing but sums is known."""
        return cls(sums.sqnr_db, sums.cosine, None, sums.mse, None)


@dataclass(frozen=True)
class TensorError:
    """One observed tensor as its readers see it, quantized network against float. sqnr_db in dB."""

    sqnr_db: float
    cosine: float
    mse: float
    max_abs: float

    @property
    def low_cosine(self) -> bool:
        """Whether the cosine is below 0.98."""
        return self.cosine < LOW_COSINE

    @classmethod
    def of(cls, sums: ErrorSums) -> "TensorError":
        return cls(sums.sqnr_db, sums.cosine, sums.mse, sums.max_abs)


@dataclass(frozen=True)
class Comparison:
    """outputs: output name -> OutputError, in graph order; tensors: tensor name -> TensorError, in graph order.

    n_samples: what the figures are about. n_total: how many there are; None: the same, nothing is still to come.
    answers: figures of the task (classes, boxes, ...); None where no known task fits (a notice says why) and in trials.
    """

    outputs: Mapping[str, OutputError]
    tensors: Mapping[str, TensorError]
    n_samples: int
    notices: tuple[Notice, ...] = ()
    n_total: int | None = None
    answers: TaskFigures | None = None

    @property
    def complete(self) -> bool:
        """Whether all samples are in."""
        return self.n_total is None or self.n_samples >= self.n_total


def output_error(
    reference: np.ndarray, values: np.ndarray, labels: Any = None, metric: Metric | None = None
) -> OutputError:
    """Values (samples, ...) of an output against the float network's.

    labels: for the metric, and where they are class indices (samples,) for the accuracy.
    """
    sums = ErrorSums()
    sums.add(reference, values)
    expected, got = answers(reference), answers(values)
    agreement = agreement_interval = accuracy = float_accuracy = interval = None
    if expected is not None and got is not None:
        agreement = float((expected == got).mean())
        agreement_interval = wilson_interval(agreement, values.shape[0])
        if is_classes(labels) and got.reshape(-1).shape == labels.shape:
            accuracy = share_right(got.reshape(-1), labels)
            float_accuracy = share_right(expected.reshape(-1), labels)
            interval = wilson_interval(accuracy, labels.size)
    return OutputError(
        sqnr_db=sums.sqnr_db,
        cosine=sums.cosine,
        kl=output_divergence(reference, values),
        mse=sums.mse,
        agreement=agreement,
        accuracy=accuracy,
        float_accuracy=float_accuracy,
        accuracy_interval=interval,
        metric=None if metric is None else (_figure(metric, reference, labels), _figure(metric, values, labels)),
        agreement_top5=top_agreement(reference, values),
        agreement_interval=agreement_interval,
        sqnr_error_db=sqnr_standard_error(reference, values),
    )


def not_finite_notices(
    errors: Mapping[str, OutputError], reference: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray]
) -> tuple[Notice, ...]:
    """One for each output that holds infinities or NaN, and where to look for what makes them.

    errors: of each output, by which most are known to be finite. reference, values: output -> (samples, ...).
    """
    found = []
    for name, error in errors.items():
        if error.sqnr_db > -math.inf:
            continue  # an infinity or a NaN would have left no SQNR
        n_float, n_chosen = (_n_not_finite(one[name]) for one in (reference, values))
        if n_chosen or n_float:
            words = f"output {name!r} is not finite for {n_chosen:,} of {len(values[name]):,} samples"
            step = "diagnose names the tensors that overflow"
            if n_float:
                words += f", in the float network for {n_float:,}"
                step = "check_inputs says whether the data hold such values"
            found.append(Notice("output", f"{words}: its figures are not finite either; {step}."))
    return tuple(found)


def _n_not_finite(values: np.ndarray) -> int:
    return int((~np.isfinite(values).reshape(len(values), -1).all(axis=1)).sum())


def _figure(metric: Metric, values: np.ndarray, labels: Any) -> float:
    """What a person's own metric says. Raises WorkbenchError where that is no number."""
    found = metric(values, labels)
    try:
        return float(found)
    except (TypeError, ValueError):
        shown = f"an array of shape {np.shape(found)}" if np.ndim(found) else repr(found)
        raise WorkbenchError(f"metric= gives {shown}; expected one number for all samples together") from None


def is_classes(labels: Any) -> bool:
    """Whether labels are class indices (samples,)."""
    return isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu"


def answer_axis(shape: tuple[int, ...]) -> int | None:
    """The last axis longer than 1, the sample axis (0) apart; None where there is none."""
    return next((axis for axis in range(len(shape) - 1, 0, -1) if shape[axis] > 1), None)


def answers(values: np.ndarray) -> np.ndarray | None:
    """`named` along the answer axis, for each sample (and position); None where there is no such axis."""
    axis = answer_axis(values.shape)
    return None if axis is None else named(values, axis)


def named(values: np.ndarray, axis: int) -> np.ndarray:
    """Index of the largest value along an axis; -1 where a NaN is among the scores, which name no class."""
    return np.where(np.isnan(values.max(axis=axis)), -1, values.argmax(axis=axis))


def share_right(found: np.ndarray, labels: np.ndarray) -> float:
    """Share of the classes that `named` gives that are those of the labels."""
    return float(((found == labels) & (found >= 0)).mean())


def top_agreement(reference: np.ndarray, values: np.ndarray, top: int = TOP) -> float | None:
    """Share of samples (and positions) whose float answer is among the `top` largest values; of equals the first count.

    None where there are `top` classes or fewer.
    """
    axis = answer_axis(reference.shape)
    if axis is None or reference.shape[axis] <= top:
        return None
    expected, got = named(reference, axis), named(values, axis)
    index = np.expand_dims(expected, axis)
    own = np.take_along_axis(values, index, axis)
    place = np.arange(values.shape[axis]).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    n_before = ((values > own) | ((values == own) & (place < index))).sum(axis=axis)
    return float(np.where((expected < 0) | (got < 0), expected == got, n_before < top).mean())


def sqnr_standard_error(reference: np.ndarray, values: np.ndarray) -> float | None:
    """Standard error over samples (axis 0) of the SQNR, dB; None for one sample and where there is no error.

    The SQNR is a ratio of two means over samples; its error follows to first order from the spread of each sample's
    signal and noise around them (the delta method). Source: Cochran, Sampling Techniques, 3rd ed. 1977, section 6.4.
    """
    n = values.shape[0]
    if n < 2:
        return None
    with np.errstate(invalid="ignore", over="ignore"):  # a network may overflow
        f = reference.reshape(n, -1).astype(np.float64)
        signal = np.einsum("ij,ij->i", f, f)
        f -= values.reshape(n, -1)
        noise = np.einsum("ij,ij->i", f, f)
        if not (0 < signal.sum() < np.inf and 0 < noise.sum() < np.inf):
            return None
        deviations = signal / signal.mean() - noise / noise.mean()
    return float(10 / math.log(10) * math.sqrt((deviations**2).sum() / (n * (n - 1))))


def _log_probabilities(values: np.ndarray, axis: int, already: bool) -> np.ndarray:
    if already:
        return np.log(np.maximum(values, 1e-30))
    shifted = values - values.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def output_divergence(reference: np.ndarray, values: np.ndarray) -> float | None:
    """Mean over samples of KL(reference || values), nats; see `OutputError.kl`. None where something overflowed."""
    f, q = reference.astype(np.float64), values.astype(np.float64)
    if not (np.isfinite(f).all() and np.isfinite(q).all()):
        return None
    axis = answer_axis(f.shape)
    if axis is None:
        if not ((f >= 0) & (f <= 1)).all():
            return None
        f, q = (np.stack([v, 1 - v], axis=-1) for v in (f, np.clip(q, 0, 1)))
        axis = f.ndim - 1
    already = bool((f >= 0).all() and np.allclose(f.sum(axis=axis), 1, atol=1e-3))
    log_f, log_q = (_log_probabilities(v, axis, already) for v in (f, q))
    divergence = (np.exp(log_f) * (log_f - log_q)).sum(axis=axis)
    return max(float(divergence.mean()), 0.0)


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """95 % interval of a share observed on n samples. Source: E. B. Wilson, JASA 22, 1927."""
    if n == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
