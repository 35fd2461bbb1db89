"""`Definition`: what the KL searches of different tools have in common, and the choices in which they differ."""

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Definition:
    """How a slice of a histogram becomes the distributions P and Q that a tool compares.

    P: the bins of the slice, what lies outside added to its end bins. Q: the bins without that addition, merged into
    groups; each group's sum is divided by the number of its bins that count, and written back to those that are filled.

    even_groups: groups are the bins with equal floor(j * levels / size); otherwise each has size // levels bins.
    remainder: what becomes of the bins left over by groups of equal size. Their counts always join the last group;
        "filled": they belong to it; "one_short": all but the last of them; "empty": Q is 0 there.
    counted: a bin counts where "p" or the "slice" (without what lies outside) is not zero.
    filled: a bin of a group is filled where "p" or the "slice" is not zero, or "always".
    drop_first: the first bin of the slice is left out of Q's sums.
    truncated: the quotients are cut to whole numbers.
    zeros: of P and Q. "skip": KL over P > 0, infinite where Q is 0 there; "replace": each becomes `eps`; "smooth":
        the same, with the amount taken evenly from the bins that are not zero.
    """

    even_groups: bool = False
    remainder: Literal["filled", "one_short", "empty"] = "filled"
    counted: Literal["p", "slice"] = "p"
    filled: Literal["p", "slice", "always"] = "p"
    drop_first: bool = False
    truncated: bool = False
    zeros: Literal["skip", "replace", "smooth"] = "skip"
    eps: float = 1e-4


def group_starts(size: int, levels: int, definition: Definition) -> np.ndarray:
    """First bin of each group, int64 (groups,); no more groups than bins."""
    group = np.arange(min(levels, size), dtype=np.int64)
    return -(-group * size // levels) if definition.even_groups and levels < size else group * max(size // levels, 1)


def expand(
    counts: np.ndarray, start: int, stop: int, levels: int, definition: Definition
) -> tuple[np.ndarray, np.ndarray]:
    """P and Q of the slice [start, stop) of a histogram, float64 (stop - start,), in counts, zeros as they are.

    counts: float64 (n,). One bin after the other, as the tools do it; `divergences` finds the same KL without that.
    """
    part = counts[start:stop].copy()
    p = part.copy()
    p[0] += counts[:start].sum()
    p[-1] += counts[stop:].sum()
    if definition.drop_first:
        part[0] = 0.0
    starts = group_starts(part.size, levels, definition)
    end = part.size
    if not definition.even_groups and definition.remainder == "one_short":
        end -= 1
    elif not definition.even_groups and definition.remainder == "empty":
        end = starts.size * max(part.size // levels, 1)
    counted = (p if definition.counted == "p" else part) > 0
    counted[end:] = False
    n_counted = np.add.reduceat(counted.astype(np.int64), starts)
    quotients = np.add.reduceat(part, starts) / np.maximum(n_counted, 1) * (n_counted > 0)
    q = np.repeat(np.trunc(quotients) if definition.truncated else quotients, np.diff(starts, append=part.size))
    q[end:] = 0.0
    if definition.filled != "always":
        q[(p if definition.filled == "p" else part) == 0] = 0.0
    return p, q
