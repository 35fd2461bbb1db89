"""Matrix products of codes: differences to the zero points, int32 sums, int32 bias."""

from typing import Any

import numpy as np


def difference(codes: Any, zero_point: int) -> np.ndarray:
    """int64, same shape: code - zero point, which needs a bit more than the codes: 20 - 50 = -30."""
    return np.asarray(codes, np.int64) - zero_point


def accumulate(x: Any, w: Any, zero_point_x: int, zero_point_w: int, bias: Any = 0) -> np.ndarray:
    """int64 (rows, columns): (x - zero_point_x) @ (w - zero_point_w) + bias, in units of scale_x * scale_w.

    x: codes (rows, inner). w: codes (inner, columns). bias: int32 (columns,) of scale scale_x * scale_w, zero point 0.
    Sums are kept in 64 bits, so that `integers.fits(result, 32)` can tell whether int32 would hold them.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 2.4.
    """
    return difference(x, zero_point_x) @ difference(w, zero_point_w) + np.asarray(bias, np.int64)


def accumulation_terms(x: Any, w: Any, zero_point_x: int, zero_point_w: int) -> tuple[np.ndarray, ...]:
    """The four parts of `accumulate` without bias: the product of plain codes, and what zero points take from it.

    Returned, int64: x @ w (rows, columns); -zero_point_w * sum of each row of x, (rows, 1);
    -zero_point_x * sum of each column of w, (1, columns), known before any data; inner * zero_point_x * zero_point_w.
    A kernel multiplies unsigned bytes alone and adds the rest once a row or column.
    Source: Jacob et al. 2018 (arXiv:1712.05877), equations 7 and 8; gemmlowp doc/low-precision.md.
    """
    left, right = np.asarray(x, np.int64), np.asarray(w, np.int64)
    of_rows = -zero_point_w * left.sum(axis=1, keepdims=True)
    of_columns = -zero_point_x * right.sum(axis=0, keepdims=True)
    return left @ right, of_rows, of_columns, np.asarray(left.shape[1] * zero_point_x * zero_point_w)


def bias_codes(bias: Any, scale_x: float, scale_w: float) -> np.ndarray:
    """int64, same shape: a real bias in steps of scale_x * scale_w, kept in int32; halves to even.

    bias: float64. Source: Jacob et al. 2018 (arXiv:1712.05877), equation 11; ONNX QLinearConv.
    """
    return np.clip(np.rint(np.asarray(bias, np.float64) / (scale_x * scale_w)), -(2**31), 2**31 - 1).astype(np.int64)
