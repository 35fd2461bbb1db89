"""One experiment repeated with several seeds: a single run on 150 test pictures says little."""

from functools import cache

import numpy as np

from workbench.lessons.training import Digits, Net, digits, quantizers, train, untrained

N_SEEDS = 10
RATE = 0.02


@cache
def trained(seed: int) -> tuple[Net, Digits]:
    """The network after 30 epochs in float, and its pictures; split, begin and order all follow from the seed."""
    data = digits(seed)
    return train(untrained(seed), data, epochs=30, seed=seed).net, data


@cache
def _accuracies(
    format: str | None, method: str, keep: str | None, biases: bool, epochs: int, seeds: int
) -> tuple[float, ...]:
    found = []
    for seed in range(seeds):
        net, data = trained(seed)
        pair = None if format is None else quantizers(net, format, method)
        if keep is not None:
            net = train(
                net, data, epochs=epochs, rate=RATE, quantizers=pair, keep=keep, biases=biases, seed=seed + 1000
            ).net
        elif pair is not None:
            net = net.quantized(pair)
        found.append(net.accuracy(data.test_images, data.test_labels))
    return tuple(found)


def over_seeds(
    format: str | None,
    *,
    keep: str | None = None,
    method: str = "least_error",
    biases: bool = True,
    epochs: int = 10,
    seeds: int = N_SEEDS,
) -> np.ndarray:
    """float64 (seeds,): the share of 150 test pictures that is right, one number for each seed.

    Each seed splits the pictures anew, trains a float network of its own, puts its weights into `format` (None: float)
    by `method`, and finetunes it for some epochs. keep: what is moved then, see `training.train`; None finetunes not at
    all. biases: whether they are moved too. Raises WorkbenchError for unknown formats and methods.
    """
    return np.array(_accuracies(format, method, keep, biases, epochs, seeds))
