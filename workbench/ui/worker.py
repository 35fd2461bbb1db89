"""`Worker`: one background thread that computes values, the most urgent first, the newest of a topic only."""

import atexit
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakSet

from workbench.models.segments import Cancelled

log = logging.getLogger("workbench")
LAST_WORDS = 2.0  # seconds that a job has to notice that the interpreter ends


@dataclass(frozen=True)
class Generation:
    """Which request a value answers. A topic's values count only while their number is its newest."""

    topic: str
    number: int


@dataclass(frozen=True)
class Request:
    """Something to compute. compute(turn) -> value, None where all was published on the way.

    topic: what it replaces. what: words for the status line, "" for none. urgency: lower runs first. idle: work ahead
    of time, for which `Worker.wait` does not wait.
    """

    topic: str
    compute: "Callable[[Turn], Any]"
    what: str = ""
    urgency: int = 5
    idle: bool = False


@dataclass(frozen=True)
class Job:
    """A request and which generation of its topic it is."""

    generation: Generation
    request: Request

    @property
    def what(self) -> str:
        return self.request.what

    @property
    def urgency(self) -> int:
        return self.request.urgency


@dataclass(frozen=True)
class Turn:
    """What a job may do while it runs. publish(value): hand over a first result. cancelled(): whether to stop.

    report(done, total, words): how far it is; words take the place of what the request is called.
    """

    publish: Callable[[Any], object]
    cancelled: Callable[[], bool]
    report: "Report"


class Report(Protocol):
    def __call__(self, done: int, total: int, words: str = "") -> None: ...


@dataclass(frozen=True)
class Doing:
    """What runs. share: how much of it is done, None where that is not known. words: how far it is, in words."""

    job: Job
    share: float | None = None
    words: str = ""


@dataclass(frozen=True)
class Work:
    """One line of the list of all work. condition: "runs", "waits" or "stopped"; share, words: as in `Doing`."""

    topic: str
    what: str
    condition: str
    share: float | None = None
    words: str = ""


