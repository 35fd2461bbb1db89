"""`SequenceBatches`: sequences of feeds for a recurrent network, in the place of single feeds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.workflow.batches import Batches, Feeds, Item, Outputs, Run, check_feed, joined
from workbench.workflow.state_loop import StateLoop
from workbench.workflow.tasks.task import Output


@dataclass(frozen=True)
class SequenceBatches(Batches):
    """Sequences to run, one after the other; each is one sample, whatever the batch of its feeds.

    loop: how state goes from step to step. lengths: number of steps of every sequence in the data, by its number.
    """

    loop: StateLoop = field(kw_only=True)
    lengths: tuple[int, ...] = field(kw_only=True)

    @property
    def has_state(self) -> bool:
        return True

    def without_state(self, asked: str) -> Batches:
        raise WorkbenchError(
            f"{asked} cannot run sequences, whose steps take over a state; give it feeds that hold "
            f"{', '.join(self.loop.input_names)} too"
        )

    @property
    def n_steps(self) -> int:
        return sum(self.lengths[number] for number in self.sample_numbers)

    def n_in(self, item: Item) -> int:
        return 1

    def steps(self, item: Item, *runs: Run) -> Iterator[tuple[Outputs, ...]]:
        """What some networks give, step by step, each with its own state."""
        return self.loop.steps(item, runs)

    def whole(self, item: Item, run: Run) -> Outputs:
        """The answers of one network for one sequence: (steps * batch, ...) each; nothing else is held."""
        parts: dict[str, list[np.ndarray]] = {}
        for (outputs,) in self.steps(item, run):
            for name in self._answers(tuple(outputs)):
                parts.setdefault(name, []).append(outputs[name])
        return {name: joined(name, arrays) for name, arrays in parts.items()}

    def answers(self, model: Model) -> tuple[str, ...]:
        """The outputs that are not fed back; all of them where every output is."""
        return self._answers(super().answers(model))

    def _answers(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in self.loop.output_names) or names

    def one_feed(self) -> Feeds:
        """The first step of the first sequence."""
        feeds = next(iter(next(iter(self))))
        return {**feeds, **self.loop.zeros(feeds)}

    def _alone(self, item: Item, row: int, size: int, number: int) -> Batches:
        return replace(self, source=lambda: iter([item]), n_samples=1, n_batches=1, numbers=(number,))


def by_sample(sequences: list[np.ndarray]) -> Output:
    """An output (steps, ...) of each sequence as tasks take it: one array where lengths are equal, else one each."""
    if all(len(values) == 1 for values in sequences):
        return joined("", sequences)
    alike = len({values.shape for values in sequences}) == 1
    return np.stack(sequences) if alike else sequences


def as_sequences(model: Model, data: Any, state: Mapping[str, str]) -> SequenceBatches:
    """`data`, an iterable of sequences, each an iterable of feeds without the inputs of `state`.

    Both are read more than once, and once now to check every feed.
    Raises WorkbenchError for a state that does not fit the model, and naming sequence and step for data that do not.
    """
    loop = StateLoop.of(model, state)
    if isinstance(data, SequenceBatches):
        if data.loop != loop:
            raise WorkbenchError(f"state={dict(state)}: these sequences were made for another state")
        return data
    if isinstance(data, Batches | Mapping | np.ndarray | str) or not isinstance(data, Iterable):
        raise WorkbenchError(
            f"data of type {type(data).__name__} with state=; expected an iterable of sequences, "
            f"each an iterable of feeds (dicts input name -> array) without {', '.join(loop.input_names)}"
        )
    _check_again("data", data)
    lengths = tuple(_checked_length(model, loop, number, sequence) for number, sequence in enumerate(data))
    if not lengths:
        raise WorkbenchError("data holds no sequence")
    return SequenceBatches(lambda: iter(data), len(lengths), len(lengths), 1, loop=loop, lengths=lengths)


def _check_again(what: str, values: Iterable[Any]) -> None:
    if iter(values) is values:
        raise WorkbenchError(f"{what} is a one-shot generator, but it is needed more than once; give a list")


def _checked_length(model: Model, loop: StateLoop, number: int, sequence: Any) -> int:
    """Steps of one sequence, each of which can be fed. Raises WorkbenchError."""
    if isinstance(sequence, Mapping | np.ndarray | str) or not isinstance(sequence, Iterable):
        raise WorkbenchError(
            f"sequence {number} is a {type(sequence).__name__}; with state= each is an iterable of feeds "
            "(dicts input name -> array); put a single sequence into a list"
        )
    _check_again(f"sequence {number}", sequence)
    shapes, n = None, 0
    for n, feeds in enumerate(sequence, start=1):
        place = f"sequence {number}, step {n - 1}"
        try:
            _check_step(model, loop, feeds)
        except WorkbenchError as error:
            raise WorkbenchError(f"{place}: {error}") from None
        now = {name: array.shape for name, array in loop.zeros(feeds).items()}
        shapes = shapes or now
        if now != shapes:
            raise WorkbenchError(f"{place}: the state would be {now}, in the step before {shapes}; keep one batch")
    if not n:
        raise WorkbenchError(f"sequence {number} holds no feed")
    return n


def _check_step(model: Model, loop: StateLoop, feeds: Any) -> None:
    if not isinstance(feeds, Mapping):
        raise WorkbenchError(f"the feed is a {type(feeds).__name__}; expected a dict input name -> array")
    fed_back = sorted(set(feeds).intersection(loop.input_names))
    if fed_back:
        raise WorkbenchError(f"the feed gives the input {fed_back[0]!r}, which state= feeds back; take it out")
    expected = [port.name for port in model.inputs if port.name not in loop.input_names]
    if set(feeds) != set(expected):
        got, wanted = (", ".join(map(str, names)) or "nothing" for names in (feeds, expected))
        raise WorkbenchError(f"expected the inputs {wanted} beside the state; the feed gives {got}")
    for name, array in feeds.items():
        check_feed(model, name, array, whole_batch=True)
