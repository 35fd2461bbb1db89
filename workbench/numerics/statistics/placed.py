"""`Placed`: the largest (or smallest) values of a tensor with the sample and the place that each came from."""

from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError

MOST = 16


@dataclass(frozen=True, eq=False)
class Placed:
    """Up to 16 extreme values, the most extreme first; equal ones in the order of sample and place.

    values: float32 (k,). samples: int64 (k,), number of the sample in the data, from 0; where axis 0 of a tensor is
    not the samples, the first sample of the batch. places: int64 (k,), flat index inside the sample (there: inside the
    batch). shape: of one sample (there: of the batch), () where samples differ in shape and places stay flat.
    """

    values: np.ndarray
    samples: np.ndarray
    places: np.ndarray
    shape: tuple[int, ...] = ()

    @classmethod
    def nothing(cls) -> "Placed":
        return cls(np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return int(self.values.size)

    def coordinates(self, index: int) -> tuple[int, ...]:
        """Index of one value inside its sample, one number for each axis; the flat one where shapes differ."""
        place = int(self.places[index])
        return tuple(int(i) for i in np.unravel_index(place, self.shape)) if self.shape else (place,)

    def merged(self, other: "Placed", *, largest: bool, offset: int) -> "Placed":
        """The extremes of both; samples of `other` are counted from `offset` on."""
        values = np.concatenate([self.values, other.values])
        samples = np.concatenate([self.samples, other.samples + offset])
        places = np.concatenate([self.places, other.places])
        shape = self.shape if not len(other) or self.shape == other.shape else other.shape if not len(self) else ()
        return ordered(values, samples, places, shape, largest=largest)

    def to_array(self) -> np.ndarray:
        """float64 (k + 1, 3): value, sample, place of each; the first row holds how many axes a sample has."""
        rows = np.stack([self.values.astype(np.float64), self.samples, self.places], axis=1)
        shape = np.resize(np.array(self.shape, np.float64), (-(-len(self.shape) // 3), 3)) if self.shape else rows[:0]
        return np.concatenate([[[len(self.shape), len(shape), len(rows)]], shape, rows])

    @classmethod
    def from_array(cls, array: np.ndarray) -> "Placed":
        """The inverse of `to_array`. Raises WorkbenchError for what it never gives."""
        if array.ndim != 2 or array.shape[1] != 3 or not len(array) or array[0, 1:].sum() != len(array) - 1:
            raise WorkbenchError(f"extremes of a histogram have shape {array.shape}; expected (n, 3) as it was saved")
        n_axes, n_shape = int(array[0, 0]), int(array[0, 1])
        shape = tuple(int(v) for v in array[1 : 1 + n_shape].ravel()[:n_axes])
        rows = array[1 + n_shape :]
        return cls(rows[:, 0].astype(np.float32), rows[:, 1].astype(np.int64), rows[:, 2].astype(np.int64), shape)


def ordered(
    values: np.ndarray, samples: np.ndarray, places: np.ndarray, shape: tuple[int, ...], *, largest: bool
) -> Placed:
    """The 16 most extreme of values (k,) in order."""
    order = np.lexsort([places, samples, -values if largest else values])[:MOST]
    return Placed(values[order], samples[order], places[order], shape)
