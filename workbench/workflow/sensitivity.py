"""`sensitivity`: what each tensor or layer costs the network's output, one at a time, as measured."""

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.workflow.choose import Distributions
from workbench.workflow.comparison import Comparison, Metric
from workbench.workflow.data import as_batches
from workbench.workflow.noise_gains import NoiseModel
from workbench.workflow.ranking import Ranking, SensitivityProgress, SensitivityRow
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel
from workbench.workflow.sensitivity_cases import By, Case, Direction, Half, cases, first_segment
from workbench.workflow.settings import Settings
from workbench.workflow.simulate import Simulator

SAVE_EVERY = 2.0  # seconds
SCREENED = 8  # samples that say which tensors are worth a run on all
CALL = 4e-5  # seconds that a session's call takes beside its work
BUILD, BUILD_BYTE = 5e-3, 2e-9  # seconds to build a session, and for each byte of its constants


def sensitivity(
    model: Model,
    recipe: Recipe,
    data: Any,
    *,
    formats: Sequence[str] | None = None,
    calibration: Distributions | None = None,
    by: By = "tensor",
    direction: Direction = "alone",
    half: Iterable[Half] = (),
    top: int | None = None,
    output: str | None = None,
    labels: Any = None,
    metric: Metric | None = None,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    resume: "Ranking | str | Path | None" = None,
    cache_bytes: int = 1_000_000_000,
    workers: int | None = None,
    on_progress: Callable[[SensitivityProgress], object] | None = None,
    cancelled: Cancel | None = None,
) -> Ranking:
    """Try every tensor of the recipe alone, the rest of the network float, and rank them by the loss at the output.

    data, labels, metric, preprocess: as `simulate` takes them; every figure is that of `simulate`, bit for bit.
    formats: try these on all weights and activations instead of the recipe's choices, by the default methods;
    activations need `calibration` then. by: "tensor", or "layer": all its weights, then all that it reads.
    direction: "alone", or "all_but": the whole recipe but this one. half: "values", "filters" or both: also what
    setting half of a weight to zero costs (nothing is changed in the network).
    top: run only as many, those that lose most on the first few samples; None: all. Before any run, a closed form
    gives an estimate (`NoiseModel`), which is no more than a hint: measured on four networks, its order agrees with the
    true one by a rank correlation of 0.3 to 0.7, that of 8 samples by 0.7 to 0.98. output: which graph output the
    ranking is about; None: the first. resume: an earlier Ranking of the same question, or a file: read if it is there,
    and written as the work goes on; what it has is not run again. cache_bytes: memory for values between segments.
    workers: batches that run at the same time; None: one a core. The figures do not depend on it.
    on_progress: called after every run. cancelled: asked often, by every worker; True ends with what was measured so
    far (`Ranking.complete` is False).
    Raises WorkbenchError where data, recipe or options do not fit, and for a file that belongs to something else.
    """
    labels = getattr(data, "labels", None) if labels is None else labels
    batches = as_batches(model, data, preprocess=preprocess)
    simulator = Simulator(model, batches, labels, metric=metric, cache_bytes=cache_bytes)
    kinds = tuple(half)
    found = cases(model, recipe, calibration=calibration, formats=formats, by=by, direction=direction, half=kinds)
    name = output or model.outputs[0].name
    if name not in {port.name for port in model.outputs}:
        raise WorkbenchError(f"{model.name} has no output {name!r}; it has {', '.join(p.name for p in model.outputs)}")
    with contextlib.ExitStack() as stack:
        n = min(os.cpu_count() or 1 if workers is None else workers, batches.n_batches)
        pool = stack.enter_context(ThreadPoolExecutor(n, "sensitivity")) if n > 1 else None
        return _Sweep(simulator, recipe, found, name, direction, pool, cancelled).run(top, resume, on_progress)


