"""`sensitivity`: what each tensor or layer costs the network's output, one at a time, as measured."""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import Distributions
from workbench.workflow.comparison import Metric
from workbench.workflow.data import as_batches
from workbench.workflow.files import place_of
from workbench.workflow.ranking import Ranking, SensitivityProgress
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel
from workbench.workflow.sensitivity_cases import By, Direction, Half, cases, uniform_choices
from workbench.workflow.sensitivity_sweep import Sweep
from workbench.workflow.simulate import Simulator
from workbench.workflow.trials_at_once import workers_of

SAVE_EVERY = 2.0  # seconds


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
    state: Mapping[str, str] | None = None,
    resume: "Ranking | str | Path | None" = None,
    cache_bytes: int = 1_000_000_000,
    workers: int | None = None,
    on_progress: Callable[[SensitivityProgress], object] | None = None,
    cancelled: Cancel | None = None,
) -> Ranking:
    """Try every tensor of the recipe alone, the rest of the network float, and rank them by the loss at the output.

    data, labels, metric, preprocess, state: as `simulate` takes them; every figure is that of `simulate`, bit for bit.
    formats: try these on all weights and activations instead of the recipe's choices, by the default methods;
    activations need `calibration` then. by: "tensor", or "layer": all its weights, then all that it reads.
    direction: "alone", or "all_but": the whole recipe but this one. half: "values", "filters" or both: also what
    setting half of a weight to zero costs (nothing is changed in the network).
    With `state` no run begins in the middle: the state of a step hangs on the quantizers at all steps before.
    top: run only as many, those that lose most on the first few samples; None: all. Before any run, a closed form
    gives an estimate (`NoiseModel`), which is no more than a hint: measured on four networks, its order agrees with the
    true one by a rank correlation of 0.3 to 0.7, that of 8 samples by 0.7 to 0.98. output: which graph output the
    ranking is about; None: the first that is an answer, not a state. resume: an earlier Ranking of the same question,
    or a file: read if it is there, and written as the work goes on; what it has is not run again. cache_bytes: memory
    for values between segments.
    workers: runs of a batch at the same time; None: one a core. The figures do not depend on it.
    on_progress: called after every run. cancelled: asked often, by every worker; True ends with what was measured so
    far (`Ranking.complete` is False).
    Raises WorkbenchError where data, recipe or options do not fit, and for a file that belongs to something else.
    """
    labels = getattr(data, "labels", None) if labels is None else labels
    batches = as_batches(model, data, preprocess=preprocess, state=state)
    simulator = Simulator(model, batches, labels, metric=metric, cache_bytes=cache_bytes)
    if isinstance(formats, str) or isinstance(half, str):
        raise WorkbenchError(f"formats={formats!r}, half={half!r}; expected lists of names, also of a single one")
    kinds = tuple(half)

    def uniform(format: str) -> dict[str, TensorChoice]:
        return uniform_choices(model, recipe, calibration, format)

    found = cases(model, recipe, uniform=uniform, formats=formats, by=by, direction=direction, half=kinds)
    name = known_output(model, output or batches.answers(model)[0])
    with contextlib.ExitStack() as stack:
        at_once = workers_of(workers, stack)
        sweep = Sweep(simulator, recipe, found, name, direction, workers=at_once, cancelled=cancelled)
        ranking = carried_out(sweep, top, resume, on_progress)
    given_up = not ranking.question  # before the first run: what is known stays
    return resume if given_up and isinstance(resume, Ranking) else ranking


def known_output(model: Model, name: str) -> str:
    """The name of an output. Raises WorkbenchError for another one."""
    if name not in {port.name for port in model.outputs}:
        raise WorkbenchError(f"{model.name} has no output {name!r}; it has {', '.join(p.name for p in model.outputs)}")
    return name


def carried_out(
    sweep: Sweep,
    top: int | None,
    resume: "Ranking | str | Path | None",
    on_progress: Callable[[SensitivityProgress], object] | None,
) -> Ranking:
    """The whole sweep, with its file; as far as it came where it was cancelled.

    What the file knows of other tensors and formats stays in it. Given up before the first run, it has no question.
    """
    if top is not None and (not isinstance(top, Integral) or top < 0):
        raise WorkbenchError(f"top={top!r}; expected a whole number of runs from 0 on, or None for all")
    path, earlier = _resumed(resume)
    try:
        sweep.estimate(sweep.noise_model())
        if top is not None:
            sweep.screen()
        sweep.begin()
    except Cancelled:
        return sweep.ranking()
    question = sweep.question()
    if earlier is not None:
        _take_over(sweep, earlier, question)

    def save(path: Path) -> None:
        known = [row for row in earlier or () if row.measured and row.key not in sweep.rows]
        sweep.ranking(question).with_rows(known).save(path)

    saved = time.monotonic()
    with contextlib.suppress(Cancelled):
        for progress in sweep.steps(sweep.missing(top), question):
            now = time.monotonic()
            if path is not None and now - saved > SAVE_EVERY:
                save(path)
                saved = now
            if on_progress is not None:
                on_progress(progress)
    if path is not None:
        save(path)
    return sweep.ranking(question)


def _resumed(resume: "Ranking | str | Path | None") -> tuple[Path | None, Ranking | None]:
    """The file to write and what is known already, looked at before the work begins. Raises WorkbenchError."""
    if not isinstance(resume, str | Path):
        if not isinstance(resume, Ranking | None):
            raise WorkbenchError(f"resume={resume!r}; expected a Ranking, or the path of a file")
        return None, resume
    path = Path(resume)
    if not place_of(path).parent.is_dir():
        raise WorkbenchError(f"resume={str(path)!r}: there is no folder {str(path.parent)!r}; make it first")
    return path, Ranking.load(path) if path.exists() else None


def _take_over(sweep: Sweep, earlier: Ranking, question: str) -> None:
    if earlier.question != question and any(row.measured for row in earlier):
        raise WorkbenchError(
            "the earlier ranking belongs to another network, other data or labels, another direction or metric; "
            "start without resume="
        )
    known = {(row.key, row.digest): row.error for row in earlier if row.error is not None}
    sweep.take(lambda row: known.get((row.key, row.digest)))
