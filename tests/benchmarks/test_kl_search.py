"""KL at every threshold: ours against onnxruntime's own search on the same histograms. Run by `make bench`."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnxruntime.quantization.calibrate import HistogramCollector

from workbench.numerics.clipping.compatibility.onnxruntime import search_onnxruntime
from workbench.numerics.clipping.compatibility.tool_histogram import two_sided
from workbench.numerics.statistics.sorted_sums import SortedSums

KINDS = {
    "gaussian": lambda rng: rng.normal(size=200_000),
    "laplace": lambda rng: rng.laplace(size=200_000),
    "relu": lambda rng: np.maximum(rng.normal(size=200_000), 0),
    "student": lambda rng: rng.standard_t(3, size=200_000),
}


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


@pytest.mark.parametrize(("bins", "rounds"), [(2048, 5), (8001, 3)])
def test_ratio_to_onnxruntime(bins, rounds, capsys):
    collector = HistogramCollector("entropy", False, bins, 128, 99.99, None)
    search_onnxruntime(np.ones(300), np.linspace(-1, 1, 301))  # compiled
    theirs, ours = [], []
    for kind, draw in KINDS.items():
        values = draw(np.random.default_rng(0)).astype(np.float32)
        counts, edges = two_sided(SortedSums.of(values), bins)
        histogram = (counts.astype(np.int64), edges, values.min(), values.max(), np.abs(values).max())
        for _ in range(rounds):  # interleaved, so that a busy machine slows both
            spent, (low, high) = seconds(lambda histogram=histogram: collector.get_entropy_threshold(histogram, 128))
            theirs.append(spent)
            spent, found = seconds(lambda counts=counts, edges=edges: search_onnxruntime(counts, edges))
            ours.append(spent)
        assert max(found.low[found.chosen], values.min()) == low, kind
        assert min(found.high[found.chosen], values.max()) == high, kind
    a, b = statistics.median(theirs), statistics.median(ours)
    with capsys.disabled():
        print(f"\n| {bins} bins | onnxruntime {a * 1e3:.0f} ms | ours {b * 1e3:.2f} ms | {a / b:.0f}x |")
