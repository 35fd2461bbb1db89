"""What a run does step by step: whole segments, or their parts where a value inside is changed or kept."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

from workbench.models.network import Network
from workbench.models.planning import Segment, described, split
from workbench.models.sessions import Sessions

REMEMBERED = 256  # programs of one chain
PARTITIONS = 4  # ways of splitting one segment
RESTS = 4  # joined ends of the network


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
        self._rests: OrderedDict[int, Segment] = OrderedDict()
        self._parts: dict[int, OrderedDict[frozenset[str], tuple[Segment, ...]]] = {}

    def get(
        self, start: int, stop: int, wanted: tuple[str, ...], transformed: Iterable[str], joined: int | None = None
    ) -> Program:
        """The program of segments `start` to `stop` that computes `wanted` and lets `transformed` be changed.

        joined: from there on the segments are one, as far as none of `transformed` is made there.
        """
        changed = frozenset(transformed)
        key = (start, stop, wanted, changed, joined)
        with self._lock:
            if key not in self._known:
                self._known[key] = self._compiled(start, stop, wanted, changed, joined)
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]

    def _compiled(
        self, start: int, stop: int, wanted: tuple[str, ...], changed: frozenset[str], joined: int | None
    ) -> Program:
        steps: list[Segment] = []
        if joined is not None and stop == len(self._segments):
            made = (segment.index + 1 for segment in self._segments if segment.made & changed)
            stop = max(start, joined, *made)
        for segment in self._segments[start:stop]:
            # what leaves the segment anyway is computed as an output, and can be kept without a split
            looked_at = frozenset(wanted).difference(segment.outputs)
            steps.extend(self._split(segment, segment.inner & (changed | looked_at)))
        if joined is not None and stop < len(self._segments):
            steps.append(self._rest(stop))
        return Program(
            tuple(
                (step, tuple(dict.fromkeys([*step.outputs, *(name for name in wanted if name in step.made)])))
                for step in steps
            )
        )

    def _rest(self, start: int) -> Segment:
        """All segments from `start` on as one; the last few are remembered, and their sessions."""
        if start not in self._rests:
            nodes = {id(node): node for segment in self._segments[start:] for node in segment.nodes}
            self._rests[start] = described([list(nodes.values())], self._network, self._network.output_names, start)[0]
            if len(self._rests) > RESTS:
                self._sessions.forget([self._rests.popitem(last=False)[1]])
        self._rests.move_to_end(start)
        return self._rests[start]

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
