"""`Calibration`: the distribution of every observed activation, as one value that merges, saves and loads."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.statistics.histogram import Histogram
from workbench.workflow.files import new_file

VERSION = 1
_FIELDS = ("keys", "moments", "scalars", "sample_ranges", "largest", "smallest", "n_samples")


class Calibration(Mapping[str, Histogram]):
    """Tensor name -> `Histogram`, in graph order; `a + b` merges two of one model (adds counts, never overwrites).

    n_samples: samples that ran through the network. model_sha256: the file it belongs to.
    """

    def __init__(
        self,
        distributions: Mapping[str, Histogram],
        n_samples: int,
        model_sha256: str,
        notices: tuple[Notice, ...] = (),
    ) -> None:
        self._distributions = dict(distributions)
        self.n_samples, self.model_sha256, self.notices = n_samples, model_sha256, notices

    def __getitem__(self, tensor: str) -> Histogram:
        try:
            return self._distributions[tensor]
        except KeyError:
            known = ", ".join(list(self._distributions)[:4])
            raise KeyError(f"tensor {tensor!r} was not observed; observed are {known}, ...") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._distributions)

    def __len__(self) -> int:
        return len(self._distributions)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Calibration):
            return NotImplemented
        mine, theirs = (self.n_samples, self.model_sha256), (other.n_samples, other.model_sha256)
        return mine == theirs and self._distributions == other._distributions

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        return f"<Calibration of {len(self)} tensors on {self.n_samples} samples>"

    def __add__(self, other: "Calibration") -> "Calibration":
        if not isinstance(other, Calibration):
            return NotImplemented
        if self.model_sha256 != other.model_sha256 or set(self) != set(other):
            raise WorkbenchError("these calibrations belong to different models and cannot be merged")
        merged = {name: self[name] + other[name] for name in self}
        notices = tuple(dict.fromkeys(self.notices + other.notices))
        return Calibration(merged, self.n_samples + other.n_samples, self.model_sha256, notices)

    def save(self, path: str | Path) -> Path:
        """Write all counts to one .npz file, whole or not at all; returns the path."""
        about = {"version": VERSION, "tensors": list(self), "n_samples": self.n_samples, "sha256": self.model_sha256}
        arrays = {"about": np.array(json.dumps(about))}
        for i, histogram in enumerate(self.values()):
            arrays.update({f"{i}.{field}": array for field, array in histogram.to_arrays().items()})
        with new_file(path) as temporary, open(temporary, "wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> "Calibration":
        """Read what `save` wrote; WorkbenchError where the file is missing or is something else."""
        try:
            with np.load(Path(path), allow_pickle=False) as stored:
                about = json.loads(str(stored["about"]))
                if about["version"] != VERSION:
                    raise WorkbenchError(f"{path}: calibration version {about['version']}, expected {VERSION}")
                histograms = {
                    name: Histogram.from_arrays(
                        {field: stored[f"{i}.{field}"] for field in _FIELDS if f"{i}.{field}" in stored}
                    )
                    for i, name in enumerate(about["tensors"])
                }
                return cls(histograms, int(about["n_samples"]), str(about["sha256"]))
        except WorkbenchError:
            raise
        except FileNotFoundError:
            raise WorkbenchError(f"{path}: no such file") from None
        except Exception as error:  # zip, numpy and JSON each have their own errors for a broken file
            raise WorkbenchError(f"{path}: not a saved calibration ({error})") from None
