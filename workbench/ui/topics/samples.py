"""`Samples`: the evaluation samples whose answer the recipe changed, and what the outputs can be meant as."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.ui.state import State
from workbench.ui.topics.topic import Means, Topic
from workbench.ui.worker import Turn
from workbench.workflow.samples import ChangedSamples
from workbench.workflow.tasks.catalogue import TASKS, as_task, guess_task
from workbench.workflow.tasks.task import Outputs, Task


@dataclass(frozen=True, eq=False)
class SamplesFound:
    """found: None where the outputs cannot be meant as the task; `refused` says why.

    guess: the task that the outputs seem to be, None where they are no known one. tasks: name -> why the outputs or the
    labels cannot be meant so, "" where they can. labels: class indices of all samples, where they are such.
    """

    found: ChangedSamples | None
    refused: str
    guess: Task | None
    tasks: Mapping[str, str]
    labels: np.ndarray | None


class Samples(Topic):
    """The samples whose answer changed, by the task that was set."""

    name, what, urgency = "samples", "looking for changed answers", 10

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._tasks: tuple[Task | None, Mapping[str, str]] | None = None  # of the float outputs: they stay the same

    def about(self, state: State) -> tuple | None:
        ready = self.means.network is not None and state.calibrated and state.whole
        return (state.recipe, state.task) if ready else None

    def answer(self, state: State, turn: Turn) -> SamplesFound:
        network = self.means.network
        assert network is not None
        guess, tasks = self._known_tasks(turn)
        try:
            found = network.changed(state.recipe, state.task, turn.cancelled)
            return SamplesFound(found, "", guess, tasks, network.class_labels)
        except WorkbenchError as error:
            return SamplesFound(None, str(error), guess, tasks, None)

    def _known_tasks(self, turn: Turn) -> tuple[Task | None, Mapping[str, str]]:
        if self._tasks is None:
            assert self.means.network is not None
            outputs = self.means.network.float_answers(turn.cancelled)
            tasks = {name: _why_not(name, outputs, self.means.network.simulator.labels, turn) for name in TASKS}
            try:
                guesses = self.means.evaluation is not None and not self.means.evaluation.has_state
                self._tasks = guess_task(outputs) if guesses else None, tasks
            except WorkbenchError:
                self._tasks = None, tasks
        return self._tasks


def _why_not(name: str, outputs: Outputs, labels: Any, turn: Turn) -> str:
    """Why outputs of the float network and labels cannot be meant as a task, "" where they can."""
    if turn.cancelled():
        raise Cancelled
    try:
        with np.errstate(invalid="ignore", over="ignore"):  # a network may overflow
            as_task(name, outputs).figures(outputs, outputs, labels)
    except WorkbenchError as error:
        return str(error)
    return ""
