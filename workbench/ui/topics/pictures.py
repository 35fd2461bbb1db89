"""`Pictures`: small pictures of some evaluation samples, as the model sees them."""

from collections.abc import Mapping

import numpy as np

from workbench.ui.state import State
from workbench.ui.thumbnails import pictures_of
from workbench.ui.topics.topic import Topic
from workbench.ui.worker import Turn


class Pictures(Topic):
    """Asked with a tuple of sample numbers: number -> uint8 (height, width, 3), None for a sample that is no picture.

    More urgent than the network's figures: data are read, nothing is run.
    """

    name, urgency = "pictures", 7

    def about(self, state: State) -> tuple | None:
        wanted = self.options(state)
        return (wanted,) if isinstance(wanted, tuple) and self.means.evaluation is not None else None

    def answer(self, state: State, turn: Turn) -> Mapping[int, np.ndarray | None]:
        assert self.means.evaluation is not None
        return pictures_of(self.means.evaluation, self.options(state), turn.cancelled)
