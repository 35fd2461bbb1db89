"""Which values between segments are worth keeping, so that a later run can start in the middle of the network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from workbench.models.model import Model
from workbench.workflow.batches import Feeds

LEADING, FOCUS = 0.125, 0.25  # shares of the budget: all borders of the first batches; the tensor being changed
BYTE_COST = 10.0  # multiply-accumulates that take as long as a byte of a border


@dataclass(frozen=True)
class BorderPlan:
    """What of each batch is kept, within a budget.

    sizes: border -> bytes of one batch. points: segments where the first `n_spread` batches can be resumed.
    n_leading: batches of which every border is kept, so that first figures come at once; all where everything fits.
    focus_bytes: what may be kept beside that to resume at one more segment.
    """

    model: Model
    sizes: Mapping[str, int]
    n_batches: int
    n_leading: int
    n_spread: int
    points: tuple[int, ...]
    focus_bytes: int

    @classmethod
    def within(
        cls, model: Model, sizes: Mapping[str, int], n_batches: int, batch_size: int, budget: int
    ) -> "BorderPlan":
        """A plan for `n_batches` batches of `batch_size` samples in `budget` bytes."""
        whole = sum(sizes.values())
        if whole * n_batches <= budget:
            return cls(model, sizes, n_batches, n_batches, 0, (), 0)
        n_leading = int(budget * LEADING // max(whole, 1))
        focus = int(budget * FOCUS)
        rest = budget - focus - n_leading * whole
        n_spread, points = _spread(model, sizes, _work(model, sizes, batch_size), n_batches - n_leading, rest)
        return cls(model, sizes, n_batches, n_leading, n_leading + n_spread, points, focus)

    def kept(self, focus: int | None = None) -> Callable[[int], frozenset[str]]:
        """Number of a batch -> its borders to keep. focus: the segment where runs begin at present."""
        chain = self.model.chain
        whole = frozenset(self.sizes)
        spread = frozenset(name for point in self.points for name in chain.needed(point))
        wished = frozenset(() if focus is None else chain.needed(focus))

        def of_batch(batch: int) -> frozenset[str]:
            if batch < self.n_leading:
                return whole
            names = spread if batch < self.n_spread else frozenset[str]()
            extra = sum(self.sizes[name] for name in wished - names)
            return names | wished if extra * (batch - self.n_leading + 1) <= self.focus_bytes else names

        return of_batch


def _spread(
    model: Model, sizes: Mapping[str, int], work: np.ndarray, n_batches: int, budget: int
) -> tuple[int, tuple[int, ...]]:
    """(batches, points): where to resume how many batches, so that a change anywhere costs least in the mean."""
    best: tuple[float, int, tuple[int, ...]] = (0.0, 0, ())
    n = n_batches
    while n > 0:
        points, saved = _points(model, sizes, work, budget // n)
        best = max(best, (saved * n, n, points))
        n //= 2
    return best[1], best[2]


def _points(model: Model, sizes: Mapping[str, int], work: np.ndarray, budget: int) -> tuple[tuple[int, ...], float]:
    """Points for one batch in `budget` bytes, and the work they save over a change in each segment.

    The best saving for its bytes comes first. work: float64 (segments,).
    """
    n = len(work)
    before = np.concatenate([[0.0], np.cumsum(work)])  # what a run up to a segment costs
    needed = [model.chain.needed(s) for s in range(n)]
    chosen, names, used, saved = [0, n], set[str](), 0, 0.0
    while True:
        best = (0.0, 0.0, 0, 0)
        for point in range(1, n):
            if point in chosen:
                continue
            size = sum(sizes[name] for name in needed[point] if name not in names)
            if used + size > budget:
                continue
            former, following = max(p for p in chosen if p < point), min(p for p in chosen if p > point)
            gain = (before[point] - before[former]) * (following - point)
            best = max(best, (gain / max(size, 1), gain, point, size))
        if not best[1]:
            return tuple(sorted(chosen[1:-1])), saved
        _, gain, point, size = best
        chosen = sorted([*chosen, point])
        names.update(needed[point])
        used, saved = used + size, saved + gain


def _work(model: Model, sizes: Mapping[str, int], batch_size: int) -> np.ndarray:
    """float64 (segments,): how long each takes with one batch, in multiply-accumulates."""
    chain = model.chain
    work = np.ones(chain.n_segments)
    for layer in model.layers:
        if layer.weight is not None:
            work[chain.segment_reading(layer.weight)] += layer.n_macs * batch_size
    for name, size in sizes.items():
        work[chain.segment_making(name)] += BYTE_COST * size
    return work


def border_sizes(model: Model, feeds: Feeds) -> dict[str, int]:
    """Border -> bytes of one batch; the network runs once where its shapes are not known beforehand."""
    known: dict[str, int] = {}
    for port in model.inputs:
        for dimension, length in zip(port.shape, np.shape(feeds[port.name]), strict=True):
            if isinstance(dimension, str):
                known[dimension] = length
    sizes: dict[str, int] = {}
    for name in model.chain.borders:
        tensor = model.tensors[name]
        lengths = [known.get(d) if isinstance(d, str) else d for d in tensor.shape or (None,)]
        if tensor.shape == ():
            lengths = []
        if tensor.dtype is not None and all(isinstance(length, int) and length > 0 for length in lengths):
            sizes[name] = int(np.prod([int(length or 0) for length in lengths])) * tensor.dtype.itemsize
    unknown = [name for name in model.chain.borders if name not in sizes]
    if unknown:
        values = model.chain.run(feeds, keep=unknown)
        sizes |= {name: values[name].nbytes for name in unknown}
    return sizes
