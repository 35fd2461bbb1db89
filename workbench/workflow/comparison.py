"""`Comparison`: the quantized network against the float one, per output and per observed tensor."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.messages import Notice
from workbench.numerics.errors.sums import ErrorSums


@dataclass(frozen=True)
class OutputError:
    """One graph output. Sums run over all samples before ratios are taken.

    sqnr_db: dB. cosine: [-1, 1]. kl: nats, mean over samples of KL(float || quantized) of the class probabilities
    (softmax where the output is no distribution itself; Bernoulli for a single value in [0, 1]; None elsewhere).
    mse: squared units. agreement: share in [0, 1] of equal argmax; None where no axis is longer than 1.
    accuracy, float_accuracy: share of right answers with labels, else None; accuracy_interval: Wilson, 95 %.
    metric: what the person's own metric gives, (float, quantized), else None.
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


@dataclass(frozen=True)
class TensorError:
    """One observed tensor as its readers see it, quantized network against float. sqnr_db in dB."""

    sqnr_db: float
    cosine: float
    mse: float
    max_abs: float

    @classmethod
    def of(cls, sums: ErrorSums) -> "TensorError":
        return cls(sums.sqnr_db, sums.cosine, sums.mse, sums.max_abs)


@dataclass(frozen=True)
class Comparison:
    """outputs: output name -> OutputError, in graph order; tensors: tensor name -> TensorError, in graph order."""

    outputs: Mapping[str, OutputError]
    tensors: Mapping[str, TensorError]
    n_samples: int
    notices: tuple[Notice, ...] = ()


def answer_axis(shape: tuple[int, ...]) -> int | None:
    """The last axis longer than 1, the sample axis (0) apart; None where there is none."""
    return next((axis for axis in range(len(shape) - 1, 0, -1) if shape[axis] > 1), None)


def answers(values: np.ndarray) -> np.ndarray | None:
    """Index of the largest value along the answer axis, for each sample (and position)."""
    axis = answer_axis(values.shape)
    return None if axis is None else np.argmax(values, axis=axis)


def _log_probabilities(values: np.ndarray, axis: int, already: bool) -> np.ndarray:
    if already:
        return np.log(np.maximum(values, 1e-30))
    shifted = values - values.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def output_divergence(reference: np.ndarray, values: np.ndarray) -> float | None:
    """Mean over samples of KL(reference || values), nats; see `OutputError.kl`."""
    f, q = reference.astype(np.float64), values.astype(np.float64)
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
