"""Calibration and comparison with a bar on a terminal."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.models.model import Model
    from workbench.workflow.batches import Batches
    from workbench.workflow.calibration import Calibration
    from workbench.workflow.comparison import Comparison
    from workbench.workflow.recipe import Recipe


def _bar(total: int, what: str, unit: str) -> Any:
    """On a terminal only: a log holds no bars."""
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)


def calibrated(model: "Model", data: "Batches") -> "Calibration":
    """`calibrate` with a bar."""
    from workbench.workflow.calibrate import calibrate

    with _bar(data.n_steps, "calibrating", "batch") as bar:

        def on_batch(progress: Any, _snapshot: Any) -> None:
            bar.total = progress.total
            bar.update(progress.done - bar.n)

        return calibrate(model, data, on_batch=on_batch)


def compared(model: "Model", recipe: "Recipe", data: "Batches", labels: Any) -> "Comparison":
    """`simulate` with a bar."""
    from workbench.workflow.simulate import Simulator

    simulator = Simulator(model, data, labels, cache_bytes=0)
    with _bar(data.n_samples, "simulating", "sample") as bar:
        for comparison in simulator.progress(recipe, tensors=True):
            bar.update(max(comparison.n_samples - bar.n, 0))
    return comparison
