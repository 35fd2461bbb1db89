"""`Look`: what a few samples show of the channels of activations, which calibration keeps no account of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from workbench.models.model import Layer, Model
from workbench.models.protos import is_operator
from workbench.numerics.statistics.histogram import HistogramBuilder
from workbench.workflow.batches import Batches, Feeds, Outputs
from workbench.workflow.calibration import Calibration
from workbench.workflow.memory import observed_tensors
from workbench.workflow.noise_gains import mean_square
from workbench.workflow.runs import Cancel

N_POSITIONS = 512  # values kept of each channel
PASSING = (
    *("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity"),
    *("Relu", "MaxPool", "Resize", "Upsample", "Pad", "Slice"),
)


@dataclass(frozen=True, eq=False)
class Look:
    """rows: activation -> float32 (channels, at most 512 values), taken evenly from all positions and samples.

    powers: value -> mean square. reach: value that is a part of a joined one -> largest magnitude.
    distributions: of all observed activations on these samples.
    """

    rows: dict[str, np.ndarray]
    powers: dict[str, float]
    reach: dict[str, float]
    distributions: Calibration
    n_samples: int


def channel_axis(model: Model, name: str) -> int:
    """The axis of an activation that counts channels: 1 for pictures and for readers that are Conv, else the last."""
    readers = [layer for layer in model.layers if name in layer.inputs]
    if any(is_operator(layer.node, "Conv", "ConvTranspose") for layer in readers):
        return 1
    shape = model.tensors[name].shape
    return 1 if shape is not None and len(shape) == 4 and not any(layer.weight for layer in readers) else -1


def joined(made_by: Mapping[str, NodeProto], name: str) -> NodeProto | None:
    """The Concat that a value comes from, through what leaves every part as large as it is."""
    node = made_by.get(name)
    while node is not None and is_operator(node, *PASSING):
        node = made_by.get(node.input[0])
    return node if node is not None and is_operator(node, "Concat") else None


def look(model: Model, batches: Batches, names: tuple[str, ...], cancelled: Cancel | None = None) -> Look:
    """Run the float network on the batches.

    names: activations whose channels are looked at. Raises `Cancelled`.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    powers: dict[str, list[float]] = {}
    counts = {name: HistogramBuilder() for name in observed_tensors(model)}
    reach = dict.fromkeys(_parts(model, names), 0.0)
    each = max(1, -(-N_POSITIONS // batches.n_steps))

    def observe(name: str, array: np.ndarray) -> None:
        powers.setdefault(name, []).append(mean_square(array))
        if name in counts:
            counts[name].add(array, numbers, continues=continues)
        if name in reach:
            reach[name] = max(reach[name], float(np.abs(array).max(initial=0)))
        if name in parts and array.ndim:
            moved = np.moveaxis(array, channel_axis(model, name) if array.ndim > 1 else 0, 0)
            rows = moved.reshape(moved.shape[0], -1)
            places = np.linspace(0, rows.shape[1] - 1, min(each, rows.shape[1])).astype(np.int64)
            parts[name].append(np.asarray(rows[:, places], np.float32))

    around = (n for layer in model.layers if layer.weight is None for n in (*layer.inputs, layer.output))
    wanted = tuple(dict.fromkeys((*counts, *names, *around, *reach)))

    def run(feeds: Feeds) -> Outputs:
        return model.chain.run(feeds, keep=wanted, observe=observe, cancelled=cancelled)

    start = 0
    for item in batches:
        numbers, continues = range(start, start + batches.n_in(item)), False
        start = numbers.stop
        for _ in batches.steps(item, run):
            continues = True
    rows = {name: np.concatenate(found, axis=1) for name, found in parts.items() if same_channels(found)}
    mean_powers = {name: float(np.mean(found)) for name, found in powers.items()}
    histograms = {name: builder.histogram() for name, builder in counts.items()}
    distributions = Calibration(histograms, batches.n_samples, model.sha256, batches.notices)
    return Look(rows, mean_powers, reach, distributions, batches.n_samples)


def _parts(model: Model, names: Iterable[str]) -> list[str]:
    """What the Concats behind some activations join, apart from constants and graph inputs."""
    made_by = {name: node for node in model.network.nodes for name in node.output}
    nodes = [node for node in (joined(made_by, name) for name in names) if node is not None]
    return [name for node in nodes for name in node.input if name in made_by]


def same_channels(parts: list[np.ndarray]) -> bool:
    """Whether there is something, with one number of channels throughout."""
    return len({part.shape[0] for part in parts}) == 1


def readers_of(model: Model, name: str) -> tuple[Layer, ...]:
    """Layers that read an activation, or own a weight, in graph order."""
    return tuple(layer for layer in model.layers if name in (*layer.inputs, layer.weight))
