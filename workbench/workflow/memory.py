"""`memory_needed`: what a calibration will take, told before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.models.model import Model
from workbench.workflow.batches import Batches
from workbench.workflow.data import as_batches

MEMORY_BYTES = 2_000_000_000  # what calibration may take beside the network
COUNTED_BYTES = 2_200_000  # a tensor while it is counted, see `RowCounts`: a large page, and a little beyond
KEPT_BYTES = 900_000  # and its distribution afterwards
BATCH_BYTES = 16_000_000  # values alive at once: larger batches are no faster


@dataclass(frozen=True)
class MemoryNeeded:
    """Bytes that calibration takes, and how it is cut to take no more.

    network: weights, held once by the model and once by onnxruntime. values: activations alive at once for a batch.
    counting: what counts them. kept: the finished distributions. batch_size: samples run together. groups: tensors
    that are counted in one pass through the data.
    """

    network: int
    values: int
    counting: int
    kept: int
    batch_size: int
    groups: tuple[tuple[str, ...], ...]

    @property
    def total(self) -> int:
        return self.network + self.values + self.counting + self.kept

    def __str__(self) -> str:
        parts = {"network": self.network, "activations": self.values, "counts": self.counting + self.kept}
        words = ", ".join(f"{name} {_megabytes(size)}" for name, size in parts.items())
        passes = f", {len(self.groups)} passes through the data" if len(self.groups) > 1 else ""
        return f"about {_megabytes(self.total)} ({words}; batches of {self.batch_size}{passes})"


def memory_needed(
    model: Model, data: Any, *, memory_bytes: int = MEMORY_BYTES, state: Mapping[str, str] | None = None
) -> MemoryNeeded:
    """What `calibrate(model, data, memory_bytes=memory_bytes)` will take; it does not grow with the data.

    One sample runs through the network to see the sizes of its tensors. Counts are a measured mean: tensors whose
    values spread over many powers of two take more. A network whose smallest batch alone needs more than
    `memory_bytes` gets that batch all the same. state: as `calibrate` takes it.
    Raises WorkbenchError for data that do not fit the model.
    """
    batches = as_batches(model, data, state=state)
    names = observed_tensors(model)
    fixed, per_sample = _live_bytes(model, batches)
    kept = KEPT_BYTES * len(names)
    room = max(memory_bytes - kept, 0)
    size = batches.batch_size
    if batches.can_be_recut and per_sample:
        size = int(np.clip(min(room // 2, BATCH_BYTES) // per_sample, 1, size))
    values = fixed + per_sample * size
    together = max(1, (room - values) // COUNTED_BYTES)
    groups = tuple(tuple(names[i : i + together]) for i in range(0, len(names), together)) or ((),)
    weights = sum(tensor.values.nbytes for tensor in model.tensors.values() if tensor.values is not None)
    return MemoryNeeded(
        network=2 * weights,
        values=values,
        counting=max(map(len, groups)) * COUNTED_BYTES,
        kept=kept,
        batch_size=size,
        groups=groups,
    )


def observed_tensors(model: Model) -> tuple[str, ...]:
    """Activations that calibration looks at: inputs of weighted operators and of residual Adds, in graph order."""
    return tuple(dict.fromkeys([*model.observed, *model.residual_inputs]))


def _live_bytes(model: Model, batches: Batches) -> tuple[int, int]:
    """(fixed, for each sample): bytes of the values that a run holds at once at its fullest moment."""
    chain = model.chain
    feeds = batches.one_feed()
    if batches.can_be_recut:
        feeds = {name: array[:1] for name, array in feeds.items()}
    sizes = {name: array.nbytes for name, array in feeds.items()}

    def look(name: str, array: np.ndarray) -> None:
        sizes[name] = array.nbytes

    chain.run(feeds, keep=chain.borders, observe=look)
    most = 0
    for segment in chain.segments:
        alive = {*chain.needed(segment.index), *segment.inputs, *segment.outputs}
        most = max(most, sum(sizes.get(name, 0) for name in alive))
    return (0, most) if batches.can_be_recut else (most, 0)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
