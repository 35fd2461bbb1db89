"""What a pass of the float network over some data shows: the range of the data, the first BatchNorm, the answers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.models.batch_statistics import BatchStatistics
from workbench.models.model import Model, Port
from workbench.models.protos import is_operator
from workbench.workflow.batches import Batches
from workbench.workflow.comparison import answer_axis

DEAD = 1e-3  # channels whose |gamma| is below this share of the largest say nothing
N_SHOWN = 3


class Moments:
    """Count, mean and mean square of values by column, float64, added up batch by batch."""

    def __init__(self) -> None:
        self.count, self._sum, self._square = 0, np.float64(0), np.float64(0)

    def add(self, rows: np.ndarray) -> None:
        """rows: (values, columns)."""
        wide = rows.astype(np.float64)
        self.count += len(wide)
        self._sum = self._sum + wide.sum(axis=0)
        self._square = self._square + np.square(wide).sum(axis=0)

    @property
    def mean(self) -> np.ndarray:
        return np.asarray(self._sum / max(self.count, 1))

    @property
    def std(self) -> np.ndarray:
        return np.sqrt(np.maximum(self._square / max(self.count, 1) - np.square(self.mean), 0))


class Values:
    """Range, mean and spread of all values that come, and how many are NaN or infinite."""

    def __init__(self) -> None:
        self.low, self.high, self.whole, self.n_unusable = np.inf, -np.inf, True, 0
        self._moments = Moments()

    def add(self, array: np.ndarray) -> None:
        usable = array[np.isfinite(array)] if array.dtype.kind == "f" else array.reshape(-1)
        self.n_unusable += array.size - usable.size
        if usable.size:
            self.low, self.high = min(self.low, float(usable.min())), max(self.high, float(usable.max()))
            self.whole = self.whole and bool((usable == np.rint(usable)).all())
            self._moments.add(usable.reshape(-1, 1))

    @property
    def mean(self) -> float:
        return float(self._moments.mean.sum())

    @property
    def std(self) -> float:
        return float(self._moments.std.sum())


@dataclass(frozen=True)
class Evidence:
    """shown: the input looked at. samples: its first three, without the batch axis. values: what is in it.

    spread: measured standard deviation behind the first BatchNorm over the one seen in training, median over channels;
    shift: distance of the means in units of that deviation, root mean square over channels; None without BatchNorm.
    outputs: first output (n_samples, ...), None where it does not have one row a sample.
    """

    shown: Port
    samples: tuple[np.ndarray, ...]
    n_samples: int
    values: Values
    spread: float | None
    shift: float | None
    outputs: np.ndarray | None

    @cached_property
    def answers(self) -> np.ndarray | None:
        """int64 (n_samples,): the class that the network names; None where its first output names none."""
        axis = None if self.outputs is None else answer_axis(self.outputs.shape)
        found = None if axis is None or self.outputs is None else self.outputs.argmax(axis=axis)
        return found.reshape(-1) if found is not None and found.size == self.n_samples else None

    @property
    def n_classes(self) -> int:
        """Length of the output's answer axis, 1 where it has none."""
        axis = None if self.outputs is None else answer_axis(self.outputs.shape)
        return 1 if axis is None or self.outputs is None else self.outputs.shape[axis]

    @cached_property
    def entropies(self) -> np.ndarray:
        """float64 (n_samples,), nats: how unsure the network is of each answer; softmax unless it ends in one."""
        assert self.outputs is not None
        p = self.outputs.reshape(self.n_samples, -1).astype(np.float64)
        if (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
            p = np.exp(p - p.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
        return -(p * np.log(np.maximum(p, 1e-30))).sum(axis=1)


def shown_input(model: Model) -> Port:
    """The first input that looks like a batch of pictures, else the first of a floating-point type, else the first."""
    floats = [port for port in model.inputs if port.dtype.kind == "f"]
    pictures = [port for port in floats if len(port.shape) == 4]
    return [*pictures, *floats, *model.inputs][0]


def colour_axis(port: Port) -> int | None:
    """The axis of a batch of pictures that holds three colours; None where there is none."""
    return next((axis for axis in (1, 3) if len(port.shape) == 4 and port.shape[axis] == 3), None)


def first_batch_norm(model: Model) -> str | None:
    """The first value in graph order that comes straight out of a BatchNorm, folded or not, with channels on axis 1."""
    for node in model.network.nodes:
        if not is_operator(node, "Conv", "ConvTranspose", "Gemm", "BatchNormalization"):
            continue
        known = model.batch_statistics.get(node.output[0])
        if known is not None and np.isinf([known.lowest, known.highest]).all():
            return node.output[0]
    return None


def gather(model: Model, batches: Batches, *, reverse_colours: bool = False) -> Evidence:
    """Run the float network and note what it shows.

    reverse_colours: feed RGB as BGR and the other way round. Raises WorkbenchError where the network cannot run.
    """
    shown, norm, output = shown_input(model), first_batch_norm(model), model.outputs[0].name
    values, channels = Values(), Moments()
    samples: list[np.ndarray] = []
    outputs: list[np.ndarray] = []
    n_samples = 0
    for feeds in batches:
        axis = colour_axis(shown)
        if reverse_colours and axis is not None:
            feeds = {**feeds, shown.name: np.ascontiguousarray(np.flip(feeds[shown.name], axis))}
        array = np.atleast_1d(feeds[shown.name])
        n_samples += len(array)
        samples.extend(np.array(sample) for sample in array[: N_SHOWN - len(samples)])
        values.add(array)
        result = model.chain.run(feeds, keep=() if norm is None else (norm,))
        outputs.append(np.atleast_1d(result[output]))
        if norm is not None and not values.n_unusable:
            channels.add(np.moveaxis(result[norm], 1, -1).reshape(-1, result[norm].shape[1]))
    spread, shift = (None, None) if norm is None else _distance(channels, model.batch_statistics[norm])
    fits = len({part.shape[1:] for part in outputs}) == 1 and sum(map(len, outputs)) == n_samples
    joined = np.concatenate(outputs) if fits else None
    return Evidence(shown, tuple(samples), n_samples, values, spread, shift, joined)


def _distance(measured: Moments, trained: BatchStatistics) -> tuple[float | None, float | None]:
    """Spread and shift of a BatchNorm's output against what the file says of it; see `Evidence`.

    A BatchNorm's output has mean beta and standard deviation |gamma| in every channel over the training data.
    Source: Nagel et al. 2019, Data-Free Quantization (arXiv:1906.04721), section 4.2.
    """
    alive = trained.deviation > DEAD * np.max(trained.deviation, initial=0)
    if (
        not measured.count
        or not alive.any()
        or measured.mean.shape != trained.mean.shape
        or not np.isfinite(measured.std).all()
    ):
        return None, None
    deviation = trained.deviation[alive]
    distance = (measured.mean[alive] - trained.mean[alive]) / deviation
    return float(np.median(measured.std[alive] / deviation)), float(np.sqrt(np.mean(np.square(distance))))
