"""`Runs`: the float and the quantized run of each batch, begun where they differ from what an earlier run left."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.batches import Batches, Feeds, Item, samples_in
from workbench.workflow.borders import BorderPlan, border_sizes
from workbench.workflow.float_values import FloatValues
from workbench.workflow.plan import same
from workbench.workflow.settings import Settings

Cancel = Callable[[], bool]
FIRST_LOOK = 8  # samples of the first figure
BORDERS = 0.75  # share of the memory for values to resume at; the rest is for float values of observed tensors


@dataclass(frozen=True, eq=False)
class Done:
    """What the run of one batch left behind; it never changes.

    settings: what it ran with. outputs: of the network. values: borders as they were computed, before any quantizer.
    sums: observed tensor -> its error against the float network on this batch, as far as it is known; names: the
    tensors that were observed together, for which the float network may have been cut. states: output that is fed back
    -> its error, of which nothing else is kept.
    """

    settings: Settings
    outputs: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    sums: Mapping[str, ErrorSums] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    states: Mapping[str, ErrorSums] = field(default_factory=dict)

    def known_sums(self, names: tuple[str, ...]) -> Mapping[str, ErrorSums]:
        """The errors of tensors that are observed together."""
        return self.sums if names == self.names else {}


@dataclass(frozen=True, eq=False)
class Part:
    """A batch to run. number: its place. look: whether it is a first look at samples that come again in a batch."""

    number: int
    feeds: Item
    n_samples: int
    look: bool


class Runs:
    """Runs settings batch by batch and keeps what a later run can begin with, within `cache_bytes`.

    To be used from one thread; a run inside `cancelled` of another is allowed. Trials may be made from several at the
    same time, while nothing else is run or prepared.
    """

    def __init__(self, model: Model, batches: Batches, cache_bytes: int) -> None:
        self.model, self.batches, self.cache_bytes = model, batches, cache_bytes
        self._float_outputs: dict[int, Mapping[str, np.ndarray]] = {}
        self._references: dict[int, Mapping[str, np.ndarray]] = {}
        self._referenced: tuple[str, ...] = ()
        self._done: dict[int, Done] = {}
        self._borders: BorderPlan | None = None
        self._compared: tuple[Settings, Settings, int] = (Settings(), Settings(), 0)
        self._joins: dict[tuple[object, ...], bool] = {}
        self._n_looks = int(
            batches.can_be_recut and batches.batch_size > FIRST_LOOK and batches.n_samples >= 4 * FIRST_LOOK
        )

    @property
    def cached_bytes(self) -> int:
        """Size of all kept values between segments."""
        kept = [*self._references.values(), *(done.values for done in self._done.values())]
        return sum(array.nbytes for values in kept for array in values.values())

    def parts(self) -> Iterator[Part]:
        """The batches in order; before them a first look at a few samples where the network takes any number."""
        for number, feeds in enumerate(self.batches):
            if number == 0 and self._n_looks:
                yield Part(0, {name: array[:FIRST_LOOK] for name, array in feeds.items()}, FIRST_LOOK, True)
            yield Part(number + self._n_looks, feeds, samples_in(feeds), False)

    def example(self) -> Feeds:
        """What the network is given in a run, as an example; not for many samples."""
        return next(iter(self.parts())).feeds

    def float_outputs(self, part: Part, cancelled: Cancel | None = None) -> Mapping[str, np.ndarray]:
        """Outputs of the float network on a batch; computed once."""
        if part.number not in self._float_outputs:
            self._float_outputs[part.number] = self._run(part, Settings(), (), 0, {}, cancelled)
        return self._float_outputs[part.number]

    def _float_values(
        self, part: Part, names: tuple[str, ...], missing: list[str], cancelled: Cancel | None
    ) -> FloatValues:
        """Float values of tensors on a batch: those that were kept, or of a float run beside the quantized one.

        names: all that are observed together. missing: those that will be asked for.
        """
        if names != self._referenced:
            self._references, self._referenced = {}, names
        kept = sum(array.nbytes for one in self._references.values() for array in one.values())
        known = self._references.get(part.number)
        walk = self.model.chain.walk(part.feeds, keep=names, cancelled=cancelled) if known is None else iter(())
        outputs = (port.name for port in self.model.outputs)
        return FloatValues(known or {}, walk, missing, outputs, int((1 - BORDERS) * self.cache_bytes) - kept)

    def _remember(self, part: Part, names: tuple[str, ...], floats: FloatValues) -> None:
        """Keep what a float run has shown."""
        values = floats.rest()
        if values is not None and names == self._referenced:
            self._references[part.number] = {name: values[name] for name in names}
        if floats.outputs and set(names) <= set(self.model.observed):  # nothing was cut: these are those of any run
            self._float_outputs.setdefault(part.number, floats.outputs)

    def run(
        self,
        part: Part,
        settings: Settings,
        names: tuple[str, ...] = (),
        cancelled: Cancel | None = None,
    ) -> Done:
        """The quantized run of one batch, with the errors of the tensors `names`; later runs begin from it."""
        former = self._done.get(part.number)
        start, touched = self._start(part, former, settings, names, self.model.chain.n_segments)
        if former is not None and start == self.model.chain.n_segments:
            return former
        making, earlier = self.model.chain.segment_making, former.values if former is not None else {}
        borders = self._kept(part, touched)
        values = {name: earlier[name] for name in borders if name in earlier and making(name) < start}
        observed = names or (former.names if former is not None else ())
        sums = self._still_valid(former, settings, observed, start)
        missing = [name for name in names if name not in sums]
        floats = self._float_values(part, names, missing, cancelled) if missing else None

        def look(name: str, array: np.ndarray) -> None:
            if name in borders:
                values[name] = array
            if name in missing:
                seen = settings.transforms[name](array) if name in settings.transforms else array
                sums[name] = ErrorSums()
                assert floats is not None
                sums[name].add(floats.take(name), seen)

        for name in missing:
            if making(name) < start:
                look(name, part.feeds[name] if making(name) < 0 else earlier[name])
        wanted = [name for name in dict.fromkeys([*missing, *borders]) if making(name) >= start]
        outputs = self._run(part, settings, tuple(wanted), start, earlier, cancelled, observe=look)
        if floats is not None:
            self._remember(part, names, floats)
        elif settings.is_float and set(names) <= set(self.model.observed):
            self._float_outputs.setdefault(part.number, outputs)
        done = self._done[part.number] = Done(settings, outputs, values, sums, observed)
        return done

    def trial(
        self,
        part: Part,
        settings: Settings,
        cancelled: Cancel | None = None,
        *,
        keep: tuple[str, ...] = (),
        limit: int | None = None,
        stop: int | None = None,
        joined: int | None = None,
    ) -> Mapping[str, np.ndarray]:
        """Outputs of a run that changes nothing of what is kept, and the values `keep` on the way.

        limit: begin at this segment or before. stop: end before this one. joined: where segments are one from there
        on, if the first batch of each size says that the outputs are the same to the last bit.
        """
        former = self._done.get(part.number)
        n_segments = self.model.chain.n_segments
        start, _ = self._start(part, former, settings, (), n_segments if limit is None else limit)
        if former is not None and start == n_segments:
            return former.outputs
        values = former.values if former is not None else {}
        if joined is None:
            return self._run(part, settings, keep, start, values, cancelled, stop=stop)
        size = (joined, *(array.shape for array in part.feeds.values()))
        if size not in self._joins:
            apart, together = (
                self._run(part, settings, (), start, values, cancelled, joined=j) for j in (None, joined)
            )
            self._joins[size] = all(apart[name].tobytes() == together[name].tobytes() for name in apart)
            return apart
        return self._run(part, settings, (), start, values, cancelled, joined=joined if self._joins[size] else None)

    def attempt(
        self, part: Part, settings: Settings, cancelled: Cancel | None = None, *, joined: int | None = None
    ) -> Done:
        """The same to the end of the network, as a value of its own."""
        return Done(settings, self.trial(part, settings, cancelled, joined=joined))

    def value(self, part: Part, settings: Settings, tensor: str, cancelled: Cancel | None = None) -> np.ndarray:
        """A quantization point of a batch as it is computed, before its own quantizer."""
        making = self.model.chain.segment_making(tensor)
        if making < 0:
            return part.feeds[tensor]
        return self.trial(part, settings, cancelled, keep=(tensor,), limit=making, stop=making + 1)[tensor]

    def can_prepare(self, part: Part, segment: int) -> bool:
        """Whether `prepare` has something to do."""
        former, needed = self._done.get(part.number), self.model.chain.needed(segment)
        if former is None or all(name in former.values for name in needed):
            return False
        return self._kept(part, segment).issuperset(needed)

    def prepare(self, part: Part, segment: int, cancelled: Cancel | None = None) -> None:
        """Have a batch's last run ready to be resumed at a segment, where the memory allows it."""
        if not self.can_prepare(part, segment):
            return
        former, chain, borders = self._done[part.number], self.model.chain, self._kept(part, segment)
        start = next(s for s in range(segment, -1, -1) if self._complete(former, s))
        wanted = [name for name in borders if start <= chain.segment_making(name) < segment]
        result = self._run(part, former.settings, tuple(wanted), start, former.values, cancelled, stop=segment)
        values = {**former.values, **result}
        kept = {name: values[name] for name in values if name in borders}
        self._done[part.number] = replace(former, values=kept)

    def _run(
        self,
        part: Part,
        settings: Settings,
        keep: tuple[str, ...],
        start: int,
        values: Mapping[str, np.ndarray],
        cancelled: Cancel | None,
        *,
        stop: int | None = None,
        joined: int | None = None,
        observe: Callable[[str, np.ndarray], None] | None = None,
    ) -> dict[str, np.ndarray]:
        if cancelled is not None and cancelled():
            raise Cancelled
        return self.model.chain.run(
            part.feeds,
            weights=settings.weights,
            transforms=settings.transforms,
            keep=keep,
            start=start,
            stop=stop,
            values=values,
            joined=joined,
            observe=observe,
            cancelled=cancelled,
        )

    def _complete(self, former: Done, start: int) -> bool:
        return all(name in former.values for name in self.model.chain.needed(start))

    def _start(
        self, part: Part, former: Done | None, settings: Settings, names: tuple[str, ...], limit: int
    ) -> tuple[int, int]:
        """(segment to begin at, not after `limit`; first segment that computes something else than before)."""
        if former is None:
            return 0, 0
        chain = self.model.chain
        compared = self._compared
        if compared[:2] != (settings, former.settings):  # the same for all batches, as a rule
            compared = self._compared = (settings, former.settings, settings.touched(self.model, former.settings))
        touched = compared[2]
        known_sums = former.known_sums(names)
        if touched == limit == chain.n_segments and all(name in known_sums for name in names):
            return touched, touched
        reusable = set(former.values).union(part.feeds, known_sums)
        for start in range(min(touched, limit, chain.n_segments - 1), 0, -1):
            known = all(name in reusable for name in names if chain.segment_making(name) < start)
            if known and self._complete(former, start):
                return start, touched
        return 0, touched

    def _still_valid(
        self, former: Done | None, settings: Settings, names: tuple[str, ...], start: int
    ) -> dict[str, ErrorSums]:
        """Errors of tensors that are computed before `start` and seen through the same quantizer as before."""
        if former is None:
            return {}
        now, then, making = settings.activations, former.settings.activations, self.model.chain.segment_making
        known = former.known_sums(names)
        return {n: one for n, one in known.items() if making(n) < start and same(now.get(n), then.get(n))}

    def _kept(self, part: Part, focus: int) -> frozenset[str]:
        """Borders of a batch to keep. focus: the segment where the last change begins."""
        if self._borders is None:
            sizes = border_sizes(self.model, self.batches.one_feed())
            n_parts, size = self.batches.n_batches + self._n_looks, self.batches.batch_size
            budget = int(BORDERS * self.cache_bytes)
            self._borders = BorderPlan.within(self.model, sizes, n_parts, size, budget)
        return self._borders.kept(focus)(part.number)
