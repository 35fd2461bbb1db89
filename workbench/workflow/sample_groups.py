"""`sample_groups`: the distribution of one tensor group of samples by group, so that subsets cost no run."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.clipping.asking import clip_range
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.histogram import Histogram, HistogramBuilder
from workbench.workflow.batches import Feeds, Outputs
from workbench.workflow.data import as_batches
from workbench.workflow.memory import observed_tensors
from workbench.workflow.range_against_samples import RangeAgainstSamples, banded, sizes_up_to

N_GROUPS, N_DRAWS = 32, 20


@dataclass(frozen=True, eq=False)
class SampleGroups:
    """groups: one Histogram each, of about equally many samples. n_samples: in all of them."""

    tensor: str
    groups: tuple[Histogram, ...]
    n_samples: int

    def n_searches(self, n_draws: int = N_DRAWS) -> int:
        """How many times a method looks for a range: what `range_against_samples` costs, but for some adding up."""
        return n_draws * (sizes_up_to(len(self.groups)).size - 1) + 1

    def range_against_samples(
        self,
        method: str,
        format: Format | str = "int8",
        *,
        symmetric: bool | None = None,
        n_draws: int = N_DRAWS,
        seed: int = 0,
        on_draw: Callable[[Callable[[], RangeAgainstSamples]], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> RangeAgainstSamples:
        """Ranges that a method of `CLIPPING` chooses for random sets of 1, 2, 4, ... groups and of all; exact.

        No network is run: counts are added, which gives what calibrating with those samples would give. See
        `n_searches`. on_draw(so_far): called after each draw but the last; so_far() gives what is known by then.
        cancelled: asked before each search; True raises `Cancelled`.
        Raises WorkbenchError for an unknown method or format.
        """
        sizes, rng, table = sizes_up_to(len(self.groups)), np.random.default_rng(seed), _Table.of(self.groups)
        ends = np.zeros((2, n_draws, sizes.size))
        n_samples = np.rint(sizes * (self.n_samples / len(self.groups))).astype(np.int64)
        for draw in range(n_draws):
            order = rng.permutation(len(self.groups))
            for at, size in enumerate(sizes):
                if cancelled is not None and cancelled():
                    raise Cancelled
                if draw and size == len(self.groups):  # all of them in any order
                    ends[:, draw, at] = ends[:, 0, at]
                    continue
                whole = table.together(order[:size])
                if whole.count:
                    found = clip_range(method, whole, format, symmetric=symmetric)
                    ends[:, draw, at] = found.low, found.high
            if on_draw is not None and draw + 1 < n_draws:
                on_draw(functools.partial(banded, self.tensor, method, n_samples, *ends[:, : draw + 1].copy()))
        return banded(self.tensor, method, n_samples, *ends)


@dataclass(frozen=True, eq=False)
class _Table:
    """All groups' rows side by side, so that any of them are added at once.

    keys: uint32 (n,). moments: int64 (groups, n, 3). scalars: float64 (groups, 3). ranges: of each group's samples.
    """

    keys: np.ndarray
    moments: np.ndarray
    scalars: np.ndarray
    ranges: list[np.ndarray]

    @classmethod
    def of(cls, groups: tuple[Histogram, ...]) -> "_Table":
        arrays = [group.to_arrays() for group in groups]
        keys = functools.reduce(np.union1d, [one["keys"] for one in arrays])
        moments = np.zeros((len(groups), keys.size, 3), np.int64)
        for rows, one in zip(moments, arrays, strict=True):
            rows[np.searchsorted(keys, one["keys"])] = one["moments"]
        scalars = np.stack([one["scalars"] for one in arrays])
        scalars[[not group.count for group in groups], 1:] = np.nan  # no values, no extremes
        return cls(keys, moments, scalars, [one["sample_ranges"] for one in arrays])

    def together(self, places: np.ndarray) -> Histogram:
        """What adding the groups at these places gives."""
        moments, scalars = self.moments[places].sum(axis=0), self.scalars[places]
        held, known = moments[:, 0] > 0, scalars[~np.isnan(scalars[:, 1])]
        low, high = (known[:, 1].min(), known[:, 2].max()) if len(known) else (0.0, 0.0)
        return Histogram.from_arrays(
            {
                "keys": self.keys[held],
                "moments": moments[held],
                "scalars": np.array([scalars[:, 0].sum(), low, high]),
                "sample_ranges": np.concatenate([self.ranges[place] for place in places]),
            }
        )


def sample_groups(
    model: Model,
    data: Any,
    tensor: str,
    *,
    n_groups: int = N_GROUPS,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    state: Mapping[str, str] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SampleGroups:
    """Count one tensor group by group: one pass through the data, as far as the tensor is computed.

    data, state: anything `as_batches` takes; a sequence is a sample. Samples are dealt to the groups in turn, whole
    feeds where axis 0 of the tensor is not the samples; a group takes 2 MB. cancelled: asked before each feed; True
    raises `Cancelled`.
    Raises WorkbenchError for a tensor that calibration does not observe, and for fewer than 2 groups.
    """
    if tensor not in observed_tensors(model):
        raise WorkbenchError(f"{model.name}: calibration does not observe {tensor!r}; expected one of its activations")
    if n_groups < 2:
        raise WorkbenchError(f"n_groups={n_groups}; expected at least 2")
    batches = as_batches(model, data, preprocess=preprocess, state=state)
    builders = [HistogramBuilder() for _ in range(min(n_groups, batches.n_samples))]
    dealt, n_parts, stop = 0, 0, None if batches.has_state else model.chain.segment_making(tensor) + 1

    def count(_: str, values: np.ndarray) -> None:
        nonlocal n_parts
        parts = np.split(values, len(values)) if values.ndim and len(values) == n else [values]
        n_parts = len(parts)
        for place, part in enumerate(parts, start=dealt):
            builders[place % len(builders)].add(part, 1, continues=continues)

    def run(feeds: Feeds) -> Outputs:
        if cancelled is not None and cancelled():
            raise Cancelled
        return model.chain.run(feeds, keep=(tensor,), stop=stop, observe=count, cancelled=cancelled)

    for item, numbers in batches.numbered():
        n, continues = len(numbers), False
        for _ in batches.steps(item, run):
            continues = True
        dealt += n_parts
    used = builders[: min(dealt, len(builders))]
    return SampleGroups(tensor, tuple(builder.histogram() for builder in used), batches.n_samples)
