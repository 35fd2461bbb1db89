"""`allocate`: mixed precision; each weight gets the format that its place in the network is worth."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.workflow.allocation import Allocation
from workbench.workflow.allocation_search import AllocationProgress, MixSearch, weights_alone
from workbench.workflow.choose import Distributions, choose
from workbench.workflow.comparison import Metric
from workbench.workflow.data import as_batches
from workbench.workflow.menu import Menu, menu_of
from workbench.workflow.ranking import Ranking, SensitivityProgress
from workbench.workflow.runs import Cancel
from workbench.workflow.sensitivity import carried_out, known_output
from workbench.workflow.simulate import Simulator
from workbench.workflow.trials_at_once import Workers, workers_of

Watch = Callable[[AllocationProgress], object]


def allocate(
    model: Model,
    calibration: Distributions | None,
    data: Any,
    *,
    formats: Sequence[str] = ("int4", "int8", "fp16"),
    budget_bytes: int | None = None,
    least_sqnr_db: float | None = None,
    activations: str | None = "int8",
    clipping: str = "least_error",
    per_channel: bool = True,
    symmetric: bool = False,
    fixed: Mapping[str, str] | None = None,
    output: str | None = None,
    labels: Any = None,
    metric: Metric | None = None,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    state: Mapping[str, str] | None = None,
    resume: "Ranking | str | Path | None" = None,
    cache_bytes: int = 1_000_000_000,
    workers: int | None = None,
    on_progress: Watch | None = None,
    cancelled: Cancel | None = None,
) -> Allocation:
    """A recipe in which each weight has one of several formats: the best within a size, or the smallest that will do.

    Every weight is run alone in every format (`sensitivity`), the rest of the network float. Its noise at the output
    and its bytes then say where a finer format takes most noise away for each byte. Noises of different tensors are
    added up, which is right as long as they are small and have nothing to do with one another; so the mixes found
    are run, beside each format everywhere, then what differs from the best of them in one or two tensors; the measured
    figures decide. What was not run may be better still: the best of all mixes is sure only where 64 or fewer exist.
    formats: of weights, names in FORMATS; "fp32" leaves one float. budget_bytes: of all constants as `size_bytes`
    counts them (scales, biases and other constants included); the best measured output SQNR within it is taken.
    least_sqnr_db: instead, the smallest measured mix whose output has so much, dB. activations, clipping, per_channel,
    symmetric: as `choose` takes them, the same in every mix; activations=None leaves them float and needs no
    calibration. fixed: weight -> the only format it may have.
    data, labels, metric, preprocess, state, output, resume, cache_bytes, workers: as `sensitivity` takes them; resume
    keeps the tensors alone. on_progress: called after each run.
    A format that a weight cannot have is left out for it, said in `notices`. `Allocation.pareto` has all mixes.
    Raises WorkbenchError for unknown names, unless exactly one of budget_bytes and least_sqnr_db is given, and where
    no measured mix fits; `Cancelled` when cancelled() is true.
    """
    _check_wish(budget_bytes, least_sqnr_db)
    labels = getattr(data, "labels", None) if labels is None else labels
    batches = as_batches(model, data, preprocess=preprocess, state=state)
    name = known_output(model, output or batches.answers(model)[0])
    base = choose(model, calibration, weights=None, activations=activations, clipping=clipping, symmetric=symmetric)
    menu = menu_of(model, formats, fixed, clipping=clipping, per_channel=per_channel, cancelled=cancelled)
    if budget_bytes is not None:
        menu.check_budget(base, budget_bytes)
    simulator = Simulator(model, batches, labels, metric=metric, cache_bytes=cache_bytes)
    with ExitStack() as stack:
        at_once = workers_of(workers, stack)
        ranking = _alone(simulator, menu, name, resume, at_once, on_progress, cancelled)
    search = MixSearch(simulator, base, menu, ranking, on_progress, cancelled)
    best = search.within(budget_bytes) if budget_bytes is not None else search.reaching(float(least_sqnr_db or 0))
    recipe, notices = best.recipe, (*base.notices, *menu.notices)
    return Allocation(recipe.model_name, recipe.model_sha256, recipe.choices, notices, pareto=search.pareto)


def _check_wish(budget_bytes: object, least_sqnr_db: object) -> None:
    if (budget_bytes is None) == (least_sqnr_db is None):
        raise WorkbenchError("give budget_bytes (the best within it) or least_sqnr_db (the smallest that has it)")
    for name, value in (("budget_bytes", budget_bytes), ("least_sqnr_db", least_sqnr_db)):
        if value is not None and not (isinstance(value, Real) and math.isfinite(value)):
            raise WorkbenchError(f"{name}={value!r}; expected a finite number")


def _alone(
    simulator: Simulator,
    menu: Menu,
    output: str,
    resume: "Ranking | str | Path | None",
    workers: Workers | None,
    on_progress: Watch | None,
    cancelled: Cancel | None,
) -> Ranking:
    """Every weight alone in every format, all else float. Raises `Cancelled`; what was measured stays in the file."""

    def told(progress: SensitivityProgress) -> None:
        if on_progress is not None:
            left = progress.seconds_left if progress.done < progress.total else None
            on_progress(AllocationProgress("weights alone", progress.done, progress.total, left))

    sweep = weights_alone(simulator, menu, output, cancelled, workers)
    ranking = carried_out(sweep, None, resume, told)
    if not ranking.complete:
        raise Cancelled
    return ranking
