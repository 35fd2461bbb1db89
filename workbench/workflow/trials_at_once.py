"""Trials of many settings on the same samples, several batches at a time; their comparisons come in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event

from workbench.messages import WorkbenchError
from workbench.workflow.comparison import Comparison
from workbench.workflow.runs import Cancel, Done
from workbench.workflow.settings import Settings
from workbench.workflow.simulate import Simulator


@dataclass(frozen=True)
class Trial:
    """settings(): worked out when its turn comes. segment: where it begins. joined: see `Runs.trial`."""

    settings: Callable[[], Settings]
    segment: int
    joined: int | None = None


@dataclass(frozen=True)
class Workers:
    """n threads of a pool."""

    pool: Executor
    n: int


def workers_of(n: int | None, stack: ExitStack) -> Workers | None:
    """n threads as long as the stack is open, None: one a core; None for a single one: the caller's own does it.

    Raises WorkbenchError for what is no number of threads.
    """
    n = (os.cpu_count() or 1) if n is None else n
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise WorkbenchError(f"workers={n!r}; expected a whole number of threads from 1 on, or None for one a core")
    return Workers(stack.enter_context(ThreadPoolExecutor(n, "trials")), n) if n > 1 else None


def one_by_one(simulator: Simulator, wanted: Iterable[Trial], cancelled: Cancel | None) -> Iterator[Comparison]:
    """One trial after the other, in this thread. Raises `Cancelled` when cancelled() is true."""
    for trial in wanted:
        simulator.prepare(trial.segment, cancelled)
        yield simulator.trial(trial.settings(), joined=trial.joined, cancelled=cancelled)


def at_once(
    simulator: Simulator, wanted: Iterable[Trial], workers: Workers, cancelled: Cancel | None
) -> Iterator[Comparison]:
    """The same, with batches of one trial and of the next ones at the same time; `cancelled` is asked by all workers.

    This thread works out settings meanwhile, and has what the trials begin with ready; where that moves on in the
    network, it waits until the last ones are through.
    """
    parts, over = list(simulator.whole_parts()), Event()
    under_way: deque[tuple[Settings, list[Future[Done]]]] = deque()

    def first() -> Comparison:
        settings, futures = under_way[0]
        found = simulator.outcome(settings, zip(parts, (one.result() for one in futures), strict=True), cancelled)
        under_way.popleft()
        return found

    def stopped() -> bool:
        return over.is_set() or (cancelled is not None and cancelled())

    try:
        for trial in wanted:
            settings, runs = trial.settings(), simulator.runs
            missing = [part for part in parts if runs.can_prepare(part, trial.segment)]
            if missing:
                wait([future for _, futures in under_way for future in futures])
            for part in missing:
                runs.prepare(part, trial.segment, cancelled)
            futures = [
                workers.pool.submit(runs.attempt, part, settings, stopped, joined=trial.joined) for part in parts
            ]
            under_way.append((settings, futures))
            if len(under_way) > workers.n:
                yield first()
        while under_way:
            yield first()
    finally:
        over.set()
        for _, futures in under_way:
            for future in futures:
                future.cancel()
