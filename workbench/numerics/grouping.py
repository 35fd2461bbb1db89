"""Groups of values that share one scale: the whole tensor, one channel each, or one block of a channel each."""

import math
from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError


@dataclass(frozen=True)
class Grouping:
    """How a tensor is cut into groups. Both None: one group, the tensor.

    axis: the channel axis; alone, every index along it is a group.
    block_size: with axis, every `block_size` neighbours along that axis are a group for each position of the other
    axes (the meaning of `block_size` in ONNX QuantizeLinear, opset 21; its scales keep the axis in its place).
    """

    axis: int | None = None
    block_size: int | None = None

    def check(self, shape: tuple[int, ...]) -> None:
        """WorkbenchError where the axis is not in `shape` or the blocks do not divide it."""
        if self.axis is None:
            if self.block_size is not None:
                raise WorkbenchError(f"block_size {self.block_size} was given without an axis; name the axis too")
            return
        if not -len(shape) <= self.axis < len(shape):
            raise WorkbenchError(f"axis {self.axis} is not an axis of shape {shape}; expected 0 to {len(shape) - 1}")
        if self.block_size is not None and (self.block_size < 1 or shape[self.axis] % self.block_size):
            raise WorkbenchError(
                f"block_size {self.block_size} does not divide axis {self.axis} of length {shape[self.axis]}"
            )

    def split(self, array: np.ndarray) -> np.ndarray:
        """The groups as rows: (groups, values in a group).

        Channels come in the order of their index; blocks run along the axis, for each position of the other axes.
        """
        self.check(array.shape)
        if self.axis is None:
            return array.reshape(1, -1)
        if self.block_size is None:
            moved = np.moveaxis(array, self.axis, 0)
            return moved.reshape(moved.shape[0], math.prod(moved.shape[1:]))
        return np.moveaxis(array, self.axis, -1).reshape(-1, self.block_size)

    def join(self, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The inverse of `split`: rows (groups, values) back to an array of `shape`."""
        if self.axis is None:
            return rows.reshape(shape)
        axis = self.axis % len(shape)
        others = shape[:axis] + shape[axis + 1 :]
        if self.block_size is None:
            return np.moveaxis(rows.reshape(shape[axis], *others), 0, axis)
        return np.moveaxis(rows.reshape(*others, shape[axis]), -1, axis)
