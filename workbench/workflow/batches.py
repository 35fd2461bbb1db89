"""`Batches`: feeds of the model's batch size that can be run through again, and what one may be."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model

Feeds = Mapping[str, np.ndarray]
Outputs = Mapping[str, np.ndarray]
Run = Callable[[Feeds], Outputs]
Item = Any  # what runs together: a feed, or a sequence of them, see `SequenceBatches`


@dataclass(frozen=True)
class Batches:
    """Feeds to run, one after the other; iterating again gives the same.

    source: called to start an iteration. n_samples: samples that will be run. n_batches: feeds. numbers: of the samples
    in the data, in the order they run in; None: from 0 on. cut: (batch size, numbers) -> the same data cut otherwise;
    None where feeds came as they are. fixed: whether the model takes batches of this size alone.
    """

    source: Callable[[], Iterator[Item]]
    n_samples: int
    n_batches: int
    batch_size: int
    notices: tuple[Notice, ...] = field(default=())
    numbers: Sequence[int] | None = None
    cut: "Callable[[int, Sequence[int]], Batches] | None" = None
    fixed: bool = False

    def __iter__(self) -> Iterator[Item]:
        return self.source()

    def __len__(self) -> int:
        return self.n_batches

    @property
    def sample_numbers(self) -> Sequence[int]:
        """Number in the data of each sample, in the order they run in."""
        return range(self.n_samples) if self.numbers is None else self.numbers

    @property
    def has_state(self) -> bool:
        """Whether these are sequences, in which a step takes what the step before left."""
        return False

    def without_state(self, asked: str) -> "Batches":
        """The same, for what cannot be done with sequences. Raises WorkbenchError there, naming what was `asked`."""
        return self

    @property
    def n_steps(self) -> int:
        """How often the network runs for all of them."""
        return self.n_batches

    def n_in(self, item: Item) -> int:
        """Samples of one item."""
        return samples_in(item)

    def steps(self, item: Item, *runs: Run) -> Iterator[tuple[Outputs, ...]]:
        """What some networks give for one item, beside each other: one step for a feed."""
        yield tuple(run(item) for run in runs)

    def all_steps(self, *runs: Run) -> Iterator[tuple[Outputs, ...]]:
        """The same for all items."""
        for item in self:
            yield from self.steps(item, *runs)

    def whole(self, item: Item, run: Run) -> Outputs:
        """The answers of one network for one item."""
        return run(item)

    def answers(self, model: Model) -> tuple[str, ...]:
        """The outputs that say something of a sample, in graph order."""
        return tuple(port.name for port in model.outputs)

    def one_feed(self) -> Feeds:
        """What a single run is given, as an example."""
        return next(iter(self))

    def only(self, sample: int, size: int) -> "Batches":
        """One sample by its number, as often as a batch of `size` takes. WorkbenchError where it is not there."""
        if self.cut is not None and sample in self.sample_numbers:
            return self.cut(size, [sample] * size)
        for item, numbers in self.numbered():
            if sample in numbers:
                return self._alone(item, list(numbers).index(sample), size, sample)
        raise WorkbenchError(f"there is no sample {sample}; the data hold {self.n_samples} samples, numbered from 0")

    def _alone(self, feeds: Item, row: int, size: int, number: int) -> "Batches":
        """One row of a feed, `size` times; arrays without the samples' axis stay."""
        n = samples_in(feeds)
        one = {name: array[[row] * size] if array.ndim and len(array) == n else array for name, array in feeds.items()}
        return Batches(lambda: iter([one]), size, 1, size)

    @property
    def can_be_recut(self) -> bool:
        """Whether batches of another size can be made."""
        return self.cut is not None and not self.fixed

    def first(self, n_samples: int) -> "Batches":
        """The leading batches that hold at least `n_samples` samples (all where there are fewer)."""
        n_batches = min(self.n_batches, -(-n_samples // self.batch_size))
        if self.cut is not None:
            return self._noting(self.cut(self.batch_size, self.sample_numbers[: n_batches * self.batch_size]))
        source = self.source
        kept = min(self.n_samples, n_batches * self.batch_size)
        return replace(
            self,
            source=lambda: itertools.islice(source(), n_batches),
            n_samples=kept,
            n_batches=n_batches,
            numbers=None if self.numbers is None else self.numbers[:kept],
        )

    def numbered(self) -> Iterator[tuple[Item, Sequence[int]]]:
        """Each item with the numbers of its samples."""
        start, numbers = 0, self.sample_numbers
        for item in self:
            n = self.n_in(item)
            yield item, numbers[start : start + n]
            start += n

    def recut(self, batch_size: int) -> "Batches":
        """The same samples in batches of another size, where that can be."""
        if self.cut is None or self.fixed or batch_size == self.batch_size:
            return self
        return self._noting(self.cut(batch_size, self.sample_numbers))

    def without(self, leave_out: Iterable[int]) -> "Batches":
        """Without the samples of these numbers, counted from 0; the others keep theirs.

        Of feeds that came as they are the whole feed goes. Raises WorkbenchError for a number that is not there, and
        where nothing would be left.
        """
        gone = frozenset(int(number) for number in leave_out)
        if not gone:
            return self
        unknown = sorted(gone.difference(self.sample_numbers))
        if unknown:
            raise WorkbenchError(f"sample {unknown[0]} cannot be left out; the data hold {self.n_samples} samples")
        if self.cut is not None:
            return self._noting(self.cut(self.batch_size, [n for n in self.sample_numbers if n not in gone]))
        kept = [gone.isdisjoint(numbers) for _, numbers in self.numbered()]
        numbers = [n for (_, some), stays in zip(self.numbered(), kept, strict=True) if stays for n in some]
        if not numbers:
            raise WorkbenchError("no sample would be left; leave out fewer")
        notices, n_more = self.notices, self.n_samples - len(numbers) - len(gone)
        if n_more:
            words = f"{n_more} more samples are left out: they are in one feed with those that were named."
            notices = (*notices, Notice("data", words))
        source = self.source
        return replace(
            self,
            source=lambda: itertools.compress(source(), kept),
            n_samples=len(numbers),
            n_batches=sum(kept),
            notices=notices,
            numbers=numbers,
        )

    def _noting(self, other: "Batches") -> "Batches":
        """Another cut of the same data, with what was said of this one."""
        return replace(other, notices=tuple(dict.fromkeys((*self.notices, *other.notices))))


def samples_in(feeds: Feeds) -> int:
    """How many samples one feed holds: the length of axis 0 of the first input that has one."""
    return next((array.shape[0] for array in feeds.values() if array.ndim), 1)


def joined(name: str, parts: list[np.ndarray]) -> np.ndarray:
    """An output of several runs along the sample axis; scalars become one value a run."""
    try:
        return np.concatenate([np.atleast_1d(part) for part in parts])
    except ValueError as error:
        raise WorkbenchError(f"output {name!r} changes its shape from feed to feed ({error})") from None


def check_feed(model: Model, name: str, array: Any, *, whole_batch: bool) -> None:
    """WorkbenchError where an array cannot be fed to the input `name`."""
    port = next(port for port in model.inputs if port.name == name)
    if not isinstance(array, np.ndarray):
        raise WorkbenchError(f"input {name!r}: expected a numpy array, got {type(array).__name__}")
    if array.dtype != port.dtype:
        raise WorkbenchError(
            f"input {name!r} takes {port.dtype}, data is {array.dtype}; convert with .astype('{port.dtype}') "
            "after the preprocessing that the network was trained with"
        )
    expected = tuple(d if isinstance(d, int) and d > 0 else None for d in port.shape)
    fits = array.ndim == len(expected) and all(
        want is None or want == got
        for i, (want, got) in enumerate(zip(expected, array.shape, strict=True))
        if i > 0 or whole_batch
    )
    if not fits:
        wanted = ", ".join("N" if i == 0 and not whole_batch else str(d or "any") for i, d in enumerate(expected))
        raise WorkbenchError(f"input {name!r} takes arrays of shape ({wanted}), data has shape {array.shape}")
