"""Which notebook cell is running, as the browser names it."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class RunningCell:
    """cell: stays the same when the cell is run again. run: differs from run to run."""

    cell: str
    run: str


def running_cell() -> RunningCell | None:
    """The cell whose code is running; None outside a notebook and where the browser does not name its cells."""
    ipython = sys.modules.get("IPython")
    kernel = getattr(None if ipython is None else ipython.get_ipython(), "kernel", None)
    if kernel is None:
        return None
    parent = kernel.get_parent("shell") or {}
    cell, run = (parent.get("metadata") or {}).get("cellId"), (parent.get("header") or {}).get("msg_id")
    return RunningCell(str(cell), str(run)) if cell and run else None
