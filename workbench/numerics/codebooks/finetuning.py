"""Weight sharing: codes, their size, and training the shared levels by summed gradients."""

import numpy as np

from workbench.messages import WorkbenchError


def nearest_codes(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """int64, shape of `values`: the index of the nearest of the ascending levels (k,); a tie goes to the lower one."""
    known = np.asarray(levels, np.float64)
    return np.searchsorted((known[:-1] + known[1:]) / 2, np.asarray(values, np.float64), "left")


def centroid_gradient(codes: np.ndarray, gradient: np.ndarray, k: int) -> np.ndarray:
    """The gradient of each shared level, float64 (k,): the sum over the weights that share it.

    codes: integers in [0, k), gradient: numbers, of one shape. Raises WorkbenchError for other codes or shapes.
    Source: Han et al. 2016, Deep Compression (arXiv:1510.00149), section 3.3.
    """
    index, slope = np.asarray(codes), np.asarray(gradient, np.float64)
    if index.shape != slope.shape:
        raise WorkbenchError(f"codes of shape {index.shape} with a gradient of shape {slope.shape}; expected one shape")
    if index.dtype.kind not in "iu" or (index.size and not (0 <= index.min() and index.max() < k)):
        raise WorkbenchError(f"codes of {k} levels are whole numbers from 0 to {k - 1}")
    return np.bincount(index.reshape(-1).astype(np.int64), slope.reshape(-1), minlength=k)


def finetuned(levels: np.ndarray, codes: np.ndarray, gradient: np.ndarray, *, learning_rate: float) -> np.ndarray:
    """Levels after one step of gradient descent, float64 (k,): the codes stay, so that no weight freezes."""
    known = np.asarray(levels, np.float64)
    return known - learning_rate * centroid_gradient(codes, gradient, known.size)


def compression_ratio(n_values: int, code_bits: float, k: int) -> float:
    """How many times smaller codes and a float32 codebook are than n float32 values: 32 n / (n bits + 32 k).

    code_bits: bits a code, whole or after entropy coding.
    """
    return 32 * n_values / (n_values * code_bits + 32 * k)
