"""From scale and zero point to a range: `covering_range`, which `Quantizer.covering` turns back; `code_range`."""

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.ranges.ranges import Numbers


def covering_range(
    format: Format, scale: np.ndarray | float, zero_point: np.ndarray | int = 0
) -> tuple[Numbers, Numbers, bool]:
    """(low, high, symmetric) that give exactly this scale (to the last bit of float32) and zero point.

    scale: float32, () or (groups,); zero_point: a code, or one a group. low, high: floats, or float32 (groups,).
    Raises WorkbenchError for a scale or zero point that no range gives (no positive normal number, no code, no power of
    two where the format has those alone).
    """
    single, points = np.asarray(scale, np.float32), np.broadcast_to(zero_point, np.shape(scale)).astype(np.int64)
    wanted = Quantizer(format, single, points, axis=0 if single.ndim else None)
    steps = single.astype(np.float64)
    for low, high, symmetric in _candidates(format, steps, points):
        found = Quantizer.covering(format, low, high, symmetric=symmetric, axis=0 if single.ndim else None)
        if found == wanted:
            return low, high, symmetric
    raise WorkbenchError(f"no range of {format.name} has scale {scale!s:.80} and zero point {zero_point!s:.80}")


def code_range(quantizer: Quantizer) -> tuple[float, float]:
    """What the lowest and the highest code of an integer format stand for, one scale, as float64: exact products."""
    scale, zero_point, (low, high) = float(quantizer.scale), int(quantizer.zero_point), quantizer.format.zero_points
    return (low - zero_point) * scale, (high - zero_point) * scale


def _candidates(format: Format, steps: np.ndarray, points: np.ndarray) -> list[tuple[Numbers, Numbers, bool]]:
    """Ranges to try, the plainest first. steps: float64 scales."""
    found: list[tuple[Numbers, Numbers, bool]] = []
    if not isinstance(format, IntegerFormat) or (format.signed and not points.any()):
        reach = steps * getattr(format, "reach", format.largest)
        found.append((*_bounds(-reach, reach), True))
    if isinstance(format, IntegerFormat) and format.affine:
        low, high = (format.qmin - points) * steps, (format.qmax - points) * steps
        if steps.ndim:
            low, high = _in_float32(low, high, (format.qmax - format.qmin) * steps)
        found.append((*_bounds(low, high), False))
    return found


def _bounds(low: np.ndarray, high: np.ndarray) -> tuple[Numbers, Numbers]:
    if low.ndim:
        with np.errstate(over="ignore"):  # infinite bounds are refused, or do not give the scale back
            return low.astype(np.float32), high.astype(np.float32)
    return float(low), float(high)


def _in_float32(low: np.ndarray, high: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds in float32 whose distance is `width`, to less than half a step of the scale's last place.

    The larger bound is cut to float32, toward 0; the smaller one, which has the finer grid, takes up what that leaves.
    """
    upper = np.abs(high) >= np.abs(low)
    larger = np.where(upper, high, low)
    with np.errstate(over="ignore"):
        cut = larger.astype(np.float32)
    cut = np.where(np.abs(cut.astype(np.float64)) > np.abs(larger), np.nextafter(cut, np.float32(0)), cut)
    exact = cut.astype(np.float64)
    return np.where(upper, exact - width, exact), np.where(upper, exact, exact + width)
