"""`Network`: what a recipe does to the network, over a growing number of samples; and what follows from it."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.ui.state import Measured
from workbench.ui.worker import Turn
from workbench.workflow.batches import Batches
from workbench.workflow.comparison import Comparison, Metric, is_classes
from workbench.workflow.recipe import Recipe
from workbench.workflow.samples import ChangedSamples, changes_between
from workbench.workflow.simulate import Simulator
from workbench.workflow.tasks.task import Output

BETWEEN_FIGURES = 0.25  # seconds from one figure to the next


class Network:
    """Compares recipes with the float network: on a few samples at once, then on more and more.

    A run begins where its recipe differs from the one before; what it begins with is kept within `cache_bytes`.
    To be used from the worker's thread.
    """

    def __init__(
        self,
        model: Model,
        batches: Batches,
        labels: Any = None,
        *,
        metric: Metric | None = None,
        cache_bytes: int = 1_000_000_000,
    ) -> None:
        self.n_samples = batches.n_samples
        self._metric = None if metric is None else _Guarded(metric)
        self.simulator = Simulator(model, batches, labels, metric=self._metric, cache_bytes=cache_bytes)
        self._task = ""
        self._compared: Recipe | None = None

    @property
    def class_labels(self) -> np.ndarray | None:
        """Labels that are class indices (samples,); None for others."""
        labels = self.simulator.labels
        return labels if is_classes(labels) else None

    def compare(self, recipe: Recipe, turn: Turn, task: str = "") -> None:
        """Publishes a `Measured` after the first samples, then now and then, and when all are in.

        task: what answers are counted by; "" for a guess. Raises WorkbenchError at the end where the metric failed.
        """
        self._count_by(task)
        if self._metric is not None:
            self._metric.words = ""
        by_size: dict[int, Comparison] = {}
        last = time.monotonic() if recipe is self._compared else -math.inf  # all is there already: no first look
        for comparison in self.simulator.progress(recipe, tensors=True, cancelled=turn.cancelled):
            by_size = {**by_size, comparison.n_samples: comparison}
            if comparison.complete or time.monotonic() - last > BETWEEN_FIGURES:
                turn.publish(Measured(recipe, by_size, self.n_samples))
                last = time.monotonic()
        self._compared = recipe
        metrics = [error.metric for error in comparison.outputs.values() if error.metric is not None]
        if self._metric is not None and self._metric.words and np.isnan(metrics).any():
            raise WorkbenchError(self._metric.words)

    def changed(self, recipe: Recipe, task: str, cancelled: Callable[[], bool]) -> ChangedSamples:
        """The samples whose answer a recipe changes; nothing is run again where it was compared last.

        Raises WorkbenchError where the outputs cannot be meant as the task, and `Cancelled`.
        """
        self._count_by(task)
        first = self.float_answers(cancelled)
        second = self.simulator.chosen_answers(recipe, cancelled)
        numbers = self.simulator.batches.sample_numbers
        with np.errstate(invalid="ignore", over="ignore"):  # a network may overflow
            return changes_between(first, second, self.simulator.labels, task=self.simulator.task, numbers=numbers)

    def float_answers(self, cancelled: Callable[[], bool]) -> dict[str, Output]:
        """The float network's outputs that have one entry a sample. Raises `Cancelled`."""
        return self.simulator.float_answers(cancelled)

    def _count_by(self, task: str) -> None:
        if task != self._task:
            self.simulator.task = task or None
            self._task = task


class _Guarded:
    """A person's metric that gives NaN where it fails. words: what went wrong last, "" where nothing did."""

    def __init__(self, metric: Metric) -> None:
        self._metric, self.words = metric, ""
        self.__name__ = getattr(metric, "__name__", type(metric).__name__)

    def __call__(self, values: np.ndarray, labels: Any) -> float:
        try:
            return float(self._metric(values, labels))
        except Exception as error:  # not our code: the other figures must not go with it
            self.words = (
                f"The metric {self.__name__!r} failed on {len(values)} samples: {type(error).__name__}: {error}"
            )
            return math.nan
