"""Data in every accepted form becomes `Batches`: feeds of the model's batch size that can be run through again."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model

DYNAMIC_BATCH = 32
Feeds = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Batches:
    """Feeds to run, one after the other; iterating again gives the same.

    source: called to start an iteration. n_samples: samples that will be run. n_batches: feeds. numbers: of the samples
    in the data, in the order they run in; None: from 0 on. cut: (batch size, numbers) -> the same data cut otherwise;
    None where feeds came as they are. fixed: whether the model takes batches of this size alone.
    """

    source: Callable[[], Iterator[Feeds]]
    n_samples: int
    n_batches: int
    batch_size: int
    notices: tuple[Notice, ...] = field(default=())
    numbers: Sequence[int] | None = None
    cut: "Callable[[int, Sequence[int]], Batches] | None" = None
    fixed: bool = False

    def __iter__(self) -> Iterator[Feeds]:
        return self.source()

    def __len__(self) -> int:
        return self.n_batches

    @property
    def sample_numbers(self) -> Sequence[int]:
        """Number in the data of each sample, in the order they run in."""
        return range(self.n_samples) if self.numbers is None else self.numbers

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
        return replace(self, source=lambda: itertools.islice(source(), n_batches), n_samples=kept, n_batches=n_batches)

    def numbered(self) -> Iterator[tuple[Feeds, Sequence[int]]]:
        """Each feed with the numbers of its samples."""
        start, numbers = 0, self.sample_numbers
        for feeds in self:
            n = samples_in(feeds)
            yield feeds, numbers[start : start + n]
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


def as_batches(model: Model, data: Any, *, preprocess: Callable[[np.ndarray], np.ndarray] | None = None) -> Batches:
    """`data` as feeds for `model`.

    data: an array (one input), a dict input name -> array with N samples on axis 0, a path to .npy / .npz (keys are
    input names) or to a folder of those or of images (with `preprocess`: uint8 (H, W, 3) RGB -> one sample without the
    batch axis), or a re-iterable of feeds (dicts input name -> array, run as they are). Arrays are cut into the model's
    fixed batch, or into 32 where it is dynamic; a remainder that does not fill a fixed batch is left out with a notice.
    Raises WorkbenchError naming the input and what was expected for wrong names, shapes, dtypes and empty data.
    """
    if isinstance(data, Batches):
        return data
    if hasattr(data, "inputs") and not isinstance(data, Mapping):
        data = data.inputs
    if isinstance(data, str | Path):
        from workbench.workflow.data_files import read_data

        data = read_data(model, Path(data), preprocess)
    if isinstance(data, np.ndarray):
        data = {_only_input(model): data}
    if isinstance(data, Mapping):
        return _cut(model, data)
    return _from_feeds(model, data)


def _only_input(model: Model) -> str:
    if len(model.inputs) != 1:
        names = ", ".join(port.name for port in model.inputs)
        raise WorkbenchError(f"{model.name} has {len(model.inputs)} inputs ({names}); give a dict input name -> array")
    return model.inputs[0].name


def _check_names(model: Model, feeds: Feeds) -> None:
    names = {port.name for port in model.inputs}
    missing, unknown = sorted(names - set(feeds)), sorted(set(map(str, feeds)) - names)
    if missing or unknown:
        got = ", ".join(map(str, feeds)) or "nothing"
        raise WorkbenchError(f"{model.name} has the inputs {', '.join(sorted(names))}; data gives {got}")


def _check_feed(model: Model, name: str, array: Any, *, whole_batch: bool) -> None:
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


def batch_size(model: Model) -> int | None:
    """The fixed batch of the model's inputs, None where it is dynamic."""
    sizes = {port.shape[0] for port in model.inputs if port.shape}
    fixed = {size for size in sizes if isinstance(size, int) and size > 0}
    return fixed.pop() if len(fixed) == 1 else None


def _cut(model: Model, arrays: Feeds) -> Batches:
    _check_names(model, arrays)
    for name, array in arrays.items():
        _check_feed(model, name, array, whole_batch=False)
    lengths = {name: array.shape[0] for name, array in arrays.items() if array.ndim}
    if len(set(lengths.values())) != 1:
        raise WorkbenchError(f"inputs hold different numbers of samples: {lengths}")
    fixed = batch_size(model)

    def cut(size: int, numbers: Sequence[int]) -> Batches:
        n = len(numbers)
        n_used = n - n % size if fixed else n
        if not n_used:
            raise WorkbenchError(f"data holds {n} samples; {model.name} needs at least {fixed or 1}")
        notices: tuple[Notice, ...] = ()
        if n_used < n:
            sentence = f"{n - n_used} of {n} samples do not fill the model's fixed batch of {fixed} and are left out."
            notices = (Notice("data", sentence),)

        def source() -> Iterator[Feeds]:
            for start in range(0, n_used, size):
                part = numbers[start : min(start + size, n_used)]
                rows = slice(part[0], part[-1] + 1) if part[-1] - part[0] == len(part) - 1 else list(part)
                yield {name: array[rows] for name, array in arrays.items()}

        return Batches(
            source, n_used, -(-n_used // size), size, notices, numbers[:n_used], cut=cut, fixed=fixed is not None
        )

    return cut(fixed or DYNAMIC_BATCH, range(next(iter(lengths.values()))))


def _from_feeds(model: Model, feeds: Any) -> Batches:
    if not isinstance(feeds, Iterable):
        raise WorkbenchError(
            f"data of type {type(feeds).__name__} is not understood; expected an array, a dict of arrays, "
            "a path, or an iterable of feeds"
        )
    if iter(feeds) is feeds:
        raise WorkbenchError("data is a one-shot generator, but it is needed more than once; give a list of feeds")
    n_samples = n_batches = 0
    for feed in feeds:
        if not isinstance(feed, Mapping):
            raise WorkbenchError(f"feed {n_batches} is a {type(feed).__name__}; expected a dict input name -> array")
        _check_names(model, feed)
        for name, array in feed.items():
            _check_feed(model, name, array, whole_batch=True)
        n_samples += samples_in(feed)
        n_batches += 1
    if not n_batches:
        raise WorkbenchError("data holds no feed")
    return Batches(lambda: iter(feeds), n_samples, n_batches, max(1, -(-n_samples // n_batches)))
