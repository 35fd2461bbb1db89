"""float32 itself: every value is its own level, every error is 0."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.format import Format


@dataclass(frozen=True, kw_only=True)
class IdentityFormat(Format):
    """Leaves values as they are. Its 4e9 levels are not tabulated: `unit_levels` is None."""

    family: str = "identity"

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

    def round_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return values

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return values

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return codes
