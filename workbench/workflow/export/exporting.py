"""`export`: a recipe becomes a file, all or nothing, and the file is proved before it is moved into place."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.comparison import OutputError
from workbench.workflow.data import as_batches
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.files import new_file
from workbench.workflow.plan import plan
from workbench.workflow.recipe import Recipe

_SHOWN = 4


@dataclass(frozen=True)
class ExportReport:
    """What was written and what reading it back has shown.

    files: the written files. bit_equal: share in [0, 1] of output values equal to the simulation in all bits; None
    where the target cannot be run, is not promised to be equal, or no data was given (a notice says which).
    sqnr_db: output SQNR of the file against the float network, dB: as simulated, or as run where the target promises no
    equality (None without data).
    simulated: the first output of the simulation against the float network (None where it was not compared).
    deployed: the file under the runtime's default options against the float network (None without data).
    """

    files: tuple[Path, ...]
    bit_equal: float | None
    sqnr_db: float | None
    deployed: OutputError | None
    notices: tuple[Notice, ...]
    simulated: OutputError | None = None

    def __str__(self) -> str:
        lines = [f"written: {', '.join(map(str, self.files))}"]
        if self.bit_equal is not None:
            lines.append(f"equal to the simulation in all bits: {self.bit_equal:.2%} of the output values")
        if self.sqnr_db is not None:
            lines.append(f"output SQNR against float: {self.sqnr_db:.2f} dB")
        if self.simulated is not None and self.deployed is not None:
            difference = self.deployed.sqnr_db - self.simulated.sqnr_db
            lines.append(f"with the runtime's default kernels: {self.deployed.sqnr_db:.2f} dB ({difference:+.2f} dB)")
        return "\n".join([*lines, *map(str, self.notices)])


def export(
    model: Model,
    recipe: Recipe,
    path: str | Path,
    *,
    target: str = "onnx_qdq",
    data: Any = None,
    state: Mapping[str, str] | None = None,
) -> ExportReport:
    """Write `recipe` for `target` and prove the file.

    path: the file to write; its folder must exist, an older file there is replaced only after the new one passed.
    data: what the self-check runs on, anything `as_batches` takes; None skips the runs. state: input -> output, for
    sequences of a recurrent network: the file runs step by step, each step with the state that it gave before.
    Raises WorkbenchError, before anything is written, for what the target cannot express, and after writing (nothing is
    left behind) where the written file fails its check.
    """
    chosen = TARGETS[target]
    destination = Path(path)
    _ = plan(model, recipe)  # refuses a recipe that does not belong to the model
    refusals = chosen.refusals(model, recipe)
    if refusals:
        more = f" (and {len(refusals) - _SHOWN} more)" if len(refusals) > _SHOWN else ""
        raise WorkbenchError(f"{target} cannot express this recipe: {' '.join(refusals[:_SHOWN])}{more}")
    if model.path is not None and destination.exists() and destination.samefile(model.path):
        raise WorkbenchError(f"{destination} is the model itself; give another name, the input is never modified")
    batches = None if data is None else as_batches(model, data, state=state)
    with new_file(destination) as temporary:
        written = chosen.write(model, recipe, temporary)
        checked = chosen.check(model, recipe, temporary, batches)
    notices = written + checked.notices + (batches.notices if batches is not None else ())
    judged = checked.simulated or checked.deployed
    sqnr_db = None if judged is None else judged.sqnr_db
    return ExportReport((destination,), checked.bit_equal, sqnr_db, checked.deployed, notices, checked.simulated)
