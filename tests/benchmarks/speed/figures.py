"""The figures that `make bench` measures: what, beside which peer, and what the ratio should be."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """bound ">=": the peer's figure over ours (how many times better), "<=": ours over the peer's; limit None: no goal.

    what, beside: of the table's first columns; `what` is unique. A figure without a peer is a number of its own.
    """

    key: str
    what: str
    beside: str
    bound: Literal[">=", "<="]
    limit: float | None

    @property
    def target(self) -> str:
        if self.limit is None:
            return ""
        limit = f"{self.limit:.0e}".replace("e-0", "e-") if self.limit < 0.01 else f"{self.limit:g}"
        return f"{'≥' if self.bound == '>=' else '≤'} {limit}"

    def met(self, value: float) -> bool | None:
        """Whether a value reaches the goal; None where there is none."""
        if self.limit is None:
            return None
        return value >= self.limit if self.bound == ">=" else value <= self.limit


FIGURES = {
    figure.key: figure
    for figure in (
        Figure("query", "error at a threshold, 25e6 values", "float32 numpy over all values", ">=", 200),
        Figure("query_growth", "its growth from 1e6 values", "1e6 values", "<=", 2),
        Figure("query_small", "its growth from 1e4 values", "1e4 values", "<=", None),
        Figure("query_accuracy", "its relative difference", "float64 over all values", "<=", 1e-9),
        Figure("setup", "exact sums of 25e6 values: set-up", "`np.sort`", "<=", 1.5),
        Figure("setup_memory", "exact sums of 25e6 values: peak memory", "the tensor", "<=", 1.2),
        Figure("fill_gaussian", "histogram with moments, 1e7 Gaussian values", "`np.histogram`, 2048 bins", ">=", 4),
        Figure("fill_relu", "histogram with moments, 1e7 ReLU values", "`np.histogram`, 2048 bins", ">=", 4),
        Figure("certain_width", "its certain interval of the MSE: width", "", "<=", 1e-3),
        Figure("certain_middle", "its certain interval: middle to exact", "", "<=", 1e-4),
        Figure("certain_width_clipped", "width where values end at a hard clip", "", "<=", 5e-3),
        Figure("certain_middle_clipped", "middle where values end at a hard clip", "", "<=", 3e-4),
        Figure("kl_2048", "KL at all thresholds, 2048 bins", "onnxruntime's search", ">=", 150),
        Figure("kl_8001", "KL at all thresholds, 8001 bins", "onnxruntime's search", ">=", 300),
        Figure("calibrate", "calibrate, sessions open", "inference, same options", "<=", 1.7),
        Figure("calibrate_default", "calibrate, sessions open as before", "inference, default options", "<=", None),
        Figure("calibrate_percentile", "load and calibrate", "onnxruntime Percentile", ">=", 3),
        Figure("calibrate_entropy", "load and calibrate, beside its KL", "onnxruntime Entropy, 2048 bins", ">=", 10),
        Figure("memory_percentile", "load and calibrate: peak memory", "onnxruntime Percentile", ">=", 4),
        Figure("memory_entropy", "peak memory beside its KL", "onnxruntime Entropy, 2048 bins", ">=", 4),
        Figure("memory_samples", "peak memory with 1,000 samples, small network", "10 samples", "<=", 1.1),
        Figure("end_to_end", "load, calibrate, all thresholds, all weights", "`quantize_static`, Entropy", ">=", 2),
    )
}
