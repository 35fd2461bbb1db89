"""`Channels`: what the present choice does to each output channel of the selected weight."""

import functools
from dataclasses import dataclass

import numpy as np

from workbench.models.segments import Cancelled
from workbench.numerics.errors.channels import ChannelErrors, channel_errors
from workbench.ui.state import State
from workbench.ui.topics.topic import Topic
from workbench.ui.worker import Turn
from workbench.workflow.choose import weight_axis

HALF = 0.5  # of the squared error


@dataclass(frozen=True, eq=False)
class ChannelTable:
    """tensor: whose channels. axis: along which. errors: their figures at the choice that was answered for."""

    tensor: str
    axis: int
    errors: ChannelErrors

    @functools.cached_property
    def n_worst(self) -> int:
        """How few channels make half of the squared error; 0 without any."""
        if not self.errors.share.any():
            return 0
        return int(np.searchsorted(np.cumsum(np.sort(self.errors.share)[::-1]), HALF * (1 - 1e-12))) + 1

    @functools.cached_property
    def spread(self) -> float | None:
        """Largest magnitude of the widest channel over that of the narrowest that is not all zeros; None without."""
        widths = np.maximum(np.abs(self.errors.low), np.abs(self.errors.high))
        widths = widths[widths > 0]  # not NaN either
        return float(widths.max() / widths.min()) if widths.size else None


class Channels(Topic):
    """Of weights whose layers agree on a channel axis: the histogram of an activation does not part its channels."""

    name, what, urgency = "channels", "measuring channels", 4

    def about(self, state: State) -> tuple | None:
        if self.axis(state.selected) is None:
            return None
        return state.selected, state.recipe.choices.get(state.selected)

    def axis(self, name: str) -> int | None:
        """The output channel axis of a weight; None where there is none or the tensor is an activation."""
        if not name or self.means.model.tensors[name].values is None:
            return None
        return weight_axis(self.means.model, name)

    def answer(self, state: State, turn: Turn) -> ChannelTable:
        name, choice = state.selected, state.recipe.choices.get(state.selected)
        axis = self.axis(name)
        assert axis is not None

        def between() -> None:
            if turn.cancelled():
                raise Cancelled

        array = self.means.model.tensors[name].array()
        errors = channel_errors(array, None if choice is None else choice.quantizer, axis, between)
        return ChannelTable(name, axis % array.ndim, errors)
