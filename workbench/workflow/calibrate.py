"""`calibrate`: the distribution of every activation that can be quantized, from data streaming through the network."""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.statistics.histogram import HistogramBuilder
from workbench.workflow.batches import Batches, Feeds, Outputs, Run
from workbench.workflow.calibration import Calibration
from workbench.workflow.data import as_batches
from workbench.workflow.memory import MEMORY_BYTES, MemoryNeeded, memory_needed, observed_tensors
from workbench.workflow.progress import Progress, with_bar

OnBatch = Callable[[Progress, Callable[[], Calibration]], None]


def calibrate(
    model: Model,
    data: Any,
    *,
    progress: bool = False,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    leave_out: Iterable[int] = (),
    memory_bytes: int = MEMORY_BYTES,
    on_batch: OnBatch | None = None,
    cancelled: Callable[[], bool] | None = None,
    state: Mapping[str, str] | None = None,
) -> Calibration:
    """Run `data` through the float network and count every observed activation. Counts do not depend on the batches.

    Beside the counts every `Histogram` keeps the range of each sample (`sample_ranges`) and its 16 largest and smallest
    values with sample and place; a tensor whose axis 0 is not the samples has one range a batch.
    data: anything `as_batches` takes. progress: show a bar. leave_out: numbers of samples, from 0, to set aside; the
    others keep their numbers. memory_bytes: what calibration may take beside the network; `memory_needed` tells before
    it starts. Batches are cut smaller where they may be, and tensors are counted in groups, one pass through the data
    for each, where they do not fit together. on_batch(progress, snapshot) is called after each batch; snapshot() gives
    the calibration so far. cancelled() is asked between batches and segments; True raises `Cancelled`.
    state: input -> output, for sequences of a recurrent network, see `as_batches`; what is counted is the float run of
    each sequence from its first step to its last, the states that it takes over with it. A sequence is one sample.
    Raises WorkbenchError for data that do not fit the model or leave nothing to run.
    """
    batches = as_batches(model, data, preprocess=preprocess, state=state).without(leave_out)
    needed = memory_needed(model, batches, memory_bytes=memory_bytes)
    counting = _Counting(model, batches.recut(needed.batch_size), needed, cancelled)
    steps = with_bar(counting.steps(), counting.n_steps, progress)
    started = time.monotonic()
    for done in steps:
        if on_batch is not None:
            on_batch(counting.progress(done, time.monotonic() - started), counting.snapshot)
    return counting.snapshot()


class _Counting:
    """One calibration on its way. n_steps: runs of the network, those of all groups of tensors together."""

    def __init__(
        self, model: Model, batches: Batches, needed: MemoryNeeded, cancelled: Callable[[], bool] | None
    ) -> None:
        self._model, self._batches, self._needed = model, batches, needed
        self._cancelled = cancelled
        self._names = observed_tensors(model)
        self._finished: dict[str, Any] = {}
        self._builders: dict[str, HistogramBuilder] = {}
        self._n_samples = 0
        self._numbers: Sequence[int] = ()  # of the samples that are running
        self._continues = False  # whether they have been running before
        self.n_steps = batches.n_steps * len(needed.groups)

    def steps(self) -> Iterable[int]:
        """Run batch after batch; yields how many are done."""
        done = itertools.count(1)
        for group in self._needed.groups:
            self._builders = {name: HistogramBuilder() for name in group}
            # what follows the last tensor of the group need not be computed, unless the next step takes it over
            stop = 1 + max((self._model.chain.segment_making(name) for name in group), default=-1)
            run = self._run(None if self._batches.has_state else stop)
            for item, numbers in self._batches.numbered():
                self._numbers, self._continues = numbers, False
                for _ in self._batches.steps(item, run):
                    if group is self._needed.groups[0] and not self._continues:
                        self._n_samples += len(numbers)
                    self._continues = True
                    yield next(done)
            # one after the other, the last ones first, small as a rule: no more is held than while counting
            for name in reversed(group):
                self._finished[name] = self._builders.pop(name).histogram()

    def _run(self, stop: int | None) -> Run:
        def count(name: str, values: np.ndarray) -> None:
            self._builders[name].add(values, self._numbers, continues=self._continues)

        def run(feeds: Feeds) -> Outputs:
            if self._cancelled is not None and self._cancelled():
                raise Cancelled
            return self._model.chain.run(
                feeds, keep=tuple(self._builders), stop=stop, observe=count, cancelled=self._cancelled
            )

        return run

    def progress(self, done: int, seconds: float) -> Progress:
        """How far it is after `seconds`."""
        in_group = done - 1
        group = in_group // max(self._batches.n_steps, 1)
        return Progress(
            done=done,
            total=self.n_steps,
            seconds=seconds,
            samples_per_second=done * self._batches.batch_size / max(seconds, 1e-9),
            group=group + 1,
            n_groups=len(self._needed.groups),
        )

    def snapshot(self) -> Calibration:
        """What is counted so far; tensors of later groups are missing."""
        counted = self._finished | {name: builder.histogram() for name, builder in self._builders.items()}
        ordered = {name: counted[name] for name in self._names if name in counted}
        return Calibration(ordered, self._n_samples, self._model.sha256, self._batches.notices)
