"""`PreparedBook`: what selecting a tensor needs, worked out before anybody selects it."""

import dataclasses
import itertools
import threading
from dataclasses import dataclass
from typing import get_args

from workbench.ui.alternatives import Reach, is_whole
from workbench.ui.books import Source
from workbench.ui.state import TensorDetails
from workbench.ui.threshold.material import Material
from workbench.workflow.choice import TensorChoice

BUDGET = 256 << 20  # bytes: curves and live arrays of about a thousand tensors
A_DETAIL = 4096  # bytes, about


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is known of a tensor at one choice. used: when it was last asked for or put in; n_bytes: what it costs.

    reached: the sets of methods that have been tried.
    """

    choice: TensorChoice | None
    source: Source | None
    details: TensorDetails | None = None
    material: Material | None = None
    used: int = 0
    n_bytes: int = 0
    reached: tuple[Reach, ...] = ()


class PreparedBook:
    """Of each tensor the marks and the plot's material at its latest choice. Threads may share it.

    budget: bytes; beyond it what was not used for longest goes first.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._ticks = itertools.count(1)
        self._known: dict[str, Prepared] = {}
        self.n_bytes = 0

    def known(self, name: str, choice: TensorChoice | None, source: Source | None) -> Prepared | None:
        """What is kept of a tensor for this very choice and source."""
        with self._lock:
            entry = self._valid(name, choice, source)
            if entry is None:
                return None
            self._known[name] = entry = dataclasses.replace(entry, used=next(self._ticks))
            return entry

    def has(self, name: str, choice: TensorChoice | None, source: Source | None, reach: Reach = "marked") -> bool:
        """Whether nothing is missing to show a tensor, with the marks of so many methods."""
        with self._lock:
            entry = self._valid(name, choice, source)
        return entry is not None and entry.material is not None and reach in entry.reached

    def keep(
        self,
        name: str,
        choice: TensorChoice | None,
        source: Source | None,
        *,
        details: TensorDetails | None = None,
        material: Material | None = None,
        since: int | None = None,
    ) -> bool:
        """Put in what was worked out, beside what is known for this choice and source.

        since: a `moment`; nothing that was used after it is dropped to make room. False where there was none.
        """
        with self._lock:
            entry = self._valid(name, choice, source) or Prepared(choice, source)
            details, material = details or entry.details, material or entry.material
            n_bytes = A_DETAIL + (0 if material is None else material.n_bytes)
            reached = tuple(reach for reach in get_args(Reach) if is_whole(details, reach))
            self._forget(name)
            self._known[name] = Prepared(choice, source, details, material, next(self._ticks), n_bytes, reached)
            self.n_bytes += n_bytes
            return self._make_room(name, since)

    def moment(self) -> int:
        """Now, for `keep(since=...)`."""
        with self._lock:
            return next(self._ticks)

    def clear(self) -> None:
        """Forget everything: a format or a method is another one now."""
        with self._lock:
            self._known.clear()
            self.n_bytes = 0

    def _forget(self, name: str) -> None:
        entry = self._known.pop(name, None)
        self.n_bytes -= 0 if entry is None else entry.n_bytes

    def _valid(self, name: str, choice: TensorChoice | None, source: Source | None) -> Prepared | None:
        entry = self._known.get(name)
        return entry if entry is not None and entry.choice is choice and entry.source is source else None

    def _make_room(self, newest: str, since: int | None) -> bool:
        if self.n_bytes <= self._budget:
            return True
        for name in sorted(self._known, key=lambda name: self._known[name].used):
            if self.n_bytes > self._budget and name != newest and (since is None or self._known[name].used < since):
                self._forget(name)
        if self.n_bytes <= self._budget:
            return True
        self._forget(newest)
        return False
