"""`Outbox`: carries calls out of the worker's thread to a thread where widgets may be touched."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from weakref import WeakSet


class Outbox:
    """Calls waiting for an event loop.

    Widgets are touched by the thread that runs a cell or answers the browser, never by a worker. `join()` remembers the
    event loop of the calling thread, where one runs: the kernel's own, and that of a subshell, which goes on while a
    cell is busy. `post` hands a call to whichever of them is free first. Without any loop (a plain script) the call is
    made at once, in the thread that posts it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drain_lock = threading.RLock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()

    def join(self) -> None:
        """Remember the event loop that runs in this thread, if one does."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        with self._lock:
            self._loops.add(loop)

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` made in a thread that may touch widgets, after everything posted before."""
        with self._lock:
            self._waiting.append(call)
            loops = list(self._loops)
        told = False
        for loop in loops:
            try:
                loop.call_soon_threadsafe(self.drain)
                told = True
            except RuntimeError:  # that loop is closed: its page was reloaded
                with self._lock:
                    self._loops.discard(loop)
        if not told:
            self.drain()

    def drain(self) -> None:
        """Make all waiting calls, in order, in this thread; one thread at a time."""
        with self._drain_lock:
            while True:
                with self._lock:
                    if not self._waiting:
                        return
                    call = self._waiting.popleft()
                call()
