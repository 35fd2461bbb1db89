"""Constants in float16: rounded once, never to infinity, and what was lost is said."""

from collections.abc import Mapping

import numpy as np
from onnx import NodeProto

from workbench.messages import Notice, WorkbenchError
from workbench.models.protos import attribute

LARGEST = 65504.0
SMALLEST_NORMAL = 2.0**-14
SMALLEST = 2.0**-24
VARIANCES = (2.0**-13, 2.0**14)  # kept well inside the normal range; BatchNorm's scale takes what is beyond


class Rounding:
    """Rounds constants to float16 and counts what does not fit; refuse: WorkbenchError for what overflows."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.refuse = refuse
        self.n_values = 0
        self._clamped: list[Notice] = []
        self._flushed: dict[str, int] = {}
        self._subnormal: dict[str, int] = {}
        self._raised: list[str] = []

    def __call__(self, name: str, array: np.ndarray) -> np.ndarray:
        """`array` (float32 or float16) as float16, to nearest, ties to even; finite values stay within +-65504.

        A single number (rank 0 or 1) that is not zero does not become zero: an epsilon must keep a division finite.
        """
        values = np.asarray(array, np.float32)
        beyond = overflowing(values)
        if self.refuse:
            refuse_overflow(name, values)
        half = np.clip(values, -LARGEST, LARGEST, where=beyond, out=values.copy()).astype(np.float16)
        lost = (half == 0) & (values != 0)
        self.n_values += values.size
        if values.size == 1 and values.ndim <= 1 and lost.any():
            self._raised.append(name)
            return np.copysign(np.full_like(half, SMALLEST), half)  # rounding keeps the sign of zero
        self._count(name, values, half, beyond, lost)
        return half

    def _count(self, name: str, values: np.ndarray, half: np.ndarray, beyond: np.ndarray, lost: np.ndarray) -> None:
        if beyond.any():
            extreme = float(values[beyond][np.argmax(np.abs(values[beyond]))])
            sentence = (
                f"Tensor {name!r}: {int(beyond.sum())} of {values.size} values lie beyond float16's largest number and "
                f"became +-65504 (the farthest was {extreme:.3g})."
            )
            self._clamped.append(Notice("range", sentence))
        if lost.any():
            self._flushed[name] = int(lost.sum())
        n_subnormal = int(((np.abs(half) < SMALLEST_NORMAL) & (half != 0)).sum())
        if n_subnormal:
            self._subnormal[name] = n_subnormal

    def notices(self) -> tuple[Notice, ...]:
        """What was clamped, tensor by tensor, then one sentence on what is too small."""
        found = list(self._clamped)
        if self._flushed or self._subnormal:
            n_flushed, n_subnormal = sum(self._flushed.values()), sum(self._subnormal.values())
            counts = {
                name: self._flushed.get(name, 0) + self._subnormal.get(name, 0)
                for name in {**self._flushed, **self._subnormal}
            }
            most = max(counts, key=lambda name: counts[name])
            sentence = (
                f"{n_flushed + n_subnormal} of {self.n_values} constants are below float16's normal range (6.1e-05): "
                f"{n_flushed} became zero, {n_subnormal} keep fewer digits; most of them in {most!r}."
            )
            found.append(Notice("precision", sentence))
        if self._raised:
            names = ", ".join(map(repr, self._raised[:5])) + (" ..." if len(self._raised) > 5 else "")
            sentence = f"{names}: too small for float16 and set to its smallest number (6e-08), so that it is not zero."
            found.append(Notice("precision", sentence))
        return tuple(found)


def overflowing(values: np.ndarray) -> np.ndarray:
    """Where finite numbers lie beyond float16's largest; bool, the shape of `values`."""
    return np.isfinite(values) & (np.abs(values) > LARGEST)


def refuse_overflow(name: str, values: np.ndarray) -> None:
    """WorkbenchError, naming the tensor, where any of its finite values lies beyond float16's largest number."""
    beyond = overflowing(values)
    if beyond.any():
        extreme = float(np.abs(values[beyond]).max())
        raise WorkbenchError(
            f"tensor {name!r}: {int(beyond.sum())} of {values.size} values lie beyond float16's largest number 65504 "
            f"(the farthest at {extreme:.3g}); take overflow='clamp', which stores them as +-65504, or the target "
            "onnx_qdq with bf16, whose range is that of float32"
        )


def batch_norm_constants(node: NodeProto, constants: Mapping[str, np.ndarray]) -> dict[int, np.ndarray] | None:
    """Scale, shift, mean and variance of a BatchNormalization that survive float16, by input position.

    y = scale * (x - mean) / sqrt(variance + epsilon) + shift. The variance is brought into float16's range, and what
    that and its rounding change goes into the scale, what the rounding of the mean changes into the shift. Clipping a
    variance of 30,000 at 10,000 instead costs a vision transformer 8 points.
    Arrays float32 (channels,), those of mean and variance exact in float16. None where the parameters are no constants.
    """
    arrays = [constants.get(name) for name in node.input[1:5]]
    parameters = [array.astype(np.float64) for array in arrays if array is not None and array.dtype == np.float32]
    if len(parameters) < 4:
        return None
    scale, shift, mean, variance = parameters
    epsilon = float(attribute(node, "epsilon", 1e-5))  # type: ignore[arg-type]
    if not all(np.isfinite(array).all() for array in parameters) or (variance + epsilon <= 0).any():
        return None
    new_variance = np.clip(variance, *VARIANCES).astype(np.float16).astype(np.float64)
    new_mean = np.clip(mean, -LARGEST, LARGEST).astype(np.float16).astype(np.float64)
    factor = scale / np.sqrt(variance + epsilon)
    new = (factor * np.sqrt(new_variance + epsilon), shift + factor * (new_mean - mean), new_mean, new_variance)
    return {position: values.astype(np.float32) for position, values in enumerate(new, 1)}
