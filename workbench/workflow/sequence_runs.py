"""`SequenceRuns`: the float and the quantized network beside each other through sequences, each with its own state."""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.batches import Batches, Feeds, Outputs, Run, joined
from workbench.workflow.runs import Cancel, Done, Part, Runs
from workbench.workflow.settings import Settings

SETTLED = 8  # steps after which a state is one like others


class SequenceRuns:
    """Runs settings sequence by sequence, from the first step to the last.

    What `Runs` keeps to begin in the middle would be wrong here: the state of a step hangs on the quantizers at all
    steps before. So every run is a whole one, with the float network beside it; kept are the answers of a sequence and
    its sums, which do not grow with what a step computes on its way.
    """

    cached_bytes = 0

    def __init__(self, model: Model, batches: Batches, cache_bytes: int) -> None:
        self.model, self.batches, self.cache_bytes = model, batches, cache_bytes
        self._float_outputs: dict[int, Mapping[str, np.ndarray]] = {}
        self._done: dict[int, Done] = {}

    def parts(self) -> Iterator[Part]:
        """The sequences in order."""
        for number, sequence in enumerate(self.batches):
            yield Part(number, sequence, 1, False)

    def example(self) -> Feeds:
        """What the network is given in a step that has a state: the first ones begin with zeros."""
        given: list[Feeds] = []

        def run(feeds: Feeds) -> Outputs:
            given[:] = [feeds]
            return self.model.chain.run(feeds)

        for _ in itertools.islice(self.batches.steps(next(iter(self.batches)), run), SETTLED):
            pass
        return given[0]

    def float_outputs(self, part: Part, cancelled: Cancel | None = None) -> Mapping[str, np.ndarray]:
        """Answers of the float network on a sequence; computed once."""
        if part.number not in self._float_outputs:
            self._float_outputs[part.number] = self.batches.whole(part.feeds, self._network(Settings(), (), cancelled))
        return self._float_outputs[part.number]

    def run(self, part: Part, settings: Settings, names: tuple[str, ...] = (), cancelled: Cancel | None = None) -> Done:
        """The quantized run of one sequence, with the errors of the tensors `names` over all steps."""
        former = self._done.get(part.number)
        if former is not None and settings.touched(self.model, former.settings) == self.model.chain.n_segments:
            known = former.known_sums(names)
            if all(name in known for name in names):
                return former
        done = self._done[part.number] = self._compared(part, settings, names, cancelled)
        return done

    def attempt(
        self, part: Part, settings: Settings, cancelled: Cancel | None = None, *, joined: int | None = None
    ) -> Done:
        """A run that changes nothing of what is kept. joined: nothing is run as one here."""
        return self._compared(part, settings, (), cancelled)

    def can_prepare(self, part: Part, segment: int) -> bool:
        """Nothing can be had ready: every run begins at the first step."""
        return False

    def prepare(self, part: Part, segment: int, cancelled: Cancel | None = None) -> None:
        """Does nothing, see `can_prepare`."""

    def _compared(self, part: Part, settings: Settings, names: tuple[str, ...], cancelled: Cancel | None) -> Done:
        """One pass: what both networks answer, and the sums of states and tensors step by step.

        Where looking at a tensor cuts the float network, a second float run that is cut there goes beside the others.
        """
        uncut = set(names) <= set(self.model.observed)
        runs = [self._network(Settings(), names if uncut else (), cancelled), self._network(settings, names, cancelled)]
        runs += [] if uncut else [self._network(Settings(), names, cancelled)]
        answers = self.batches.answers(self.model)
        states = {port.name: ErrorSums() for port in self.model.outputs if port.name not in answers}
        sums = {name: ErrorSums() for name in names}
        reference: dict[str, list[np.ndarray]] = {name: [] for name in answers}
        values: dict[str, list[np.ndarray]] = {name: [] for name in answers}
        for results in self.batches.steps(part.feeds, *runs):
            floats, chosen, looked_at = results[0], results[1], results[-1] if not uncut else results[0]
            for name in answers:
                reference[name].append(floats[name])
                values[name].append(chosen[name])
            for name, total in states.items():
                total.add(floats[name], chosen[name])
            for name, total in sums.items():
                transform = settings.transforms.get(name)
                total.add(looked_at[name], chosen[name] if transform is None else transform(chosen[name]))
        whole = {name: joined(name, arrays) for name, arrays in reference.items()}
        self._float_outputs.setdefault(part.number, whole)
        outputs = {name: joined(name, arrays) for name, arrays in values.items()}
        return Done(settings, outputs, sums=sums, names=names, states=states)

    def _network(self, settings: Settings, keep: tuple[str, ...], cancelled: Cancel | None) -> Run:
        def run(feeds: Feeds) -> Outputs:
            if cancelled is not None and cancelled():
                raise Cancelled
            return self.model.chain.run(
                feeds, weights=settings.weights, transforms=settings.transforms, keep=keep, cancelled=cancelled
            )

        return run


def runs_of(model: Model, batches: Batches, cache_bytes: int) -> Runs | SequenceRuns:
    """What runs these data."""
    return (SequenceRuns if batches.has_state else Runs)(model, batches, cache_bytes)
