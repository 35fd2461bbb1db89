"""`rounded`, `difference`: whether a repaired network still computes the same function, in its numbers and on data."""

from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.batches import Batches
from workbench.workflow.export.selfcheck import equal_bits

ROUNDING = 2.0**-24  # largest relative error of a rounding to float32
LEAST_DB = 60.0  # the rounding of float32 leaves 100 dB and more


def rounded(values: np.ndarray, whose: str) -> np.ndarray:
    """float64 values of a constant in float32, each within ROUNDING of the largest of them.

    whose: constant and layer, for the refusal. A value becomes 0 only where it is far smaller than the largest. Raises
    WorkbenchError where float32 cannot do it, as values pass its range or are all below its normal numbers.
    """
    with np.errstate(over="ignore", under="ignore"):
        result = values.astype(np.float32)
    largest = float(np.abs(values).max(initial=0.0))
    if not (np.abs(result - values) <= ROUNDING * largest).all():
        raise WorkbenchError(
            f"{whose} would have values up to {largest:.3g}, which float32 does not hold at full precision, and "
            "nothing was written; use one scale a channel, or bring the weights of this layer nearer to 1"
        )
    return result


@dataclass(frozen=True)
class OutputDifference:
    """All outputs of two float networks on the same data.

    bit_equal: share in [0, 1] of values equal in all bits. sqnr_db: dB, of values that are finite before.
    largest: largest absolute difference of these, in the outputs' own unit.
    """

    bit_equal: float
    sqnr_db: float
    largest: float

    def __str__(self) -> str:
        return f"float outputs: {self.bit_equal:.2%} equal in all bits, largest difference {self.largest:.3g}"


def difference(model: Model, repaired: Model, batches: Batches) -> OutputDifference:
    """Run both. Raises WorkbenchError where they differ by more than the rounding of float32 explains.

    So it does where nothing can be compared, as the given network's outputs are all NaN or infinite.
    """
    sums = ErrorSums()
    n_equal = n_values = n_compared = 0
    for given, changed in batches.all_steps(model.chain.run, repaired.chain.run):
        for name, reference in given.items():
            n_equal += equal_bits(reference, changed[name])
            n_values += np.size(reference)
            if reference.dtype.kind == "f":
                finite = np.isfinite(reference)
                n_compared += int(finite.sum())
                sums.add(reference[finite], changed[name][finite])
            else:
                n_compared += np.size(reference)
    if not n_compared:
        raise WorkbenchError(
            f"{model.name} gives NaN or infinities alone on the data, which prove nothing, and nothing was kept; give "
            "data like those that the network was trained on, or none"
        )
    found = OutputDifference(n_equal / max(n_values, 1), sums.sqnr_db, sums.max_abs)
    if n_equal < n_values and not found.sqnr_db >= LEAST_DB:
        raise WorkbenchError(
            f"the repaired network gives other outputs ({found.sqnr_db:.1f} dB, expected {LEAST_DB:.0f} or more), "
            "nothing was kept; its values may leave the range of float32"
        )
    return found
