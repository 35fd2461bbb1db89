"""`Format`: what all number formats have in common, at scale 1."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Step = Literal["continuous", "power_of_two", "sixteenth_octave", "fixed"]
Overflow = Literal["saturate", "infinity"]


@dataclass(frozen=True)
class Format:
    """A number format names codes alone; scale, zero point and grouping belong to the `Quantizer`.

    name: the key in `FORMATS`. title: what menus show. family: the kind ("integer", "floating", "identity").
    bits: storage of one code. signed: whether negative values have codes.
    step: how levels follow a threshold T. "continuous": levels(T) = unit_levels * scale(T); "fixed": the format has
    no scale and no threshold.
    overflow: what becomes of a value beyond the end levels, "saturate" (end level) or "infinity" (IEEE casts).

    Subclasses give the kernel at scale 1. Everything else (levels at a scale, boundaries, expected error, live
    numbers in the browser) follows from it.
    """

    name: str
    title: str
    bits: int
    signed: bool
    family: str
    step: Step = "continuous"
    overflow: Overflow = "saturate"

    @property
    def has_scale(self) -> bool:
        """Whether a threshold can be chosen; fp32, TF32, fp16 and bf16 bring their own range."""
        return self.step != "fixed"

    @property
    def affine(self) -> bool:
        """Whether a zero point other than 0 can be used (integers)."""
        return False

    @property
    def largest(self) -> float:
        """Largest level at scale 1 and zero point 0; a symmetric threshold T gives scale = T / largest."""
        raise NotImplementedError

    @property
    def storage(self) -> np.dtype:
        """numpy (or ml_dtypes) dtype that `encode` returns."""
        raise NotImplementedError

    def unit_levels(self, zero_point: int = 0) -> np.ndarray | None:
        """All levels at scale 1: float32 (n,), strictly ascending, 0 once; None where they are not tabulated."""
        raise NotImplementedError

    def unit_boundaries(self, zero_point: int = 0) -> np.ndarray | None:
        """float32 (n - 1,): the largest float32 that the kernel still sends to the lower of two neighbours."""
        raise NotImplementedError

    def round_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        """The kernel at scale 1: float32 in, the level it goes to as float32 out, same shape; NaN stays NaN."""
        raise NotImplementedError

    def encode_unit(self, values: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        """Codes of float32 values at scale 1, dtype `storage`."""
        raise NotImplementedError

    def decode_unit(self, codes: np.ndarray, zero_point: np.ndarray | int = 0) -> np.ndarray:
        """float32 levels at scale 1 of codes."""
        raise NotImplementedError
