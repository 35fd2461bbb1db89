"""`Sweep`: a sensitivity sweep step by step: estimates, what is known already, one run after the other."""

import dataclasses
import functools
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from workbench.models.segments import Cancelled
from workbench.workflow.comparison import Comparison, OutputError
from workbench.workflow.memory import observed_tensors
from workbench.workflow.noise_gains import NoiseModel
from workbench.workflow.ranking import Ranking, SensitivityProgress, SensitivityRow
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel
from workbench.workflow.sensitivity_cases import Case, Direction, first_segment
from workbench.workflow.settings import Settings
from workbench.workflow.simulate import Simulator
from workbench.workflow.trials_at_once import Trial, Workers, at_once, one_by_one

SCREENED = 8  # samples that say which tensors are worth a run on all
CALL = 4e-5  # seconds that a session's call takes beside its work
BUILD, BUILD_BYTE = 5e-3, 2e-9  # seconds to build a session, and for each byte of its constants


class Sweep:
    """Cases of one recipe on the samples of one simulator, which the sweep has to itself while it runs.

    output: the graph output that figures are about. rows: of every case; nan is no estimate yet. cancelled: asked
    often; True ends whatever is called with `Cancelled`. workers: run batches and cases at the same time.
    """

    def __init__(
        self,
        simulator: Simulator,
        recipe: Recipe,
        found: Sequence[Case],
        output: str,
        direction: Direction,
        *,
        workers: Workers | None = None,
        cancelled: Cancel | None = None,
    ) -> None:
        self.simulator, self.cases = simulator, found
        self.output, self.direction = output, direction
        self.base = recipe if direction == "all_but" else Recipe(recipe.model_name, recipe.model_sha256)
        self.rows: dict[Any, SensitivityRow] = {
            case.key: SensitivityRow(case.name, case.side, case.what, case.tensors, case.digest, math.nan)
            for case in found
        }
        self.base_error: OutputError | None = None
        self.cancelled, self._workers = cancelled, workers

    def noise_model(self) -> NoiseModel:
        """For estimates of any settings."""
        model = self.simulator.model
        feeds = self.simulator.runs.example()
        return NoiseModel(model, feeds, observed_tensors(model), self.output, cancelled=self.cancelled)

    def estimate(self, noise: NoiseModel, known: dict[Any, float] | None = None) -> None:
        """An estimate in the row of every case.

        known: earlier estimates of this direction and base; new ones are added.
        """
        known = {} if known is None else known
        for case in self.cases:
            if self.cancelled is not None and self.cancelled():
                raise Cancelled
            about = case.tensors, case.digest
            if about not in known:
                known[about] = noise.sqnr_db(self._settings(case))
            self.rows[case.key] = dataclasses.replace(self.rows[case.key], estimated_sqnr_db=known[about])

    def screen(self) -> None:
        """Estimates from runs on the first few samples."""
        batches = self.simulator.batches
        few = (batches.recut(SCREENED) if batches.can_be_recut else batches).first(SCREENED)
        simulator = Simulator(self.simulator.model, few, cache_bytes=self.simulator.cache_bytes)
        simulator.compare(self.base, tensors=False, cancelled=self.cancelled)
        for case, comparison in zip(self.cases, self._trials(simulator, self.cases), strict=True):
            found = comparison.outputs[self.output].sqnr_db
            self.rows[case.key] = dataclasses.replace(self.rows[case.key], estimated_sqnr_db=found)

    def begin(self) -> None:
        """The run that all others are resumed from."""
        comparison = self.simulator.compare(self.base, tensors=False, cancelled=self.cancelled)
        if self.direction == "all_but":
            self.base_error = comparison.outputs[self.output]

    def question(self) -> str:
        """SHA-256 of what all rows share: the base they are compared with, float outputs, labels, metric."""
        about = json.dumps([self.base.to_json(), self.direction, self.output])
        digest = hashlib.sha256(about.encode())
        outputs = self.simulator.float_outputs()
        for name, values in outputs.items():
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        if self.simulator.metric is not None:  # a function is known by what it says
            digest.update(repr(self.simulator.error_of(self.output, outputs[self.output]).metric).encode())
        for label in () if self.simulator.labels is None else self.simulator.labels:
            digest.update(np.asarray(label).tobytes())
        return digest.hexdigest()

    def take(self, known: Callable[[SensitivityRow], OutputError | None]) -> None:
        """Put in errors that were measured before."""
        for key, row in self.rows.items():
            error = known(row)
            if error is not None:
                self.rows[key] = row.with_error(error)

    def missing(self, top: int | None = None) -> list[Case]:
        """The cases to run, in graph order, so that the place to resume at moves through the network once.

        top: so many, those of the worst estimates; None: all.
        """
        worst = list(self.cases)
        if top is not None:
            sign = -1 if self.direction == "all_but" else 1
            worst = sorted(worst, key=lambda case: sign * self.rows[case.key].estimated_sqnr_db)[:top]
        keys = {case.key for case in worst if not self.rows[case.key].measured}
        return [case for case in self.cases if case.key in keys]

    def work(self, wanted: Sequence[Case]) -> int:
        """Segments that runs of these cases compute."""
        model = self.simulator.model
        return sum(model.chain.n_segments - first_segment(model, case) for case in wanted)

    def steps(self, wanted: Sequence[Case], question: str = "") -> Iterator[SensitivityProgress]:
        """Run the cases; yields after each. `begin` comes before."""
        whole, done, started = self.work(wanted), 0, time.monotonic()
        found = self._trials(self.simulator, wanted)
        for n_done, (case, comparison) in enumerate(zip(wanted, found, strict=True), start=1):
            self.rows[case.key] = self.rows[case.key].with_error(comparison.outputs[self.output])
            done += self.work([case])
            seconds = time.monotonic() - started
            yield SensitivityProgress(n_done, len(wanted), seconds, done / whole, self.ranking(question))

    def ranking(self, question: str = "") -> Ranking:
        """What is known so far."""
        n_samples = self.simulator.batches.n_samples
        return Ranking.of(self.rows.values(), self.output, self.direction, n_samples, self.base_error, question)

    def _trials(self, simulator: Simulator, wanted: Sequence[Case]) -> Iterator[Comparison]:
        n_batches = simulator.batches.n_batches
        trials = (
            Trial(
                functools.partial(self._settings, case),
                first_segment(simulator.model, case),
                self._joined(case, n_batches),
            )
            for case in wanted
        )
        if self._workers is None:
            return one_by_one(simulator, trials, self.cancelled)
        return at_once(simulator, trials, self._workers, self.cancelled)

    def _settings(self, case: Case) -> Settings:
        return case.settings(lambda recipe: self.simulator.settings(recipe))

    def _joined(self, case: Case, n_batches: int) -> int | None:
        """Where the rest of the network, which is float, is better run as one session; None: it is not worth building.

        Small segments take less time than their calls, large ones less than building a session.
        """
        if self.direction == "all_but":
            return None
        model = self.simulator.model
        chain = model.chain
        place = max(
            chain.segment_reading(name) + 1 if name in model.network.constants else chain.segment_making(name) + 1
            for name in case.tensors
        )
        n_bytes = sum(
            model.network.constants[name].nbytes for segment in chain.segments[place:] for name in segment.constants
        )
        saved = CALL * (chain.n_segments - place) * n_batches
        return place if saved > BUILD + BUILD_BYTE * n_bytes else None
