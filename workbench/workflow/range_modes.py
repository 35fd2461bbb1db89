"""Where ranges come from when there are earlier ones: the three modes of GFPQ, for a number and for a whole recipe."""

import dataclasses
from typing import Any, Literal, get_args

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.choice import Bound, TensorChoice
from workbench.workflow.recipe import Recipe

RangeMode = Literal["initialise", "update", "apply_only"]
Range = tuple[Bound, Bound]
_SHOWN = 3


def range_in_mode(new: Range | None, stored: Range | None, mode: RangeMode) -> Range:
    """(low, high) of one tensor: initialise takes the new range, update the wider one, apply_only the stored one.

    new, stored: floats, or float32 (groups,) both; None where there is none. update widens each end, so that the result
    holds both ranges, and takes the one that there is where the other is missing.
    Raises WorkbenchError for an unknown mode and where the range that the mode needs is missing.
    Source: HiSilicon GFPQ library guide, modes INIT, UPDATE and APPLY_ONLY.
    """
    if mode not in get_args(RangeMode):
        raise WorkbenchError(f"range mode {mode!r} is unknown; expected one of {', '.join(get_args(RangeMode))}")
    if mode == "update" and new is not None and stored is not None:
        return _end(new[0], stored[0], np.minimum), _end(new[1], stored[1], np.maximum)
    chosen = {"initialise": new, "update": new if new is not None else stored, "apply_only": stored}[mode]
    if chosen is None:
        missing = "stored" if mode == "apply_only" else "new"
        raise WorkbenchError(f"range mode {mode!r} needs a {missing} range, and there is none")
    return chosen


def _end(a: Bound, b: Bound, ufunc: np.ufunc) -> Bound:
    end = ufunc(a, b)
    return end if np.ndim(end) else float(end)


def with_range_mode(new: Recipe | None, stored: Recipe, mode: RangeMode) -> Recipe:
    """A newly chosen recipe with its ranges taken from the calibration, from an earlier recipe, or the wider of both.

    new: says which tensors are quantized, and their formats, rounding and so on; None with apply_only means as stored.
    initialise: `new` as it is. update: the wider range of each tensor; what is quantized for the first time keeps its
    new range. apply_only: all that came from data is the stored recipe's: range, grouping, zero band, fitted levels.
    Formats without a threshold have no range to take. Tensors of `stored` that `new` leaves float stay float (a notice
    names them).
    Raises WorkbenchError for an unknown mode; with apply_only for tensors that `stored` does not have, all by name, and
    for what it did not keep; with update for ranges that are grouped differently.
    """
    if mode not in get_args(RangeMode):
        raise WorkbenchError(f"range mode {mode!r} is unknown; expected one of {', '.join(get_args(RangeMode))}")
    if new is None:
        if mode == "apply_only":
            return stored
        raise WorkbenchError(f"range mode {mode!r} needs ranges from a calibration; give data, or use 'apply_only'")
    if mode == "initialise":
        return new
    unknown = [name for name in new if name not in stored]
    if unknown and mode == "apply_only":
        raise WorkbenchError(
            f"the stored recipe has no range for {_listed(unknown)}; calibrate them with range mode 'initialise' or "
            "'update', or leave them float"
        )
    take = _widened if mode == "update" else _applied
    choices = {name: take(choice, stored[name]) if name in stored else choice for name, choice in new.items()}
    notices = (*new.notices, *_remarks(choices, new, stored, mode))
    return Recipe(new.model_name, new.model_sha256, choices, notices, stored.notes, stored.names)


def _widened(new: TensorChoice, stored: TensorChoice) -> TensorChoice:
    if not (_has_range(new) and _has_range(stored)):
        return new
    groupings = [(c.axis, c.block_size, np.size(c.low)) for c in (new, stored)]
    if groupings[0] != groupings[1]:
        raise WorkbenchError(
            f"tensor {new.tensor!r}: {groupings[0][2]} new ranges (axis {new.axis}, block size {new.block_size}) and "
            f"{groupings[1][2]} stored ones (axis {stored.axis}, block size {stored.block_size}) cannot be joined; "
            "choose the grouping of the stored recipe"
        )
    low, high = range_in_mode((new.low, new.high), (stored.low, stored.high), "update")
    if np.array_equal(low, stored.low) and np.array_equal(high, stored.high):
        return dataclasses.replace(new, low=low, high=high, method=stored.method, estimated=stored.estimated)
    is_new = np.array_equal(low, new.low) and np.array_equal(high, new.high)
    estimated = new.estimated or (stored.estimated and not is_new)
    return dataclasses.replace(new, low=low, high=high, estimated=estimated)


def _applied(new: TensorChoice, stored: TensorChoice) -> TensorChoice:
    if new.levels is not None and stored.format != new.format:
        _refuse(new, stored, "levels")
    if new.zero_band and not stored.zero_band:
        _refuse(new, stored, "a zero band")
    kept: dict[str, Any] = {"zero_band": stored.zero_band if new.zero_band else 0.0}
    if new.levels is not None:
        kept["levels"] = stored.levels
    if _has_range(new) and not _has_range(stored):
        _refuse(new, stored, "a range")
    if _has_range(new) or stored.format == new.format:
        fields = ("low", "high", "symmetric", "axis", "block_size", "method", "estimated")
        kept |= {field: getattr(stored, field) for field in fields}
    return dataclasses.replace(new, **kept)


def _refuse(new: TensorChoice, stored: TensorChoice, what: str) -> None:
    raise WorkbenchError(
        f"tensor {new.tensor!r} is stored as {stored.format}, without {what} for {new.format}; "
        "use range mode 'initialise' or 'update', or keep its format"
    )


def _has_range(choice: TensorChoice) -> bool:
    return FORMATS[choice.format].has_scale


def _remarks(choices: dict[str, TensorChoice], new: Recipe, stored: Recipe, mode: RangeMode) -> list[Notice]:
    found = []
    if mode == "update":
        wider = [name for name, choice in choices.items() if _range(choice) != _range(new[name])]
        sentence = f"{len(wider)} of {len(choices)} ranges are wider than the new ones, by what was stored."
        found.append(Notice("range", sentence))
    left_out = [name for name in stored if name not in new]
    if left_out:
        found.append(Notice("range", f"Stored ranges that were not asked for are left out: {_listed(left_out)}."))
    return found


def _range(choice: TensorChoice) -> tuple[list[float], list[float]]:
    return np.ravel(choice.low).tolist(), np.ravel(choice.high).tolist()


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
