"""Tensor: one value of the network by its ONNX name; `Tensors`: all of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.protos import read_only
from workbench.models.refusal import shown


@dataclass(frozen=True)
class Tensor:
    """One value of the folded network.

    kind: "weight" or "bias" of a layer, "constant" (any other initializer), "input" of the graph or "activation".
    shape: a dynamic dimension is its name or None; None where not even the number of axes is known.
    dtype: None where it is not known. readers: names of the layers that read it.
    """

    name: str
    kind: str
    shape: tuple[int | str | None, ...] | None
    dtype: np.dtype | None
    readers: tuple[str, ...]
    values: np.ndarray | None = field(default=None, repr=False, compare=False)
    distribution_of: Callable[[np.ndarray], Any] | None = field(default=None, repr=False, compare=False)
    _distributions: dict[int | None, Any] = field(default_factory=dict, repr=False, compare=False)

    def array(self) -> np.ndarray:
        """The values, read-only, in the tensor's shape: float32 where they are floats, else their own type.

        Raises WorkbenchError for activations and inputs, which have values only while the network runs.
        """
        if self.values is None:
            raise WorkbenchError(
                f"tensor {shown(self.name)} is an {self.kind} and has no stored values; "
                "calibrate(model, data) collects its distribution, "
                "and model.chain.run(feeds, keep=[name]) returns its values for one batch"
            )
        if self.values.dtype.kind in "fV" or self.values.dtype.name.startswith(("bfloat", "float")):
            return read_only(np.asarray(self.values, dtype=np.float32))
        return read_only(self.values)

    def distribution(self, axis: int | None = None) -> Any:
        """The distribution of all values, or a tuple with one for each index along an axis; worked out once.

        Raises WorkbenchError for activations, for an axis that is not there, and where the model was read without
        statistics.
        """
        array = self.array()
        if self.distribution_of is None:
            text = f"tensor {shown(self.name)} was read without statistics; open the file with workbench.load"
            raise WorkbenchError(text)
        if axis is not None and not -array.ndim <= axis < array.ndim:
            raise WorkbenchError(f"tensor {shown(self.name)} has no axis {axis}; its shape is {array.shape}")
        key = axis if axis is None else axis % array.ndim
        if key not in self._distributions:
            if key is None:
                self._distributions[key] = self.distribution_of(array)
            else:
                groups = np.moveaxis(array, key, 0)
                self._distributions[key] = tuple(self.distribution_of(np.ascontiguousarray(group)) for group in groups)
        return self._distributions[key]


class Tensors(Mapping[str, Tensor]):
    """Read-only mapping name -> Tensor in graph order: inputs, initializers, activations.

    An unknown name raises WorkbenchError with the nearest names, or with the name that took its place.
    """

    def __init__(self, members: Mapping[str, Tensor], renamed: Mapping[str, str], file: str) -> None:
        self._members, self._renamed, self._file = dict(members), renamed, file

    def __getitem__(self, name: str) -> Tensor:
        try:
            return self._members[name]
        except (KeyError, TypeError):
            raise WorkbenchError(f"{self._file} has no tensor {name!r}; {self._advice(name)}") from None

    def _advice(self, name: object) -> str:
        if isinstance(name, str) and name in self._renamed:
            return f"its values are now called {self._renamed[name]!r}, because an operator was folded or removed"
        near = get_close_matches(name, self._members, n=3, cutoff=0.5) if isinstance(name, str) else []
        return f"the nearest names are {', '.join(map(repr, near))}" if near else "list(model.tensors) shows all names"

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._members

    def get(self, name: str, default: Any = None) -> Any:
        return self._members.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"<{len(self)} tensors of {self._file}>"
