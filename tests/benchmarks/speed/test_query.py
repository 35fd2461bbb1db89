"""The error at any threshold, read off sorted sums, beside brute force over all values."""

import numpy as np
import pytest

from tests.benchmarks.speed.child import Child
from tests.benchmarks.speed.measuring import Quantity, interleaved, peaks, seconds, timed
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums

SIZES = (10_000, 1_000_000, 25_000_000)
RATIOS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of the largest magnitude
ROUNDS = 15


def weights(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=n).astype(np.float32)


@pytest.fixture(scope="module")
def tensors() -> dict[int, tuple[np.ndarray, SortedSums]]:
    return {n: (values := weights(n), SortedSums.of(values)) for n in SIZES}


def at(sums: SortedSums, ratio: float) -> Quantizer:
    return Quantizer.covering(FORMATS["int8"], -ratio * sums.absmax, ratio * sums.absmax)


def brute_force(values: np.ndarray, scale: float) -> float:
    """Mean squared error in float32, as numpy users write it."""
    quantized = np.clip(np.rint(values / np.float32(scale)), -128, 127) * np.float32(scale)
    return float(np.mean((values - quantized) ** 2))


def test_query(tensors, results):
    quantizers = {n: [at(sums, ratio) for ratio in RATIOS] for n, (_, sums) in tensors.items()}

    def query(n: int) -> None:  # all figures at each threshold
        for quantizer in quantizers[n]:
            expected_error(tensors[n][1], quantizer)

    for n in SIZES:
        query(n)  # compiled, and its bins of KL counted
    contenders = {str(n): timed(lambda n=n: query(n), calls=3) for n in SIZES}
    large = tensors[SIZES[-1]][0]
    contenders["brute"] = timed(lambda: brute_force(large, float(quantizers[SIZES[-1]][5].scale)))
    samples = interleaved(contenders, ROUNDS)
    small, middle, big = (seconds(samples[str(n)], parts=len(RATIOS)) for n in SIZES)
    inputs = "float32 Gaussian, int8, all figures of `expected_error`, 11 thresholds from 5 % to 100 %"
    results.compare("query", big, seconds(samples["brute"]), inputs=f"{inputs}; brute force: MSE alone, float32")
    results.compare("query_growth", big, middle, inputs=inputs)
    results.compare("query_small", big, small, inputs=inputs)


def test_accuracy(tensors, results):
    worst = rough = 0.0
    for values, sums in tensors.values():
        for ratio in RATIOS[:: 1 if values.size < 2_000_000 else 5]:
            quantizer = at(sums, ratio)
            exact = np.mean((quantizer.fake_quantize(values).astype(np.float64) - values) ** 2)
            worst = max(worst, abs(expected_error(sums, quantizer).mse / exact - 1))
            rough = max(rough, abs(brute_force(values, float(quantizer.scale)) / exact - 1))
    results.number(
        "query_accuracy", worst, inputs="worst of 3 sizes and up to 11 thresholds", float32_brute_force=rough
    )
    assert worst <= 1e-9


def test_setup(results):
    values = weights(SIZES[-1])
    contenders = {"ours": timed(lambda: SortedSums.of(values)), "np.sort": timed(lambda: np.sort(values))}
    for contender in contenders.values():
        contender()
    samples = interleaved(contenders, 7)
    results.compare("setup", seconds(samples["ours"]), seconds(samples["np.sort"]), inputs="float32 Gaussian")


def test_setup_memory(results):
    with Child("sorted_sums", n=SIZES[-1]) as child:
        peak = peaks([child()])
    bytes_of_tensor = Quantity((4.0 * SIZES[-1],), "B")
    inputs = "resident memory above that before, the tensor itself not counted"
    results.compare("setup_memory", peak, bytes_of_tensor, inputs=inputs)
