"""A layer as a product of matrices: what is summed together, in the order in which integer kernels sum it."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from workbench.models.model import Layer
from workbench.models.protos import attribute


def is_depthwise(layer: Layer, shape: tuple[int | str | None, ...] | None) -> bool:
    """Whether a Conv sums over one input channel alone; shape: of its weight."""
    return attribute(layer.node, "group", 1) > 1 and shape is not None and shape[1] == 1


def weight_rows(layer: Layer, codes: np.ndarray) -> list[np.ndarray]:
    """Codes of a weight as (output channels, summed) a group: kernel positions outermost, input channels innermost."""
    if layer.op_type == "Conv":
        rows = np.moveaxis(codes, 1, -1).reshape(len(codes), -1)
        return np.split(rows, attribute(layer.node, "group", 1))
    transposed = layer.op_type == "Gemm" and attribute(layer.node, "transB", 0)
    flat = codes if transposed else np.moveaxis(codes, -1, 0)
    return (
        [flat.reshape(len(flat), -1)] if codes.ndim == 2 else [np.swapaxes(codes, -1, -2).reshape(-1, codes.shape[-2])]
    )


def input_columns(layer: Layer, codes: np.ndarray, zero: int, weight_shape: tuple[int, ...]) -> list[np.ndarray] | None:
    """Codes of an input as (positions, summed) a group, in the order of `weight_rows`; padding has the code of zero.

    None where this is not written down here: weights of more than two axes in MatMul, automatic padding in Conv.
    """
    if layer.op_type == "MatMul":
        return [codes.reshape(-1, codes.shape[-1])] if len(weight_shape) == 2 else None
    if layer.op_type == "Gemm":
        return [codes.T if attribute(layer.node, "transA", 0) else codes]
    if attribute(layer.node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID", "NOTSET", "VALID"):
        return None
    n_axes = codes.ndim - 2
    pads = attribute(layer.node, "pads", [0] * 2 * n_axes)
    strides = attribute(layer.node, "strides", [1] * n_axes)
    dilations = attribute(layer.node, "dilations", [1] * n_axes)
    ends = [(0, 0), (0, 0), *zip(pads[:n_axes], pads[n_axes:], strict=True)]
    padded = np.pad(codes, ends, constant_values=zero)
    reach = tuple((k - 1) * d + 1 for k, d in zip(weight_shape[2:], dilations, strict=True))
    windows = sliding_window_view(padded, reach, axis=tuple(range(2, 2 + n_axes)))
    steps = [slice(None, None, s) for s in strides] + [slice(None, None, d) for d in dilations]
    windows = windows[(slice(None), slice(None), *steps)]
    moved = np.moveaxis(windows, 1, -1)  # (N, positions ..., kernel ..., channels)
    n_groups, per_group = attribute(layer.node, "group", 1), weight_shape[1]
    parts = [moved[..., g * per_group : (g + 1) * per_group] for g in range(n_groups)]
    n_summed = int(np.prod(weight_shape[1:]))
    return [np.ascontiguousarray(part).reshape(-1, n_summed) for part in parts]
