"""`FloatValues`: what the float network computes on a batch, one tensor after another beside the quantized run."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np


class FloatValues:
    """Float values of tensors, asked for in graph order; the float network runs only as far as they are asked for.

    known: values of an earlier walk, then `walk` is not touched. walk: (name, array) of tensors and graph outputs as
    they are computed. wanted: tensors that will be asked for. outputs: names of graph outputs. budget: bytes that may
    be kept of all tensors for the next time; beyond them nothing is held that was asked for.
    """

    def __init__(
        self,
        known: Mapping[str, np.ndarray],
        walk: Iterator[tuple[str, np.ndarray]],
        wanted: Iterable[str],
        outputs: Iterable[str],
        budget: int,
    ) -> None:
        self._known, self._walk = known, walk
        self._wanted, self._outputs, self._budget = frozenset(wanted), frozenset(outputs), budget
        self._waiting: dict[str, np.ndarray] = {}
        self._kept: dict[str, np.ndarray] | None = {}
        self.outputs: dict[str, np.ndarray] = {}

    def take(self, name: str) -> np.ndarray:
        """The value of a wanted tensor; each can be taken once."""
        if name in self._known:
            return self._known[name]
        while name not in self._waiting:
            self._advance(*next(self._walk))
        return self._waiting.pop(name)

    def rest(self) -> Mapping[str, np.ndarray] | None:
        """Let the float network run to its end; all its values where they fit into the budget, else None."""
        for name, array in self._walk:
            self._advance(name, array)
        return self._kept or None

    def _advance(self, name: str, array: np.ndarray) -> None:
        if name in self._wanted:
            self._waiting[name] = array
        if name in self._outputs:
            self.outputs[name] = array
        if self._kept is not None:
            self._kept[name] = array
            self._budget -= array.nbytes
            if self._budget < 0:
                self._kept = None