class Worker:
    """One thread, one job at a time.

    `submit` replaces what waits under the same topic and makes what runs under it give up (`cancelled()` turns true).
    While a job asks `cancelled()`, more urgent jobs are run in between, so that a long calibration does not keep the
    selected tensor waiting. Results go to publish(generation, value), errors to failed(job, exception), both called
    in the worker's thread; moved() says that `work()` may have changed. The thread is there as long as there is work;
    it does not keep a script from ending.
    """

    def __init__(
        self,
        publish: Callable[[Generation, Any], object],
        failed: Callable[[Job, Exception], None],
        moved: Callable[[], None],
    ) -> None:
        self._publish, self._failed, self._moved = publish, failed, moved
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._count = itertools.count(1)
        self._waiting: dict[str, Job] = {}
        self._running: list[Job] = []
        self._doing: dict[str, Doing] = {}
        self._stopped: dict[str, Request] = {}
        self._closed = False
        self._quiet = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        _working.add(self)

    def submit(self, request: Request) -> Generation:
        """Ask for a value; an older request of the topic is dropped."""
        with self._lock:
            generation = Generation(request.topic, next(self._count))
            if self._closed:
                return generation
            self._stopped.pop(request.topic, None)
            self._numbers[request.topic] = generation.number
            self._waiting[request.topic] = Job(generation, request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run_all, name="workbench", daemon=True)
                self._thread.start()
        return generation

    def cancel(self, topic: str) -> None:
        """Drop what waits or runs under a topic."""
        with self._lock:
            self._numbers.pop(topic, None)
            self._waiting.pop(topic, None)
            self._quiet.notify_all()

    def stop(self, topic: str) -> bool:
        """As `cancel`, but remembered for `resume`; False where nothing of the topic runs or waits."""
        with self._lock:
            jobs = [job for job in (*self._waiting.values(), *self._running) if job.generation.topic == topic]
            if jobs:
                self._stopped[topic] = jobs[0].request
        self.cancel(topic)
        return bool(jobs)

    def resume(self, topic: str) -> bool:
        """Ask again for what was stopped; False where nothing was."""
        with self._lock:
            request = self._stopped.pop(topic, None)
        if request is not None:
            self.submit(request)
        return request is not None

    def work(self) -> tuple[Work, ...]:
        """Everything that has a name: what runs, the innermost first, what waits, the most urgent first, what was
        stopped.
        """
        with self._lock:
            doing = [self._doing.get(job.generation.topic, Doing(job)) for job in reversed(self._running) if job.what]
            current = [one for one in doing if self._numbers.get(one.job.generation.topic) == one.job.generation.number]
            waiting = sorted((job for job in self._waiting.values() if job.what), key=lambda job: job.urgency)
            stopped = [Work(topic, request.what, "stopped") for topic, request in self._stopped.items() if request.what]
        runs = [Work(d.job.generation.topic, d.job.what, "runs", d.share, d.words) for d in current]
        return (*runs, *(Work(job.generation.topic, job.what, "waits") for job in waiting), *stopped)

    def is_current(self, generation: Generation) -> bool:
        """Whether no newer request of its topic was made and it was not cancelled."""
        with self._lock:
            return self._numbers.get(generation.topic) == generation.number

    @property
    def inside(self) -> bool:
        """Whether the caller is the worker's own thread."""
        return threading.current_thread() is self._thread

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        with self._lock:
            return bool(self._waiting or self._running)

    def wait(self, timeout: float | None = None, *, idle: bool = False) -> bool:
        """Block until nothing runs or waits; False after `timeout` seconds. Not to be called by a job.

        idle: wait for work ahead of time, too.
        """
        end = None if timeout is None else time.monotonic() + timeout
        with self._quiet:
            while any(idle or not job.request.idle for job in (*self._waiting.values(), *self._running)):
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._quiet.wait(left)
        return True

    def close(self) -> None:
        """Give up everything; what runs stops at its next look at `cancelled()`."""
        with self._lock:
            self._closed = True
            self._numbers.clear()
            self._waiting.clear()
            self._quiet.notify_all()

    def _next(self, more_urgent_than: int | None = None) -> Job | None:
        with self._lock:
            jobs = [job for job in self._waiting.values() if more_urgent_than is None or job.urgency < more_urgent_than]
            if not jobs:
                if more_urgent_than is None:
                    self._thread = None  # the thread ends; what is submitted from now on begins another
                return None
            job = min(jobs, key=lambda job: (job.urgency, job.generation.number))
            del self._waiting[job.generation.topic]
            self._running.append(job)  # in the same breath, so that `wait` never sees neither
            return job

    def _run_all(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._run(job)
            except Exception:  # of somebody who was told; what waits must not wait for ever
                log.exception("telling of the work on %r failed", job.generation.topic)

    def _run(self, job: Job) -> None:
        def cancelled() -> bool:
            while self.is_current(job.generation):
                urgent = self._next(more_urgent_than=job.urgency)
                if urgent is None:
                    return False
                self._run(urgent)
                self._moved()
            return True

        def report(done: int, total: int, words: str = "") -> None:
            self._doing[job.generation.topic] = Doing(job, done / max(total, 1), words)
            self._moved()

        self._doing[job.generation.topic] = Doing(job)
        self._moved()
        try:
            value = job.request.compute(Turn(lambda value: self._publish(job.generation, value), cancelled, report))
        except Cancelled:
            pass
        except Exception as error:  # a background error becomes words; it must not end the thread
            if self.is_current(job.generation):
                self._failed(job, error)
        else:
            if value is not None:
                self._publish(job.generation, value)
        finally:
            with self._lock:
                self._running.remove(job)
                self._doing.pop(job.generation.topic, None)
                quiet = not self._running and all(other.request.idle for other in self._waiting.values())
            if quiet:
                self._moved()
            with self._lock:
                self._quiet.notify_all()


_working: WeakSet[Worker] = WeakSet()


@atexit.register
def _end_all() -> None:
    """Give up all work and wait a moment: a thread that still runs while the interpreter goes may take it down."""
    threads = [worker._thread for worker in _working]
    for worker in list(_working):
        worker.close()
    for thread in threads:
        if thread is not None:
            thread.join(LAST_WORDS)
