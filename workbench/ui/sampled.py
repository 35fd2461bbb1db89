"""Errors that no distribution knows: blocks and dynamic ranges of activations, measured on a few kept samples."""

import dataclasses
import itertools
import math
import threading
from collections.abc import Callable, Iterable

import numpy as np

from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.batches import Batches, Feeds, Outputs
from workbench.workflow.choice import TensorChoice
from workbench.workflow.plan import quantizer_of_activation

MOST_SAMPLES = 32
MOST_VALUES = 1 << 22  # of one tensor: 16 MB, less than a second to measure
AT_ONCE = 8  # tensors that are kept, and read in one run of the network


def needs_samples(choice: TensorChoice | None) -> bool:
    """Whether the error of an activation under this choice cannot be read off its distribution."""
    return choice is not None and (choice.dynamic is not None or choice.variation.block_size is not None)


class SampleBook:
    """The first samples of a few activations of the float network, float32 (samples, ...) each.

    batches: the data; None without. At most `MOST_SAMPLES` samples, fewer where a tensor is large; of sequences steps.
    """

    def __init__(self, model: Model, batches: Batches | None) -> None:
        self._model, self._batches = model, batches
        self._lock = threading.Lock()
        self._known: dict[str, np.ndarray] = {}

    @property
    def has_data(self) -> bool:
        return self._batches is not None

    def known(self, name: str) -> np.ndarray | None:
        """What is kept of a tensor."""
        with self._lock:
            return self._known.get(name)

    def read(self, names: Iterable[str], cancelled: Callable[[], bool] | None = None) -> None:
        """Run the float network and keep these tensors; the ones read last are kept, `AT_ONCE` of them.

        Raises Cancelled when cancelled() is true.
        """
        wanted = tuple(n for n in dict.fromkeys(names) if self.known(n) is None)[:AT_ONCE]
        if not wanted or self._batches is None:
            return
        parts: dict[str, list[np.ndarray]] = {name: [] for name in wanted}

        def run(feeds: Feeds) -> Outputs:
            if cancelled is not None and cancelled():
                raise Cancelled
            return self._model.chain.run(feeds, keep=wanted, cancelled=cancelled)

        for (result,) in itertools.islice(self._batches.first(MOST_SAMPLES).all_steps(run), MOST_SAMPLES):
            for name in wanted:
                parts[name].append(np.atleast_1d(result[name]))
        with self._lock:
            for name, arrays in parts.items():
                self._known[name] = _first_samples(arrays)
            for name in list(self._known)[:-AT_ONCE]:
                del self._known[name]


def _first_samples(arrays: list[np.ndarray]) -> np.ndarray:
    """The arrays of all feeds as one along the sample axis, cut to the samples that are kept."""
    alike = [a for a in arrays if a.shape[1:] == arrays[0].shape[1:]]
    joined = np.concatenate(alike)
    each = max(1, math.prod(joined.shape[1:]))
    return joined[: max(1, min(MOST_SAMPLES, MOST_VALUES // each))].astype(np.float32)


def sampled_error(samples: np.ndarray, choice: TensorChoice, *, whole: bool = True) -> QuantizationError:
    """All figures of a choice on samples float32 (n, ...). interval: mse plus and minus two standard errors.

    The standard error is that of the mean over samples; with one sample nothing is known of it and the interval is
    (0, infinity). whole=False may leave `kl` at 0. levels_used is None: each block or sample has levels of its own.
    Raises WorkbenchError where no value is finite.
    """
    chosen = quantizer_of_activation(choice)
    quantizer = chosen if isinstance(chosen, Quantizer) else chosen.at(samples)
    error = measured_error(samples, quantizer, divergence=whole and quantizer.format.block_size is None)
    with np.errstate(invalid="ignore", over="ignore"):
        squared = (samples.astype(np.float64) - quantizer.fake_quantize(samples)) ** 2
    each = np.nan_to_num(squared.reshape(len(samples), -1), nan=0.0, posinf=np.inf).mean(axis=1)
    low, high = 0.0, math.inf
    if len(each) > 1 and np.isfinite(each).all():
        half = 2 * float(each.std(ddof=1)) / math.sqrt(len(each))
        low, high = max(0.0, error.mse - half), error.mse + half
    return dataclasses.replace(error, interval=(low, high), levels_used=None)