class _Sweep:
    """One sensitivity sweep on its way."""

    def __init__(
        self,
        simulator: Simulator,
        recipe: Recipe,
        found: list[Case],
        output: str,
        direction: Direction,
        workers: Executor | None,
        cancelled: Cancel | None,
    ) -> None:
        self.simulator, self.cases = simulator, found
        self.output, self.direction, self.workers, self.cancelled = output, direction, workers, cancelled
        model = simulator.model
        self.base = recipe if direction == "all_but" else Recipe(model.name, model.sha256)
        self.rows: dict[Any, SensitivityRow] = {}
        self.base_error: Any = None

    def run(
        self,
        top: int | None,
        resume: "Ranking | str | Path | None",
        on_progress: Callable[[SensitivityProgress], object] | None,
    ) -> Ranking:
        try:
            self._estimate()
            if top is not None:
                self._screen()
            self._begin()
        except Cancelled:
            return self.ranking("")
        question = self._question()
        path = Path(resume) if isinstance(resume, str | Path) else None
        earlier = Ranking.load(path) if path is not None and path.exists() else resume
        if isinstance(earlier, Ranking):
            self._take_over(earlier, question)
        wanted = [case for case in self._order(top) if not self.rows[case.key].measured]
        work = [self.simulator.model.chain.n_segments - first_segment(self.simulator.model, case) for case in wanted]
        started = saved = time.monotonic()
        for done, case in enumerate(wanted, start=1):
            try:
                self._measure(case)
            except Cancelled:
                break
            now = time.monotonic()
            if path is not None and now - saved > SAVE_EVERY:
                self.ranking(question).save(path)
                saved = now
            if on_progress is not None:
                share = sum(work[:done]) / sum(work)
                on_progress(SensitivityProgress(done, len(wanted), now - started, share, self.ranking(question)))
        if path is not None:
            self.ranking(question).save(path)
        return self.ranking(question)

    def ranking(self, question: str) -> Ranking:
        return Ranking.of(
            self.rows.values(), self.output, self.direction, self.simulator.batches.n_samples, self.base_error, question
        )

    def _estimate(self) -> None:
        """A row for every case, with the estimate alone."""
        model, simulator = self.simulator.model, self.simulator
        points = {name for case in self.cases for name in case.tensors} | set(self.base)
        names = tuple(name for name in points if name not in model.network.constants)
        part = next(iter(simulator.runs.parts()))
        noise = NoiseModel(model, part.feeds, names, self.output)
        for case in self.cases:
            if self.cancelled is not None and self.cancelled():
                raise Cancelled
            estimate = noise.sqnr_db(self._settings(case))
            self.rows[case.key] = SensitivityRow(case.name, case.side, case.what, case.tensors, case.digest, estimate)

    def _screen(self) -> None:
        """Estimates from runs on the first few samples."""
        batches = self.simulator.batches
        few = (batches.recut(SCREENED) if batches.can_be_recut else batches).first(SCREENED)
        simulator = Simulator(self.simulator.model, few, cache_bytes=self.simulator.cache_bytes)
        simulator.compare(self.base, tensors=False, cancelled=self.cancelled)
        for case in self.cases:
            found = self._trial(simulator, case).outputs[self.output].sqnr_db
            self.rows[case.key] = dataclasses.replace(self.rows[case.key], estimated_sqnr_db=found)

    def _trial(self, simulator: Simulator, case: Case) -> Comparison:
        simulator.prepare(first_segment(simulator.model, case), self.cancelled)
        settings, joined = self._settings(case), self._joined(case, simulator.batches.n_batches)
        return simulator.trial(settings, joined=joined, workers=self.workers, cancelled=self.cancelled)

    def _settings(self, case: Case) -> Settings:
        return case.settings(lambda recipe: self.simulator.settings(recipe))

    def _begin(self) -> None:
        """The run that all others are resumed from."""
        comparison = self.simulator.compare(self.base, tensors=False, cancelled=self.cancelled)
        if self.direction == "all_but":
            self.base_error = comparison.outputs[self.output]

    def _question(self) -> str:
        """SHA-256 of what all rows share: the base they are compared with, the samples' float outputs, labels."""
        about = json.dumps([self.base.to_json(), self.direction, self.output])
        digest = hashlib.sha256(about.encode())
        for name, values in self.simulator.float_outputs().items():
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        digest.update(b"" if self.simulator.labels is None else self.simulator.labels.tobytes())
        return digest.hexdigest()

    def _take_over(self, earlier: Ranking, question: str) -> None:
        if earlier.question != question and any(row.measured for row in earlier):
            raise WorkbenchError(
                "the earlier ranking belongs to another network, other data or labels, or another direction; "
                "start without resume="
            )
        for row in earlier.rows:
            if row.measured and row.key in self.rows and row.digest == self.rows[row.key].digest:
                self.rows[row.key] = row

    def _order(self, top: int | None) -> list[Case]:
        """The cases to run, in graph order, so that the place to resume at moves through the network once."""
        if top is None:
            return self.cases
        sign = -1 if self.direction == "all_but" else 1
        worst = sorted(self.cases, key=lambda case: sign * self.rows[case.key].estimated_sqnr_db)[:top]
        keys = {case.key for case in worst}
        return [case for case in self.cases if case.key in keys]

    def _measure(self, case: Case) -> None:
        error = self._trial(self.simulator, case).outputs[self.output]
        self.rows[case.key] = self.rows[case.key].with_error(error)

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
