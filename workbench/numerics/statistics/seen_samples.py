"""`SeenSamples`: what a distribution remembers of the samples that its values came from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.statistics.placed import Placed


@dataclass(frozen=True, eq=False)
class SeenSamples:
    """Range of every sample, and the values at both ends with the sample and the place that they came from.

    ranges: float32 (samples, 2), lowest and highest finite value of each in the order seen, NaN where it has none.
    n: how many samples the data were numbered up to.
    """

    ranges: np.ndarray
    largest: Placed
    smallest: Placed
    n: int

    @classmethod
    def none(cls) -> "SeenSamples":
        """Of values that came from no samples, or nobody knows from which."""
        return cls(np.zeros((0, 2), np.float32), Placed.nothing(), Placed.nothing(), 0)

    def followed_by(self, other: "SeenSamples") -> "SeenSamples":
        """Both, the samples of `other` behind and numbered on."""
        return SeenSamples(
            np.concatenate([self.ranges, other.ranges]),
            self.largest.merged(other.largest, largest=True, offset=self.n),
            self.smallest.merged(other.smallest, largest=False, offset=self.n),
            self.n + other.n,
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All there is, as arrays for a file; `from_arrays` is the inverse."""
        return {
            "sample_ranges": self.ranges,
            "largest": self.largest.to_array(),
            "smallest": self.smallest.to_array(),
            "n_samples": np.array(self.n),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> "SeenSamples":
        """From what `to_arrays` gave, or a part of it. Raises WorkbenchError for other shapes."""
        ranges = np.asarray(arrays.get("sample_ranges", np.zeros((0, 2))), np.float32)
        if ranges.ndim != 2 or ranges.shape[1] != 2:
            raise WorkbenchError(f"sample ranges of a histogram have shape {ranges.shape}; expected (samples, 2)")
        largest, smallest = (
            Placed.from_array(np.asarray(arrays[end])) if end in arrays else Placed.nothing()
            for end in ("largest", "smallest")
        )
        return cls(ranges, largest, smallest, int(arrays.get("n_samples", len(ranges))))
