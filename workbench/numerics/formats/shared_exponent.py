"""Block formats: neighbours share one power-of-two scale that is found in the data itself (microscaling, MX)."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.format import Format
from workbench.numerics.formats.untabulated import UntabulatedFormat


@dataclass(frozen=True, kw_only=True)
class BlockFormat(UntabulatedFormat):
    """Blocks of `block` neighbours; each value is an element of `element` times the block's 2^e.

    e = floor(log2(largest magnitude of the block)) - floor(log2(largest element)), kept in -127..127; larger elements
    saturate. There is no threshold and no list of levels: errors are measured on arrays. Blocks run along the last
    axis; a last block that is shorter has its own scale. A block with an infinite or NaN value is NaN.
    bits: of one element; `bits_with_scale` adds its share of the 8-bit scale.
    Source: OCP microscaling formats (MX) specification 1.0, sections 5 and 6.3.
    """

    element: Format
    block: int = 32
    signed: bool = True
    family: str = "shared_exponent"

    @property
    def block_size(self) -> int:
        return self.block

    @property
    def bits_with_scale(self) -> float:
        return self.bits + 8 / self.block

    def block_scales(self, rows: np.ndarray) -> np.ndarray:
        """float32 (groups, blocks): the scale of each block of rows float32 (groups, n), 1 where all are 0."""
        largest = np.abs(self._in_blocks(rows)).max(axis=2)
        reach = np.floor(np.log2(self.element.largest))
        with np.errstate(divide="ignore", invalid="ignore"):
            exponent = np.frexp(largest)[1] - 1 - reach
        scale = np.ldexp(np.float32(1), np.clip(exponent, -127, 127).astype(np.int64)).astype(np.float32)
        return np.where(largest > 0, scale, np.float32(1))

    def _in_blocks(self, rows: np.ndarray) -> np.ndarray:
        """(groups, blocks, block), padded with zeros."""
        padding = -rows.shape[1] % self.block
        return np.pad(rows, ((0, 0), (0, padding))).reshape(rows.shape[0], -1, self.block)

    def round_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        if not values.size:
            return values
        rows = values.reshape(1, -1) if values.ndim < 2 else values.reshape(-1, values.shape[-1])
        scales = self.block_scales(rows)[:, :, None]
        element = self.element.with_choices(rounding=self.rounding, seed=self.seed)
        with np.errstate(invalid="ignore", over="ignore"):
            blocks = element.round_unit(self._in_blocks(rows) / scales) * scales
        whole = np.isfinite(self._in_blocks(rows)).all(axis=2, keepdims=True)
        blocks = np.where(whole, blocks, np.float32(np.nan))
        return blocks.reshape(rows.shape[0], -1)[:, : rows.shape[1]].reshape(values.shape).astype(np.float32)
