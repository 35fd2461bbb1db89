"""How noise in one tensor reaches the output, from the structure of the network alone: a ranking before any run."""

from collections.abc import Callable, Mapping

import numpy as np

from workbench.models.model import Model
from workbench.models.protos import names_read
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.batches import Feeds
from workbench.workflow.plan import same
from workbench.workflow.settings import Settings

NO_VALUES = ("Shape", "Size")  # what they give does not depend on the values that they read
MOST_VALUES = 1 << 18  # of one activation: its samples beyond are left out, one is always kept


def noise_gains(model: Model, powers: Mapping[str, float], output: str) -> dict[str, float]:
    """Value name -> noise-to-signal power at a graph output, for a noise-to-signal power of 1 in that value.

    powers: mean square of values, as far as known. Every operator passes the ratio on as it is; an
    Add of two activations weakens that of each by its share of the power of the sum; what goes several ways adds up.
    Source of the first rule: Lin et al. 2016, Fixed Point Quantization of Deep Convolutional Networks
    (arXiv:1511.06393), whose noise-to-signal ratios of all tensors add up at the output. The second is ours.
    """
    constants = model.network.constants
    gains: dict[str, float] = {output: 1.0}
    for node in reversed(model.network.nodes):
        passed = sum(gains.get(name, 0.0) for name in node.output)
        if not passed or node.op_type in NO_VALUES:
            continue
        read = [name for name in names_read(node) if name not in constants]
        for name in read:
            share = 1.0
            if node.op_type == "Add" and len(read) > 1 and powers.get(node.output[0]) and name in powers:
                share = powers[name] / powers[node.output[0]]
            gains[name] = gains.get(name, 0.0) + passed * share
    return gains


class NoiseModel:
    """Estimates the output SQNR of any settings from one batch of the float network.

    feeds: the batch. names: activations that may be quantized. output: graph output. Of large activations the first
    samples are looked at. cancelled: asked on the way; True raises `Cancelled`.
    """

    def __init__(
        self,
        model: Model,
        feeds: Feeds,
        names: tuple[str, ...],
        output: str,
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._model = model
        adds = [layer for layer in model.layers if layer.weight is None]
        around = {name for layer in adds for name in (*layer.inputs, layer.output)}
        made = sorted(name for name in {*around, *names} if model.chain.segment_making(name) >= 0)
        self._values = {name: _first_samples(feeds[name]) for name in names if name in feeds}
        powers = {name: mean_square(feeds[name]) for name in around if name in feeds}

        def look(name: str, array: np.ndarray) -> None:
            powers[name] = mean_square(array)
            if name in names:
                self._values[name] = _first_samples(array)

        model.chain.run(feeds, keep=made, observe=look, cancelled=cancelled)
        self._gains = noise_gains(model, powers, output)
        self._ratios: dict[str, tuple[object, float]] = {}

    def noise_to_signal(self, settings: Settings) -> dict[str, float]:
        """Changed tensor -> what its noise is at the output, relative to the signal there."""
        found: dict[str, float] = {}
        for layer in self._model.layers:
            name = layer.weight
            if name is not None and name in settings.weights:
                gain, source = self._gains.get(layer.output, 0.0), settings.sources.get(name)
                array, quantize = self._model.tensors[name].array(), _always(settings.weights[name])
                found[name] = found.get(name, 0.0) + gain * self._ratio(name, source, array, quantize)
        for name, quantizer in settings.activations.items():
            if name not in self._values:  # fp16 between operators: small beside what layers read, and in every case
                continue
            ratio = self._ratio(name, quantizer, self._values[name], settings.transforms[name])
            found[name] = self._gains.get(name, 0.0) * ratio
        return found

    def sqnr_db(self, settings: Settings) -> float:
        """Estimate of the output SQNR, dB."""
        noise = sum(self.noise_to_signal(settings).values())
        return float("inf") if noise == 0 else float(-10 * np.log10(noise))

    def _ratio(
        self, name: str, source: object, values: np.ndarray, quantize: Callable[[np.ndarray], np.ndarray]
    ) -> float:
        """Noise to signal of one tensor; worked out again only where `source` is another than the last time."""
        known = self._ratios.get(name)
        if known is not None and source is not None and same(known[0], source):
            return known[1]
        sums = ErrorSums()
        sums.add(values, quantize(values))
        ratio = float(10 ** (-sums.sqnr_db / 10))
        self._ratios[name] = source, ratio
        return ratio


def _always(quantized: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda _: quantized


def _first_samples(array: np.ndarray) -> np.ndarray:
    if array.size <= MOST_VALUES or not array.ndim:
        return array
    return array[: max(1, len(array) * MOST_VALUES // array.size)].copy()


def mean_square(array: np.ndarray) -> float:
    """Mean square of the values of an array, any shape."""
    return float(np.mean(np.square(array, dtype=np.float64)))
