"""float32 itself: every value is its own level; and float32 of which small values are set to zero."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.format import Format, Step


@dataclass(frozen=True, kw_only=True)
class IdentityFormat(Format):
    """Leaves values as they are. Its 4e9 levels are not tabulated: `unit_levels` is None.

    zero_band: whether it is meant for magnitude pruning, that is for a quantizer with a zero band (see `Quantizer`);
    alone it changes nothing.
    """

    step: Step = "fixed"
    family: str = "identity"
    zero_band: bool = False

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

    def round_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return values

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return values

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return codes
