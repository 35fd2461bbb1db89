"""`balanced`: the factor of each channel between two layers, so that both use their range equally well.

With r1 the range of a channel in the first weight and r2 in the second, the first is divided by s = sqrt(r1 * r2) / r2
and the second multiplied by it: both ranges become sqrt(r1 * r2). A layer in the middle of a chain is in two pairs, so
this is repeated until the factors stay. They are bounded: weights of 1e-25 in front of others of 1e15 would take the
values between them, which nobody has seen, out of float32.
Source: Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction (arXiv:1906.04721),
4.1.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from workbench.workflow.repairs.pairs import Pair

ROUNDS = 1000
STILL = 1e-6  # octaves; a channel that moves less has come to rest
NEGLIGIBLE = 1e-6  # of the largest range of the tensor: such a channel is off, its bias is all that it has
LARGEST_FACTOR = 2.0**60
LARGEST_BIAS, SMALLEST_BIAS = 2.0**100, 2.0**-120  # no bias is scaled beyond them; room for sums, and for rounding


class Ranges:
    """Channel ranges of the weights, as the factors of the pairs change them.

    array_of: name of a weight -> its values, float32.
    """

    def __init__(self, pairs: Sequence[Pair], array_of: Callable[[str], np.ndarray]) -> None:
        kernels = {kernel.weight: kernel for pair in pairs for kernel in (pair.before, pair.after)}
        self._sizes = {name: kernel.sizes(array_of(name)) for name, kernel in kernels.items()}
        self._outputs = {name: np.ones(kernel.n_outputs) for name, kernel in kernels.items()}
        self._inputs = {name: np.ones(kernel.n_inputs) for name, kernel in kernels.items()}

    def of(self, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        """float64 (channels,): r1 of the first weight's outputs, r2 of the second weight's inputs."""
        before, after = pair.before, pair.after
        read = before.of_inputs(self._inputs[before.weight])
        first = (self._sizes[before.weight] * read).max(axis=2).reshape(-1) * self._outputs[before.weight]
        made = after.of_outputs(self._outputs[after.weight])
        second = (self._sizes[after.weight] * made).max(axis=1).reshape(-1) * self._inputs[after.weight]
        return first, second.reshape(before.n_outputs, -1).max(axis=1)

    def apply(self, pair: Pair, factors: np.ndarray) -> None:
        """Divide the first weight's outputs by the factors (channels,), and multiply the second's inputs."""
        self._outputs[pair.before.weight] /= factors
        self._inputs[pair.after.weight] *= np.repeat(factors, pair.after.n_inputs // factors.size)


def balanced(
    pairs: Sequence[Pair], array_of: Callable[[str], np.ndarray], *, power_of_two: bool
) -> Mapping[str, np.ndarray]:
    """Name of the first layer -> float64 (channels,), what it is divided by. Arguments as in `Ranges`, `equalize`."""
    ranges = Ranges(pairs, array_of)
    in_use = {pair.first: _in_use(*ranges.of(pair)) for pair in pairs}
    totals = {pair.first: np.ones(pair.before.n_outputs) for pair in pairs}
    bounds = {pair.first: _bounds(pair, array_of) for pair in pairs}
    waiting = set(totals)
    for _ in range(ROUNDS):
        for pair in [pair for pair in pairs if pair.first in waiting]:
            waiting.discard(pair.first)
            first, second = ranges.of(pair)
            squares = np.ones(first.size)
            np.divide(first, second, out=squares, where=in_use[pair.first])
            low, high = bounds[pair.first]
            factors = np.clip(np.sqrt(squares), low / totals[pair.first], high / totals[pair.first])
            ranges.apply(pair, factors)
            totals[pair.first] *= factors
            if np.abs(np.log2(factors)).max() > STILL:
                waiting |= {other.first for other in pairs if _share_a_layer(pair, other)}
        if not waiting:
            break
    return {name: np.exp2(np.rint(np.log2(f))) if power_of_two else f for name, f in totals.items()}


def _share_a_layer(one: Pair, other: Pair) -> bool:
    """Whether a change of one pair moves the ranges of the other."""
    return one.before.weight == other.after.weight or one.after.weight == other.before.weight


def _bounds(pair: Pair, array_of: Callable[[str], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """float64 (channels,): the smallest and the largest factor of each channel; 1 is always between them."""
    low, high = (np.full(pair.before.n_outputs, end) for end in (1 / LARGEST_FACTOR, LARGEST_FACTOR))
    if pair.before.bias is None:
        return low, high
    sizes = np.abs(array_of(pair.before.bias).astype(np.float64)).reshape(-1)
    smallest = np.clip(sizes / LARGEST_BIAS, low, 1.0)
    return smallest, np.where(sizes > 0, np.clip(sizes / SMALLEST_BIAS, 1.0, high), high)


def _in_use(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Channels that both weights hold; the others keep their scale."""
    return np.asarray((first > NEGLIGIBLE * first.max()) & (second > NEGLIGIBLE * second.max()))


def spread(ranges: np.ndarray) -> float:
    """Largest channel range over the median one, of those that are not 0; 1.0 where all are equal or 0."""
    alive = ranges[ranges > 0]
    return float(alive.max() / np.median(alive)) if alive.size else 1.0
