"""Data in every accepted form becomes `Batches`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.batches import Batches, Feeds, check_feed, samples_in
from workbench.workflow.sequences import as_sequences

DYNAMIC_BATCH = 32


def as_batches(
    model: Model,
    data: Any,
    *,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    state: Mapping[str, str] | None = None,
) -> Batches:
    """`data` as feeds for `model`.

    data: an array (one input), a dict input name -> array with N samples on axis 0, a path to .npy / .npz (keys are
    input names) or to a folder of those or of images (with `preprocess`: uint8 (H, W, 3) RGB -> one sample without the
    batch axis), or a re-iterable of feeds (dicts input name -> array, run as they are). Arrays are cut into the model's
    fixed batch, or into 32 where it is dynamic; a remainder that does not fill a fixed batch is left out with a notice.
    state: input name -> output name, for recurrent networks: each step of a sequence gives the input what the step
    before computed for the output, the first one zeros. data is then an iterable of sequences, each an iterable of
    feeds without these inputs; a sequence is one sample.
    Raises WorkbenchError naming the input and what was expected for wrong names, shapes, dtypes and empty data.
    """
    if state is not None:
        return as_sequences(model, data, state)
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
        raise WorkbenchError(
            f"{model.name} has the inputs {', '.join(sorted(names))}; data gives {got}{_hint(model, missing)}"
        )


def _hint(model: Model, missing: list[str]) -> str:
    """What to do where a missing input looks like the state of a recurrent network."""
    for port in model.inputs:
        alike = [one.name for one in model.outputs if len(port.shape) > 1 and one.shape == port.shape]
        if port.name in missing and alike and len(model.inputs) > 1:
            return f"; for a recurrent network give sequences of feeds and state={{{port.name!r}: {alike[0]!r}}}"
    return ""


def batch_size(model: Model) -> int | None:
    """The fixed batch of the model's inputs, None where it is dynamic."""
    sizes = {port.shape[0] for port in model.inputs if port.shape}
    fixed = {size for size in sizes if isinstance(size, int) and size > 0}
    return fixed.pop() if len(fixed) == 1 else None


def _cut(model: Model, arrays: Feeds) -> Batches:
    _check_names(model, arrays)
    for name, array in arrays.items():
        check_feed(model, name, array, whole_batch=False)
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
            raise WorkbenchError(
                f"feed {n_batches} is a {type(feed).__name__}; expected a dict input name -> array "
                "(sequences of feeds need state=)"
            )
        _check_names(model, feed)
        for name, array in feed.items():
            check_feed(model, name, array, whole_batch=True)
        n_samples += samples_in(feed)
        n_batches += 1
    if not n_batches:
        raise WorkbenchError("data holds no feed")
    return Batches(lambda: iter(feeds), n_samples, n_batches, max(1, -(-n_samples // n_batches)))
