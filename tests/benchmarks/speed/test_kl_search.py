"""KL at every threshold: ours beside onnxruntime's own search on the same histograms."""

import numpy as np
import pytest
from onnxruntime.quantization.calibrate import HistogramCollector

import workbench as wb
from tests.benchmarks.speed.measuring import Sample, interleaved, seconds, timed
from workbench.numerics.clipping.compatibility.tool_histogram import equal_edges

KINDS = {
    "Gaussian": lambda rng: rng.normal(size=200_000),
    "Laplace": lambda rng: rng.laplace(size=200_000),
    "ReLU": lambda rng: np.maximum(rng.normal(size=200_000), 0),
    "Student t": lambda rng: rng.standard_t(3, size=200_000),
}


@pytest.mark.parametrize(("bins", "rounds"), [(2048, 5), (8001, 2)])
def test_ratio_to_onnxruntime(bins, rounds, results):
    collector = HistogramCollector("entropy", False, bins, 128, 99.99, None)
    ours: list[Sample] = []
    theirs: list[Sample] = []
    for kind, draw in KINDS.items():
        values = draw(np.random.default_rng(0)).astype(np.float32)
        edges = equal_edges(-np.abs(values).max(), np.abs(values).max(), bins)
        counts = np.histogram(values, edges)[0]

        def sweep(counts=counts, edges=edges) -> wb.ThresholdCurve:
            curve = wb.sweep(wb.LinearHistogram(counts, edges), "int8", method="entropy_onnxruntime", bins=bins)
            curve.kl  # noqa: B018  # computed when first read
            return curve

        histogram = (counts, edges, values.min(), values.max(), np.abs(values).max())
        curve, found = sweep(), collector.get_entropy_threshold(histogram, 128)
        assert curve.search is not None
        assert max(np.float32(curve.search.low[curve.chosen]), values.min()) == found[0], kind
        assert min(np.float32(curve.search.high[curve.chosen]), values.max()) == found[1], kind
        contenders = {
            "ours": timed(sweep, calls=3),
            "theirs": timed(lambda histogram=histogram: collector.get_entropy_threshold(histogram, 128)),
        }
        samples = interleaved(contenders, rounds)
        ours += samples["ours"]
        theirs += samples["theirs"]
    inputs = f"{', '.join(KINDS)}; `sweep(LinearHistogram, ...).kl`, the same threshold chosen"
    results.compare(f"kl_{bins}", seconds(ours), seconds(theirs), inputs=inputs)
