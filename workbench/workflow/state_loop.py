"""`StateLoop`: what a step of a recurrent network takes over from the step before."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model, Port
from workbench.workflow.batches import Feeds, Outputs, Run, samples_in


@dataclass(frozen=True)
class StateLoop:
    """Inputs that are fed from outputs. name: of the network. inputs: all of its inputs. pairs: (input, output)."""

    name: str
    inputs: tuple[Port, ...]
    pairs: tuple[tuple[Port, Port], ...]

    @classmethod
    def of(cls, model: Model, state: Mapping[str, str]) -> "StateLoop":
        """state: input name -> output name.

        Raises WorkbenchError for unknown names, and where shape or dtype of an input are not those of its output.
        """
        if not isinstance(state, Mapping) or not state:
            raise WorkbenchError(f'state={state!r}; expected a dict input name -> output name, as {{"h": "h_out"}}')
        inputs = {port.name: port for port in model.inputs}
        outputs = {port.name: port for port in model.outputs}
        for kind, names, known in (("input", state.keys(), inputs), ("output", state.values(), outputs)):
            for name in names:
                if name not in known:
                    raise WorkbenchError(f"state=: {model.name} has no {kind} {name!r}; it has {', '.join(known)}")
        pairs = tuple((inputs[taken], outputs[given]) for taken, given in state.items())
        for taken, given in pairs:
            _check_alike(model.name, taken, given)
        return cls(model.name, tuple(inputs.values()), pairs)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(taken.name for taken, _ in self.pairs)

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(given.name for _, given in self.pairs)

    def zeros(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """State before the first step. feeds: its feed, which tells the lengths that are dynamic, the batch above all.

        A dimension with the name of one of a fed input has that one's length, any other dynamic one the batch's.
        """
        known: dict[Any, int] = {}
        for port in self.inputs:
            if port.name in feeds:
                known |= dict(zip(port.shape, np.shape(feeds[port.name]), strict=True))
        batch = samples_in(feeds)

        def length(dimension: int | str | None) -> int:
            if isinstance(dimension, int) and dimension > 0:
                return dimension
            return known.get(dimension, batch) if isinstance(dimension, str) else batch

        return {port.name: np.zeros([length(d) for d in port.shape], port.dtype) for port, _ in self.pairs}

    def steps(self, sequence: Iterable[Feeds], runs: tuple[Run, ...]) -> Iterator[tuple[Outputs, ...]]:
        """Run some networks through a sequence, each with a state of its own; what they give, step by step.

        The sequence is read once, and nothing is held but the present step. Raises WorkbenchError where an output does
        not have the shape and dtype of the state that it becomes.
        """
        states: list[dict[str, np.ndarray]] = []
        for number, feeds in enumerate(sequence):
            states = states or [self.zeros(feeds)] * len(runs)
            results = tuple(run({**feeds, **state}) for run, state in zip(runs, states, strict=True))
            states = [self._next(number, state, result) for state, result in zip(states, results, strict=True)]
            yield results

    def _next(self, number: int, state: dict[str, np.ndarray], outputs: Outputs) -> dict[str, np.ndarray]:
        found = {}
        for taken, given in self.pairs:
            old, new = state[taken.name], outputs[given.name]
            if (new.shape, new.dtype) != (old.shape, old.dtype):
                raise WorkbenchError(
                    f"{self.name}: in step {number} output {given.name!r} is {new.dtype} {new.shape}, the state "
                    f"{taken.name!r} that it becomes {old.dtype} {old.shape}; expected the same, and a state that "
                    "does not grow"
                )
            found[taken.name] = new
        return found


def _is_fixed(dimension: int | str | None) -> bool:
    return isinstance(dimension, int) and dimension > 0


def _check_alike(name: str, taken: Port, given: Port) -> None:
    """WorkbenchError where what is known of an output speaks against feeding it to an input."""
    if taken.dtype.hasobject or given.dtype != taken.dtype:
        raise WorkbenchError(
            f"state=: input {taken.name!r} of {name} takes {taken.dtype}, output {given.name!r} gives {given.dtype}; "
            "expected tensors of one dtype"
        )
    lengths = zip(taken.shape, given.shape, strict=False)
    unlike = any(a != b for a, b in lengths if _is_fixed(a) and _is_fixed(b))
    if unlike or len(taken.shape) != len(given.shape):
        raise WorkbenchError(
            f"state=: input {taken.name!r} of {name} takes shape {_words(taken)}, output {given.name!r} gives "
            f"{_words(given)}; expected one shape"
        )


def _words(port: Port) -> str:
    return f"({', '.join(str(d or 'any') for d in port.shape)})"
