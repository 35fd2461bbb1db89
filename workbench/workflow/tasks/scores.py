"""Scores of classes: as a table with the classes last, as probabilities, and their margins."""

from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.workflow.tasks.task import as_array


def as_labels(labels: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Class indices int64 of a shape (axis 0 may be longer and is cut). Raises WorkbenchError for anything else."""
    if labels is None:
        return None
    found = as_array(labels)
    fits = found.ndim == len(shape) and found.shape[1:] == shape[1:] and found.shape[0] >= shape[0]
    if not fits or found.dtype.kind not in "iu":
        raise WorkbenchError(
            f"labels of shape {found.shape} and dtype {found.dtype}; expected class indices of shape {shape}"
        )
    return found[: shape[0]].astype(np.int64)


def is_distribution(scores: np.ndarray) -> bool:
    """Whether scores (..., classes) are probabilities that add up to 1."""
    return bool((scores >= 0).all() and np.allclose(scores.sum(axis=-1, dtype=np.float64), 1, atol=1e-3))


def unit_of(scores: np.ndarray) -> str:
    """What float scores (..., classes) are: "probability" (after softmax where they are logits), or "score".

    Values in [0, 1] that do not add up to 1 stay scores: each class has been asked apart.
    """
    apart = ((scores >= 0) & (scores <= 1)).all() and not is_distribution(scores)
    return "score" if apart else "probability"


def comparable(scores: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """float64 scores in the unit of `reference`, which tells whether softmax is still to come; NaN counts as lowest."""
    values = np.nan_to_num(scores.astype(np.float64), nan=-3.4e38, posinf=3.4e38, neginf=-3.4e38)
    if unit_of(reference) == "score" or is_distribution(reference):
        return values
    values -= values.max(axis=-1, keepdims=True)
    np.exp(values, out=values)
    return values / values.sum(axis=-1, keepdims=True)


def margins(scores: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """How far the score of each answer lies above the best other class: (...,) of (..., classes); negative if below."""
    index = np.expand_dims(answers, -1)
    own = np.take_along_axis(scores, index, -1)[..., 0]
    others = scores.copy()
    np.put_along_axis(others, index, -np.inf, -1)
    return own - others.max(axis=-1)
