"""`diagnose`: which layers cost the output most, why, and what would repair them."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.batches import Batches
from workbench.workflow.check_inputs import NOT_CHECKED, InputReport
from workbench.workflow.data import as_batches
from workbench.workflow.diagnosis.case import OVERFLOWN, Case
from workbench.workflow.diagnosis.catalogue import KINDS
from workbench.workflow.diagnosis.finding import NOT_FINITE, Diagnosis, Finding, Remedy
from workbench.workflow.diagnosis.look import look
from workbench.workflow.diagnosis.measuring import Measuring, OnFinding, OnStep, by_prediction
from workbench.workflow.diagnosis.trials import Trials
from workbench.workflow.diagnosis.trials import gain_db as gain
from workbench.workflow.diagnosis.unnormalised import unnormalised
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel

WORTH = 0.1  # share of a tensor's noise that a remedy must take away
TOLD = ("bias", "saturating")  # also where it costs nothing here: not every target takes a float bias, or float gates
QUICK = 8  # samples of the first round, which picks what is measured on all
N_CLOSER, N_PREDICTED = 6, 3  # tensors that are: those that gave most, and those that should


def diagnose(
    model: Model,
    recipe: Recipe,
    calibration: Mapping[str, Distribution],
    data: Any = None,
    *,
    evaluation: Mapping[str, Distribution] | None = None,
    n_samples: int = 32,
    n_runs: int = 48,
    kinds: Sequence[str] | None = None,
    inputs: InputReport | None = None,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    state: Mapping[str, str] | None = None,
    cache_bytes: int = 500_000_000,
    on_finding: OnFinding | None = None,
    on_step: OnStep | None = None,
    cancelled: Cancel | None = None,
) -> Diagnosis:
    """Look for what people commonly meet in every quantized tensor, and rank it by what it costs at the output.

    calibration: what the recipe was chosen on. data: anything `as_batches` takes; with the first samples of it the
    network runs with one remedy at a time, so that gains are measured: up to `n_runs` remedies on 8 samples, then what
    gave most on `n_samples`. Without data all gains are estimates from local errors. evaluation: distributions of other
    data, to see whether the calibration covers them; None: those of the samples that run. kinds: names in `KINDS`;
    None: all, and a check of the inputs. inputs: what `check_inputs` said of the data; None: it is asked now.
    state: input -> output, for sequences of a recurrent network, see `as_batches`; what comes into them is not checked,
    and a notice says so. on_finding: called with the diagnosis so far, first with the estimates, then after each
    measured finding. on_step(done, total, words): how far it is. cancelled: asked often; True raises `Cancelled`.
    Raises WorkbenchError where recipe, data or kinds do not fit.
    """
    asked = [KINDS[name] for name in (KINDS if kinds is None else [kinds] if isinstance(kinds, str) else kinds)]
    whole = isinstance(n_samples, Integral) and isinstance(n_runs, Integral)
    if not whole or n_samples < 1 or n_runs < 0:
        raise WorkbenchError(f"n_samples={n_samples}, n_runs={n_runs}; expected at least 1 sample and 0 runs")
    batches = None if data is None else as_batches(model, data, preprocess=preprocess, state=state)
    batches = None if batches is None else batches.recut(min(QUICK, batches.n_samples)).first(n_samples)
    tell, step = on_finding or _to_nobody, on_step or _to_nobody
    step(0, 1, "looking for causes")
    case = _case(model, recipe, calibration, evaluation, batches, cancelled)
    found: list[Finding | None] = []
    for done, evidence in enumerate(asked):
        step(done, len(asked), f"looking for causes, {done} of {len(asked)} kinds")
        found += [_predicted(case, finding) for finding in evidence(case)]
    kept = [one for one in found if one is not None]
    first: tuple[Finding, ...] = ()
    if batches is not None and kinds is None:
        if batches.has_state and inputs is None:
            batches = dataclasses.replace(batches, notices=(*batches.notices, Notice("inputs", NOT_CHECKED)))
        else:
            first = unnormalised(model, batches, inputs)
    diagnosis = Diagnosis((*first, *sorted(kept, key=by_prediction)))
    tell(diagnosis)
    if batches is None:
        return diagnosis
    return _measured(case, batches, first, kept, n_runs, cache_bytes, tell, step)


def _to_nobody(*_: Any) -> None:
    """Where nobody wants to know."""


def _case(
    model: Model,
    recipe: Recipe,
    calibration: Mapping[str, Distribution],
    evaluation: Mapping[str, Distribution] | None,
    batches: Batches | None,
    cancelled: Cancel | None,
) -> Case:
    seen = None
    if batches is not None:
        names = tuple(n for n in recipe if n in {*model.observed, *model.residual_inputs})
        seen = look(model, batches, names, cancelled)
        evaluation = seen.distributions if evaluation is None else evaluation
    return Case(model, recipe, calibration, evaluation, seen, cancelled)


def _predicted(case: Case, finding: Finding) -> Finding | None:
    """The finding with the gain of its remedies by local errors; None where no remedy is worth it.

    Remedies that hardly help are left out; what no recipe repairs stays, without a gain.
    """
    points, useful, most = case.points, list[Remedy](), 0.0
    for remedy in finding.remedies:
        now = sum(points[name].output_noise(points[name].choice) for name in remedy.changes)
        then = sum(points[name].output_noise(choice) for name, choice in remedy.changes.items())
        if now - then > WORTH * now:
            useful.append(remedy)
            most = max(most, now - then)
    if not useful:
        if finding.kind in TOLD:
            return finding if not finding.advice else dataclasses.replace(finding, remedy=None)
        return finding if finding.remedy is None else None
    predicted = gain(_finite(case.noise), _finite(max(case.noise - most, 1e-30)))
    return dataclasses.replace(finding, remedy=useful[0], alternatives=tuple(useful[1:]), predicted_gain_db=predicted)


def _finite(noise: float) -> float:
    """Infinity where an overflow is among what was summed up."""
    return math.inf if noise >= OVERFLOWN else noise


def _measured(
    case: Case,
    batches: Batches,
    first: tuple[Finding, ...],
    findings: list[Finding],
    n_runs: int,
    cache_bytes: int,
    tell: OnFinding,
    step: OnStep,
) -> Diagnosis:
    """All findings on a few samples, then those that gave most on all, with each of their remedies."""
    measuring = Measuring(findings)
    few = batches.first(QUICK)

    def so_far(trials: Trials) -> Diagnosis:
        ranked = tuple(measuring.findings[place] for place in measuring.ranked())
        notices = (*batches.notices, *([Notice("output", NOT_FINITE)] if math.isinf(trials.noise) else []))
        return Diagnosis((*first, *ranked), trials.sqnr_db, trials.n_samples, notices)

    def measure(some: Batches, places: list[int], thorough: bool) -> Diagnosis:
        trials = Trials(case.model, case.recipe, some, cache_bytes, case.cancelled)

        def told(done: int, total: int) -> None:
            words = f"trying the best on {some.n_samples} samples" if thorough else "trying remedies"
            step(done, total, f"{words}, {done} of {total}")
            if done:
                tell(so_far(trials))

        measuring.run(trials, places, n_runs=n_runs, thorough=thorough, told=told)
        return so_far(trials)

    measure(few, measuring.by_prediction(), thorough=False)
    return measure(batches, measuring.promising(N_CLOSER, N_PREDICTED), thorough=True)
