"""Formats that are a list of levels: the kernel is one search among the boundaries, a code is a place in the list."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.format import Format
from workbench.numerics.formats.rounding import boundaries_between


@dataclass(frozen=True)
class TableFormat(Format):
    """Subclasses give `unit_levels`; codes are 0 for the lowest level, ascending. NaN has no code.

    A tie to even goes to the even place in the list.
    """

    def unit_boundaries(self, zero_point: int = 0) -> np.ndarray | None:
        levels = self.unit_levels(zero_point)
        if levels is None:
            return None
        return boundaries_between(levels, self.rounding, np.arange(levels.size - 1) % 2 == 0)

    @property
    def storage(self) -> np.dtype:
        return np.dtype(np.uint8 if self.bits <= 8 else np.uint16)

    @property
    def largest(self) -> float:
        levels = self.unit_levels()
        assert levels is not None
        return float(np.abs(levels).max())

    def _by_zero_point(self, values: np.ndarray, zero_point: np.ndarray | int) -> list[tuple[int, np.ndarray]]:
        """(zero point, mask of the values that have it); one mask in almost all cases."""
        if self.zero_points == (0, 0):
            return [(0, np.ones(np.shape(values), bool))]
        offsets = np.broadcast_to(zero_point, np.shape(values))
        return [(int(z), offsets == z) for z in np.unique(offsets)]

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return self._places(values, zero_point)

    def _places(self, values: np.ndarray, zero_point: np.ndarray | int) -> np.ndarray:
        codes = np.zeros(np.shape(values), self.storage)
        for z, mask in self._by_zero_point(values, zero_point):
            boundaries = self.unit_boundaries(z)
            assert boundaries is not None
            codes[mask] = np.searchsorted(boundaries, values[mask], "left")
        return codes

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        values = np.zeros(np.shape(codes), np.float32)
        for z, mask in self._by_zero_point(codes, zero_point):
            levels = self.unit_levels(z)
            assert levels is not None
            values[mask] = levels[codes[mask]]
        return values

    def nearest_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        found = self.decode_unit(self._places(values, zero_point), zero_point)
        nan = np.isnan(values)
        return np.where(nan, np.float32(np.nan), found) if nan.any() else found
