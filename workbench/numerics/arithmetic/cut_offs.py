"""Cut-offs before saturating functions: how little sigmoid and tanh change where their input is clipped."""

from typing import Any

import numpy as np


def sigmoid(values: Any) -> np.ndarray:
    """float64, same shape: 1 / (1 + e^-x), without overflow at either end."""
    x = np.asarray(values, np.float64)
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1.0) / (1 + small)


def cut(values: Any, limit: float) -> np.ndarray:
    """float64, same shape: values clipped to -limit..limit."""
    return np.clip(np.asarray(values, np.float64), -limit, limit)


def largest_sigmoid_error(limit: float) -> float:
    """What a cut at +-limit can change a sigmoid by: its distance from 1 there, sigmoid(-limit)."""
    return float(sigmoid(-limit))


def largest_tanh_error(limit: float) -> float:
    """What a cut at +-limit can change a tanh by: 1 - tanh(limit) = 2 sigmoid(-2 limit)."""
    return 2 * float(sigmoid(-2 * limit))


def symmetric_step(largest: float, bits: int = 8) -> float:
    """Step of a symmetric integer code over +-largest, largest / (2^(bits - 1) - 1): a cut makes it finer."""
    return largest / (2 ** (bits - 1) - 1)
