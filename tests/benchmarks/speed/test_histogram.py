"""The mergeable histogram: filling it beside `np.histogram`, and how certain what is read off it is."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.benchmarks.speed.measuring import interleaved, seconds, timed
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram, HistogramBuilder
from workbench.numerics.statistics.sorted_sums import SortedSums

N_FILL = 10_000_000
N_CERTAIN = 1_000_000
RATIOS = np.linspace(0.05, 1.0, 39)  # of the largest magnitude

FILLED = {
    "fill_gaussian": lambda rng, n: rng.normal(size=n),
    "fill_relu": lambda rng, n: np.maximum(rng.normal(size=n), 0),
}
# kind -> (values, format, symmetric)
Kind = tuple[Callable[[np.random.Generator, int], np.ndarray], str, bool]
SMOOTH: dict[str, Kind] = {
    "Gaussian": (lambda rng, n: rng.normal(size=n), "int8", True),
    "Laplace": (lambda rng, n: rng.laplace(size=n), "int8", True),
    "Student t": (lambda rng, n: rng.standard_t(3, size=n), "int8", True),
    "Gaussian, affine": (lambda rng, n: rng.normal(size=n) + 0.5, "uint8", False),
    "ReLU": (lambda rng, n: np.maximum(rng.normal(size=n), 0), "int8", True),
    "ReLU, affine": (lambda rng, n: np.maximum(rng.normal(size=n), 0), "uint8", False),
    "pixels, affine": (lambda rng, n: (rng.integers(0, 256, n) / 255 - 0.485) / 0.229, "uint8", False),
}
CLIPPED: dict[str, Kind] = {
    "ReLU6, affine": (lambda rng, n: np.clip(rng.normal(size=n) * 4 + 1, 0, 6), "uint8", False),
    "uniform, affine": (lambda rng, n: rng.uniform(0, 6, n), "uint8", False),
}


@pytest.mark.parametrize("key", FILLED)
def test_fill(key, results):
    values = FILLED[key](np.random.default_rng(0), N_FILL).astype(np.float32)
    warm = HistogramBuilder()
    contenders = {
        "ours": timed(lambda: Histogram.of(values)),
        "numpy": timed(lambda: np.histogram(values, 2048)),
        "again": timed(lambda: warm.add(values)),
    }
    for contender in contenders.values():
        contender()
    samples = {name: seconds(found) for name, found in interleaved(contenders, 31).items()}
    again = samples["again"].record()  # into a table that is there already
    inputs = "float32; ours: `Histogram.of`, counts and moments"
    results.compare(key, samples["ours"], samples["numpy"], inputs=inputs, add_alone=again)
    assert Histogram.of(values).count == N_FILL


@pytest.mark.parametrize(("suffix", "kinds"), [("", SMOOTH), ("_clipped", CLIPPED)], ids=["smooth", "clipped"])
def test_certainty(suffix, kinds, results):
    widths, middles = {}, {}
    for seed, (kind, (draw, format, symmetric)) in enumerate(kinds.items()):
        values = draw(np.random.default_rng(seed), N_CERTAIN).astype(np.float32)
        histogram, sums = Histogram.of(values), SortedSums.of(values)
        widths[kind] = middles[kind] = 0.0
        for threshold in RATIOS * sums.absmax:
            low, high = (-threshold, threshold) if symmetric else (max(sums.low, -threshold), min(sums.high, threshold))
            quantizer = Quantizer.covering(format, low, high, symmetric=symmetric)
            exact, (least, most) = expected_error(sums, quantizer).mse, expected_error(histogram, quantizer).interval
            assert least <= exact <= most, f"{kind} at {threshold}"
            widths[kind] = max(widths[kind], (most - least) / exact)
            middles[kind] = max(middles[kind], abs((least + most) / 2 / exact - 1))
    inputs = f"worst of {', '.join(kinds)}; {N_CERTAIN:,} values, {RATIOS.size} thresholds from 5 % to 100 %"
    for name, found in (("width", widths), ("middle", middles)):
        results.number(f"certain_{name}{suffix}", max(found.values()), inputs=inputs, by_kind=found)
