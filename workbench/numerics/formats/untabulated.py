"""Formats without a list of levels: values are their own codes, and the range is that of float32."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.format import Format, Step


@dataclass(frozen=True, kw_only=True)
class UntabulatedFormat(Format):
    """float32 itself, and blocks whose codes and scales do not fit one array: `encode` returns the values themselves.

    Subclasses give `round_unit`. There is no scale, no threshold, no level and no boundary.
    """

    step: Step = "fixed"

    @property
    def has_nan(self) -> bool:
        return True

    @property
    def largest(self) -> float:
        return float(np.finfo(np.float32).max)

    @property
    def storage(self) -> np.dtype:
        return np.dtype(np.float32)

    def unit_levels(self, zero_point: int = 0) -> None:
        return None

    def unit_boundaries(self, zero_point: int = 0) -> None:
        return None

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return self.round_unit(values, zero_point)

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return codes
