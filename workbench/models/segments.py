"""SegmentChain: the network as a chain of small sessions, between which values can be changed, kept and resumed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.network import Network
from workbench.models.operators import is_weighted
from workbench.models.planning import Segment, plan_segments
from workbench.models.programs import Programs
from workbench.models.refusal import shown
from workbench.models.sessions import Sessions
from workbench.models.tensors import Tensors

Transform = Callable[[np.ndarray], np.ndarray]


class Runnable(Protocol):
    """What a chain needs of a model: its graph, the tensors between which it is cut, and names for errors."""

    network: Network
    observed: tuple[str, ...]
    tensors: Tensors
    path: Path


class Cancelled(Exception):
    """A run was given up because its `cancelled` function said so."""


class SegmentChain:
    """Runs a model segment by segment; without changes it computes what one session of the whole graph computes.

    A segment begins at every weighted operator, and between each observed tensor and its readers. A segment in which
    another value is changed or kept (an input of a residual Add, for example) is split there for that run: kept
    whole otherwise, because onnxruntime fuses such an Add with what surrounds it. segments: tuple of Segment.
    borders: what a cache must hold to resume anywhere.
    """

    def __init__(self, model: Runnable) -> None:
        network = model.network
        starts = {position for position, node in enumerate(network.nodes) if is_weighted(node)}
        self._file, self._network, self._tensors = model.path.name, network, model.tensors
        self.segments: tuple[Segment, ...] = plan_segments(network, starts=starts, cut=set(model.observed))
        self._sessions = Sessions(network)
        self._programs = Programs(network, self.segments, self._sessions)
        self._producer = {name: s.index for s in self.segments for node in s.nodes for name in node.output if name}
        self._reader: dict[str, int] = {}
        for segment in self.segments:
            for name in (*segment.inputs, *segment.constants, *segment.inner):
                self._reader.setdefault(name, segment.index)
        crossing = {name: segment.index for segment in self.segments for name in segment.inputs}
        self._needed: dict[int, tuple[str, ...]] = {}
        self._last_needed = crossing | dict.fromkeys(network.output_names, self.n_segments)
        self.borders: tuple[str, ...] = tuple(
            name
            for segment in self.segments
            for name in segment.outputs
            if name in crossing or segment.index < self.n_segments - 1
        )

    @property
    def n_segments(self) -> int:
        """How many sessions the network is."""
        return len(self.segments)

    @property
    def n_built(self) -> int:
        """How many sessions have been built so far."""
        return self._sessions.n_built

    def segment_reading(self, name: str) -> int:
        """Index of the first segment that reads a tensor, where a run must start after it has changed.

        name: weight or other initializer, graph input or activation.
        Raises WorkbenchError for an unknown name, and for one that nothing reads.
        """
        if name not in self._reader:
            self._tensors[name]  # raises for an unknown name
            raise WorkbenchError(f"{self._file}: nothing reads tensor {shown(name)}; it is an output of the network")
        return self._reader[name]

    def segment_making(self, name: str) -> int:
        """Index of the segment that computes a tensor; -1 where it comes from outside (input, initializer).

        Raises WorkbenchError for an unknown name.
        """
        self._tensors[name]
        return self._producer.get(name, -1)

    def needed(self, start: int) -> tuple[str, ...]:
        """The borders that a run from segment `start` on takes from `values`, in graph order."""
        if start not in self._needed:
            self._needed[start] = tuple(
                name
                for name in self.borders
                if self._producer[name] < start and self._last_needed.get(name, -1) >= min(start, self.n_segments)
            )
        return self._needed[start]

    def run(
        self,
        feeds: Mapping[str, np.ndarray],
        *,
        weights: Mapping[str, np.ndarray] | None = None,
        transforms: Mapping[str, Transform] | None = None,
        keep: Iterable[str] = (),
        start: int = 0,
        stop: int | None = None,
        values: Mapping[str, np.ndarray] | None = None,
        joined: int | None = None,
        observe: Callable[[str, np.ndarray], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> dict[str, np.ndarray]:
        """One batch through the network; returns the graph outputs and the tensors in `keep`.

        feeds: graph input -> array. weights: initializer -> replacement of the same shape; an array that was used
        before finds its session again, so never write into one. transforms: activation or graph input -> function
        that gives what its readers see, same shape and type; outputs and kept tensors stay as they were computed.
        keep: observed tensors and borders cost nothing; any other splits its segment, after which sums may be rounded
        in another order. start, values: leave out the segments before `start`; `values` holds at least `needed(start)`
        of an earlier run. stop: leave out the segments from there on, and the graph outputs that they compute.
        joined: run the segments from there on as one, where nothing in them is changed; sums in it could be rounded in
        another order. observe: called with each tensor of `keep` as soon as it is there, instead of returning them: no
        more of them is held than the network itself holds. cancelled: asked before each segment.
        Raises WorkbenchError for names, shapes and types that do not fit, and Cancelled.
        """
        stop, looked_at = self.n_segments if stop is None else stop, dict.fromkeys(keep)
        options: dict[str, Any] = dict(start=start, stop=stop, values=values, joined=joined, cancelled=cancelled)
        outputs = tuple(name for name in self._network.output_names if self._producer.get(name, -1) < stop)
        returned = outputs if observe is not None else tuple(dict.fromkeys([*outputs, *looked_at]))
        result = {}
        for name, array in self.walk(feeds, weights=weights, transforms=transforms, keep=looked_at, **options):
            if observe is not None and name in looked_at:
                observe(name, array)
            if name in returned:
                result[name] = array
        return {name: result[name] for name in returned}

    def walk(
        self,
        feeds: Mapping[str, np.ndarray],
        *,
        weights: Mapping[str, np.ndarray] | None = None,
        transforms: Mapping[str, Transform] | None = None,
        keep: Iterable[str] = (),
        start: int = 0,
        stop: int | None = None,
        values: Mapping[str, np.ndarray] | None = None,
        joined: int | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[tuple[str, np.ndarray]]:
        """As `run`, step by step: (name, array) of each graph output and each tensor in `keep` as soon as it is there.

        No more is held than the network itself holds. What is given from outside comes first.
        """
        weights, transforms, values = dict(weights or {}), dict(transforms or {}), values or {}
        stop = self.n_segments if stop is None else stop
        outputs_made = (name for name in self._network.output_names if self._producer.get(name, -1) < stop)
        wanted = tuple(dict.fromkeys([*outputs_made, *keep]))
        self._check(weights, transforms, wanted, start)
        program = self._programs.get(start, stop, wanted, transforms, joined)
        yield from self._given(wanted, feeds, weights, values, start).items()
        raw: dict[str, np.ndarray] = {}
        seen: dict[str, np.ndarray] = {}
        for number, (step, outputs) in enumerate(program.steps):
            if cancelled is not None and cancelled():
                raise Cancelled(f"cancelled before segment {step.index} of {self.n_segments}")
            inputs: dict[str, np.ndarray] = {}
            for name in step.inputs:
                if name not in seen:
                    array = raw.pop(name) if name in raw else self._outside(name, feeds, values, start)
                    seen[name] = self._transformed(name, array, transforms[name]) if name in transforms else array
                inputs[name] = seen[name]
            for name, array in zip(outputs, self._compute(step, weights, outputs, inputs), strict=True):
                if name in program.last_reader:
                    raw[name] = array
                if name in wanted:
                    yield name, array
            for name in step.inputs:
                if program.last_reader[name] == number:
                    seen.pop(name, None)

    def _compute(
        self,
        segment: Segment,
        weights: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        inputs: dict[str, np.ndarray],
    ) -> list[np.ndarray]:
        if not outputs:
            return []
        session = self._sessions.get(segment, weights, outputs, inputs)
        try:
            return list(session.run(outputs, {**inputs, **self._sessions.biases(segment, weights)}))
        except Exception as error:  # onnxruntime's exceptions share no base class
            given = ", ".join(f"{shown(name)} {np.shape(array)}" for name, array in inputs.items())
            reason = " ".join(str(error).split())[:300]
            raise WorkbenchError(
                f"{self._file}: onnxruntime stopped in the part around {shown(segment.nodes[0].name)} ({reason}); "
                f"it got {given}; check the shapes of the data against model.inputs"
            ) from None

    def _given(
        self,
        wanted: tuple[str, ...],
        feeds: Mapping[str, np.ndarray],
        weights: Mapping[str, np.ndarray],
        values: Mapping[str, np.ndarray],
        start: int,
    ) -> dict[str, np.ndarray]:
        """Wanted tensors that no segment of this run computes: inputs, initializers, values of the earlier run."""
        given: dict[str, np.ndarray] = {}
        for name in wanted:
            if name in self._network.constants:
                given[name] = weights.get(name, self._network.constants[name])
            elif self._producer.get(name, -1) < start:
                given[name] = self._outside(name, feeds, values, start)
        return given

    def _outside(
        self, name: str, feeds: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray], start: int
    ) -> np.ndarray:
        """A value that comes from the caller. Raises WorkbenchError where it is missing or of another type."""
        if name in self._producer:
            if name not in values:
                raise WorkbenchError(
                    f"{self._file}: to start at segment {start} `values` must hold {shown(name)}; "
                    "keep chain.borders in the earlier run"
                )
            return values[name]
        if name not in feeds:
            expected = ", ".join(map(shown, self._network.input_names))
            raise WorkbenchError(f"{self._file}: no data for the input {shown(name)}; expected {expected}")
        array, dtype = feeds[name], self._tensors[name].dtype
        if dtype is not None and not dtype.hasobject and getattr(array, "dtype", None) != dtype:
            found = getattr(array, "dtype", type(array).__name__)
            raise WorkbenchError(f"{self._file}: input {shown(name)} came as {found}; expected a {dtype} array")
        return array

    def _check(
        self,
        weights: Mapping[str, np.ndarray],
        transforms: Mapping[str, Transform],
        wanted: Iterable[str],
        start: int,
    ) -> None:
        """Names and shapes of a run's arguments. Raises WorkbenchError."""
        if not 0 <= start <= self.n_segments:
            raise WorkbenchError(f"start={start}; expected 0 to {self.n_segments}, the segments of {self._file}")
        for name in (*wanted, *weights, *transforms):
            self._tensors[name]  # raises for an unknown name
        for name, array in weights.items():
            constant = self._network.constants.get(name)
            if constant is None:
                raise WorkbenchError(f"{self._file}: {shown(name)} is no initializer; use transforms= for activations")
            if np.shape(array) != constant.shape:
                raise WorkbenchError(
                    f"{self._file}: the replacement of {shown(name)} has shape {np.shape(array)}; "
                    f"expected {constant.shape}"
                )
        for name in transforms:
            if name in self._network.constants:
                raise WorkbenchError(f"{self._file}: {shown(name)} is an initializer; use weights= for it")

    def _transformed(self, name: str, array: np.ndarray, transform: Transform) -> np.ndarray:
        """What the readers of a tensor see. Raises WorkbenchError where shape or type changed."""
        changed = transform(array)
        dtype = getattr(changed, "dtype", None)
        if np.shape(changed) != np.shape(array) or dtype != array.dtype:
            raise WorkbenchError(
                f"{self._file}: the transform of {shown(name)} made {np.shape(changed)} {dtype} "
                f"of {np.shape(array)} {array.dtype}; expected the same shape and type"
            )
        return changed
