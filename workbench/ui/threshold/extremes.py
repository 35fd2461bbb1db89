"""The largest and smallest values of a tensor, and in words where each came from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.placed import Placed
from workbench.numerics.statistics.row_ends import RowEnds, blocks_of
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.material import Source
from workbench.ui.threshold.subject import Subject

Ends = tuple[Placed, Placed]  # largest, smallest


def ends_of_array(array: np.ndarray) -> Ends:
    """The 16 largest and the 16 smallest finite values of an array, which counts as one sample."""
    ends = RowEnds()
    for _, column, block in blocks_of(np.ascontiguousarray(array, np.float32).reshape(1, -1)):
        ends.of(block, np.zeros(1, np.int64), column)
    return ends.placed(array.shape, largest=True), ends.placed(array.shape, largest=False)


def ends_of(distribution: Distribution) -> Ends | None:
    """What a calibration kept; None for distributions that keep no samples."""
    if not isinstance(distribution, Histogram):
        return None
    return distribution.samples.largest, distribution.samples.smallest


def extreme_facts(
    ends: Ends, subject: Subject, source: Source, channel_axis: int | None, *, of_samples: bool
) -> list[Mapping[str, Any]]:
    """For JSON, the largest first, then the smallest; exact zeros are no extremes.

    at: where it stands on the value axis. value: the number itself. end: "largest" or "smallest". sample: number of
    its sample, None where it came from none. place: words. channel_axis: of `Placed.shape`.
    """
    facts: list[Mapping[str, Any]] = []
    seen = set()
    for name, placed in zip(("largest", "smallest"), ends, strict=True):
        for i, value in enumerate(placed.values.tolist()):
            index, sample = placed.coordinates(i), int(placed.samples[i])
            if value == 0 or (sample, index) in seen:
                continue
            seen.add((sample, index))
            known = placed.shape and channel_axis is not None and -len(index) <= channel_axis < len(index)
            words = place_words(index, channel_axis if known else None, subject.quantity)
            at = value / _unit(source, subject, index) if isinstance(source, Groups) else value
            facts.append(
                {"at": at, "value": value, "end": name, "sample": sample if of_samples else None, "place": words}
            )
    return facts


def place_words(index: Sequence[int], channel_axis: int | None, quantity: str) -> str:
    """`channel 5 · row 3, column 7`: the index of one value; everything is counted from 0."""
    if channel_axis is None:
        return f"place {', '.join(map(str, index))}"
    axis = channel_axis % len(index)
    rest = [*index[:axis], *index[axis + 1 :]]
    words = [f"channel {index[axis]}"]
    if quantity == "weight" and rest:
        words.append(f"input {rest.pop(0)}")
    if len(rest) == 2:
        words.append(f"row {rest[0]}, column {rest[1]}")
    elif rest:
        words.append(f"position {', '.join(map(str, rest))}")
    return " · ".join(words)


def _unit(groups: Groups, subject: Subject, index: Sequence[int]) -> float:
    """The largest magnitude of the channel or block that a value lies in."""
    assert subject.quantizer is not None and subject.quantizer.axis is not None and subject.array is not None
    axis, size = subject.quantizer.axis % len(index), subject.quantizer.block_size
    if size is None:
        return float(groups.largest[index[axis]])
    shape = subject.array.shape
    others = [n for i, n in enumerate(shape) if i != axis]
    position = np.ravel_multi_index([n for i, n in enumerate(index) if i != axis], others) if others else 0
    return float(groups.largest[int(position) * (shape[axis] // size) + index[axis] // size])
