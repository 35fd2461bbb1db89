"""A table lookup in standard operators: which of up to 65,536 levels a float32 value goes to."""

import numpy as np
from onnx import TensorProto

from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.scaling import boundaries_at
from workbench.workflow.export.onnx_float_nodes import Nodes


def looked_up(graph: Nodes, value: str, boundaries: np.ndarray, levels: np.ndarray) -> str:
    """levels[number of boundaries below the value]; NaN goes to levels[0].

    boundaries: float32 (n - 1,) ascending, the largest inputs that go to the lower of two neighbours. levels: (n,).
    The boundaries lie in a binary tree, children of j at 2j and 2j + 1: as many steps as the number has bits.
    """
    depth = max(1, int(boundaries.size).bit_length())
    tree = _as_tree(boundaries, depth)
    above = graph("Greater", value, np.array(tree[1]))
    place = graph("Add", graph.cast(above, TensorProto.INT32), np.array(2, np.int32))
    for _ in range(depth - 1):
        above = graph("Greater", value, graph("Gather", tree, place))
        doubled = graph("Add", place, place)
        place = graph("Add", doubled, graph.cast(above, TensorProto.INT32))
    first = np.array(2**depth, np.int32)
    return graph("Gather", levels, graph("Sub", place, first))


def _as_tree(boundaries: np.ndarray, depth: int) -> np.ndarray:
    """float32 (2^depth,): entry 0 unused, the middle boundary in entry 1; filled up with infinity at the upper end."""
    filled = np.full(2**depth - 1, np.inf, np.float32)
    filled[: boundaries.size] = boundaries
    tree = np.zeros(2**depth, np.float32)
    for level in range(depth):
        first = 2 ** (depth - 1 - level) - 1
        tree[2**level : 2 ** (level + 1)] = filled[first :: 2 * (first + 1)]
    return tree


def table_of(quantizer: Quantizer) -> tuple[np.ndarray, np.ndarray]:
    """Boundaries float32 (n - 1,) and levels float32 (n,), those beyond the range (infinite or NaN) included.

    For quantizers of one scale, without a zero band, whose format has a list of levels and does not round by chance.
    """
    format, boundaries, levels = quantizer.format, quantizer.boundaries, quantizer.levels
    assert boundaries is not None and levels is not None
    if not isinstance(format, FloatingFormat) or format.overflow == "saturate":
        return boundaries, levels
    low, high = format.overflow_limits
    with np.errstate(over="ignore"):
        ends = np.array([np.nextafter(np.float32(low), np.float32(-np.inf)), high], np.float32)
    if format.has_scale:
        ends = boundaries_at(ends, quantizer.scale)
    beyond = np.float32(np.inf if format.has_infinity else np.nan)
    return (
        np.concatenate([ends[:1], boundaries, ends[1:]]),
        np.concatenate([[-beyond], levels, [beyond]]).astype(np.float32),
    )
