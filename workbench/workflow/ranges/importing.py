"""`read_ranges` and `recipe_from_ranges`: the ranges of another tool's file, as a recipe for a model."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.every_operator import is_unscaled, unscaled_points
from workbench.workflow.plan import plan
from workbench.workflow.ranges.catalogue import READERS
from workbench.workflow.ranges.fitting import fitted
from workbench.workflow.ranges.layer_names import tensors_of_layers
from workbench.workflow.ranges.ranges import RangeFile, TensorRange
from workbench.workflow.recipe import Recipe

LARGEST = 2**30  # bytes; a file of ranges is small
_HEAD = 65536


def read_ranges(path: str | Path, kind: str | None = None) -> RangeFile:
    """Read a file of ranges. kind: name in READERS; None: recognized by what is in it.

    Raises WorkbenchError naming the file, and line and field where there are any, for what cannot be read.
    """
    source = Path(path)
    try:
        about = os.stat(source)
    except OSError as error:
        raise WorkbenchError(f"{source}: {error.strerror}") from None
    if not stat.S_ISREG(about.st_mode):
        raise WorkbenchError(f"{source}: not a regular file")
    if about.st_size > LARGEST:
        raise WorkbenchError(f"{source}: {about.st_size} bytes are too many for a file of ranges")
    try:
        return READERS[kind or recognized(source)].read(source)
    except WorkbenchError as error:
        raise WorkbenchError(f"{source}: {error}") from None
    except OSError as error:
        raise WorkbenchError(f"{source}: {error.strerror}") from None


def recognized(path: Path) -> str:
    """Name in READERS of the kind that a file looks like; WorkbenchError where it looks like none."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    for name, reader in READERS.items():
        if reader.recognizes(head, path):
            return name
    known = ", ".join(reader.title for reader in READERS.values())
    raise WorkbenchError(f"looks like no file of ranges; known are {known}; give kind= to say which it is")


def recipe_from_ranges(
    model: Model,
    ranges: RangeFile,
    *,
    names: Mapping[str, str] | None = None,
    base: Recipe | None = None,
) -> tuple[Recipe, tuple[Notice, ...]]:
    """A recipe that has the ranges of a file, and remarks on what does not fit the model.

    names: tensor of the model -> its name in the file, where that is another; in files that name layers, a layer's
    weight -> the layer's name. base: what stays for tensors of which the file says nothing; None: they stay float.
    Ranges of tensors that the model does not have, or that are no quantization points, are left out, with a notice.
    """
    recipe = Recipe(model.name, model.sha256) if base is None else base
    ours_of = _placing(model, ranges, names or {})
    chosen, remarks = _choices(model, ranges, ours_of)
    recipe = recipe.with_choices(*chosen.values())
    for theirs in ranges.floats:
        ours = ours_of(theirs)
        recipe = recipe.without(ours) if ours in recipe and ours not in chosen else recipe
    for theirs, note in ranges.notes.items():
        ours = ours_of(theirs)
        recipe = recipe.with_note(ours, note) if ours in model.tensors else recipe
    told = {ours_of(theirs): name for theirs, name in ranges.names.items()}
    recipe = recipe.with_names({ours: name for ours, name in told.items() if ours in model.tensors})
    _ = plan(model, recipe)
    return recipe, (*ranges.notices, *remarks)


def _choices(
    model: Model, ranges: RangeFile, ours_of: Callable[[str], str]
) -> tuple[dict[str, TensorChoice], tuple[Notice, ...]]:
    """What the file says of tensors that a recipe can say something of, and remarks on the rest."""
    is_point = _points(model)
    chosen: dict[str, TensorChoice] = {}
    missing, no_points, wider = [], [], []
    for theirs, found in ranges.tensors.items():
        ours = ours_of(theirs)
        if ours not in model.tensors:
            missing.append(theirs)
        elif not is_point(ours, found):
            no_points.append(theirs)
        else:
            choice = choice_of(model, ours, found)
            if ours in chosen and choice != chosen[ours]:
                wider.append(theirs)
                choice = max(choice, chosen[ours], key=lambda one: one.quantizer.high)
            chosen[ours] = choice
    notices = []
    if missing:
        kind = "layers" if ranges.per_layer else "tensors"
        notices.append(_left_out(missing, f"{model.name} has no {kind} of these names; names= can say which they are"))
    if no_points:
        notices.append(_left_out(no_points, "no layer reads them, so that they are no quantization points"))
    if wider:
        words = "the file has another range for the same tensor; the wider one was taken, a tensor has one here"
        notices.append(Notice("ranges", f"{_shown(wider)}: {words}."))
    return chosen, tuple(notices)


def _points(model: Model) -> Callable[[str, TensorRange], bool]:
    """Whether a recipe can say of a tensor what was found."""
    points = {*weight_names(model), *model.observed, *model.residual_inputs}
    between = unscaled_points(model)

    def is_point(tensor: str, found: TensorRange) -> bool:
        unscaled = found.format in FORMATS and is_unscaled(FORMATS[found.format])
        return tensor in points or (unscaled and tensor in between)

    return is_point


def _placing(model: Model, ranges: RangeFile, names: Mapping[str, str]) -> Callable[[str], str]:
    """From a name in the file to the tensor of the model; where there is none, a name that the model does not have."""
    if ranges.per_layer:
        entries = tensors_of_layers(model, names)
        return lambda theirs: entries.get(theirs, "")
    called = {theirs: ours for ours, theirs in names.items()}
    return lambda theirs: called.get(theirs, model.renamed.get(theirs, theirs))


def choice_of(model: Model, name: str, found: TensorRange) -> TensorChoice:
    """What a file says of a tensor of the model, as its choice. Raises WorkbenchError where that is none."""
    found = fitted(model, name, found)
    fields = {"method": "hand", "symmetric": found.symmetric, "axis": found.axis, **found.others}
    return TensorChoice(name, found.format, low=found.low, high=found.high, **fields)


def _left_out(names: list[str], why: str) -> Notice:
    return Notice("ranges", f"Left out: {_shown(names)}: {why}.")


def _shown(names: list[str]) -> str:
    return ", ".join(map(repr, names[:4])) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
