"""`OneSample`: the error of every tensor along the network for a single sample."""

from workbench.ui.state import State
from workbench.ui.topics.topic import Topic
from workbench.ui.worker import Turn
from workbench.workflow.depth import ErrorAlongDepth, along_depth


class OneSample(Topic):
    """Asked with the number of a sample: its error along the depth, now and before the last change."""

    name, what, urgency = "one_sample", "running one sample", 10

    def about(self, state: State) -> tuple | None:
        sample = self.sample(state)
        if sample is None or self.means.network is None or not (state.calibrated and state.whole):
            return None
        return state.recipe, None if state.before is None else state.before.recipe, sample

    def answer(self, state: State, turn: Turn) -> ErrorAlongDepth:
        network, sample = self.means.network, self.sample(state)
        assert network is not None and sample is not None
        before = None
        if state.before is not None:
            before = network.simulator.compare_sample(state.before.recipe, sample, turn.cancelled)
        return along_depth(network.simulator.compare_sample(state.recipe, sample, turn.cancelled), before, (sample,))

    def sample(self, state: State) -> int | None:
        """The number of the sample that is looked at; None: no single one."""
        asked = self.options(state)
        return asked if isinstance(asked, int) and not isinstance(asked, bool) else None
