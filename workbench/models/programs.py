"""What a run does step by step: whole segments, or their parts where a value inside is changed or kept."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

from workbench.models.network import Network
from workbench.models.planning import Segment, split
from workbench.models.sessions import Sessions

REMEMBERED = 32  # programs of one chain
PARTITIONS = 4  # ways of splitting one segment


@dataclass(frozen=True)
class Program:
    """The steps of one kind of run, each a segment (or a part of one) and the values that it computes."""

    steps: tuple[tuple[Segment, tuple[str, ...]], ...]

    @cached_property
    def last_reader(self) -> dict[str, int]:
        """Name of a value that crosses steps -> number of the last step that reads it."""
        return {name: number for number, (step, _) in enumerate(self.steps) for name in step.inputs}


class Programs:
    """The programs of a chain; the last ones are remembered. Safe to use from several threads."""

    def __init__(self, network: Network, segments: Sequence[Segment], sessions: Sessions) -> None:
        self._network, self._segments, self._sessions = network, segments, sessions
        self._lock = Lock()
        self._known: OrderedDict[object, Program] = OrderedDict()
        self._parts: dict[int, OrderedDict[frozenset[str], tuple[Segment, ...]]] = {}

    def get(self, start: int, wanted: tuple[str, ...], transformed: Iterable[str]) -> Program:
        """The program from segment `start` on that computes `wanted` and lets `transformed` be changed on the way."""
        changed = frozenset(wanted).union(transformed)
        key = (start, wanted, changed)
        with self._lock:
            if key not in self._known:
                self._known[key] = self._compiled(start, wanted, changed)
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]

    def _compiled(self, start: int, wanted: tuple[str, ...], changed: frozenset[str]) -> Program:
        steps: list[Segment] = []
        for segment in self._segments[start:]:
            steps.extend(self._split(segment, segment.inner & changed))
        return Program(
            tuple(
                (step, tuple(dict.fromkeys([*step.outputs, *(name for name in wanted if name in step.made)])))
                for step in steps
            )
        )

    def _split(self, segment: Segment, cut: frozenset[str]) -> tuple[Segment, ...]:
        """The parts of a segment; the same ones for the same cut, so that their sessions are found again."""
        if not cut:
            return (segment,)
        parts = self._parts.setdefault(segment.index, OrderedDict())
        if cut not in parts:
            parts[cut] = split(segment, self._network, cut)
            if len(parts) > PARTITIONS:
                self._sessions.forget(parts.popitem(last=False)[1])
        parts.move_to_end(cut)
        return parts[cut]
