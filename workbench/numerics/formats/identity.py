"""float32 itself: every value is its own level; and float32 of which small values are set to zero."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.formats.untabulated import UntabulatedFormat


@dataclass(frozen=True, kw_only=True)
class IdentityFormat(UntabulatedFormat):
    """Leaves values as they are. Its 4e9 levels are not tabulated: `unit_levels` is None.

    zero_band: whether it is meant for magnitude pruning, that is for a quantizer with a zero band (see `Quantizer`);
    alone it changes nothing.
    """

    family: str = "identity"
    zero_band: bool = False

    def round_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        return values
