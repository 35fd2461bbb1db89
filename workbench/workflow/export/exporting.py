"""`export`: a recipe becomes a file, all or nothing, and the file is proved before it is moved into place."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.calibration import Calibration
from workbench.workflow.comparison import OutputError
from workbench.workflow.data import as_batches
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.names import NameMatch, match_names
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.files import new_files, place_of
from workbench.workflow.health import health
from workbench.workflow.plan import plan
from workbench.workflow.profiles.catalogue import PROFILES
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
            words = f" ({difference:+.2f} dB)" if math.isfinite(difference) else ""
            lines.append(f"with the runtime's default kernels: {self.deployed.sqnr_db:.2f} dB{words}")
        return "\n".join([*lines, *map(str, self.notices)])


def export(
    model: Model,
    recipe: Recipe,
    path: str | Path,
    *,
    target: str = "onnx_qdq",
    data: Any = None,
    state: Mapping[str, str] | None = None,
    calibration: Calibration | None = None,
    labels: Any = None,
    names: Mapping[str, str] | NameMatch | str | Path | None = None,
    watch: Callable[[str], None] | None = None,
    profile: str | None = None,
    **options: Any,
) -> ExportReport:
    """Write `recipe` for `target` and prove the file.

    path: the file to write; its folder must exist, an older file there is replaced only after the new one passed. A
    link is followed; a file that is read-only is refused.
    data: what the self-check runs on, anything `as_batches` takes; None skips the runs. state: input -> output, for
    sequences of a recurrent network: the file runs step by step, each step with the state that it gave before.
    calibration, labels: for reports, and for remarks on ranges. names: tensor -> its name in the target's files, where
    that is another, or what `match_names` gives, or the path that it takes; None: those of the recipe.
    profile: a name of PROFILES, what the file will run on: what it cannot express is refused. None: the target's own,
    which is for remarks alone, because the target itself says what it can write.
    watch: told in words what is being done. options: what the target alone takes, see `TARGETS[target].options`.
    Raises WorkbenchError, before anything is written, for what the target cannot express, and after writing (nothing is
    left behind) where the written file fails its check.
    """
    chosen = TARGETS[target]
    chosen.check_options(options)
    destination = Path(path)
    _ = place_of(destination)  # refuses where no file can be, before anything is computed
    check_not_the_model(model, destination)
    called = _expressed_names(model, recipe, names, chosen)
    remarks = _remarks(model, recipe, calibration, target, profile)
    batches = None if data is None else as_batches(model, data, state=state)
    order = Order(model, recipe, batches, calibration, labels, called, options)
    tell = watch or _silent
    with new_files(destination) as staged:
        tell("writing the file")
        written = chosen.write(order, staged.path)
        tell("reading it back and checking it")
        checked = chosen.check(order, staged.path)
    return _report(order, staged.files, written, checked, remarks)


def _expressed_names(
    model: Model, recipe: Recipe, names: Mapping[str, str] | NameMatch | str | Path | None, target: Target
) -> dict[str, str]:
    """`known_names`. WorkbenchError for a recipe that is of another model, or that the target cannot express."""
    _ = plan(model, recipe)
    called = known_names(model, recipe, names)
    refusals = target.refusals(model, recipe, called)
    if refusals:
        raise WorkbenchError(f"{target.name} cannot express this recipe: {_listed(refusals)}")
    return called


def _report(
    order: Order,
    files: tuple[Path, ...],
    written: tuple[Notice, ...],
    checked: SelfCheck,
    remarks: tuple[Notice, ...],
) -> ExportReport:
    """written: what the target remarked while it wrote. remarks: what is worth knowing where the check is silent."""
    measured = {notice.topic for notice in checked.notices}  # the target's own word on it says more
    others = tuple(notice for notice in remarks if notice.topic not in measured)
    notices = written + checked.notices + others + (order.batches.notices if order.batches is not None else ())
    judged = checked.simulated or checked.deployed
    sqnr_db = None if judged is None else judged.sqnr_db
    return ExportReport(files, checked.bit_equal, sqnr_db, checked.deployed, notices, checked.simulated)


def check_not_the_model(model: Model, destination: Path) -> None:
    """WorkbenchError where what is to be written would replace a file that the model was read from."""
    for file in (model.path, *model.data_files):
        try:
            same = file is not None and destination.samefile(file)
        except (OSError, ValueError):  # nothing is there, or nothing can be: writing says which
            same = False
        if same:
            what = "the model itself" if file == model.path else "a file that the model's weights lie in"
            raise WorkbenchError(f"{destination} is {what}; give another name, the input is never modified")


def _listed(sentences: tuple[str, ...]) -> str:
    more = f" (and {len(sentences) - _SHOWN} more)" if len(sentences) > _SHOWN else ""
    return " ".join(sentences[:_SHOWN]) + more


def _remarks(
    model: Model, recipe: Recipe, calibration: Calibration | None, target: str, profile: str | None
) -> tuple[Notice, ...]:
    """What `health` says; WorkbenchError for what the given profile cannot express, and for scales that are none."""
    refused = PROFILES[profile].refusals(model, recipe) if profile is not None else ()
    if refused:
        nearest = f"wb.fitted_to(model, recipe, {profile!r}) gives the nearest recipe that it can"
        raise WorkbenchError(f"{profile} cannot express this recipe: {_listed(refused)} {nearest}.")
    found = health(model, recipe, calibration, target, profile=profile)
    if found.fatal:
        raise WorkbenchError(f"nothing was written: {_listed(tuple(map(str, found.fatal)))}")
    return found.notices


def _silent(words: str) -> None:
    """Tell nobody."""


def known_names(
    model: Model, recipe: Recipe, names: Mapping[str, str] | NameMatch | str | Path | None
) -> dict[str, str]:
    """What `export` takes as names, without those that change nothing.

    Raises WorkbenchError for tensors that are not there, and for a name that is no text or is given twice.
    """
    if isinstance(names, str | Path):
        names = match_names(model, names)
    given = recipe.names if names is None else names.names if isinstance(names, NameMatch) else names
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given.values()):
        raise WorkbenchError("names: expected texts by tensor, what match_names gives, or the path of a tool's file")
    called = {tensor: name for tensor, name in given.items() if tensor != name}
    for tensor in called:
        if tensor not in model.tensors:
            raise WorkbenchError(f"names: {model.name} has no tensor {tensor!r}")
    twice = [name for name, n in Counter(called.values()).items() if n > 1]
    if twice:
        raise WorkbenchError(f"names: {twice[0]!r} is given to more than one tensor")
    return called
