"""Codebooks: any ascending list of levels. Fitted by k-means, published (NF4), binary, ternary, or a user's own."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.rounding import Rounding
from workbench.numerics.formats.table import TableFormat
from workbench.numerics.values import as_float32


@dataclass(frozen=True, kw_only=True)
class CodebookFormat(TableFormat):
    """Levels that follow no rule. `levels` None: they are still to be fitted to the values of one tensor.

    levels: ascending float32 numbers, at scale 1 where the format has a scale (step "continuous"), else as they are.
    Source: Han et al. 2016, Deep Compression (arXiv:1510.00149).
    """

    levels: tuple[float, ...] | None
    signed: bool = True
    family: str = "codebook"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels is None:
            return
        levels = np.array(self.levels, np.float32)
        if not levels.size or not np.isfinite(levels).all() or not (np.diff(levels) > 0).all():
            raise WorkbenchError(f"{self.name}: levels must be finite float32 numbers, each above the one before")
        if levels.size > 2**self.bits:
            raise WorkbenchError(f"{self.name}: {levels.size} levels do not fit {self.bits} bits")
        if self.has_scale and not levels.any():
            raise WorkbenchError(f"{self.name}: levels of a format with a scale must not all be 0")

    @property
    def needs_values(self) -> bool:
        return self.levels is None

    def with_levels(self, levels: Sequence[float] | np.ndarray) -> "CodebookFormat":
        """The format fitted: float32 levels, ascending, at most 2^bits."""
        return dataclasses.replace(self, levels=tuple(np.asarray(levels, np.float32).tolist()))

    def redefined(self, levels: Sequence[float]) -> "CodebookFormat":
        """The format with any number of other levels, and the bits that these need."""
        return dataclasses.replace(self, levels=tuple(levels), bits=code_bits(len(levels)))

    def unit_levels(self, zero_point: int = 0) -> np.ndarray:
        if self.levels is None:
            raise WorkbenchError(
                f"{self.name} has no levels yet; they are fitted to a tensor's values by wb.choose or "
                "wb.fit_codebook(format, distribution)"
            )
        return np.array(self.levels, np.float32) + np.float32(0.0)

    @property
    def largest(self) -> float:
        return super().largest if self.levels else float(np.finfo(np.float32).max)

    @property
    def least_scale(self) -> float:
        """Levels of a codebook may be close to each other: they must not meet where float32 numbers are subnormal."""
        gaps = np.diff(self.unit_levels().astype(np.float64))
        return super().least_scale * max(1.0, 1.0 / float(gaps.min(initial=1.0)))


def code_bits(n_levels: int) -> int:
    """Bits of a code that tells so many levels apart, at least 1."""
    return max(1, math.ceil(math.log2(n_levels)))


def format_from_levels(
    name: str,
    levels: Sequence[float] | np.ndarray,
    *,
    title: str | None = None,
    scaled: bool = True,
    rounding: Rounding = "nearest_even",
) -> CodebookFormat:
    """A number format of your own from any list of levels; `wb.FORMATS.register(...)` puts it into all menus.

    levels: numbers in any order; repeated ones count once. scaled: a threshold T stretches the levels so that the
    largest magnitude is T; False keeps them as they are and there is no threshold.
    Raises WorkbenchError for a name that is no identifier, and for levels that are none.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise WorkbenchError(f"a format's name is a word of letters, digits and underscores, got {name!r}")
    values: Any = np.unique(as_float32(levels).reshape(-1) + np.float32(0.0))
    if not values.size or not np.isfinite(values).all():
        raise WorkbenchError(f"{name}: expected a list of finite levels, got {levels!r:.80}")
    return CodebookFormat(
        name=name,
        title=title or name,
        bits=code_bits(values.size),
        signed=bool(values[0] < 0),
        levels=tuple(values.tolist()),
        step="continuous" if scaled else "fixed",
        rounding=rounding,
    )
